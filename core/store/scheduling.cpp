// SPDX-License-Identifier: Apache-2.0
#include "core/store/scheduling.hpp"

#include "core/store/once.hpp"

namespace tidegate::store {
namespace {

constexpr std::int64_t about_to = 1, taken = static_cast<std::int64_t>(Fate::taken);

}  // namespace

Result<Claimed> look_at_scheduling(void* sqlite, const SchedulingRow& row) {
  Once known(sqlite, "SELECT answer, state, message_id FROM scheduling_ledger WHERE user = ? AND key = ?", row.user,
             blob(row.key));
  // Another answer to the same takes the place of the last one: who changed his mind says so once more.
  Bytes before;
  if (known.row()) {
    before = known.bytes(0);
    const auto state = before == row.answer ? known.integer(1) : 0;
    if (state == taken) return Claimed{Claim::sent, known.bytes(2), std::move(before)};
    if (state == about_to) return Claimed{Claim::unknown, known.bytes(2), std::move(before)};
  }
  if (auto read = known.finish(); !read) return std::unexpected(std::move(read.error()));
  return Claimed{Claim::go, row.message_id, std::move(before)};
}

Result<Claimed> claim_scheduling(void* sqlite, const SchedulingRow& row) {
  auto known = look_at_scheduling(sqlite, row);
  if (!known || known->claim != Claim::go) return known;
  auto noted = Once(sqlite,
                    "INSERT OR REPLACE INTO scheduling_ledger(user, key, answer, message_id, state, at) "
                    "VALUES(?, ?, ?, ?, ?, ?)",
                    row.user, blob(row.key), blob(row.answer), row.message_id, about_to, row.at)
                   .finish();
  if (!noted) return std::unexpected(std::move(noted.error()));
  return Claimed{Claim::go, row.message_id};
}

Result<void> settle_scheduling(void* sqlite, const SchedulingRow& row, Fate fate) {
  return Once(sqlite, "UPDATE scheduling_ledger SET state = ?, at = ? WHERE user = ? AND key = ? AND answer = ?", fate,
              row.at, row.user, blob(row.key), blob(row.answer))
      .finish();
}

Result<std::vector<Gid>> with_fingerprint(void* sqlite, ViewId view, const std::array<std::byte, 20>& fingerprint) {
  const View octets(reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size());
  Once query(sqlite, "SELECT gid FROM items WHERE view = ? AND fingerprint = ? AND kind <> ? AND seq_gone = 0", view,
             blob(octets), Kind::mail);
  std::vector<Gid> found;
  while (query.row()) {
    const auto gid = query.bytes(0);
    if (gid.size() == sizeof(Gid)) gid.copy(reinterpret_cast<char*>(found.emplace_back().data()), sizeof(Gid));
  }
  if (auto read = query.finish(); !read) return std::unexpected(std::move(read.error()));
  return found;
}

}  // namespace tidegate::store
