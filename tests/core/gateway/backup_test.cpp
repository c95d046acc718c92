// SPDX-License-Identifier: Apache-2.0
// When a backup is made and how it goes up, against a scripted relay; and back into a state.
#include "core/gateway/backup.hpp"

#include <gtest/gtest.h>

#include "core/e2e/backup.hpp"
#include "core/gateway/recovery.hpp"
#include "core/sim/memory_disk.hpp"
#include "core/store/directory.hpp"
#include "core/store/snapshot.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::gateway {
namespace {

using namespace std::chrono_literals;
using wire::Code;

/// As relay/backups.hpp promises; can be away, forgetful, or refuse.
struct ScriptedRelay {
  wire::Answer answer(const wire::Control& asked) {
    if (!up) return {.code = Code::unavailable, .text = "away"};
    if (const auto* begin = std::get_if<wire::BackupBegin>(&asked)) {
      ++begins;
      if (refusal) return *refusal;
      if (begin->version <= version) return {.code = Code::conflict, .text = "no older", .number = version};
      if (coming.version != begin->version) have.clear();
      coming = *begin;
      return {.number = have.size()};
    }
    const auto& part = std::get<wire::BackupPart>(asked);
    ++parts;
    if (break_at != 0 && parts == break_at) {
      up = false;
      return {.code = Code::unavailable, .text = "broken"};
    }
    if (forget_at != 0 && parts == forget_at) coming = {};
    if (part.version != coming.version) return {.code = Code::not_found, .text = "begin again"};
    if (part.from == have.size()) have += part.octets;
    if (have.size() == coming.size) {
      version = coming.version;
      whole = have;
    }
    return {.number = have.size()};
  }

