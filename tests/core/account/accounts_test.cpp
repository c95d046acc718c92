// SPDX-License-Identifier: Apache-2.0
// What an agent asks for, and what it does about faults.
#include "tests/core/account/account_bed.hpp"

namespace tidegate::account {
namespace {

TEST(Accounts, ListTheTreeThenTheInboxThenTheRest) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.backend.add("old", "m2");
  bed.serve();
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2"));
  EXPECT_THAT(bed.backend.calls(), ElementsAre("open", "changes ", "changes in", "changes old"));
  EXPECT_EQ(bed.backend.open_sessions(), 0) << "nothing stays open that does not listen";
  EXPECT_EQ(bed.heads.back().second, bed.head(bed.view_id).head);
}

TEST(Accounts, AMailboxIsLookedThroughWhenAllOfItIsInTheLog) {
  AccountBed bed;
  bed.settings.page_limit = 2;
  for (int n = 0; n < 5; ++n) bed.backend.add("old", "m" + std::to_string(n));
  std::vector<std::pair<Bytes, bool>> asked;
  bed.backend.during_changes = [&](const Call&, View scope) {
    asked.emplace_back(scope, bed.accounts->looked_through("ann"));
  };
  bed.serve();
  EXPECT_FALSE(bed.accounts->looked_through("ann"));
  bed.wait(2s);
  EXPECT_TRUE(bed.accounts->looked_through("ann"));
  EXPECT_EQ(bed.looked, 1);
  ASSERT_GE(asked.size(), 4U) << "more than one page";
  for (const auto& [scope, looked] : asked) EXPECT_FALSE(looked) << scope;
  EXPECT_FALSE(bed.accounts->looked_through("bob"));
}

TEST(Accounts, SayWhatTheyTakeFromABackEnd) {
  AccountBed bed;
  bed.serve("ann", {Kind::mail, Kind::event});
  EXPECT_TRUE(bed.accounts->serves("ann", "mail", Kind::event));
  EXPECT_FALSE(bed.accounts->serves("ann", "mail", Kind::task));
  EXPECT_TRUE(bed.accounts->serves("ann", "another", Kind::task));
  bed.serve("bob");
  EXPECT_TRUE(bed.accounts->serves("bob", "mail", Kind::task)) << "all of it";
}

TEST(Accounts, WhileTheServerIsAwayNothingWasLookedThrough) {
  AccountBed bed;
  bed.backend.fail_next("open", FaultKind::unavailable, {}, 3);
  bed.serve();
  bed.wait(1s);
  EXPECT_FALSE(bed.accounts->looked_through("ann"));
  bed.wait(60s);
  EXPECT_TRUE(bed.accounts->looked_through("ann"));
}

TEST(Accounts, AHintBringsTheMessageAndItsContentAtOnce) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  bed.backend.add("in", "m1", "hello");
  bed.at.clear();
  const auto hinted = bed.world.now();
  bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  ASSERT_EQ(bed.at.size(), 1U);
  EXPECT_LT(bed.at[0] - hinted, 50ms);
  const auto piece = bed.read("m1", 0, 100);
  ASSERT_TRUE(piece);
  EXPECT_EQ(*piece->octets, "hello");
  EXPECT_EQ(piece->total, 5U);
  EXPECT_EQ(bed.backend.count("read"), 0) << "it came along";
}

TEST(Accounts, HintsCoalesceTheFirstIsServedAtOnce) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  for (int i = 0; i < 100; ++i) bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  EXPECT_LE(bed.backend.count("changes in"), 2);
  EXPECT_GE(bed.backend.count("changes in"), 1);
  EXPECT_EQ(bed.backend.count("changes old"), 0);
}

TEST(Accounts, AHintDuringItsOwnCallIsNotLost) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bool once = true;
  bed.backend.add("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.backend.during_changes = [&](const Call&, View) {
    if (std::exchange(once, false))
      bed.host.reactor().post([&] {
        bed.backend.add("in", "m2");
        bed.backend.hint("ann", {"in"});
      });
  };
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2"));
}

TEST(Accounts, AFaultOfTheBackendIsRetriedWithGrowingPauses) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  bed.backend.fail_next("open", FaultKind::unavailable, {}, 5);
  bed.backend.add("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.wait(400ms);
  EXPECT_EQ(bed.backend.count("open"), 1);
  EXPECT_GT(bed.health().unreachable_since, 0);
  EXPECT_EQ(bed.health().fault, "As the script says.");
  EXPECT_THAT(bed.ids(), ElementsAre());
  bed.wait(6s);  // 1 + 2 + … at most
  EXPECT_LE(bed.backend.count("open"), 5);
  EXPECT_GE(bed.backend.count("open"), 3);
  bed.wait(60s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.health().unreachable_since, 0);
  EXPECT_GT(bed.health().proven_unix, 0);
}

