// SPDX-License-Identifier: Apache-2.0
// What a position's windows cover (docs/wire.md §8.3). Both ends ask the same functions. Pure.
#pragma once
#include <vector>

#include "core/e2e/sync.hpp"

namespace tidegate::e2e {

/// Items of that folder received before this are not there. INT64_MIN: all are; `nowhere`: none is. Days back are a
/// matter of mail: of another kind all of a folder is there, or nothing.
std::int64_t since(const std::vector<Window>&, const Gid& folder, Kind);

/// Whether an item is there: in one of its folders at least.
bool covered(const std::vector<Window>&, const std::vector<Gid>& folders, Kind, std::int64_t received);

}  // namespace tidegate::e2e
