// SPDX-License-Identifier: Apache-2.0
// The state as octets and back: what comes along, what must not, and what is new in the other life.
#include "core/store/snapshot.hpp"

#include <gtest/gtest.h>

#include "core/sim/memory_disk.hpp"
#include "core/store/backup_state.hpp"
#include "core/store/database.hpp"
#include "core/store/directory.hpp"
#include "core/store/journal.hpp"
#include "core/store/once.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::store {
namespace {

struct SnapshotBed : LogBed {
  SnapshotBed() { load(); }
  ~SnapshotBed() { unload(); }
  SnapshotBed(const SnapshotBed&) = delete;
  SnapshotBed& operator=(const SnapshotBed&) = delete;

  void load() {
    directory = *Directory::open(host, *log);
    journal = *Journal::open(host, *log);
  }
  void unload() {
    directory.reset();
    journal.reset();
  }
  template <class Ask>
  void done(Ask ask) {
    const auto result = answer_of<void>(world, std::move(ask));
    ASSERT_TRUE(result) << result.error().text;
  }
  Bytes snapshot(std::int64_t now = 1000) {
    Bytes out;
    const auto written = write_snapshot(host, settings.path, now, [&](View part) -> Result<void> {
      out += part;
      return {};
    });
    EXPECT_TRUE(written) << written.error().text;
    return out;
  }
  /// The log goes on from what was imported.
  Result<SnapshotContents> import(View octets, std::size_t step = 7001, std::uint64_t version = 3) {
    unload();
    close();
    settings.path = "other/state.db";
    for (const auto* end : {"", "-wal", "-shm"}) (void)host.files().remove(settings.path + end);
    auto made = SnapshotImport::make(host, settings.path);
    if (!made) return std::unexpected(made.error());
    for (std::size_t at = 0; at < octets.size(); at += step)
      if (auto fed = (*made)->feed(octets.substr(at, step)); !fed) return std::unexpected(fed.error());
    auto contents = (*made)->finish(version);
    made->reset();
    if (contents) {
      open();
      load();
    }
    return contents;
  }
  Bytes meta(const std::string& key) {
    Bytes value;
    EXPECT_TRUE(answer_of<void>(world, [&](auto done) {
      log->look(
          [&](void* sqlite) -> Result<void> {
            Once query(sqlite, "SELECT value FROM meta WHERE key = ?", key);
            if (query.row()) value = query.bytes(0);
            return {};
          },
          std::move(done));
    }));
    return value;
  }
  void command(char id, CommandState state, const std::string& content) {
    const CommandKey key{"ann", Bytes(16, 'd'), Bytes(16, id)};
    journal->begin({.key = key, .view = 1, .body = Bytes("body ") + id, .note = {}, .result = {}});
    if (!content.empty()) done([&](auto then) { journal->append(key, 0, content, std::move(then)); });
    if (state >= CommandState::received) done([&](auto then) { journal->received(key, std::move(then)); });
    if (state >= CommandState::started) done([&](auto then) { journal->started(key, "note", std::move(then)); });
    if (state >= CommandState::done) done([&](auto then) { journal->finished(key, "result", std::move(then)); });
  }
  const CommandRow* find(char id) { return journal->find({"ann", Bytes(16, 'd'), Bytes(16, id)}); }

