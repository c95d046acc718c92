// SPDX-License-Identifier: Apache-2.0
// Contents on their way to a device, and those that cannot be read.
#include "tests/core/push/sessions_fixture.hpp"

namespace tidegate::push {
namespace {

TEST_F(SessionsTest, LargeContentComesInPartsAndWhole) {
  Bytes large(700'000, '\0');
  for (std::size_t at = 0; at < large.size(); ++at) large[at] = static_cast<char>(at * 31 + at / 977);
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, large);
  changed();
  auto heard = hear(*peer);
  auto got = e2e::unpack(only<e2e::Item>(heard).at(0).first).value();
  auto parts = only<e2e::ItemPart>(heard);
  for (const auto& part : parts) {
    EXPECT_EQ(part.offset, got.size());
    got += e2e::unpack(part.octets).value();
  }
  EXPECT_TRUE(parts.back().last);
  EXPECT_EQ(got, large);
}

TEST_F(SessionsTest, BackendThatIsAwayHoldsTheFeedAndLosesNothing) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  accounts.faults[gid(1)] = {Fault{FaultKind::unavailable, "b", "away", {}, {}},
                             Fault{FaultKind::unavailable, "b", "away", {}, {}}};
  changed();
  EXPECT_TRUE(only<e2e::Item>(hear(*peer)).empty());
  world.run_for(10s);
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U);
}

TEST_F(SessionsTest, UnreadableItemIsLeftOutWithASentenceAndTheRestGoesOn) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "bad");
  content(2, inbox, 20, "good");
  accounts.faults[gid(1)] = std::deque<Fault>(4, Fault{FaultKind::invalid, "b", "nonsense", {}, {}});
  changed();
  EXPECT_TRUE(only<e2e::Alarm>(hear(*peer)).empty()) << "once is no proof";
  world.run_for(10s);
  auto heard = hear(*peer);
  EXPECT_EQ(only<e2e::Alarm>(heard).size(), 1U);
  ASSERT_EQ(only<e2e::Item>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::Item>(heard)[0].gid, gid(2));
  EXPECT_EQ(only<e2e::Mark>(heard).back().position.live, 2U);
}

TEST_F(SessionsTest, WhatIsInQuarantineCostsTheNextSessionNothingAndComesWhenItCanBeRead) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "bad");
  content(2, inbox, 20, "good");
  accounts.faults[gid(1)] = std::deque<Fault>(5, Fault{FaultKind::invalid, "b", "nonsense", {}, {}});
  changed();
  world.run_for(10s);
  auto heard = hear(*peer);
  ASSERT_EQ(quarantine->rows().size(), 1U);
  EXPECT_EQ(quarantine->rows()[0].attempts, 4U);
  EXPECT_EQ(quarantine->rows()[0].reason, "nonsense");
  EXPECT_EQ(quarantine->rows()[0].user, device.user);

  accounts.reads.clear();
  content(3, inbox, 30, "newer");
  peer = connect(8, {only<e2e::Mark>(heard).back().position});
  heard = hear(*peer);
  EXPECT_EQ(only<e2e::Item>(heard).size(), 1U);
  peer = connect(9);  // as a new device: it is filled from the beginning
  heard = hear(*peer);
  EXPECT_EQ(only<e2e::Item>(heard).size(), 2U) << "the rest goes on";
  EXPECT_EQ(std::ranges::count(accounts.reads, gid(1)), 0) << "it has not changed";

  ASSERT_TRUE(quarantine->retry(""));
  EXPECT_TRUE(only<e2e::Item>(hear(*peer)).empty());
  EXPECT_EQ(quarantine->rows()[0].attempts, 5U);
  ASSERT_TRUE(quarantine->retry(digits(gid(1)).substr(0, 2)));
  settle();
  EXPECT_TRUE(quarantine->rows().empty());
  log.rows.at(gid(1)).seq_body = ++log.now.head;  // as the true log does then
  changed();
  auto items = only<e2e::Item>(hear(*peer));
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].gid, gid(1));
}

TEST_F(SessionsTest, WhatIsInQuarantineIsReadAgainWhenItChanges) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "bad");
  accounts.faults[gid(1)] = std::deque<Fault>(4, Fault{FaultKind::invalid, "b", "nonsense", {}, {}});
  changed();
  world.run_for(10s);
  auto heard = hear(*peer);
  peer = connect(8, {only<e2e::Mark>(heard).back().position});
  hear(*peer);
  log.flag(1, Flag::seen);
  changed();
  EXPECT_GE(only<e2e::Item>(hear(*peer)).size(), 1U);
  EXPECT_TRUE(quarantine->rows().empty());
}

TEST_F(SessionsTest, WhatBreaksTheConnectionEveryTimeIsLeftOutIfAllElseIsWell) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "kills the server's worker");
  content(2, inbox, 20, "good");
  accounts.faults[gid(1)] = std::deque<Fault>(1000, Fault{FaultKind::unavailable, "b", "reset", {}, {}});
  changed();
  world.run_for(1h);
  auto heard = hear(*peer);
  EXPECT_EQ(only<e2e::Alarm>(heard).size(), 1U);
  ASSERT_EQ(only<e2e::Item>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::Item>(heard)[0].gid, gid(2));
}

