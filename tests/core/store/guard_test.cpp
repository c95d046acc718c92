// SPDX-License-Identifier: Apache-2.0
// Law 10: a back-end that suddenly names far less is asked about, not believed.
#include "core/store/guard.hpp"

#include <gtest/gtest.h>

#include "tests/core/store/log_bed.hpp"

namespace tidegate::store {
namespace {

using namespace std::chrono_literals;

struct GuardBed : LogBed {
  explicit GuardBed(int count = 40, Role role = Role::inbox) {
    log->on_held([this](const HoldRow& row) { heard.push_back(row); });
    ann = view();
    EXPECT_TRUE(apply(ann, "", {folder("in", role), folder("old"), folder("a"), folder("b"), folder("c")}, "t"));
    EXPECT_TRUE(apply(ann, "in", items(1, count), "1"));
    EXPECT_TRUE(apply(ann, "old", {}, "1"));
  }
  static std::vector<Change> items(int first, int last) {
    std::vector<Change> all;
    for (int n = first; n <= last; ++n) all.emplace_back(item(std::to_string(n), "in", n));
    return all;
  }
  /// A listing that names only these.
  void listing(int first, int last, const std::string& to, FaultKind why = FaultKind::anchor_expired) {
    ASSERT_TRUE(expire(ann, "in", why));
    auto all = items(first, last);
    all.emplace_back(Listed{"in"});
    ASSERT_TRUE(apply(ann, "in", std::move(all), to));
  }
  std::size_t gone() {
    std::size_t count = 0;
    for (const auto& row : changes(ann)) count += row.seq_gone != 0;
    return count;
  }
  std::vector<HoldRow> holds() {
    return *answer_of<std::vector<HoldRow>>(world, [&](auto done) { log->holds(std::move(done)); });
  }
  Result<void> decide(std::uint64_t number, bool release) {
    return answer_of<void>(world, [&](auto done) { log->decide_hold(number, release, std::move(done)); });
  }
  ViewId ann = 0;
  std::vector<HoldRow> heard;
};

TEST(Guard, AnEmptyListingRemovesNothingUntilSomebodySaysSo) {
  GuardBed bed;
  bed.listing(1, 0, "2");
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 0U);
  ASSERT_EQ(bed.heard.size(), 1U);
  EXPECT_EQ(bed.heard[0].user, "ann");
  EXPECT_EQ(bed.heard[0].what, "items of in");
  EXPECT_EQ(bed.heard[0].count, 40U);
  EXPECT_EQ(bed.holds().size(), 1U);
  bed.kill();  // it survives
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 0U);
  const auto held = bed.holds();
  ASSERT_EQ(held.size(), 1U);
  EXPECT_FALSE(bed.decide(held[0].number + 1, true));
  ASSERT_TRUE(bed.decide(held[0].number, true));
  bed.wait(1s);
  EXPECT_EQ(bed.gone(), 40U);
  EXPECT_TRUE(bed.holds().empty());
}

TEST(Guard, WhatIsNamedAgainLeavesTheHold) {
  GuardBed bed;
  bed.listing(1, 0, "2");
  bed.wait(60s);
  bed.listing(1, 40, "3");
  bed.wait(60s);
  EXPECT_TRUE(bed.holds().empty());
  EXPECT_EQ(bed.gone(), 0U);
  EXPECT_EQ(bed.backfill(bed.ann, {.folder = bed.folder_named(bed.ann, "in").gid, .snapshot = 1000}, 100).size(), 40U);
}

TEST(Guard, WhatComesBackUnderNewNamesIsTheSame) {
  GuardBed bed;
  const auto before = bed.changes(bed.ann);
  bed.listing(1, 0, "2");
  bed.wait(60s);
  std::vector<Change> again;
  for (int n = 1; n <= 40; ++n) again.emplace_back(item("new" + std::to_string(n), "in", n));
  ASSERT_TRUE(bed.apply(bed.ann, "in", std::move(again), "3"));
  bed.wait(60s);
  EXPECT_TRUE(bed.holds().empty());
  const auto after = bed.changes(bed.ann);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i].gid, before[i].gid);
}

TEST(Guard, DiscardedNothingIsRemoved) {
  GuardBed bed;
  bed.listing(1, 10, "2");
  bed.wait(60s);
  ASSERT_EQ(bed.holds().size(), 1U);
  EXPECT_EQ(bed.holds()[0].count, 30U);
  ASSERT_TRUE(bed.decide(bed.holds()[0].number, false));
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 0U);
  EXPECT_TRUE(bed.holds().empty());
}

TEST(Guard, OrdinaryRemovalsAreBelieved) {
  {
    GuardBed half(42);
    half.listing(22, 42, "2");  // 21 of 42: not more than half
    half.wait(60s);
    EXPECT_EQ(half.gone(), 21U);
  }
  {
    GuardBed few(20);
    few.listing(1, 0, "2");
    few.wait(60s);
    EXPECT_EQ(few.gone(), 20U);
  }
  GuardBed trash(200, Role::trash);
  trash.listing(1, 0, "2");
  trash.wait(60s);
  EXPECT_EQ(trash.gone(), 200U);
  EXPECT_TRUE(trash.heard.empty());
}

