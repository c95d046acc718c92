// SPDX-License-Identifier: Apache-2.0
// Items that cannot be read, on disk (law 11). `sqlite` is what Log::transact() and Log::look() lend.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/store/log.hpp"

namespace tidegate::store {

struct QuarantineRow {
  ViewId view = 0;
  std::string user;
  Gid gid{};
  std::string backend;
  Bytes id;                    ///< the back-end's; under another one an item begins anew
  std::uint64_t attempts = 0;  ///< reads that failed
  std::int64_t since = 0;      ///< Unix seconds
  std::string reason;          ///< public sentence of the last one
  std::uint64_t seq = 0;       ///< of the item; higher by now: it has changed
};

/// Rows of items that are still there, oldest first.
Result<std::vector<QuarantineRow>> find_quarantine(void* sqlite);
/// Adds its attempts to those of an earlier row, whose `since` stays.
Result<void> put_quarantine(void* sqlite, const QuarantineRow&);
/// The item leaves the quarantine and counts as changed, with its content, so that devices that lack it get it. Gives
/// the view's new head; 0: there is no such item (any more).
Result<void> release_quarantine(void* sqlite, ViewId, const Gid&, std::uint64_t& head);
/// Rows of items that are gone or have another id by now.
Result<void> tidy_quarantine(void* sqlite);

}  // namespace tidegate::store