  std::unique_ptr<Directory> directory;
  std::unique_ptr<Journal> journal;
};

DeviceRow device(const std::string& id) {
  DeviceRow row;
  row.user = "ann";
  row.id = id;
  row.name = "laptop";
  row.state = DeviceState::active;
  row.static_public = "static";
  row.device_key = "key";
  row.last_hash = row.previous_hash = "hash";
  return row;
}

TEST(Snapshot, EveryTableOfTheSchemaIsInItOrLeftOut) {
  SnapshotBed bed;
  std::set<std::string> named, there;
  for (const auto& table : snapshot_tables()) EXPECT_TRUE(named.insert(table.name).second) << table.name;
  for (const auto* table : tables_left_out()) EXPECT_TRUE(named.insert(table).second) << table;
  auto database = *Database::open(bed.host, bed.settings.path, Database::Use::read, 1024);
  {
    Query tables(*database, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    while (tables.row()) there.insert(tables.bytes(0));
  }
  EXPECT_EQ(named, there)
      << "a new table: say in core/store/snapshot.cpp whether a backup has it (never contents, never "
         "pairing codes)";
}

TEST(Snapshot, ComesBackWithAllThatDevicesCompareBy) {
  SnapshotBed bed;
  const auto view = bed.view();
  ASSERT_TRUE(bed.apply(view, "", {folder("INBOX", Role::inbox), folder("Sent")}, "t1"));
  std::vector<Change> changes;
  for (int n = 0; n < 500; ++n) changes.emplace_back(item(std::to_string(n), "INBOX", 1'000'000'000 + n * 86'400));
  ASSERT_TRUE(bed.apply(view, "INBOX", changes, "a1"));
  ASSERT_TRUE(bed.apply(view, "INBOX", {Removed{"7", "INBOX"}}, "a2"));
  bed.wait(std::chrono::seconds(5));
  bed.done([&](auto then) { bed.directory->add_user({"ann", "hq", "secret", "public", 7}, std::move(then)); });
  bed.done([&](auto then) { bed.directory->put_device(device("d1"), std::move(then)); });
  const auto before = bed.changes(view);
  const auto folders = bed.folders(view);
  const auto head = bed.head(view);
  const auto identity = bed.directory->identity();
  const auto counter = bed.log->start_counter();

  const auto contents = bed.import(bed.snapshot(1234));
  ASSERT_TRUE(contents) << contents.error().text << " " << contents.error().cause;
  EXPECT_EQ(contents->taken, 1234);
  EXPECT_EQ(contents->users, 1U);
  EXPECT_EQ(contents->devices, 1U);
  EXPECT_EQ(contents->items, 500U) << "tombstones are items";

  const auto after = bed.changes(view);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t at = 0; at < before.size(); ++at) {
    EXPECT_EQ(after[at].gid, before[at].gid);
    EXPECT_EQ(after[at].seq(), before[at].seq());
    EXPECT_EQ(after[at].id, before[at].id);
    EXPECT_EQ(after[at].fingerprint, before[at].fingerprint);
    EXPECT_EQ(after[at].folders, before[at].folders);
  }
  EXPECT_EQ(bed.folders(view).size(), folders.size());
  EXPECT_EQ(bed.anchor(view, "INBOX"), "a2");
  EXPECT_EQ(bed.backfill(view, {.folder = folders[0].gid, .snapshot = head.head}, 1000).size() +
                bed.backfill(view, {.folder = folders[1].gid, .snapshot = head.head}, 1000).size(),
            499U);
  EXPECT_EQ(bed.directory->identity().secret, identity.secret);
  EXPECT_EQ(bed.directory->identity().guid, identity.guid);
  EXPECT_EQ(bed.directory->user("ann")->static_secret, "secret");
  EXPECT_EQ(bed.directory->device("ann", "d1")->device_key, "key");

  EXPECT_NE(bed.head(view).epoch, head.epoch) << "devices compare";
  EXPECT_GT(bed.head(view).head, head.head + (std::uint64_t{1} << 31)) << "beyond any number that was lost";
  EXPECT_GT(bed.log->start_counter(), counter + (std::uint64_t{1} << 31)) << "the old machine is shut out";
  EXPECT_EQ(bed.directory->device("ann", "d1")->last_hash, "") << "or each device would be taken for a copy";
  EXPECT_EQ(bed.meta("restored_from"), "3");
  EXPECT_EQ(bed.meta("backup_version"), std::to_string(3 + numbers_lost)) << "no number of a lost backup comes again";
  // The same gids as before for what comes again, and a new view is never an old number.
  ASSERT_TRUE(bed.apply(view, "INBOX", {item("new", "INBOX", 2'000'000'000)}, "a3"));
  EXPECT_EQ(bed.changes(view, head.head).size(), 1U);
  EXPECT_GT(bed.view("bob"), view + 1000);
}

TEST(Snapshot, HoldsNoPairingCodesAndNoContent) {
  SnapshotBed bed;
  bed.done([&](auto then) { bed.directory->add_user({"ann", "hq", "s", "p", 7}, std::move(then)); });
  bed.done([&](auto then) { bed.directory->put_code({"ann", "HANDLE", "CODE-SECRET", 99, "", ""}, std::move(then)); });
  bed.command('a', CommandState::received, "CONTENT-OF-A-MAIL");
  const auto octets = bed.snapshot();
  EXPECT_EQ(octets.find("CODE-SECRET"), Bytes::npos);
  EXPECT_EQ(octets.find("HANDLE"), Bytes::npos);
  EXPECT_EQ(octets.find("CONTENT-OF-A-MAIL"), Bytes::npos);
  ASSERT_TRUE(bed.import(octets));
  EXPECT_TRUE(bed.directory->codes().empty());
  EXPECT_EQ(bed.find('a'), nullptr) << "its device sends it again, with its content";
}

TEST(Snapshot, CommandsComeAlongUndecidedOnesToo) {
  SnapshotBed bed;
  bed.command('a', CommandState::received, "");
  bed.command('b', CommandState::started, "");
  bed.command('c', CommandState::done, "content");
  bed.command('d', CommandState::receiving, "half a content");
  bed.command('e', CommandState::started, "content");
  ASSERT_TRUE(bed.import(bed.snapshot()));
  ASSERT_NE(bed.find('a'), nullptr);
  EXPECT_EQ(bed.find('a')->state, CommandState::received);
  ASSERT_NE(bed.find('b'), nullptr);
  EXPECT_EQ(bed.find('b')->state, CommandState::started);
  EXPECT_EQ(bed.find('b')->note, "note") << "it is settled, not repeated";
  ASSERT_NE(bed.find('c'), nullptr);
  EXPECT_EQ(bed.find('c')->result, "result");
  EXPECT_EQ(bed.find('d'), nullptr);
  ASSERT_NE(bed.find('e'), nullptr);
  EXPECT_EQ(bed.find('e')->state, CommandState::started) << "or it would be done twice";
}

TEST(Snapshot, IsOfOneInstantThoughTheLogGoesOn) {
  SnapshotBed bed;
  const auto view = bed.view();
  ASSERT_TRUE(bed.apply(view, "", {folder("INBOX", Role::inbox)}, "t1"));
  std::vector<Change> changes;
  for (int n = 0; n < 3000; ++n) changes.emplace_back(item(std::to_string(n), "INBOX", 1'000'000'000 + n));
  ASSERT_TRUE(bed.apply(view, "INBOX", changes, "a1"));
  Bytes out;
  bool written = false;
  ASSERT_TRUE(write_snapshot(bed.host, bed.settings.path, 0, [&](View part) -> Result<void> {
    out += part;
    if (!std::exchange(written, true)) {
      EXPECT_TRUE(bed.apply(view, "INBOX", {item("late", "INBOX", 5), Removed{"1", "INBOX"}}, "a2"));
    }
    return {};
  }));
  ASSERT_TRUE(written);
  ASSERT_TRUE(bed.import(out));
  EXPECT_EQ(bed.anchor(view, "INBOX"), "a1");
  EXPECT_EQ(bed.changes(view).size(), 3000U);
}

TEST(Snapshot, CutOrDamagedItGivesNoState) {
  SnapshotBed bed;
  const auto view = bed.view();
  ASSERT_TRUE(bed.apply(view, "", {folder("INBOX", Role::inbox)}, "t1"));
  const auto octets = bed.snapshot();
  for (std::size_t size = 0; size < octets.size(); size += size % 97 + 1)
    ASSERT_FALSE(bed.import(View(octets).substr(0, size))) << size;
  EXPECT_FALSE(bed.import(octets + "x"));
  auto damaged = octets;
  damaged[0] = '\7';
  EXPECT_FALSE(bed.import(damaged));
  auto newer = octets;
  newer[4] = '\x7f';
  const auto said = bed.import(newer);
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().kind, FaultKind::unsupported);
  EXPECT_NE(said.error().text.find("newer"), Bytes::npos);
  ASSERT_TRUE(bed.import(octets, 1));
}

TEST(Snapshot, TouchesNoStateThatIsThere) {
  SnapshotBed bed;
  const auto made = SnapshotImport::make(bed.host, bed.settings.path);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, FaultKind::exists);
}

TEST(Snapshot, AFullDiskIsSaidSo) {
  SnapshotBed bed;
  const auto view = bed.view();
  ASSERT_TRUE(bed.apply(view, "", {folder("INBOX", Role::inbox)}, "t1"));
  std::vector<Change> changes;
  for (int n = 0; n < 2000; ++n) changes.emplace_back(item(std::to_string(n), "INBOX", 1'000'000'000 + n));
  ASSERT_TRUE(bed.apply(view, "INBOX", changes, "a1"));
  const auto octets = bed.snapshot();
  bed.host.disk().limit(bed.host.disk().used() + 50'000);
  const auto said = bed.import(octets);
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().kind, FaultKind::quota) << said.error().text << said.error().cause;
  bed.host.disk().limit(UINT64_MAX);
  EXPECT_TRUE(bed.import(octets));
}

}  // namespace
}  // namespace tidegate::store
