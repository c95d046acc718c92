// SPDX-License-Identifier: Apache-2.0
// A page of a back-end becomes rows: compared, matched, numbered; with its anchor, in the writer's transaction.
#pragma once
#include <cstddef>
#include <vector>

#include "core/store/view_edit.hpp"

namespace tidegate::store {

struct Outcome {
  Applied applied;                      ///< without contents
  std::vector<std::size_t> page_index;  ///< of each change: where its content lies in the page
  bool limbo_grew = false;
  std::vector<std::int64_t> held;  ///< holds that are new or grew
};

/// Faults: conflict (the anchor is another by now), not_found (no such view). Leaves the page as it is, so that a
/// group that had to be rolled back can be tried again one by one.
Result<Outcome> apply_page(Database&, const EditContext&, const ApplyPage&);

void expire(Database&, const EditContext&, ViewId, const std::string& backend, View scope, FaultKind why);

/// Buries up to `limit` items whose time in limbo is over; adds (view, its new head) for each view touched.
/// True: there are more.
bool release_limbo(Database&, const EditContext&, std::size_t limit, std::vector<std::pair<ViewId, std::uint64_t>>&);

}  // namespace tidegate::store
