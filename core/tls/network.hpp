// SPDX-License-Identifier: Apache-2.0
// The real Network: TCP, TLS and AF_UNIX on a process's reactor.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>

#include "core/sim/network.hpp"
#include "core/sim/real_world.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::tls {

struct NetworkLimits {
  std::size_t resolvers = 4;                           ///< threads that may wait for name servers at once
  std::size_t handshakes = 64;                         ///< that run at once on one listener; others wait in the backlog
  std::chrono::seconds handshake_deadline{10};         ///< for those who connect to us
  std::chrono::milliseconds next_address_after{5000};  ///< a silent address is given up for the next one
};

/// Belongs to the reactor's thread; must not outlive the reactor. Its streams may outlive it.
std::unique_ptr<sim::Network> make_network(sim::Reactor&, const NetworkLimits& = {});

/// What follows the connection in dial(): TLS as the endpoint demands it, on a socket that leads there already (through
/// a proxy). The same rules and faults.
[[nodiscard]] std::unique_ptr<sim::Dialing> dial_on(sim::Reactor&, Fd, const sim::Endpoint&, sim::Instant deadline,
                                                    sim::Network::Dialed);

/// A RealWorld with this network: what main() wants.
std::unique_ptr<sim::RealWorld> real_world(const NetworkLimits& = {});

}  // namespace tidegate::tls