TEST_F(SessionsTest, WhatCannotBeReadWhileTheBackendIsAwayIsNeverLeftOut) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  accounts.state[0].unreachable_since = 5;
  accounts.faults[gid(1)] = std::deque<Fault>(12, Fault{FaultKind::unavailable, "b", "away", {}, {}});
  changed();
  world.run_for(450s);
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::Alarm>(heard).empty());
  EXPECT_EQ(only<e2e::Item>(heard).size(), 1U);
}

// A back-end that moved or renumbered the item between the listing and the read.
TEST_F(SessionsTest, AnItemThatGotAnotherIdMeanwhileIsReadUnderIt) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  content(2, inbox, 10, "two");
  accounts.faults[gid(1)] = {Fault{FaultKind::anchor_expired, "b", "renumbered", {}, {}}};
  accounts.faults[gid(2)] = {Fault{FaultKind::not_found, "b", "moved away", {}, {}}};
  changed();
  log.rows.at(gid(1)).id = "other1";
  log.rows.at(gid(2)).id = "other2";
  world.run_for(10s);
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 2U);
  EXPECT_EQ(std::ranges::count(accounts.ids, "other1"), 1);
  EXPECT_EQ(std::ranges::count(accounts.ids, "other2"), 1);
}

TEST_F(SessionsTest, WhatWasLeftOutComesWhenAnythingOfItChanges) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  accounts.faults[gid(1)] = std::deque<Fault>(2, Fault{FaultKind::not_found, "b", "moved away", {}, {}});
  changed();
  EXPECT_TRUE(only<e2e::Item>(hear(*peer)).empty());
  log.flag(1, Flag::seen);
  changed();
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U);
}

TEST_F(SessionsTest, WhatTheLogNamesAndTheBackendDoesNotHaveIsInQuarantineUntilItsRemoval) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  content(2, inbox, 10, "two");
  for (const unsigned each : {1U, 2U})
    accounts.faults[gid(each)] = std::deque<Fault>(10, Fault{FaultKind::not_found, "b", "not there", {}, {}});
  changed();
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::Item>(heard).empty());
  EXPECT_TRUE(only<e2e::Alarm>(heard).empty()) << "mostly its removal follows";
  ASSERT_EQ(quarantine->rows().size(), 2U);
  EXPECT_EQ(quarantine->rows()[0].reason, "not there");
  log.remove(1);
  changed();
  hear(*peer);
  ASSERT_EQ(quarantine->rows().size(), 1U);
  EXPECT_EQ(quarantine->rows()[0].gid, gid(2));
}

TEST_F(SessionsTest, NoPositionPassesWhatIsLeftOutBeforeTheQuarantineIsOnDisk) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  accounts.faults[gid(1)] = std::deque<Fault>(10, Fault{FaultKind::not_found, "b", "not there", {}, {}});
  log.fails["transact"] = 1;
  changed();
  EXPECT_TRUE(only<e2e::Mark>(hear(*peer)).empty()) << "a gateway that dies now has forgotten it, and nobody asks";
  EXPECT_TRUE(quarantine->rows().empty());
  world.run_for(10s);
  const auto marks = only<e2e::Mark>(hear(*peer));
  ASSERT_FALSE(marks.empty());
  EXPECT_EQ(marks.back().position.live, 1U);
  EXPECT_EQ(quarantine->rows().size(), 1U);
}

// Removed while it was asked for, and the log knows.
TEST_F(SessionsTest, WhatTheLogKnowsToBeGoneIsLeftOutWithoutAWord) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "one");
  accounts.faults[gid(1)] = std::deque<Fault>(10, Fault{FaultKind::not_found, "b", "not there", {}, {}});
  changed();
  log.remove(1);
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::Item>(heard).empty());
  EXPECT_TRUE(quarantine->rows().empty());
}

TEST_F(SessionsTest, AnEstimatedSizeIsCorrectedAndTheContentComesWhole) {
  const Bytes large(700'000, 'x');
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, large);
  log.rows.at(gid(1)).size = 0;
  accounts.estimates[gid(1)] = 650'000;
  changed();
  auto heard = hear(*peer);
  auto items = only<e2e::Item>(heard);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].size, 650'000U);
  EXPECT_EQ(items[1].size, large.size());
  auto parts = only<e2e::ItemPart>(heard);
  EXPECT_EQ(std::ranges::count(parts, true, &e2e::ItemPart::failed), 1);
  EXPECT_TRUE(parts.back().last && !parts.back().failed);
  EXPECT_EQ(parts.back().offset + e2e::unpack(parts.back().octets).value().size(), large.size());
}

}  // namespace
}  // namespace tidegate::push
