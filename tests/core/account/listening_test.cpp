// SPDX-License-Identifier: Apache-2.0
// How agents hear of changes: watches, parked sessions, polling.
#include "tests/core/account/account_bed.hpp"

namespace tidegate::account {
namespace {

TEST(Accounts, WithoutAWatchTheyPoll) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");
  bed.wait(70s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, TheSweepFindsWhatNoHintTold) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");
  bed.wait(12min);
  EXPECT_THAT(bed.ids(), ElementsAre());
  bed.wait(6min);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, ABackendMaySweepAtItsOwnPace) {
  AccountBed bed;
  bed.backend_sweep = 20s;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");
  bed.wait(25s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, ALostWatchPollsAndListensAgain) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.lose("ann");
  bed.backend.add("old", "m1");
  bed.wait(70s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.backend.count("watch"), 2);
}

TEST(Accounts, AParkedSessionWakesInTimeAndOneCallBringsThePage) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.settings.poll_folders = 3600s;
  bed.backend.wake_by = bed.world.now() + 30s;
  bed.serve();
  bed.wait(5s);
  EXPECT_EQ(bed.backend.open_sessions(), 1);
  EXPECT_EQ(bed.backend.count("park"), 1);
  EXPECT_EQ(bed.backend.calls().back(), "park");
  bed.backend.forget_calls();
  bed.backend.add("in", "m1");
  bed.backend.unparked = {{"in"}, false};
  bed.wait(20s);
  EXPECT_EQ(bed.backend.count("unpark"), 0);
  bed.backend.wake_by += 1h;
  bed.wait(10s);
  EXPECT_THAT(bed.backend.calls(), ElementsAre("unpark", "changes in", "park"));
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.backend.open_sessions(), 1);
}

// NOTIFY of IMAP. What changed before it listened is looked at once; then only what it names, and the sweep.
TEST(Accounts, ASessionThatHearsOfEverythingIsNotPolledBeside) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = bed.backend.hears_everything = true;
  const auto start = bed.world.now();
  bed.backend.wake_by = start + 10min;
  bed.serve();
  bed.wait(5s);
  EXPECT_EQ(bed.backend.count("changes old"), 2) << "once before it listened and once after";
  bed.backend.add("old", "m1");
  bed.wait(9min);
  EXPECT_THAT(bed.ids(), ElementsAre());
  bed.backend.unparked = {{"old"}, false};
  bed.backend.wake_by = start + 1h;
  bed.wait(60s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  bed.backend.fail_next("changes", FaultKind::unavailable);  // the connection is lost at the next sweep
  bed.backend.hears_everything = false;
  bed.wait(15min);
  bed.backend.add("old", "m2");
  bed.wait(70s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2")) << "deaf for the other folders: they are polled";
}

TEST(Accounts, ASignOfLifeAsksNothing) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.settings.poll_folders = 3600s;
  bed.backend.wake_by = bed.world.now() + 30s;
  bed.serve();
  bed.wait(5s);
  bed.backend.forget_calls();
  bed.wait(24s);
  bed.backend.wake_by += 1h;
  bed.wait(10s);
  EXPECT_THAT(bed.backend.calls(), ElementsAre("unpark", "park"));
}

TEST(Accounts, LongListingsDoNotDeafenTheParkedSession) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.settings.page_limit = 10;
  for (int i = 0; i < 95; ++i) bed.backend.add("old", "m" + std::to_string(100 + i));
  bed.serve();
  bed.wait(10s);
  EXPECT_EQ(bed.ids().size(), 95U);
  const auto calls = bed.backend.calls();
  const auto parked = std::ranges::find(calls, "park");
  ASSERT_NE(parked, calls.end());
  EXPECT_GE(std::count(parked, calls.end(), "changes old"), 5) << "most pages came while the inbox was listened to";
  EXPECT_EQ(bed.backend.open_sessions(), 2);
  bed.wait(15s);
  EXPECT_EQ(bed.backend.open_sessions(), 1);
}

}  // namespace
}  // namespace tidegate::account
