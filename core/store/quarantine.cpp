// SPDX-License-Identifier: Apache-2.0
#include "core/store/quarantine.hpp"

#include <algorithm>

#include "core/store/once.hpp"

namespace tidegate::store {

Result<std::vector<QuarantineRow>> find_quarantine(void* sqlite) {
  std::vector<QuarantineRow> rows;
  Once query(sqlite,
             "SELECT q.view, v.user, i.gid, b.name, q.id, q.attempts, q.since, q.reason, i.seq FROM quarantine q JOIN "
             "views v ON v.id = q.view JOIN backends b ON b.no = q.backend JOIN items i ON i.view = q.view AND "
             "i.backend = q.backend AND i.id = q.id AND i.seq_gone = 0 ORDER BY q.since");
  while (query.row()) {
    QuarantineRow row;
    row.view = static_cast<ViewId>(query.integer(0));
    row.user = query.bytes(1);
    const auto gid = query.bytes(2);
    std::ranges::copy_n(std::as_bytes(std::span(gid)).begin(),
                        static_cast<std::ptrdiff_t>(std::min(gid.size(), row.gid.size())), row.gid.begin());
    row.backend = query.bytes(3);
    row.id = query.bytes(4);
    row.attempts = static_cast<std::uint64_t>(query.integer(5));
    row.since = query.integer(6);
    row.reason = query.bytes(7);
    row.seq = static_cast<std::uint64_t>(query.integer(8));
    rows.push_back(std::move(row));
  }
  if (auto read = query.finish(); !read) return std::unexpected(read.error());
  return rows;
}

Result<void> put_quarantine(void* sqlite, const QuarantineRow& row) {
  return Once(sqlite,
              "INSERT INTO quarantine(view, backend, id, attempts, since, reason) SELECT ?, no, ?, ?, ?, ? FROM "
              "backends WHERE name = ? ON CONFLICT(view, backend, id) DO UPDATE SET attempts = attempts + "
              "excluded.attempts, reason = excluded.reason",
              row.view, blob(row.id), row.attempts, row.since, row.reason, row.backend)
      .finish();
}

Result<void> release_quarantine(void* sqlite, ViewId view, const Gid& gid, std::uint64_t& head) {
  auto gone = Once(sqlite,
                   "DELETE FROM quarantine WHERE view = ? AND (backend, id) IN (SELECT backend, id FROM items WHERE "
                   "view = ? AND gid = ?)",
                   view, view, blob(gid))
                  .finish();
  if (!gone) return gone;
  {
    Once there(sqlite, "SELECT 1 FROM items WHERE view = ? AND gid = ? AND seq_gone = 0", view, blob(gid));
    if (!there.row()) return there.finish();
  }
  // The counter and the row, as ViewEdit has them; this runs between its transactions.
  if (auto raised = Once(sqlite, "UPDATE views SET head = head + 1 WHERE id = ?", view).finish(); !raised)
    return raised;
  auto changed = Once(sqlite,
                      "UPDATE items SET (seq_body, seq) = (SELECT head, head FROM views WHERE id = ?) WHERE view = ? "
                      "AND gid = ?",
                      view, view, blob(gid))
                     .finish();
  if (!changed) return changed;
  Once query(sqlite, "SELECT head FROM views WHERE id = ?", view);
  if (query.row()) head = static_cast<std::uint64_t>(query.integer(0));
  return query.finish();
}

Result<void> tidy_quarantine(void* sqlite) {
  return Once(sqlite,
              "DELETE FROM quarantine WHERE NOT EXISTS(SELECT 1 FROM items i WHERE i.view = quarantine.view AND "
              "i.backend = quarantine.backend AND i.id = quarantine.id AND i.seq_gone = 0)")
      .finish();
}

}  // namespace tidegate::store
