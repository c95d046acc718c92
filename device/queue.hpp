// SPDX-License-Identifier: Apache-2.0
// What waits, what failed and what is on hold, as `tidegate-device queue` and `hold` show and decide it, also beside a
// running device (each decision is one transaction on device.db). Blocking; failures are Trouble unless said.
#pragma once
#include <string>

#include "core/sim/world.hpp"
#include "device/index.hpp"

namespace tidegate::device {

std::string queue_text(Index&, std::size_t limit = 1000);
std::string queue_json(Index&, std::size_t limit = 1000);
/// Forgets an entry. Faults: not_found; denied (it may be with the gateway, or is already carried out here).
Result<void> drop_entry(sim::Files&, Index&, std::uint64_t number);
/// Sends a mail, or files a new message, again as a new command. Faults: not_found, denied.
Result<void> repeat_entry(sim::World&, Index&, std::uint64_t number);

std::string holds_text(Index&);
std::string holds_json(Index&);
/// The removal was meant: the next look sends it. Fault not_found.
Result<void> release_hold(Index&, std::uint64_t number);
/// It was not: the items come again from the store. Fault not_found.
Result<void> discard_hold(Index&, std::uint64_t number);

}  // namespace tidegate::device
