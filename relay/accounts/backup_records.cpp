// SPDX-License-Identifier: Apache-2.0
// Which sealed backup of a gateway counts. Its octets: relay/backups.cpp.
#include "relay/accounts/accounts.hpp"

namespace tidegate::relay {
namespace {

BackupRecord record_of(const Rows& rows) {
  return {rows.octets(0),
          rows.octets(1),
          static_cast<std::uint64_t>(rows.number(2)),
          static_cast<std::uint64_t>(rows.number(3)),
          rows.octets(4),
          rows.octets(5),
          rows.number(6)};
}

Result<std::optional<BackupRecord>> first(Result<Rows> rows) {
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto there = rows->next();
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there) return std::nullopt;
  return record_of(*rows);
}

}  // namespace

Result<std::optional<BackupRecord>> Accounts::backup(View guid) {
  return first(
      db_->ask("SELECT b.guid,g.label,b.version,b.size,b.sha256,b.restore_key,b.at FROM backup b JOIN gateway g ON "
               "g.guid=b.guid WHERE b.guid=?",
               {Blob{guid}}));
}

Result<std::optional<BackupRecord>> Accounts::backup_for(View restore_key) {
  return first(
      db_->ask("SELECT b.guid,g.label,b.version,b.size,b.sha256,b.restore_key,b.at FROM backup b JOIN gateway g ON "
               "g.guid=b.guid WHERE b.restore_key=? ORDER BY b.at DESC",
               {Blob{restore_key}}));
}

Result<std::vector<BackupRecord>> Accounts::backups() {
  auto rows = db_->ask(
      "SELECT b.guid,g.label,b.version,b.size,b.sha256,b.restore_key,b.at FROM backup b JOIN gateway g ON "
      "g.guid=b.guid ORDER BY g.label,b.guid");
  if (!rows) return std::unexpected(std::move(rows.error()));
  std::vector<BackupRecord> all;
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return all;
    all.push_back(record_of(*rows));
  }
}

Result<void> Accounts::backup_put(const BackupRecord& record) {
  auto done = db_->change(
      "INSERT INTO backup(guid,version,size,sha256,restore_key,at) VALUES(?,?,?,?,?,?) ON CONFLICT(guid) DO UPDATE SET "
      "version=excluded.version,size=excluded.size,sha256=excluded.sha256,restore_key=excluded.restore_key,"
      "at=excluded.at",
      {Blob{record.guid}, static_cast<std::int64_t>(record.version), static_cast<std::int64_t>(record.size),
       Blob{record.sha256}, Blob{record.restore_key}, record.at});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

}  // namespace tidegate::relay