TEST(Guard, WhatAFolderLostThatWentBackInTimeWaitsHoweverLittle) {
  GuardBed bed;
  const auto before = bed.changes(bed.ann);
  bed.listing(1, 38, "2", FaultKind::regressed);
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 0U);
  ASSERT_EQ(bed.heard.size(), 1U);
  EXPECT_EQ(bed.heard[0].what, "items of in, which went back in time");
  EXPECT_EQ(bed.heard[0].count, 2U);
  EXPECT_EQ(bed.changes(bed.ann).size(), before.size()) << "old mail is not new";
  // One is found again under another name, the other is decided on.
  ASSERT_TRUE(bed.apply(bed.ann, "in", {item("again", "in", 39)}, "3"));
  bed.kill();
  bed.wait(60s);
  ASSERT_EQ(bed.holds().size(), 1U);
  EXPECT_EQ(bed.holds()[0].count, 1U);
  EXPECT_EQ(bed.gone(), 0U);
  ASSERT_TRUE(bed.decide(bed.holds()[0].number, true));
  bed.wait(1s);
  EXPECT_EQ(bed.gone(), 1U);
  EXPECT_TRUE(bed.holds().empty());
}

TEST(Guard, TheDoubtLastsUntilThatListingEnds) {
  GuardBed bed;
  ASSERT_TRUE(bed.expire(bed.ann, "in", FaultKind::regressed));
  ASSERT_TRUE(bed.apply(bed.ann, "in", GuardBed::items(1, 20), "2", true));
  bed.kill();
  ASSERT_TRUE(bed.expire(bed.ann, "in"));  // and renumbered in the middle of it
  auto rest = GuardBed::items(1, 39);
  rest.emplace_back(Listed{"in"});
  ASSERT_TRUE(bed.apply(bed.ann, "in", std::move(rest), "3"));
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 0U);
  ASSERT_EQ(bed.holds().size(), 1U);
  bed.listing(1, 39, "4");  // the one that is held stays so
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 0U);
  bed.listing(1, 38, "5");  // and another is gone as ever
  bed.wait(60s);
  EXPECT_EQ(bed.gone(), 1U);
  EXPECT_EQ(bed.holds().size(), 1U);
}

TEST(Guard, AFolderThatWentBackAndLostNothingAsksNobody) {
  GuardBed bed;
  bed.listing(1, 40, "2", FaultKind::regressed);
  bed.wait(60s);
  EXPECT_TRUE(bed.holds().empty());
  EXPECT_TRUE(bed.heard.empty());
}

TEST(Guard, AMoveOfAllIsNoLoss) {
  GuardBed bed;
  bed.listing(1, 0, "2");
  std::vector<Change> moved;
  for (int n = 1; n <= 40; ++n) moved.emplace_back(item("m" + std::to_string(n), "old", n));
  ASSERT_TRUE(bed.apply(bed.ann, "old", std::move(moved), "2"));
  bed.wait(60s);
  EXPECT_TRUE(bed.heard.empty());
  EXPECT_EQ(bed.gone(), 0U);
}

std::size_t gone_folders(GuardBed& bed) {
  std::size_t count = 0;
  for (const auto& row : bed.folders(bed.ann)) count += row.gone;
  return count;
}
void tree(GuardBed& bed, std::vector<Change> folders, const std::string& to) {
  ASSERT_TRUE(bed.expire(bed.ann, ""));
  folders.emplace_back(Listed{""});
  ASSERT_TRUE(bed.apply(bed.ann, "", std::move(folders), to));
}

TEST(Guard, AnEmptyListOfFoldersIsNotBelieved) {
  GuardBed bed;
  tree(bed, {}, "u");
  tree(bed, {}, "v");
  bed.wait(60s);
  EXPECT_EQ(gone_folders(bed), 0U);
  EXPECT_EQ(bed.gone(), 0U);
  ASSERT_EQ(bed.heard.size(), 1U) << "said once";
  EXPECT_EQ(bed.heard[0].what, "folders");
  EXPECT_EQ(bed.heard[0].count, 5U);
  // It was meant: the next listing is believed.
  ASSERT_TRUE(bed.decide(bed.heard[0].number, true));
  tree(bed, {folder("in", Role::inbox)}, "w");
  EXPECT_EQ(gone_folders(bed), 4U);
  EXPECT_TRUE(bed.holds().empty());
}

TEST(Guard, AListWithoutTheInboxIsNotBelievedAndMendsItself) {
  GuardBed bed;
  tree(bed, {folder("old"), folder("a"), folder("b"), folder("c")}, "u");
  bed.wait(10s);
  EXPECT_EQ(bed.holds().size(), 1U);
  tree(bed, {folder("in", Role::inbox), folder("old"), folder("a"), folder("b"), folder("c")}, "v");
  bed.wait(10s);
  EXPECT_TRUE(bed.holds().empty());
  EXPECT_EQ(gone_folders(bed), 0U);
}

TEST(Guard, AnotherBackendOfTheUserDoesNotAnswerForThisOne) {
  GuardBed bed;
  tree(bed, {}, "u");
  bed.wait(1s);
  ASSERT_EQ(bed.heard.size(), 1U);
  const ApplyPage calendars{bed.ann, "dav", "", "", {{folder("cal"), Listed{""}}, "1", false}};
  ASSERT_TRUE(answer_of<Applied>(bed.world, [&](auto done) { bed.log->apply(calendars, std::move(done)); }));
  tree(bed, {}, "v");
  bed.wait(10s);
  EXPECT_EQ(bed.holds().size(), 1U);
  EXPECT_EQ(bed.heard.size(), 1U);
}

TEST(Guard, AFolderThatWasRemovedGoesWithWhatIsInIt) {
  GuardBed bed(40, Role::none);
  tree(bed, {folder("old"), folder("a"), folder("b"), folder("c")}, "u");
  bed.wait(60s);
  EXPECT_EQ(gone_folders(bed), 1U);
  EXPECT_EQ(bed.gone(), 40U);
}

}  // namespace
}  // namespace tidegate::store
