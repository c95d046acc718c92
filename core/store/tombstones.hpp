// SPDX-License-Identifier: Apache-2.0
// Dropping tombstones that every live device has passed.
#pragma once
#include <cstdint>

#include "core/store/database.hpp"
#include "core/store/log.hpp"

namespace tidegate::store {

/// One step within the writer's transaction: drops at most `limit` tombstones, raising the floor of their view with
/// them. `silent_before`: devices not seen since (unix seconds) hold nothing. True: there is more to do.
bool drop_tombstones(Database&, std::int64_t silent_before, std::uint64_t most_kept, std::size_t limit);

}  // namespace tidegate::store
