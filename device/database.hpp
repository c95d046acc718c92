// SPDX-License-Identifier: Apache-2.0
// SQLite as this folder uses it: one connection, one thread at a time, Trouble for every failure (quota: disk full).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace tidegate::device {

class Database;

/// A prepared statement in use; returns to its database when it ends.
class Query {
 public:
  Query(Database&, sqlite3_stmt*);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(std::int64_t);
  Query& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(std::uint32_t value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  Query& bind(View blob);
  Query& text(std::string_view);
  Query& null();
  bool next();  ///< a row is there
  void run() {
    while (next()) {
    }
  }

  std::int64_t integer(int column) const;
  std::uint64_t number(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  Bytes bytes(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

class Database {
 public:
  /// Opens or makes it. `shared`: other processes may read meanwhile (needs a VFS with shared memory).
  Database(const std::string& path, const char* vfs, bool shared, bool read_only = false);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Query query(const char* sql);  ///< `sql` must live as long as the database (a literal)
  void execute(const char* sql);
  [[noreturn]] void fail(std::string_view doing) const;

 private:
  friend class Query;
  std::string path_;
  sqlite3* handle_ = nullptr;
  std::map<const char*, sqlite3_stmt*> prepared_;
};

/// What a commit outlives. `kill`: the death of this process only, but it waits for no disk.
enum class Outlives : std::uint8_t { power_cut, kill };

/// Begins at once; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database&, Outlives = Outlives::power_cut);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  const Outlives outlives_;
  bool open_ = true;
};

}  // namespace tidegate::device
