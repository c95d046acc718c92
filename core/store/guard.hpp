// SPDX-License-Identifier: Apache-2.0
// Law 10 of the Store contract: a back-end that suddenly names far less than it had is asked about, not believed. What
// disappeared waits in limbo under a hold until somebody decides, and comes out of it when the back-end names it again.
#pragma once
#include <vector>

#include "core/store/view_edit.hpp"

namespace tidegate::store {

/// Fewer than these are never held: people do remove things.
inline constexpr std::int64_t held_beyond_items = 20, held_beyond_folders = 3;

/// Holds what is in limbo of a folder that lost more than the share that may go, Trash and Junk apart; also forgets
/// holds that hold nothing any more. The holds that are new or grew.
std::vector<HoldRow> hold_losses(Database&, const EditContext&);

inline constexpr const char* held_folders = "folders";  ///< HoldRow::what of a hold for the tree
/// Begins the reason of a hold for a device's removals (Journal::hold).
inline constexpr const char* held_removals = "removals";

/// The hold for what a folder (gid) misses whose back-end went back in time: asked for once an item is to go under it.
std::int64_t hold_regressed(Database&, ViewId, View folder, const EditContext&);

struct Belief {
  bool yes = false;
  std::int64_t hold = 0;  ///< a new one: it was believed before
};

/// Whether a listing that misses these folders (ids) of a back-end is believed. If not, there is a hold for it; the
/// first listing after its release is believed.
Belief believe_tree(Database&, ViewId, std::int64_t backend, const std::vector<Bytes>& missing, const EditContext&);

std::vector<HoldRow> find_holds(Database&);

/// Released: it was meant, what is held is removed. Else nothing is removed. Fault not_found.
Result<void> decide_hold(Database&, std::uint64_t number, bool release);

}  // namespace tidegate::store
