// SPDX-License-Identifier: Apache-2.0
#include "device/database.hpp"

#include <sqlite3.h>

#include "device/trouble.hpp"

namespace tidegate::device {

Database::Database(const std::string& path, const char* vfs, bool shared, bool read_only) : path_(path) {
  const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  try {
    if (::sqlite3_open_v2(path.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK) fail("open");
    ::sqlite3_busy_timeout(handle_, 5000);
    if (!shared) execute("PRAGMA locking_mode=EXCLUSIVE");
    if (!read_only) {
      execute("PRAGMA journal_mode=WAL");
      execute("PRAGMA synchronous=FULL");  // a row means "was durably there"
      execute("PRAGMA wal_autocheckpoint=4000");
      execute("PRAGMA cache_size=-8192");  // KiB; a large mailbox's index pages, while it is filled
    }
  } catch (...) {
    ::sqlite3_close_v2(handle_);
    throw;
  }
}

Database::~Database() {
  for (const auto& [sql, statement] : prepared_) ::sqlite3_finalize(statement);
  ::sqlite3_close_v2(handle_);
}

void Database::fail(std::string_view doing) const {
  const int code = handle_ == nullptr ? SQLITE_NOMEM : ::sqlite3_errcode(handle_);
  const std::string cause = std::string(doing) + ": " + (handle_ == nullptr ? "no memory" : ::sqlite3_errmsg(handle_));
  auto kind = FaultKind::unavailable;
  std::string text = "Cannot work with " + path_ + ": check the disk.";
  if (code == SQLITE_FULL) kind = FaultKind::quota, text = "The disk with " + path_ + " is full: make room.";
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    text = path_ + " is in use by another program: end it, then try again.";
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
    kind = FaultKind::invalid, text = path_ + " is damaged: move it away and pair this device again.";
  if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_CANTOPEN)
    kind = FaultKind::denied, text = "Cannot open " + path_ + ": check that it is there and who owns it.";
  throw Trouble(Fault{kind, path_, text, cause, {}});
}

void Database::execute(const char* sql) {
  if (::sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

Query Database::query(const char* sql) {
  auto& statement = prepared_[sql];
  if (statement == nullptr &&
      ::sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
    fail(sql);
  return Query(*this, statement);
}

Query::Query(Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
Query::~Query() {
  ::sqlite3_reset(statement_);
  ::sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::int64_t value) {
  if (::sqlite3_bind_int64(statement_, ++bound_, value) != SQLITE_OK) database_.fail("bind");
  return *this;
}
Query& Query::bind(View blob) {
  if (::sqlite3_bind_blob64(statement_, ++bound_, blob.data() == nullptr ? "" : blob.data(), blob.size(),
                            SQLITE_TRANSIENT) != SQLITE_OK)
    database_.fail("bind");
  return *this;
}
Query& Query::text(std::string_view value) {
  if (::sqlite3_bind_text64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(), value.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK)
    database_.fail("bind");
  return *this;
}
Query& Query::null() {
  ++bound_;
  return *this;
}

bool Query::next() {
  const int code = ::sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail(::sqlite3_sql(statement_));
  return false;
}

std::int64_t Query::integer(int column) const { return ::sqlite3_column_int64(statement_, column); }
Bytes Query::bytes(int column) const {
  const auto* data = static_cast<const char*>(::sqlite3_column_blob(statement_, column));
  return data == nullptr ? Bytes() : Bytes(data, static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column)));
}

Transaction::Transaction(Database& database, Outlives outlives) : database_(database), outlives_(outlives) {
  // Of a commit in WAL mode, NORMAL leaves out the fsync and nothing else; the next FULL one makes up for it.
  if (outlives_ == Outlives::kill) database_.execute("PRAGMA synchronous=NORMAL");
  database_.execute("BEGIN IMMEDIATE");
}
Transaction::~Transaction() {
  const auto quietly = [this](const char* sql) {
    try {
      database_.execute(sql);
    } catch (const Trouble&) {  // SQLite has rolled back by itself (disk full, I/O error)
    }
  };
  if (open_) quietly("ROLLBACK");
  if (outlives_ == Outlives::kill) quietly("PRAGMA synchronous=FULL");
}
void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace tidegate::device
