// SPDX-License-Identifier: Apache-2.0
// Writing. Reading back: snapshot_import.cpp.
#include "core/store/snapshot.hpp"

#include <fmt/format.h>

#include "core/store/database.hpp"
#include "core/store/schema.hpp"

namespace tidegate::store {
namespace {

constexpr std::size_t cache_kib = 4096;
constexpr std::size_t put_at = std::size_t{64} << 10;

// Contents of commands stay behind. What has not been started without its own stays, too: its device sends it again
// (docs/wire.md §8.8). What was started comes along, or it would be done a second time: it ends as undecided.
constexpr SnapshotTable tables[] = {
    {"meta", "key NOT IN ('boot_id', 'clean', 'backup_kept')"},
    {"backends", ""},
    {"views", ""},
    {"anchors", ""},
    {"folders", ""},
    {"items", ""},
    {"item_folders", ""},
    {"limbo", ""},
    {"holds", ""},
    {"positions", ""},
    {"users", ""},
    {"devices", ""},
    {"commands",
     "state >= 2 OR (state = 1 AND NOT EXISTS(SELECT 1 FROM command_contents c WHERE c.user = commands.user AND "
     "c.device = commands.device AND c.id = commands.id))"},
    {"chosen_gids", ""},
    {"send_ledger", ""},
    {"scheduling_ledger", ""},
    {"quarantine", ""},
};
constexpr const char* left_out[] = {"codes", "command_contents"};

void put(Bytes& out, std::uint64_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}
void put_name(Bytes& out, View name) {
  put(out, name.size(), 2);
  out += name;
}

/// A statement whose text is made here, which Database's cache of literals is not for.
struct Statement {
  Statement(sqlite3* database, const std::string& sql) {
    code = sqlite3_prepare_v2(database, sql.c_str(), -1, &raw, nullptr);
  }
  ~Statement() { sqlite3_finalize(raw); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  bool row() {
    if (code == SQLITE_OK || code == SQLITE_ROW) code = sqlite3_step(raw);
    return code == SQLITE_ROW;
  }
  sqlite3_stmt* raw = nullptr;
  int code = SQLITE_OK;
};

void put_value(Bytes& out, sqlite3_stmt* row, int column) {
  const auto type = sqlite3_column_type(row, column);
  if (type == SQLITE_NULL) {
    out += '\0';
  } else if (type == SQLITE_INTEGER) {
    out += '\1';
    put(out, static_cast<std::uint64_t>(sqlite3_column_int64(row, column)), 8);
  } else {
    out += type == SQLITE_TEXT ? '\2' : '\3';
    const auto* octets = static_cast<const char*>(sqlite3_column_blob(row, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
    put(out, size, 4);
    if (size > 0) out.append(octets, size);
  }
}

class Writing {
 public:
  Writing(sqlite3* database, std::move_only_function<Result<void>(View)> put)
      : database_(database), put_(std::move(put)) {}

  Result<void> head(std::int64_t now) {
    out_ += '\1';
    store::put(out_, static_cast<std::uint64_t>(schema_version), 4);
    store::put(out_, static_cast<std::uint64_t>(now), 8);
    return {};
  }
  Result<void> table(const SnapshotTable& table) {
    const std::string where = *table.where != '\0' ? fmt::format(" WHERE {}", table.where) : "";
    Statement rows(database_, fmt::format("SELECT * FROM {}{}", table.name, where));
    const int columns = sqlite3_column_count(rows.raw);
    out_ += '\2';
    put_name(out_, table.name);
    store::put(out_, static_cast<std::uint64_t>(columns), 2);
    for (int i = 0; i < columns; ++i) put_name(out_, sqlite3_column_name(rows.raw, i));
    while (rows.row()) {
      out_ += '\3';
      for (int i = 0; i < columns; ++i) put_value(out_, rows.raw, i);
      ++rows_;
      if (out_.size() < put_at) continue;
      if (auto gone = flush(); !gone) return gone;
    }
    if (rows.code == SQLITE_DONE) return {};
    return std::unexpected(fault_of(rows.code, "state", sqlite3_errmsg(database_)));
  }
  Result<void> end() {
    out_ += '\4';
    store::put(out_, rows_, 8);
    return flush();
  }

 private:
  Result<void> flush() {
    auto done = put_(out_);
    out_.clear();
    return done;
  }

  sqlite3* database_;
  std::move_only_function<Result<void>(View)> put_;
  std::uint64_t rows_ = 0;
  Bytes out_;
};

}  // namespace

std::span<const SnapshotTable> snapshot_tables() { return tables; }
std::span<const char* const> tables_left_out() { return left_out; }

Result<void> write_snapshot(sim::World& world, const std::string& path, std::int64_t now,
                            std::move_only_function<Result<void>(View)> put) {
  auto database = Database::open(world, path, Database::Use::read, cache_kib);
  if (!database) return std::unexpected(std::move(database.error()));
  // One reading transaction: all tables as they stood at its first statement, whatever is committed meanwhile.
  if (!(*database)->execute("BEGIN")) return std::unexpected((*database)->take_fault());
  Writing writing((*database)->raw(), std::move(put));
  auto done = writing.head(now);
  for (const auto& table : tables)
    if (done) done = writing.table(table);
  if (done) done = writing.end();
  (*database)->rollback();
  return done;
}

}  // namespace tidegate::store
