// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/store/backup_state.hpp"
#include "core/store/database.hpp"
#include "core/store/schema.hpp"
#include "core/store/snapshot.hpp"
#include "core/store/start.hpp"

namespace tidegate::store {
namespace {

constexpr std::size_t cache_kib = std::size_t{64} << 10;
constexpr std::size_t largest_record = std::size_t{64} << 20;

std::unexpected<Fault> broken(std::string cause) {
  return fault(FaultKind::invalid, "backup",
               "The backup's contents cannot be read; it was made by a newer or a faulty Tidegate. Install the version "
               "that made it.",
               std::move(cause));
}

/// One record, read from its beginning; `short_` says that more octets are needed.
class Record {
 public:
  explicit Record(View in) : in_(in) {}
  std::uint64_t number(int octets) {
    const auto part = take(static_cast<std::size_t>(octets));
    std::uint64_t value = 0;
    for (const unsigned char c : part) value = value << 8 | c;
    return value;
  }
  View take(std::size_t size) {
    if (short_ || in_.size() - at_ < size) {
      short_ = true;
      return {};
    }
    at_ += size;
    return in_.substr(at_ - size, size);
  }
  bool cut() const { return short_; }
  std::size_t used() const { return at_; }

 private:
  View in_;
  std::size_t at_ = 0;
  bool short_ = false;
};

class Import final : public SnapshotImport {
 public:
  Import(sim::World& world, std::unique_ptr<Database> database, std::string path)
      : world_(world), database_(std::move(database)), path_(std::move(path)) {}
  ~Import() override {
    sqlite3_finalize(insert_);
    if (database_) database_->rollback();
  }
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  Result<void> feed(View octets) override;
  Result<SnapshotContents> finish(std::uint64_t backup_version) override;

 private:
  /// False: the record is not whole yet.
  Result<bool> record(Record&);
  Result<void> head(std::uint64_t schema, std::uint64_t taken);
  Result<void> table(const std::string& name, const std::vector<std::string>& columns);
  Result<void> row(Record&);
  Result<void> other_life(std::uint64_t backup_version);

