// SPDX-License-Identifier: Apache-2.0
// What the log is asked, answered by one connection. On reader threads; errors stick in the Database.
#pragma once
#include <string>
#include <vector>

#include "core/store/database.hpp"
#include "core/store/log.hpp"

namespace tidegate::store {

std::vector<ViewRow> find_views(Database&, const std::string& user);
Head find_head(Database&, ViewId);
Bytes find_anchor(Database&, ViewId, const std::string& backend, View scope);
std::vector<FolderRow> find_folders(Database&, ViewId);
std::vector<ItemRow> find_changes(Database&, ViewId, std::uint64_t above, std::size_t limit);
std::vector<ItemRow> find_backfill(Database&, ViewId, const BackfillQuery&, std::size_t limit);
std::uint64_t count_backfill(Database&, ViewId, const BackfillQuery&);
std::vector<ItemRow> find_items(Database&, ViewId, const std::vector<Gid>&);
std::vector<Bucket> find_buckets(Database&, ViewId, const std::vector<Since>& folders);
std::vector<ItemRow> find_bucket(Database&, ViewId, const Gid& folder, std::uint32_t month);

/// Months since 1970-01 in UTC; times before are month 0.
std::uint32_t month_of(std::int64_t received);

}  // namespace tidegate::store
