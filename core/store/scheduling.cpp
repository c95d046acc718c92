// SPDX-License-Identifier: Apache-2.0
#include "core/store/scheduling.hpp"

#include "core/store/once.hpp"

namespace tidegate::store {
namespace {

constexpr std::int64_t about_to = 1, taken = static_cast<std::int64_t>(Fate::taken);

}  // namespace

Result<Claimed> claim_scheduling(void* sqlite, const SchedulingRow& row) {
  {
    Once known(sqlite, "SELECT answer, state, message_id FROM scheduling_ledger WHERE user = ? AND key = ?", row.user,
               blob(row.key));
    // Another answer to the same takes the place of the last one: who changed his mind says so once more.
    if (known.row() && known.bytes(0) == row.answer) {
      const auto state = known.integer(1);
      if (state == taken) return Claimed{Claim::sent, known.bytes(2)};
      if (state == about_to) return Claimed{Claim::unknown, known.bytes(2)};
    }
    if (auto read = known.finish(); !read) return std::unexpected(std::move(read.error()));
  }
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

}  // namespace tidegate::store
