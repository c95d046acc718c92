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

/// Which instances events and tasks must have to be there; where all are, and of other kinds, none is asked for.
struct Instances {
  std::int64_t from = 0, until = 0;  ///< Unix seconds; both 0: all are there
  bool all() const { return from == 0 && until == 0; }
  bool operator==(const Instances&) const = default;
};
Instances instances(const std::vector<Window>&, Kind);

}  // namespace tidegate::e2e
