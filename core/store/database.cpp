// SPDX-License-Identifier: Apache-2.0
#include "core/store/database.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::store {

FaultKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return FaultKind::quota;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return FaultKind::invalid;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return FaultKind::denied;
    case SQLITE_CONSTRAINT:
      return FaultKind::exists;
    case SQLITE_TOOBIG:
      return FaultKind::too_large;
    default:
      return FaultKind::unavailable;
  }
}

Fault fault_of(int code, std::string where, std::string cause) {
  const auto kind = kind_of(code);
  std::string text;
  switch (kind) {
    case FaultKind::quota:
      text = "The disk that holds the gateway's state is full; make room, it goes on by itself.";
      break;
    case FaultKind::invalid:
      text = "The gateway's state file is damaged or not one of ours; move it away or restore it from a backup.";
      break;
    case FaultKind::denied:
      text = "The gateway may not write its state file; check its owner and mode.";
      break;
    case FaultKind::exists:
      text = "It is there already.";
      break;
    default:
      text = "The gateway's state file cannot be used at the moment; check the disk.";
  }
  return Fault{kind, std::move(where), std::move(text), std::move(cause), {}};
}

namespace {

/// SQLite would make the file readable for all; it holds keys.
Result<void> make_private(sim::World& world, const std::string& path) {
  auto& files = world.files();
  const auto slash = path.rfind('/');
  const auto directory =
      slash == std::string::npos ? std::string(".") : path.substr(0, std::max<std::size_t>(slash, 1));
  auto there = files.info(path);
  if (!there && there.error().kind != FaultKind::not_found) return std::unexpected(std::move(there.error()));
  if (there && *there) return {};
  if (slash != std::string::npos) {
    if (auto made = files.make_directories(directory); !made) return made;
  }
  if (auto made = files.create(path, {}, 0600); !made && made.error().kind != FaultKind::exists) return made;
  return files.sync_directory(directory);
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(sim::World& world, const std::string& path, Use use,
                                                 std::size_t cache_kib) {
  if (use == Use::write) {
    if (auto made = make_private(world, path); !made) return std::unexpected(std::move(made.error()));
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, world.sqlite_vfs());
  std::unique_ptr<Database> made(new Database(raw, path));
  if (code != SQLITE_OK) {
    made->fail(code);
    return std::unexpected(made->take_fault());
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
  const auto setup = fmt::format(
      "PRAGMA cache_size=-{}; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL; "
      "PRAGMA temp_store=MEMORY; {}",
      cache_kib, use == Use::read ? "PRAGMA query_only=1" : "");
  if (!made->execute(setup.c_str())) return std::unexpected(made->take_fault());
  return made;
}

Database::~Database() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(raw_);
}

void Database::fail(int code) {
  if (error_ != SQLITE_OK) return;
  error_ = code;
  cause_ = raw_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(raw_);
}

Fault Database::take_fault() {
  auto made = fault_of(error_, path_, fmt::format("SQLite {}: {}", error_, cause_));
  error_ = SQLITE_OK;
  cause_.clear();
  return made;
}

bool Database::execute(const char* sql) {
  if (failed()) return false;
  const int code = sqlite3_exec(raw_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
  return code == SQLITE_OK;
}

sqlite3_stmt* Database::prepared(const char* literal) {
  auto& statement = statements_[literal];
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(raw_, literal, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail(code);
  }
  return statement;
}

Result<void> Database::commit() {
  if (execute("COMMIT")) return {};
  auto fault = take_fault();
  rollback();
  return std::unexpected(std::move(fault));
}

void Database::rollback() {
  // A full disk or an I/O error may have rolled back by itself already.
  if (sqlite3_get_autocommit(raw_) == 0) sqlite3_exec(raw_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Database::release_memory() { sqlite3_db_release_memory(raw_); }

Result<void> Database::sync_wal() {
  // The connection must have seen the database once before it has a WAL at all.
  {
    Query look(*this, "SELECT 1 FROM meta LIMIT 1");
    look.row();
  }
  sqlite3_file* file = nullptr;
  int code = failed() ? error_ : sqlite3_file_control(raw_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
  if (code == SQLITE_OK) {
    code =
        file == nullptr || file->pMethods == nullptr ? SQLITE_IOERR : file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  }
  if (code == SQLITE_OK) return {};
  error_ = SQLITE_OK;
  return std::unexpected(fault_of(code, path_, fmt::format("syncing the WAL: {}", sqlite3_errstr(code))));
}

bool Query::row() {
  if (database_.failed() || statement_ == nullptr) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(code);
  return false;
}

std::string_view Query::octets(int column) const {
  const void* found = sqlite3_column_blob(statement_, column);
  return {static_cast<const char*>(found), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

}  // namespace tidegate::store
