// SPDX-License-Identifier: Apache-2.0
// The real network (core/tls) that also goes through HTTP proxies, where an Endpoint's route names one. Everything else
// is core/tls's own.
#pragma once
#include <memory>

#include "core/tls/network.hpp"

namespace tidegate::proxy {

/// As tls::make_network. A dial through a proxy keeps its one deadline for name, proxy and TLS together; the name of
/// the target is resolved by the proxy alone.
std::unique_ptr<sim::Network> make_network(sim::Reactor&, const tls::NetworkLimits& = {});

/// A RealWorld with this network.
std::unique_ptr<sim::RealWorld> real_world(const tls::NetworkLimits& = {});

}  // namespace tidegate::proxy
