// SPDX-License-Identifier: Apache-2.0
#include "core/store/journal.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "core/store/guard.hpp"
#include "core/store/once.hpp"

namespace tidegate::store {

namespace {

constexpr std::uint64_t kept_most = 10'000;  ///< removals of one hold; more are only refused
constexpr const char* of_key = " WHERE user = ? AND device = ? AND id = ?";

Result<void> mark_started(void* sqlite, const CommandKey& key, View note) {
  return Once(sqlite, "UPDATE commands SET state = 2, note = ? WHERE user = ? AND device = ? AND id = ? AND state < 3",
              blob(note), key.user, blob(key.device), blob(key.id))
      .finish();
}

Result<void> mark_done(void* sqlite, const CommandKey& key, View result) {
  auto marked =
      Once(sqlite, "UPDATE commands SET state = 3, result = ?, note = x'' WHERE user = ? AND device = ? AND id = ?",
           blob(result), key.user, blob(key.device), blob(key.id))
          .finish();
  if (!marked) return marked;
  return Once(sqlite, "DELETE FROM command_contents WHERE user = ? AND device = ? AND id = ?", key.user,
              blob(key.device), blob(key.id))
      .finish();
}

std::string reason_of(View device) {
  std::string reason = std::string(held_removals) + "/";
  for (const char c : device) reason += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return reason;
}

Result<void> erase(void* sqlite, const CommandKey& key) {
  for (const std::string table : {"commands", "command_contents"}) {
    auto gone =
        Once(sqlite, ("DELETE FROM " + table + of_key).c_str(), key.user, blob(key.device), blob(key.id)).finish();
    if (!gone) return gone;
  }
  return {};
}

class StoredJournal final : public Journal {
 public:
  explicit StoredJournal(Log& log) : log_(log), door_(std::make_shared<Door>(&log)) {}
  ~StoredJournal() override {
    alive_.reset();
    const std::scoped_lock lock(door_->mutex);
    door_->log = nullptr;
  }
  StoredJournal(const StoredJournal&) = delete;
  StoredJournal& operator=(const StoredJournal&) = delete;

  Result<void> load() {
    return log_.transact_at_start([this](void* sqlite) { return load(sqlite); });
  }

  const CommandRow* find(const CommandKey& key) const override {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
  }
  std::vector<CommandKey> pending() const override;
  std::vector<CommandRow> done(const std::string& user, View device) const override;
  std::size_t count(const std::string& user, View device) const override;

  void begin(CommandRow) override;
  void append(const CommandKey&, std::uint64_t at, Bytes octets, Done<void>) override;
  void received(const CommandKey&, Done<void>) override;
  void started(const CommandKey&, Bytes note, Done<void>) override;
  void finished(const CommandKey&, Bytes result, Done<void>) override;
  void forget(const CommandKey&, Done<void>) override;
  void forget_all(const std::string& user, View device, Done<void>) override;
  std::function<Result<void>(View)> starter(const CommandKey&, Along) override;
  void content(const CommandKey&, Done<Bytes>) override;
  void hold(HeldRemoval, Done<HoldRow>) override;
  void decide(std::uint64_t hold, bool release, Done<std::vector<CommandKey>>) override;

 private:
  struct Door {  ///< to the log, for threads that may outlive it
    explicit Door(Log* to) : log(to) {}
    std::mutex mutex;
    Log* log;  ///< under mutex
  };

  Result<void> load(void* sqlite);
  /// Memory follows the disk.
  template <class Work, class Then>
  void write(Work work, Then then, Done<void> done) {
    log_.transact(std::move(work), [alive = std::weak_ptr(alive_), then = std::move(then),
                                    done = std::move(done)](Result<void> result) mutable {
      if (alive.expired()) return;
      if (result) then();
      if (done) done(std::move(result));
    });
  }
  template <class Change>
  auto row_then(const CommandKey& key, Change change) {
    return [this, key, change = std::move(change)]() mutable {
      const auto found = rows_.find(key);
      if (found != rows_.end()) change(found->second);
    };
  }

