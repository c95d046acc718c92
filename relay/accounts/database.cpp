// SPDX-License-Identifier: Apache-2.0
#include "relay/accounts/database.hpp"

#include <utility>

#include <sqlite3.h>

namespace tidegate::relay {
namespace {

void bind(sqlite3_stmt* statement, int at, const Bound& value) {
  // SQLITE_TRANSIENT is a C cast that warns; a copy is wanted because the views end with the call.
  const auto transient = reinterpret_cast<sqlite3_destructor_type>(-1);  // NOLINT
  if (const auto* number = std::get_if<std::int64_t>(&value))
    sqlite3_bind_int64(statement, at, *number);
  else if (const auto* text = std::get_if<View>(&value))
    sqlite3_bind_text64(statement, at, text->data() ? text->data() : "", text->size(), transient, SQLITE_UTF8);
  else if (const auto* blob = std::get_if<Blob>(&value))
    sqlite3_bind_blob64(statement, at, blob->octets.data() ? blob->octets.data() : "", blob->octets.size(), transient);
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const char* vfs) {
  sqlite3* db = nullptr;
  const int rc =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs);
  std::unique_ptr<Database> made(new Database(db));
  if (rc != SQLITE_OK)
    return fault(FaultKind::unavailable, path, "the accounts database cannot be opened; check the path and its owner",
                 db ? sqlite3_errmsg(db) : "out of memory");
  // Exclusive: WAL then needs no shared memory, and a second relay on the same state is found at once.
  const auto fine = made->script(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
      // An account is looked up once a log-in: the kernel's own cache is enough, and one fifth of SQLite's usual 2 MiB.
      " PRAGMA cache_size=-400;"
      "BEGIN IMMEDIATE; COMMIT;");
  if (!fine) {
    if ((sqlite3_errcode(db) & 0xff) == SQLITE_BUSY)
      return fault(FaultKind::denied, path, "another process holds the accounts database; is a relay running on it?",
                   fine.error().cause);
    return std::unexpected(fine.error());
  }
  return made;
}

Database::~Database() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

std::unexpected<Fault> Database::broken(const char* doing) const {
  const int code = sqlite3_extended_errcode(db_);
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
    return fault(FaultKind::exists, "accounts database", "it is there already", sqlite3_errmsg(db_));
  return fault(FaultKind::unavailable, "accounts database",
               "the relay's accounts database failed; look at its disk and the relay's log",
               std::string(doing) + ": " + sqlite3_errmsg(db_));
}

Result<void> Database::script(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return broken("script");
  return {};
}

Result<sqlite3_stmt*> Database::prepared(const char* sql, std::initializer_list<Bound> values) {
  sqlite3_stmt* statement = nullptr;
  for (auto& [known, kept] : statements_)
    if (known == sql) statement = kept;
  if (statement == nullptr) {
    if (sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK)
      return broken(sql);
    statements_.emplace_back(sql, statement);
  }
  sqlite3_reset(statement);
  int at = 0;
  for (const auto& value : values) bind(statement, ++at, value);
  return statement;
}

Result<Rows> Database::ask(const char* sql, std::initializer_list<Bound> values) {
  auto statement = prepared(sql, values);
  if (!statement) return std::unexpected(std::move(statement.error()));
  return Rows(*this, *statement);
}

Result<std::int64_t> Database::change(const char* sql, std::initializer_list<Bound> values) {
  auto statement = prepared(sql, values);
  if (!statement) return std::unexpected(std::move(statement.error()));
  const int rc = sqlite3_step(*statement);
  if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
    auto fault = broken(sql);
    sqlite3_reset(*statement);
    return fault;
  }
  sqlite3_reset(*statement);
  return sqlite3_changes64(db_);
}

Rows::~Rows() {
  if (statement_) sqlite3_reset(statement_);
}

Result<bool> Rows::next() {
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return db_->broken(sqlite3_sql(statement_));
}

std::int64_t Rows::number(int column) const { return sqlite3_column_int64(statement_, column); }

Bytes Rows::octets(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data ? Bytes(data, size) : Bytes();
}

Result<Transaction> Transaction::begin(Database& db) {
  if (auto fine = db.script("BEGIN IMMEDIATE"); !fine) return std::unexpected(std::move(fine.error()));
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_) sqlite3_exec(db_->db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Transaction::commit() {
  auto fine = db_->script("COMMIT");
  if (fine) db_ = nullptr;
  return fine;
}

}  // namespace tidegate::relay