TEST(Accounts, WrongCredentialsAreNotTriedOften) {
  AccountBed bed;
  bed.backend.fail_next("open", FaultKind::auth, {}, 100);
  bed.serve();
  bed.wait(140s);
  EXPECT_EQ(bed.backend.count("open"), 1);
  bed.wait(600s);
  EXPECT_LE(bed.backend.count("open"), 5);
}

TEST(Accounts, WaitAsLongAsTheServerAsks) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  bed.backend.fail_next("changes in", FaultKind::throttled, 30s);
  bed.backend.add("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.wait(29s);
  EXPECT_EQ(bed.backend.count("changes in"), 1);
  bed.wait(5s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, AnExpiredAnchorIsListedAgainWithoutAnybodyNoticing) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.serve();
  bed.wait(2s);
  const auto head = bed.head(bed.view_id).head;
  bed.backend.forget_anchors("in");
  bed.backend.hint("ann", {"in"});
  bed.wait(5s);
  EXPECT_EQ(bed.head(bed.view_id).head, head);
  bed.backend.add("in", "m2");
  bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2"));
}

// Law 10. The folder goes on at once; what its backup had not yet is neither removed nor told again.
TEST(Accounts, AFolderThatWentBackInTimeIsListedAgainAndItsLossesWait) {
  AccountBed bed;
  for (const auto* id : {"m1", "m2", "m3"}) bed.backend.add("in", id);
  bed.serve();
  bed.wait(2s);
  const auto head = bed.head(bed.view_id).head;
  bed.backend.restore("in", 2);
  bed.backend.hint("ann", {"in"});
  bed.wait(60s);
  EXPECT_EQ(bed.head(bed.view_id).head, head);
  const auto holds =
      *store::answer_of<std::vector<store::HoldRow>>(bed.world, [&](auto done) { bed.log->holds(std::move(done)); });
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].count, 1U);
  bed.backend.add("in", "m4");
  bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2", "m3", "m4"));
  EXPECT_TRUE(bed.health().fault.empty()) << bed.health().fault;
}

// IMAP-25: a folder that is listed but cannot be opened.
TEST(Accounts, AFolderThatAlwaysFailsHarmsOnlyItself) {
  AccountBed bed;
  bed.backend.add_folder("phantom");
  bed.backend.fail_next("changes phantom", FaultKind::not_found, {}, 1000);
  bed.backend.add("old", "m1");
  bed.serve();
  bed.wait(5s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_LE(bed.backend.count("changes phantom"), 3);
  EXPECT_EQ(bed.health().unreachable_since, 0);
}

// An inbox that cannot be looked at: nobody hammers the server, the other folders go on, and it is tried each round.
TEST(Accounts, AnInboxThatAlwaysFailsIsNotAskedAllTheTime) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.backend.fail_next("changes in", FaultKind::invalid, {}, 4);
  bed.backend.add("old", "m1");
  bed.serve();
  bed.wait(5s);
  EXPECT_LE(bed.backend.count("changes in"), 3);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  bed.wait(600s);
  EXPECT_EQ(bed.backend.calls().back(), "park") << "well again, and listening";
}

TEST(Accounts, TakeOnlyTheKindsTheyAreGiven) {
  AccountBed bed;
  bed.backend.add_folder("dates", Role::calendar, Kind::event);
  bed.backend.add("dates", "e1");
  bed.serve("ann", {Kind::mail});
  bed.wait(2s);
  EXPECT_THAT(bed.backend.calls(), Not(Contains("changes dates")));
  EXPECT_EQ(bed.folder_named(bed.view_id, "dates").id, "");
}

TEST(Accounts, AStoppedUserIsLeftAlone) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.hint("ann", {"in"});
  bed.accounts->stop("ann");
  bed.backend.forget_calls();
  bed.backend.hint("ann", {"in"});
  bed.wait(1h);
  EXPECT_THAT(bed.backend.calls(), ElementsAre());
  EXPECT_EQ(bed.backend.open_sessions(), 0);
  bed.serve();  // and may come back
  bed.wait(2s);
  EXPECT_THAT(bed.backend.calls(), Contains("changes in"));
}

TEST(Accounts, ARemovalIsToldWhenItIsSettled) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.serve();
  bed.wait(2s);
  bed.heads.clear();
  bed.backend.remove("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.wait(5s);
  ASSERT_EQ(bed.heads.size(), 1U);
  EXPECT_EQ(bed.heads[0].second, bed.head(bed.view_id).head);
  EXPECT_THAT(bed.ids(), ElementsAre());
}

TEST(Accounts, AFullDiskStopsAndGoesOnByItself) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.host.disk().limit(0);
  for (int i = 0; i < 300; ++i) bed.backend.add("in", "m" + std::to_string(i));
  bed.backend.hint("ann", {"in"});
  bed.wait(20s);
  EXPECT_THAT(bed.ids(), ElementsAre());
  EXPECT_FALSE(bed.health().fault.empty());
  bed.host.disk().limit(UINT64_MAX);
  bed.wait(400s);
  EXPECT_EQ(bed.ids().size(), 300U);
}

}  // namespace
}  // namespace tidegate::account
