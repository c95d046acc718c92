// SPDX-License-Identifier: Apache-2.0
#include "core/store/tombstones.hpp"

#include <vector>

namespace tidegate::store {

namespace {

/// Up to which seq the view's tombstones may go.
std::int64_t floor_for(Database& database, std::int64_t view, std::int64_t silent_before, std::uint64_t most_kept) {
  std::int64_t floor = 0;
  {
    Query query(database,
                "SELECT coalesce((SELECT min(live) FROM positions WHERE view = ?1 AND seen >= ?2), "
                "(SELECT head FROM views WHERE id = ?1))",
                view, silent_before);
    if (query.row()) floor = query.integer(0);
  }
  Query query(database,
              "SELECT seq_gone FROM items WHERE view = ? AND seq_gone > 0 ORDER BY seq_gone DESC LIMIT 1 OFFSET ?",
              view, most_kept);
  return query.row() ? std::max(floor, query.integer(0)) : floor;
}

}  // namespace

bool drop_tombstones(Database& database, std::int64_t silent_before, std::uint64_t most_kept, std::size_t limit) {
  std::vector<std::int64_t> views;
  {
    Query query(database, "SELECT DISTINCT view FROM items WHERE seq_gone > 0");
    while (query.row()) views.push_back(query.integer(0));
  }
  for (const auto view : views) {
    const auto floor = floor_for(database, view, silent_before, most_kept);
    std::vector<std::int64_t> items;
    std::int64_t reached = 0;
    {
      Query query(database,
                  "SELECT no, seq_gone FROM items WHERE view = ? AND seq_gone > 0 AND seq_gone <= ? "
                  "ORDER BY seq_gone LIMIT ?",
                  view, floor, limit);
      while (query.row()) {
        items.push_back(query.integer(0));
        reached = query.integer(1);
      }
    }
    if (items.empty()) continue;
    for (const auto no : items) database.run("DELETE FROM items WHERE no = ?", no);
    database.run("UPDATE views SET floor = max(floor, ?) WHERE id = ?", reached, view);
    return true;
  }
  return false;
}

}  // namespace tidegate::store
