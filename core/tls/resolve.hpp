// SPDX-License-Identifier: Apache-2.0
// Names to addresses without blocking the reactor.
#pragma once
#include <functional>
#include <vector>

#include "core/sim/reactor.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::tls {

/// As resolve(): names on a thread of the pool, digits and paths at once. `then` runs once on the reactor thread, never
/// within the call; it may be destroyed on another one, unrun. Fault: unavailable.
void resolve_on(sim::Reactor&, sim::Pool&, const sim::Endpoint&,
                std::move_only_function<void(Result<std::vector<Address>>)> then);

}  // namespace tidegate::tls
