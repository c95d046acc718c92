// SPDX-License-Identifier: Apache-2.0
// The relay's SQLite in as few words as accounts needs. One thread at a time (the relay's `db` pool has one); blocks.
// Every fault is `unavailable` with SQLite's own words as the private cause, but `exists` for a broken UNIQUE.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/sdk/fault.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace tidegate::relay {

/// What a `?` stands for: a number, a text or octets.
struct Blob {
  View octets;
};
using Bound = std::variant<std::int64_t, View, Blob>;

class Rows;

class Database {
 public:
  /// Opens or creates; WAL, synchronous=FULL, exclusive (a second process is refused with `denied`).
  static Result<std::unique_ptr<Database>> open(const std::string& path, const char* vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<void> script(const char* sql);
  Result<Rows> ask(const char* sql, std::initializer_list<Bound> = {});
  /// Runs a statement that gives no rows; how many rows it changed.
  Result<std::int64_t> change(const char* sql, std::initializer_list<Bound> = {});

 private:
  friend class Rows;
  friend class Transaction;
  explicit Database(sqlite3* db) : db_(db) {}
  Result<sqlite3_stmt*> prepared(const char* sql, std::initializer_list<Bound>);
  std::unexpected<Fault> broken(const char* doing) const;

  sqlite3* db_;
  std::vector<std::pair<const char*, sqlite3_stmt*>> statements_;  ///< by the literal's address: sql is always one
};

/// The rows of one question; valid until the same question is asked again.
class Rows {
 public:
  Rows(Database& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}
  Rows(Rows&& other) noexcept : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  Result<bool> next();  ///< false: no more
  std::int64_t number(int column) const;
  Bytes octets(int column) const;  ///< texts too

 private:
  Database* db_;
  sqlite3_stmt* statement_;
};

/// Rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database&);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

}  // namespace tidegate::relay