  sim::World& world_;
  std::unique_ptr<Database> database_;
  std::string path_;
  Bytes in_;
  bool begun_ = false, ended_ = false;
  std::map<std::string, std::uint64_t> rows_;
  std::uint64_t* counted_ = nullptr;  ///< of the table under way
  int columns_ = 0;
  sqlite3_stmt* insert_ = nullptr;
  SnapshotContents contents_;
};

Result<void> Import::feed(View octets) {
  in_ += octets;
  std::size_t at = 0;
  while (at < in_.size()) {
    Record next(View(in_).substr(at));
    auto whole = record(next);
    if (!whole) return std::unexpected(std::move(whole.error()));
    if (!*whole) break;
    at += next.used();
  }
  in_.erase(0, at);
  if (in_.size() > largest_record) return broken("a record over 64 MiB");
  return {};
}

Result<bool> Import::record(Record& in) {
  const auto kind = in.number(1);
  if (ended_) return broken("octets behind the end");
  if (begun_ != (kind != 1)) return broken("a record out of its place");
  Result<void> done;
  if (kind == 1) {
    const auto schema = in.number(4), taken = in.number(8);
    if (in.cut()) return false;
    done = head(schema, taken);
  } else if (kind == 2) {
    const std::string name(in.take(in.number(2)));
    std::vector<std::string> columns;
    for (auto left = in.number(2); left > 0 && !in.cut(); --left) columns.emplace_back(in.take(in.number(2)));
    if (in.cut()) return false;
    done = table(name, columns);
  } else if (kind == 3 && insert_ != nullptr) {
    done = row(in);
    if (in.cut()) return false;
  } else if (kind == 4) {
    const auto rows = in.number(8);
    if (in.cut()) return false;
    ended_ = true;
    if (rows != contents_.rows) done = broken(fmt::format("{} rows of {}", contents_.rows, rows));
  } else {
    return broken(fmt::format("a record of kind {}", kind));
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return true;
}

Result<void> Import::head(std::uint64_t schema, std::uint64_t taken) {
  if (schema > static_cast<std::uint64_t>(schema_version))
    return fault(FaultKind::unsupported, "backup",
                 fmt::format("The backup was made by a newer Tidegate (schema {}, this one knows {}); install that "
                             "version.",
                             schema, schema_version));
  begun_ = true;
  contents_.taken = static_cast<std::int64_t>(taken);
  return {};
}

Result<void> Import::table(const std::string& name, const std::vector<std::string>& columns) {
  sqlite3_finalize(std::exchange(insert_, nullptr));
  const auto known = std::ranges::any_of(snapshot_tables(), [&](const auto& each) { return each.name == name; });
  const auto plain = [](const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  };
  if (!known || columns.empty() || !std::ranges::all_of(columns, plain)) return broken("table " + name);
  std::string marks;
  for (std::size_t i = 0; i < columns.size(); ++i) marks += i == 0 ? "?" : ", ?";
  const auto sql = fmt::format("INSERT INTO {}({}) VALUES({})", name, fmt::join(columns, ", "), marks);
  if (sqlite3_prepare_v2(database_->raw(), sql.c_str(), -1, &insert_, nullptr) != SQLITE_OK)
    return broken(sqlite3_errmsg(database_->raw()));
  columns_ = static_cast<int>(columns.size());
  counted_ = &rows_[name];
  return {};
}

Result<void> Import::row(Record& in) {
  sqlite3_reset(insert_);
  for (int i = 1; i <= columns_ && !in.cut(); ++i) {
    const auto type = in.number(1);
    if (type == 0) {
      sqlite3_bind_null(insert_, i);
    } else if (type == 1) {
      sqlite3_bind_int64(insert_, i, static_cast<std::int64_t>(in.number(8)));
    } else if (type == 2 || type == 3) {
      const auto octets = in.take(in.number(4));
      const auto* data = octets.data() == nullptr ? "" : octets.data();
      if (type == 2)
        sqlite3_bind_text64(insert_, i, data, octets.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      else
        sqlite3_bind_blob64(insert_, i, data, octets.size(), SQLITE_TRANSIENT);
    } else {
      return broken(fmt::format("a value of type {}", type));
    }
  }
  if (in.cut()) return {};
  if (const int code = sqlite3_step(insert_); code != SQLITE_DONE) {
    if (kind_of(code) == FaultKind::exists) return broken(sqlite3_errmsg(database_->raw()));
    return std::unexpected(fault_of(code, path_, sqlite3_errmsg(database_->raw())));
  }
  ++contents_.rows;
  ++*counted_;
  return {};
}

Result<void> Import::other_life(std::uint64_t backup_version) {
  renew_epochs(*database_, world_);
  raise_counter(*database_, std::uint64_t{1} << 32);
  for (const auto& [key, value] : {std::pair(std::string_view("backup_version"), backup_version + numbers_lost),
                                   std::pair(std::string_view("restored_from"), backup_version)})
    database_->run("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)", key, blob(std::to_string(value)));
  // Until its mailboxes were looked through, a compare with it would take what came after the backup for removed.
  database_->run("INSERT OR REPLACE INTO meta(key, value) VALUES('set_back', ?)", blob("1"));
  // Sessions after the backup are not remembered here: no device is to be taken for a copy because of that.
  database_->run("UPDATE devices SET last_hash = x'', previous_hash = x''");
  // Views that came after the backup had numbers, too.
  database_->execute("UPDATE sqlite_sequence SET seq = seq + 1048576 WHERE name = 'views'");
  if (database_->failed()) return std::unexpected(database_->take_fault());
  return database_->commit();
}

Result<SnapshotContents> Import::finish(std::uint64_t backup_version) {
  sqlite3_finalize(std::exchange(insert_, nullptr));
  if (!ended_ || !in_.empty()) return broken("the end is missing");
  if (auto done = other_life(backup_version); !done) return std::unexpected(std::move(done.error()));
  contents_.users = rows_["users"];
  contents_.devices = rows_["devices"];
  contents_.items = rows_["items"];
  // All of it into the file itself: what is renamed next has no WAL.
  if (!database_->execute("PRAGMA wal_checkpoint(TRUNCATE)")) return std::unexpected(database_->take_fault());
  database_.reset();
  return contents_;
}

}  // namespace

Result<std::unique_ptr<SnapshotImport>> SnapshotImport::make(sim::World& world, const std::string& path) {
  auto there = world.files().info(path);
  if (!there) return std::unexpected(std::move(there.error()));
  if (*there) return fault(FaultKind::exists, path, "There is a file already; move it away.");
  auto database = Database::open(world, path, Database::Use::write, cache_kib);
  if (!database) return std::unexpected(std::move(database.error()));
  if (auto ready = prepare_schema(**database, path); !ready) return std::unexpected(std::move(ready.error()));
  if (!(*database)->execute("PRAGMA synchronous=FULL") || !(*database)->begin())
    return std::unexpected((*database)->take_fault());
  return std::make_unique<Import>(world, std::move(*database), path);
}

}  // namespace tidegate::store