  Log& log_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::shared_ptr<Door> door_;
  std::map<CommandKey, CommandRow> rows_;
  std::uint64_t next_turn_ = 1;
};

Result<void> StoredJournal::load(void* sqlite) {
  for (const auto* sql : {"DELETE FROM commands WHERE state = 0 OR (state = 3 AND device = x'')",
                          "DELETE FROM command_contents WHERE NOT EXISTS(SELECT 1 FROM commands c WHERE c.user = "
                          "command_contents.user AND c.device = command_contents.device AND c.id = command_contents.id "
                          "AND c.state < 3)"}) {
    if (auto gone = Once(sqlite, sql).finish(); !gone) return gone;
  }
  Once query(sqlite, "SELECT user, device, id, turn, view, body, state, note, result FROM commands");
  while (query.row()) {
    CommandRow row;
    row.key = {query.bytes(0), query.bytes(1), query.bytes(2)};
    row.turn = static_cast<std::uint64_t>(query.integer(3));
    row.view = static_cast<ViewId>(query.integer(4));
    row.body = query.bytes(5);
    row.state = static_cast<CommandState>(query.integer(6));
    row.note = query.bytes(7);
    row.result = query.bytes(8);
    next_turn_ = std::max(next_turn_, row.turn + 1);
    rows_.emplace(row.key, std::move(row));
  }
  return query.finish();
}

std::vector<CommandKey> StoredJournal::pending() const {
  std::vector<const CommandRow*> rows;
  for (const auto& [key, row] : rows_)
    if (row.state == CommandState::received || row.state == CommandState::started) rows.push_back(&row);
  std::ranges::sort(rows, {}, &CommandRow::turn);
  std::vector<CommandKey> keys;
  for (const auto* row : rows) keys.push_back(row->key);
  return keys;
}

std::vector<CommandRow> StoredJournal::done(const std::string& user, View device) const {
  std::vector<CommandRow> found;
  for (auto at = rows_.lower_bound({user, Bytes(device), {}}); at != rows_.end(); ++at) {
    if (at->first.user != user || at->first.device != device) break;
    if (at->second.state == CommandState::done) found.push_back(at->second);
  }
  std::ranges::sort(found, {}, &CommandRow::turn);
  return found;
}

std::size_t StoredJournal::count(const std::string& user, View device) const {
  std::size_t found = 0;
  for (auto at = rows_.lower_bound({user, Bytes(device), {}}); at != rows_.end(); ++at) {
    if (at->first.user != user || at->first.device != device) break;
    ++found;
  }
  return found;
}

void StoredJournal::begin(CommandRow row) {
  row.state = CommandState::receiving;
  row.turn = next_turn_++;
  const auto key = row.key;
  auto work = [row](void* sqlite) -> Result<void> {
    if (auto gone = erase(sqlite, row.key); !gone) return gone;
    return Once(sqlite,
                "INSERT INTO commands(user, device, id, view, turn, body, state, received) "
                "VALUES(?, ?, ?, ?, ?, ?, 0, 0)",
                row.key.user, blob(row.key.device), blob(row.key.id), row.view, row.turn, blob(row.body))
        .finish();
  };
  rows_.insert_or_assign(key, std::move(row));
  write(std::move(work), [] {}, [](Result<void>) {});
}

void StoredJournal::append(const CommandKey& key, std::uint64_t at, Bytes octets, Done<void> done) {
  auto work = [key, at, octets = std::move(octets)](void* sqlite) {
    return Once(sqlite, "INSERT OR REPLACE INTO command_contents(user, device, id, at, octets) VALUES(?, ?, ?, ?, ?)",
                key.user, blob(key.device), blob(key.id), at, blob(octets))
        .finish();
  };
  write(std::move(work), [] {}, std::move(done));
}

void StoredJournal::received(const CommandKey& key, Done<void> done) {
  auto work = [key](void* sqlite) -> Result<void> {
    auto marked = Once(sqlite, "UPDATE commands SET state = 1 WHERE user = ? AND device = ? AND id = ?", key.user,
                       blob(key.device), blob(key.id))
                      .finish();
    if (marked && sqlite3_changes(static_cast<sqlite3*>(sqlite)) == 0)
      return fault(FaultKind::unavailable, key.user, "The command could not be stored; the device sends it again.");
    return marked;
  };
  write(std::move(work), row_then(key, [](CommandRow& row) { row.state = CommandState::received; }), std::move(done));
}

void StoredJournal::started(const CommandKey& key, Bytes note, Done<void> done) {
  auto work = [key, note](void* sqlite) { return mark_started(sqlite, key, note); };
  write(std::move(work),
        row_then(key,
                 [note](CommandRow& row) {
                   row.note = note;
                   row.state = CommandState::started;
                 }),
        std::move(done));
}

std::function<Result<void>(View)> StoredJournal::starter(const CommandKey& key, Along along) {
  return [door = door_, key, along = std::move(along)](View note) -> Result<void> {
    const std::scoped_lock lock(door->mutex);
    if (door->log == nullptr) return fault(FaultKind::unavailable, "state", "The gateway is stopping.");
    return door->log->transact_here([&](void* sqlite) -> Result<void> {
      if (along)
        if (auto done = along(sqlite, note); !done) return done;
      return mark_started(sqlite, key, note);
    });
  };
}

void StoredJournal::finished(const CommandKey& key, Bytes result, Done<void> done) {
  auto work = [key, result](void* sqlite) { return mark_done(sqlite, key, result); };
  write(std::move(work),
        row_then(key,
                 [result](CommandRow& row) {
                   row.result = result;
                   row.note.clear();
                   row.state = CommandState::done;
                 }),
        std::move(done));
}

void StoredJournal::forget(const CommandKey& key, Done<void> done) {
  write([key](void* sqlite) { return erase(sqlite, key); }, [this, key] { rows_.erase(key); }, std::move(done));
}

void StoredJournal::forget_all(const std::string& user, View device, Done<void> done) {
  auto work = [user, device = Bytes(device)](void* sqlite) -> Result<void> {
    for (const auto* sql : {"DELETE FROM commands WHERE user = ?1 AND (device = ?2 OR ?2 = x'')",
                            "DELETE FROM command_contents WHERE user = ?1 AND (device = ?2 OR ?2 = x'')"}) {
      if (auto gone = Once(sqlite, sql, user, blob(device)).finish(); !gone) return gone;
    }
    return {};
  };
  auto then = [this, user, device = Bytes(device)] {
    std::erase_if(rows_, [&](const auto& each) {
      return each.first.user == user && (device.empty() || each.first.device == device);
    });
  };
  write(std::move(work), std::move(then), std::move(done));
}

void StoredJournal::content(const CommandKey& key, Done<Bytes> done) {
  auto octets = std::make_shared<Bytes>();
  auto work = [key, octets](void* sqlite) -> Result<void> {
    Once query(sqlite, "SELECT octets FROM command_contents WHERE user = ? AND device = ? AND id = ? ORDER BY at",
               key.user, blob(key.device), blob(key.id));
    while (query.row()) octets->append(query.bytes(0));
    return query.finish();
  };
  log_.look(std::move(work), [octets, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    done(std::move(*octets));
  });
}

/// A device's hold: found by its reason.
std::optional<HoldRow> find_hold(void* sqlite, ViewId view, const std::string& reason) {
  Once query(sqlite, "SELECT no, count, since FROM holds WHERE view = ? AND reason = ? AND decision = 0", view, reason);
  if (!query.row()) return std::nullopt;
  HoldRow row;
  row.number = static_cast<std::uint64_t>(query.integer(0));
  row.count = static_cast<std::uint64_t>(query.integer(1));
  row.since = query.integer(2);
  return row;
}

void StoredJournal::hold(HeldRemoval held, Done<HoldRow> done) {
  const auto* row = find(held.key);
  if (row == nullptr) return done(fault(FaultKind::not_found, "journal", "There is no such command any more."));
  auto kept = *row;
  kept.key.device.clear();
  kept.state = CommandState::held;
  kept.turn = next_turn_++;
  auto hold = std::make_shared<HoldRow>();
  hold->view = row->view;
  hold->user = held.key.user;
  hold->what = held_removals;
  auto work = [kept, held, hold](void* sqlite) -> Result<void> {
    const auto reason = reason_of(held.key.device);
    if (const auto open = find_hold(sqlite, hold->view, reason)) {
      hold->number = open->number, hold->count = open->count, hold->since = open->since;
    } else {
      auto made = Once(sqlite, "INSERT INTO holds(view, reason, count, since) VALUES(?, ?, 0, ?)", hold->view, reason,
                       held.now_unix)
                      .finish();
      if (!made) return made;
      hold->number = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(static_cast<sqlite3*>(sqlite)));
      hold->since = held.now_unix;
    }
    if (++hold->count <= kept_most) {
      auto put = Once(sqlite,
                      "INSERT OR REPLACE INTO commands(user, device, id, view, turn, body, state, result, received) "
                      "VALUES(?, x'', ?, ?, ?, ?, 4, ?, 0)",
                      kept.key.user, blob(kept.key.id), kept.view, kept.turn, blob(kept.body),
                      blob(std::to_string(hold->number)))
                     .finish();
      if (!put) return put;
    }
    auto counted = Once(sqlite, "UPDATE holds SET count = ? WHERE no = ?", hold->count, hold->number).finish();
    return counted ? mark_done(sqlite, held.key, held.result) : counted;
  };
  auto then = [this, kept, held, hold] {
    if (hold->count <= kept_most) {
      auto& row = rows_[kept.key] = kept;
      row.result = std::to_string(hold->number);
    }
    if (const auto told = rows_.find(held.key); told != rows_.end()) {
      told->second.result = held.result;
      told->second.state = CommandState::done;
    }
  };
  write(std::move(work), std::move(then), [hold, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    done(*hold);
  });
}

void StoredJournal::decide(std::uint64_t number, bool release, Done<std::vector<CommandKey>> done) {
  const auto text = std::to_string(number);
  auto work = [number, text, release](void* sqlite) -> Result<void> {
    Once query(sqlite, "SELECT 1 FROM holds WHERE no = ? AND decision = 0 AND reason LIKE 'removals/%'", number);
    if (!query.row()) return fault(FaultKind::not_found, "hold " + text, "There is no such hold of removals.");
    auto moved = Once(sqlite,
                      release ? "UPDATE commands SET state = 1, result = x'' WHERE device = x'' AND state = 4 AND "
                                "result = ?"
                              : "DELETE FROM commands WHERE device = x'' AND state = 4 AND result = ?",
                      blob(text))
                     .finish();
    if (!moved) return moved;
    return Once(sqlite, "DELETE FROM holds WHERE no = ?", number).finish();
  };
  auto keys = std::make_shared<std::vector<CommandKey>>();
  auto then = [this, text, release, keys] {
    const auto of = [&](const CommandRow& row) { return row.state == CommandState::held && row.result == text; };
    for (auto& [key, row] : rows_) {
      if (!release || !of(row)) continue;
      row.state = CommandState::received;
      row.result.clear();
      keys->push_back(key);
    }
    if (!release) std::erase_if(rows_, [&](const auto& each) { return of(each.second); });
    std::ranges::sort(*keys, {}, [&](const CommandKey& key) { return rows_.at(key).turn; });
  };
  write(std::move(work), std::move(then), [keys, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    done(std::move(*keys));
  });
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(sim::World&, Log& log) {
  auto made = std::make_unique<StoredJournal>(log);
  if (auto loaded = made->load(); !loaded) return std::unexpected(std::move(loaded.error()));
  return made;
}

}  // namespace tidegate::store
