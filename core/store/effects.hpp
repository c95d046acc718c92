// SPDX-License-Identifier: Apache-2.0
// A command's effect on the log, within the writer's transaction.
#pragma once
#include "core/store/view_edit.hpp"

namespace tidegate::store {

/// Faults: not_found (no such view). `now_unix`: when, for chosen_gids.
Result<Effected> apply_effect(Database&, const EditContext&, const Effect&, std::int64_t now_unix);

/// The gid that a device chose for the item which is now named for the first time under this id.
std::optional<Gid> chosen_for(Database&, ViewId, std::int64_t backend, View id);
Chosen find_chosen(Database&, ViewId, const Gid&);

}  // namespace tidegate::store