  bool up = true;
  std::uint64_t version = 0;
  int begins = 0, parts = 0, break_at = 0, forget_at = 0;
  std::optional<wire::Answer> refusal;
  wire::BackupBegin coming;
  Bytes have, whole;
};

struct BackupBed : store::LogBed {
  BackupBed() {
    settings.path = "state/state.db";
    close();
    open();
    boot();
    const auto ann = view();
    EXPECT_TRUE(apply(ann, "", {store::folder("INBOX", Role::inbox)}, "t"));
    std::vector<Change> changes;
    for (int n = 0; n < 2000; ++n) changes.emplace_back(store::item(std::to_string(n), "INBOX", 1'000'000'000 + n));
    EXPECT_TRUE(apply(ann, "INBOX", changes, "a"));
  }
  ~BackupBed() { leave(); }
  BackupBed(const BackupBed&) = delete;
  BackupBed& operator=(const BackupBed&) = delete;

  void boot() {
    auto made = Backup::make({.world = host,
                              .log = *log,
                              .database = settings.path,
                              .key_path = "state/recovery.key",
                              .spool = "state/backup.sealed",
                              .guid = Bytes(16, 'g'),
                              .every = 24h,
                              .soon = 60s,
                              .request =
                                  [this](wire::Control control, std::move_only_function<void(wire::Answer)> done) {
                                    host.reactor().post([answer = relay.answer(control),
                                                         done = std::move(done)]() mutable { done(answer); });
                                  },
                              .note = [](int, const std::string&) {},
                              .alarm = [this](const std::string& text) { alarms.push_back(text); }});
    ASSERT_TRUE(made) << made.error().text;
    backup = std::move(*made);
    backup->start();
  }
  void leave() { backup.reset(); }
  Result<Backup::Kept> now() {
    return store::answer_of<Backup::Kept>(world, [&](auto done) { backup->now(std::move(done)); });
  }
  bool kept(std::uint64_t version, std::chrono::seconds limit) {
    return world.run_until([&] { return backup->kept().version == version; }, limit);
  }
  /// The relay's copy, opened with the key on disk: how many items it holds.
  std::uint64_t items() {
    const auto key = *load_recovery_key(host, "state/recovery.key");
    e2e::BackupOpener opener(key);
    Bytes plain;
    EXPECT_TRUE(opener.feed(relay.whole, plain));
    EXPECT_TRUE(opener.finish());
    EXPECT_EQ(opener.head()->version, relay.version);
    for (const auto* end : {"", "-wal", "-shm"}) (void)host.files().remove(std::string("state/copy.db") + end);
    auto import = *store::SnapshotImport::make(host, "state/copy.db");
    EXPECT_TRUE(import->feed(plain));
    return import->finish(1)->items;
  }

  ScriptedRelay relay;
  std::unique_ptr<Backup> backup;
  std::vector<std::string> alarms;
};

TEST(Backup, GoesUpAfterTheStartAndThenOnceADay) {
  BackupBed bed;
  ASSERT_TRUE(bed.kept(1, 120s));
  EXPECT_EQ(bed.relay.version, 1U);
  EXPECT_EQ(bed.items(), 2000U);
  EXPECT_FALSE(*bed.host.files().info("state/backup.sealed")) << "nothing is left beside the state";
  EXPECT_FALSE(bed.kept(2, 23h));
  EXPECT_TRUE(bed.kept(2, 2h));
}

TEST(Backup, SoonAfterWhatMustNotBeLostAndOnceForMany) {
  BackupBed bed;
  ASSERT_TRUE(bed.kept(1, 120s));
  for (int n = 0; n < 5; ++n) bed.backup->soon();
  EXPECT_FALSE(bed.kept(2, 50s));
  EXPECT_TRUE(bed.kept(2, 30s));
  EXPECT_FALSE(bed.kept(3, 1h));
}

TEST(Backup, WhatChangesWhileOneGoesUpIsInTheNext) {
  BackupBed bed;
  bool done = false;
  bed.backup->now([&](Result<Backup::Kept>) {
    done = true;
    EXPECT_EQ(bed.relay.version, 1U);
  });
  bed.backup->soon();
  std::optional<Result<Backup::Kept>> second;
  bed.backup->now([&](Result<Backup::Kept> kept) { second = std::move(kept); });
  ASSERT_TRUE(bed.world.run_until([&] { return second.has_value(); }, 60s));
  EXPECT_TRUE(done);
  EXPECT_EQ((*second)->version, 2U) << "the one under way had begun before the question";
}

TEST(Backup, WhatMustNotBeLostWhileOneGoesUpIsNotLeftToTheNextDay) {
  BackupBed bed;
  bool done = false;
  bed.backup->now([&](const Result<Backup::Kept>&) { done = true; });
  bed.backup->soon();
  ASSERT_TRUE(bed.world.run_until([&] { return done; }, 60s));
  EXPECT_TRUE(bed.kept(2, 2min));
}

TEST(Backup, GoesOnWhereTheRelayStandsAfterABreak) {
  BackupBed bed;
  bed.relay.break_at = 4;
  bed.backup->now([](Result<Backup::Kept>) {});
  ASSERT_TRUE(bed.world.run_until([&] { return !bed.relay.up; }, 60s));
  bed.wait(10s);
  const auto had = bed.relay.have.size();
  EXPECT_GT(had, 0U);
  bed.relay.up = true;
  const auto parts = bed.relay.parts;
  bed.backup->opened();
  ASSERT_TRUE(bed.kept(1, 60s));
  EXPECT_EQ(static_cast<std::size_t>(bed.relay.parts - parts),
            (bed.relay.whole.size() - had + wire::backup_part - 1) / wire::backup_part)
      << "only what was missing";
  EXPECT_EQ(bed.items(), 2000U);
}

TEST(Backup, ARelayThatWasStartedAnewGetsItFromTheBeginning) {
  BackupBed bed;
  bed.relay.forget_at = 4;
  EXPECT_EQ(bed.now()->version, 1U);
  EXPECT_EQ(bed.relay.begins, 2);
  EXPECT_EQ(bed.items(), 2000U);
}

TEST(Backup, WaitsWithoutAChannel) {
  BackupBed bed;
  bed.relay.up = false;
  std::optional<Result<Backup::Kept>> said;
  bed.backup->now([&](Result<Backup::Kept> kept) { said = std::move(kept); });
  bed.wait(10min);
  EXPECT_FALSE(said);
  bed.relay.up = true;
  bed.backup->opened();
  ASSERT_TRUE(bed.world.run_until([&] { return said.has_value(); }, 60s));
  EXPECT_EQ((*said)->version, 1U) << "the one that was sealed, not a new one at each try";
}

TEST(Backup, CountsOnFromARelayThatHasAHigherOne) {
  BackupBed bed;
  bed.relay.version = 41;
  EXPECT_EQ(bed.now()->version, 42U);
  EXPECT_EQ(bed.now()->version, 43U);
}

TEST(Backup, ARelayThatAlwaysHasAHigherOneIsNotFollowedForEver) {
  BackupBed bed;
  bed.relay.refusal = wire::Answer{.code = Code::conflict, .text = "no older", .number = 1'000'000};
  EXPECT_FALSE(bed.now());
  EXPECT_LE(bed.relay.begins, 5);
  EXPECT_EQ(bed.alarms.size(), 1U);
}

TEST(Backup, ARefusalIsAnAlarmOnceAndTriedAgainLater) {
  BackupBed bed;
  bed.relay.refusal = wire::Answer{.code = Code::too_large, .text = "over the quota"};
  const auto said = bed.now();
  ASSERT_FALSE(said);
  EXPECT_NE(said.error().text.find("over the quota"), std::string::npos);
  EXPECT_FALSE(bed.now());
  ASSERT_EQ(bed.alarms.size(), 1U);
  EXPECT_NE(bed.backup->trouble().find("over the quota"), std::string::npos);
  bed.relay.refusal.reset();
  EXPECT_TRUE(bed.kept(3, 2h));
  EXPECT_EQ(bed.backup->trouble(), "");
}

TEST(Backup, AFullDiskIsAnAlarmAndLeavesNothing) {
  BackupBed bed;
  bed.wait(1s);
  bed.host.disk().limit(bed.host.disk().used() + 40'000);
  EXPECT_FALSE(bed.now());
  EXPECT_EQ(bed.alarms.size(), 1U);
  EXPECT_FALSE(*bed.host.files().info("state/backup.sealed"));
  bed.host.disk().limit(UINT64_MAX);
  EXPECT_TRUE(bed.now());
}

TEST(Backup, RemembersAcrossRestartsAndNeverGivesANumberTwice) {
  BackupBed bed;
  ASSERT_TRUE(bed.now());
  bed.relay.up = false;
  bed.backup->now([](Result<Backup::Kept>) {});  // 2 is sealed, and dies with the process
  bed.wait(5s);
  bed.host.kill([&] {
    bed.leave();
    bed.log.reset();
  });
  bed.open();
  bed.boot();
  EXPECT_EQ(bed.backup->kept().version, 1U);
  bed.relay.up = true;
  EXPECT_FALSE(bed.kept(3, 1h)) << "the last one is not a day old";
  EXPECT_EQ(bed.now()->version, 3U);
}

TEST(Backup, ADeviceThatKnowsAHigherOneRaisesOneAlarm) {
  BackupBed bed;
  ASSERT_TRUE(bed.now());
  bed.backup->heard(1);
  bed.backup->heard(0);
  EXPECT_TRUE(bed.alarms.empty());
  bed.backup->heard(9);
  bed.backup->heard(9);
  ASSERT_EQ(bed.alarms.size(), 1U);
  EXPECT_NE(bed.alarms[0].find("backup 9"), std::string::npos);
  EXPECT_EQ(bed.now()->version, 10U) << "higher than any that was told";
}

// However many backups the restored gateway has made by the time the device comes.
TEST(Backup, ADeviceThatKnowsALostOneRaisesAnAlarmWheneverItComes) {
  BackupBed bed;
  const auto put = [&](auto verb) { EXPECT_TRUE(store::answer_of<void>(bed.world, verb)); };
  put([&](auto done) { store::put_restored_from(*bed.log, 3, std::move(done)); });
  put([&](auto done) { store::put_backup_version(*bed.log, 3 + store::numbers_lost, std::move(done)); });
  bed.boot();
  const auto own = bed.now()->version;
  EXPECT_EQ(own, 4 + store::numbers_lost);
  bed.backup->heard(own);
  bed.backup->heard(3);
  EXPECT_TRUE(bed.alarms.empty());
  bed.backup->heard(4);
  bed.backup->heard(4);
  ASSERT_EQ(bed.alarms.size(), 1U);
  EXPECT_NE(bed.alarms[0].find("backup 4"), std::string::npos);
  bed.wait(5s);  // until that is on disk
  bed.boot();
  bed.backup->heard(4);
  EXPECT_EQ(bed.alarms.size(), 1U) << "it is remembered";
  EXPECT_EQ(bed.now()->version, own + 1);
}

TEST(Backup, WhatADeviceSaysDoesNotDisturbTheOneUnderWay) {
  BackupBed bed;
  bed.relay.break_at = 4;
  bed.backup->now([](Result<Backup::Kept>) {});
  ASSERT_TRUE(bed.world.run_until([&] { return !bed.relay.up; }, 60s));
  bed.backup->heard(9);
  bed.relay.up = true;
  bed.backup->opened();
  ASSERT_TRUE(bed.kept(1, 120s));
  EXPECT_EQ(bed.items(), 2000U);
  EXPECT_EQ(bed.now()->version, 10U);
}

}  // namespace
}  // namespace tidegate::gateway
