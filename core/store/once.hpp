// SPDX-License-Identifier: Apache-2.0
// A statement of a room that shares the log's database through Log::transact() (directory, journal).
#pragma once
#include <sqlite3.h>

#include "core/store/database.hpp"
#include "core/store/log.hpp"

namespace tidegate::store {

/// One statement on a connection that is lent to us by Log::transact().
class Once {
 public:
  template <class... A>
  Once(void* sqlite, const char* sql, const A&... values) : database_(static_cast<sqlite3*>(sqlite)) {
    code_ = sqlite3_prepare_v2(database_, sql, -1, &statement_, nullptr);
    int column = 0;
    (bind(++column, values), ...);
  }
  ~Once() { sqlite3_finalize(statement_); }
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;

  bool row() {
    if (code_ != SQLITE_OK && code_ != SQLITE_ROW) return false;
    code_ = sqlite3_step(statement_);
    return code_ == SQLITE_ROW;
  }
  Result<void> finish() {
    while (row()) {
    }
    if (code_ == SQLITE_DONE) return {};
    return std::unexpected(fault_of(code_, "state", sqlite3_errmsg(database_)));
  }
  Bytes bytes(int column) const {
    const void* found = sqlite3_column_blob(statement_, column);
    return Bytes(static_cast<const char*>(found), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void bind(int column, T value) {
    note(sqlite3_bind_int64(statement_, column, static_cast<std::int64_t>(value)));
  }
  void bind(int column, std::string_view text) {
    note(sqlite3_bind_text64(statement_, column, text.data() == nullptr ? "" : text.data(), text.size(),
                             SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  void bind(int column, Blob value) {
    note(sqlite3_bind_blob64(statement_, column, value.octets.data() == nullptr ? "" : value.octets.data(),
                             value.octets.size(), SQLITE_TRANSIENT));
  }
  void note(int code) {
    if (code_ == SQLITE_OK) code_ = code;
  }

  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
};

}  // namespace tidegate::store
