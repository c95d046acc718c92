// SPDX-License-Identifier: Apache-2.0
// What is durable when the power goes: over many seeds, what was synced is always there, and what was not is
// sometimes lost (a disk that never loses would prove nothing).
#include "core/sim/memory_disk.hpp"

#include <string>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "core/sim/virtual_world.hpp"

namespace tidegate::sim {
namespace {

constexpr int kSeeds = 60;

TEST(MemoryDisk, FilesAsOnPosix) {
  VirtualWorld world(1);
  auto& files = world.host("a").files();
  EXPECT_EQ(files.create("/a/b", "x").error().kind, FaultKind::not_found);
  ASSERT_TRUE(files.make_directories("/a/c/"));
  ASSERT_TRUE(files.create("/a/b", "12345"));
  EXPECT_EQ(files.create("/a/b", "x").error().kind, FaultKind::exists);
  ASSERT_TRUE(files.append("/a//b", "678"));
  EXPECT_EQ(files.read("/a/b"), "12345678");
  EXPECT_EQ(files.read("/a/b", 3), "123");
  EXPECT_EQ(files.append("/a/nothing", "x").error().kind, FaultKind::not_found);
  EXPECT_EQ(files.list("/a")->size(), 2U);
  ASSERT_TRUE(files.create("/a/c/d", "old"));
  ASSERT_TRUE(files.rename("/a/b", "/a/c/d"));
  EXPECT_EQ(files.read("/a/c/d"), "12345678");
  EXPECT_FALSE(files.info("/a/b").value());
  EXPECT_EQ((*files.info("/a/c/d"))->size, 8U);
  EXPECT_EQ(files.remove("/a/c").error().kind, FaultKind::exists);
  EXPECT_TRUE(files.remove("/a/c/d"));
  EXPECT_TRUE(files.remove("/a/c"));
  EXPECT_EQ(files.remove("/a/c").error().kind, FaultKind::not_found);
}

TEST(MemoryDisk, AFullDiskSaysSoAndKeepsWhatItHas) {
  VirtualWorld world(1);
  auto& host = world.host("a");
  host.disk().limit(10);
  ASSERT_TRUE(host.files().create("/x", "12345678"));
  EXPECT_EQ(host.files().append("/x", "9ab").error().kind, FaultKind::quota);
  EXPECT_EQ(host.files().create("/y", "123").error().kind, FaultKind::quota);
  EXPECT_FALSE(host.files().info("/y").value());
  EXPECT_EQ(host.files().read("/x"), "12345678");
  ASSERT_TRUE(host.files().remove("/x"));
  host.power_cut();
  EXPECT_TRUE(host.files().create("/y", "1234567890"));
}

TEST(MemoryDisk, APowerCutKeepsTheSyncedAndLosesSomeOfTheRest) {
  int lost_octets = 0, lost_names = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    VirtualWorld world(static_cast<std::uint64_t>(seed));
    auto& host = world.host("a");
    auto* files = &host.files();
    ASSERT_TRUE(files->make_directories("/m/tmp"));
    ASSERT_TRUE(files->make_directories("/m/new"));
    ASSERT_TRUE(files->create("/m/tmp/1", "kept"));
    ASSERT_TRUE(files->sync("/m/tmp/1"));
    ASSERT_TRUE(files->rename("/m/tmp/1", "/m/new/1"));
    ASSERT_TRUE(files->sync_directory("/m/new"));
    ASSERT_TRUE(files->append("/m/new/1", "+more"));
    ASSERT_TRUE(files->create("/m/new/2", "never synced"));
    host.power_cut();
    files = &host.files();
    const auto one = files->read("/m/new/1");
    ASSERT_TRUE(one) << seed;
    EXPECT_TRUE(one->starts_with("kept")) << *one;
    lost_octets += *one != "kept+more";
    lost_names += !*files->info("/m/new/2");
  }
  EXPECT_GT(lost_octets, 0);
  EXPECT_LT(lost_octets, kSeeds);
  EXPECT_GT(lost_names, 0);
  EXPECT_LT(lost_names, kSeeds);
}

TEST(MemoryDisk, ARenameThatWasNotSyncedNeverLosesTheFile) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    VirtualWorld world(static_cast<std::uint64_t>(seed));
    auto& host = world.host("a");
    ASSERT_TRUE(host.files().make_directories("/tmp"));
    ASSERT_TRUE(host.files().make_directories("/new"));
    ASSERT_TRUE(host.files().create("/tmp/1", "x"));
    ASSERT_TRUE(host.files().sync("/tmp/1"));
    ASSERT_TRUE(host.files().sync_directory("/tmp"));
    ASSERT_TRUE(host.files().sync_directory("/new"));
    ASSERT_TRUE(host.files().rename("/tmp/1", "/new/1"));
    if (seed % 2 == 0) ASSERT_TRUE(host.files().sync_directory("/tmp"));
    host.power_cut();
    EXPECT_TRUE(*host.files().info("/tmp/1") || *host.files().info("/new/1"));
  }
}

TEST(MemoryDisk, AKilledProcessLosesNothingItWrote) {
  VirtualWorld world(5);
  auto& host = world.host("a");
  auto& old = host.files();
  ASSERT_TRUE(old.create("/x", "written"));
  host.kill();
  EXPECT_EQ(host.files().read("/x"), "written");
  EXPECT_EQ(old.append("/x", "by a ghost").error().kind, FaultKind::unavailable);
  EXPECT_EQ(host.files().read("/x"), "written");
}

