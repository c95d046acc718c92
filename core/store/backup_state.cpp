// SPDX-License-Identifier: Apache-2.0
#include "core/store/backup_state.hpp"

#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "core/store/once.hpp"

namespace tidegate::store {
namespace {

void put(Log& log, std::string_view key, std::string value, Done<void> done) {
  log.transact(
      [key, value = std::move(value)](void* sqlite) {
        return Once(sqlite,
                    "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                    key, blob(value))
            .finish();
      },
      std::move(done));
}

std::vector<std::uint64_t> numbers(const Bytes& text) {
  std::vector<std::uint64_t> all;
  const auto* at = text.data();
  const auto* end = at + text.size();
  while (at < end) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(at, end, value);
    if (parsed.ec != std::errc{}) break;
    all.push_back(value);
    at = parsed.ptr == end ? end : parsed.ptr + 1;
  }
  return all;
}

}  // namespace

Result<BackupState> load_backup_state(Log& log) {
  BackupState state;
  auto loaded = log.transact_at_start([&](void* sqlite) -> Result<void> {
    Once query(sqlite, "SELECT key, value FROM meta WHERE key IN ('backup_version', 'backup_kept', 'restored_from')");
    while (query.row()) {
      const auto values = numbers(query.bytes(1));
      if (query.bytes(0) == "backup_version" && values.size() == 1) state.version = values[0];
      if (query.bytes(0) == "restored_from" && values.size() == 1) state.restored_from = values[0];
      if (query.bytes(0) == "backup_kept" && values.size() == 3)
        state.kept = {values[0], values[1], static_cast<std::int64_t>(values[2])};
    }
    return query.finish();
  });
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return state;
}

void put_backup_version(Log& log, std::uint64_t version, Done<void> done) {
  put(log, "backup_version", std::to_string(version), std::move(done));
}

void put_restored_from(Log& log, std::uint64_t version, Done<void> done) {
  put(log, "restored_from", std::to_string(version), std::move(done));
}

void put_backup_kept(Log& log, const BackupKept& kept, Done<void> done) {
  put(log, "backup_kept", fmt::format("{} {} {}", kept.version, kept.size, kept.at), std::move(done));
}

Result<bool> load_set_back(Log& log) {
  bool set_back = false;
  auto loaded = log.transact_at_start([&](void* sqlite) -> Result<void> {
    Once query(sqlite, "SELECT 1 FROM meta WHERE key = 'set_back'");
    set_back = query.row();
    return query.finish();
  });
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return set_back;
}

void put_looked_through(Log& log, Done<void> done) {
  log.transact([](void* sqlite) { return Once(sqlite, "DELETE FROM meta WHERE key = 'set_back'").finish(); },
               std::move(done));
}

}  // namespace tidegate::store
