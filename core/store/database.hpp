// SPDX-License-Identifier: Apache-2.0
// One SQLite connection with its prepared statements. Only core/store sees it; one thread at a time uses one.
//
// Errors stick: the first one is kept, everything after it does nothing, and whoever ends the transaction asks
// failed(). So a body of fifty statements needs no fifty checks, and nothing is half done: the whole is rolled back.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "core/sim/world.hpp"

namespace tidegate::store {

/// What an SQLite result code means to us (quota: the disk is full; invalid: not a database, or a damaged one).
FaultKind kind_of(int code);
Fault fault_of(int code, std::string where, std::string cause);

struct Blob {  ///< binds as a blob; a std::string_view alone binds as text
  std::string_view octets;
};
template <std::size_t N>
Blob blob(const std::array<std::byte, N>& octets) {
  return {{reinterpret_cast<const char*>(octets.data()), N}};
}
inline Blob blob(std::string_view octets) { return {octets}; }

class Database {
 public:
  enum class Use : std::uint8_t { write, read };
  static Result<std::unique_ptr<Database>> open(sim::World&, const std::string& path, Use, std::size_t cache_kib);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* raw() const { return raw_; }
  bool failed() const { return error_ != SQLITE_OK; }
  Fault take_fault();  ///< of the first error; the connection may be used again

  /// Several statements, without parameters.
  bool execute(const char* sql);
  /// Runs a statement to its end. The text must be a literal: its address names the prepared statement.
  template <class... A>
  void run(const char* sql, const A&... values);
  std::int64_t changed() const { return sqlite3_changes64(raw_); }
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(raw_); }

  bool begin() { return execute("BEGIN IMMEDIATE"); }
  Result<void> commit();  ///< or rolls back and says why
  void rollback();
  /// Makes durable whatever any connection has committed: syncs the WAL by this connection's own handle.
  Result<void> sync_wal();
  void release_memory();  ///< of pages that are not needed just now

 private:
  friend class Query;
  Database(sqlite3* raw, std::string path) : raw_(raw), path_(std::move(path)) {}
  sqlite3_stmt* prepared(const char* literal);
  void fail(int code);

  sqlite3* raw_;
  std::string path_;
  int error_ = SQLITE_OK;
  std::string cause_;
  std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

/// A prepared statement in use; the end of its life resets it.
class Query {
 public:
  template <class... A>
  Query(Database& database, const char* sql, const A&... values) : database_(database), statement_(nullptr) {
    if (database.failed()) return;
    statement_ = database.prepared(sql);
    int column = 0;
    if (statement_ != nullptr) (bind(++column, values), ...);
  }
  ~Query() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool row();  ///< goes to the next row; false: there is none, or the database failed

  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  bool null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string_view octets(int column) const;  ///< valid until the next row()
  Bytes bytes(int column) const { return Bytes(octets(column)); }
  template <std::size_t N>
  std::array<std::byte, N> array(int column) const {
    std::array<std::byte, N> made{};
    const auto found = octets(column);
    if (found.size() == N) found.copy(reinterpret_cast<char*>(made.data()), N);
    return made;
  }

 private:
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void bind(int column, T value) {
    check(sqlite3_bind_int64(statement_, column, static_cast<std::int64_t>(value)));
  }
  void bind(int column, std::string_view text) {
    check(sqlite3_bind_text64(statement_, column, text.data() == nullptr ? "" : text.data(), text.size(),
                              SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  void bind(int column, const std::string& text) { bind(column, std::string_view(text)); }
  void bind(int column, Blob value) {
    check(sqlite3_bind_blob64(statement_, column, value.octets.data() == nullptr ? "" : value.octets.data(),
                              value.octets.size(), SQLITE_TRANSIENT));
  }
  void check(int code) {
    if (code != SQLITE_OK) database_.fail(code);
  }

  Database& database_;
  sqlite3_stmt* statement_;
};

template <class... A>
void Database::run(const char* sql, const A&... values) {
  Query query(*this, sql, values...);
  while (query.row()) {
  }
}

}  // namespace tidegate::store