class Database {
 public:
  explicit Database(VirtualHost& host, const char* path = "/db") {
    EXPECT_EQ(sqlite3_open_v2(path, &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, host.sqlite_vfs()), SQLITE_OK);
  }
  ~Database() { sqlite3_close(db_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  int run(const std::string& sql) { return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); }
  std::string text(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return sqlite3_errmsg(db_);
    std::string out;
    if (sqlite3_step(statement) == SQLITE_ROW) out = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return out;
  }

 private:
  sqlite3* db_ = nullptr;
};

TEST(MemoryVfs, WalWithTwoConnectionsLocksAndCheckpoints) {
  VirtualWorld world(1);
  auto& host = world.host("a");
  {
    Database writer(host), reader(host);
    EXPECT_EQ(writer.text("PRAGMA journal_mode=WAL"), "wal");
    ASSERT_EQ(writer.run("CREATE TABLE t(x); INSERT INTO t VALUES(1)"), SQLITE_OK);
    ASSERT_EQ(reader.run("BEGIN"), SQLITE_OK);
    EXPECT_EQ(reader.text("SELECT count(*) FROM t"), "1");
    ASSERT_EQ(writer.run("INSERT INTO t VALUES(2)"), SQLITE_OK);
    EXPECT_EQ(reader.text("SELECT count(*) FROM t"), "1");  // its snapshot
    ASSERT_EQ(writer.run("BEGIN IMMEDIATE"), SQLITE_OK);
    Database other(host);
    EXPECT_EQ(other.run("BEGIN IMMEDIATE"), SQLITE_BUSY);
    ASSERT_EQ(writer.run("COMMIT"), SQLITE_OK);
    ASSERT_EQ(reader.run("COMMIT"), SQLITE_OK);
    EXPECT_EQ(reader.text("SELECT count(*) FROM t"), "2");
    EXPECT_EQ(writer.run("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
  }
  EXPECT_FALSE(host.files().info("/db-wal").value());  // the last one out cleans up
  Database again(host);
  EXPECT_EQ(again.text("SELECT sum(x) FROM t"), "3");
  EXPECT_TRUE(again.text("SELECT date('now')").starts_with("2026-01-01"));
}

TEST(MemoryVfs, RollbackJournalToo) {
  VirtualWorld world(2);
  Database db(world.host("a"));
  ASSERT_EQ(db.run("CREATE TABLE t(x); BEGIN; INSERT INTO t VALUES(1); ROLLBACK; INSERT INTO t VALUES(2)"), SQLITE_OK);
  EXPECT_EQ(db.text("SELECT group_concat(x) FROM t"), "2");
}

void write_rows(Database& db, const char* synchronous, int rows) {
  ASSERT_EQ(db.text("PRAGMA journal_mode=WAL"), "wal");
  ASSERT_EQ(db.run(std::string("PRAGMA synchronous=") + synchronous + "; CREATE TABLE IF NOT EXISTS t(x)"), SQLITE_OK);
  for (int i = 0; i < rows; ++i) ASSERT_EQ(db.run("INSERT INTO t VALUES(hex(randomblob(300)))"), SQLITE_OK);
}

TEST(MemoryVfs, AtAPowerCutFullLosesNothingNormalPerhapsTheTailNeverSoundness) {
  int lost = 0;
  for (int seed = 0; seed < 20; ++seed) {
    for (const char* synchronous : {"FULL", "NORMAL"}) {
      VirtualWorld world(static_cast<std::uint64_t>(seed));
      auto& host = world.host("a");
      auto db = std::make_unique<Database>(host);
      write_rows(*db, synchronous, 40);
      host.power_cut([&] { db.reset(); });
      Database after(host);
      EXPECT_EQ(after.text("PRAGMA integrity_check"), "ok") << seed << synchronous;
      const auto rows = after.text("SELECT count(*) FROM t");
      if (std::string_view(synchronous) == "FULL")
        EXPECT_EQ(rows, "40") << seed;
      else
        lost += rows != "40";
    }
  }
  EXPECT_GT(lost, 0);
}

TEST(MemoryVfs, AKilledProcessKeepsItsCommitsAndItsGhostCannotWrite) {
  VirtualWorld world(3);
  auto& host = world.host("a");
  Database ghost(host);
  write_rows(ghost, "NORMAL", 10);
  ASSERT_EQ(ghost.run("BEGIN IMMEDIATE; INSERT INTO t VALUES('not committed')"), SQLITE_OK);
  host.kill();
  Database after(host);
  EXPECT_EQ(after.text("SELECT count(*) FROM t"), "10");
  EXPECT_EQ(after.run("INSERT INTO t VALUES('locks are gone')"), SQLITE_OK);
  EXPECT_NE(ghost.run("COMMIT"), SQLITE_OK);
  EXPECT_EQ(after.text("SELECT count(*) FROM t"), "11");
}

TEST(MemoryVfs, AFullDiskIsAnErrorAndTheDatabaseStaysSound) {
  VirtualWorld world(4);
  auto& host = world.host("a");
  Database db(host);
  write_rows(db, "FULL", 10);
  host.disk().limit(host.disk().used());
  EXPECT_EQ(db.run("INSERT INTO t VALUES(hex(randomblob(30000)))"), SQLITE_FULL);
  host.disk().limit(UINT64_MAX);
  EXPECT_EQ(db.run("INSERT INTO t VALUES(1)"), SQLITE_OK);
  EXPECT_EQ(db.text("SELECT count(*) FROM t"), "11");
  EXPECT_EQ(db.text("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace tidegate::sim
