// SPDX-License-Identifier: Apache-2.0
// What is decided once, when the database is opened: keys, start counter, epoch.
#pragma once
#include "core/store/database.hpp"

namespace tidegate::store {

struct Start {
  Bytes state_key;
  std::uint64_t counter = 0;
  bool new_epoch = false;  ///< the log may have lost its tail
};

/// In a durable transaction. A boot id that changed without a clean stop means: what was committed in the last
/// milliseconds may be gone while devices have seen it, so every view gets a new epoch and they compare.
Result<Start> begin_start(Database&, sim::World&);
/// Every view gets a new epoch: devices compare. And numbers beyond any that was given out and lost: a device does not
/// take what has a lower number than it holds (docs/wire.md §8.5).
void renew_epochs(Database&, sim::World&);
/// Durable with the transaction. By default further than a copy can have got by starting again and again.
std::uint64_t raise_counter(Database&, std::uint64_t by = std::uint64_t{1} << 20);
void mark_clean_stop(Database&);

}  // namespace tidegate::store
