// SPDX-License-Identifier: Apache-2.0
// What the log does with one page, one case each.
#include "core/store/log.hpp"

#include <gtest/gtest.h>

#include "core/store/database.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::store {
namespace {

using std::chrono::seconds;

TEST(Log, NumbersOnlyWhatReallyChanged) {
  LogBed bed;
  const auto view = bed.view();
  ASSERT_TRUE(bed.apply(view, "", {folder("in", Role::inbox)}, "t1"));
  auto first = bed.apply(view, "in", {item("1", "in", 10), item("2", "in", 20)}, "a1");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->changes.size(), 2U);
  auto again = bed.apply(view, "in", {item("1", "in", 10), item("2", "in", 20, seen)}, "a2");
  ASSERT_TRUE(again);
  ASSERT_EQ(again->changes.size(), 1U);
  EXPECT_EQ(again->head, first->head + 1);
  const auto rows = bed.changes(view, first->head);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, "2");
  EXPECT_EQ(rows[0].flags, seen);
  EXPECT_EQ(rows[0].seq_meta, again->head);
  EXPECT_EQ(rows[0].backend, "mail");
  EXPECT_EQ(rows[0].folders, std::vector{bed.folder_named(view, "in").gid});
  EXPECT_EQ(bed.folder_named(view, "in").items, 2U);
}

TEST(Log, AContentRevisionMovesTheBodyAStateRevisionAloneNothing) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  auto body = item("1", "in", 10);
  body.state_rev = "modseq 7";
  const auto before = bed.head(view).head;
  EXPECT_TRUE(bed.apply(view, "in", {body}, "a2")->changes.empty());
  EXPECT_EQ(bed.head(view).head, before);
  EXPECT_EQ(bed.changes(view)[0].state_rev, "modseq 7");
  body.content_rev = "c2";
  body.content = "new octets";
  const auto applied = bed.apply(view, "in", {body}, "a3");
  ASSERT_EQ(applied->changes.size(), 1U);
  EXPECT_EQ(applied->changes[0].content, "new octets");
  EXPECT_EQ(applied->changes[0].content_rev, "c2");
  EXPECT_EQ(bed.changes(view)[0].seq_body, applied->head);
}

TEST(Log, RefusesAPageAskedWithAnotherAnchor) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  ApplyPage late{view, "mail", "in", "a0", {{item("2", "in", 20)}, "a2", false}};
  const auto refused =
      answer_of<Applied>(bed.world, [&](auto done) { bed.log->apply(std::move(late), std::move(done)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::conflict);
  EXPECT_EQ(bed.anchor(view, "in"), "a1");
  EXPECT_EQ(bed.changes(view).size(), 1U);
}

TEST(Log, ARemovalBecomesATombstoneAfterThreeSeconds) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  const auto applied = bed.apply(view, "in", {Removed{"1", {}}}, "a2");
  EXPECT_TRUE(bed.changes(view, applied->head).empty());
  bed.wait(seconds(4));
  const auto rows = bed.changes(view, applied->head);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_GT(rows[0].seq_gone, applied->head);
  EXPECT_EQ(bed.settled, std::vector{rows[0].seq_gone});
  EXPECT_EQ(bed.folder_named(view, "in").items, 0U);
  BackfillQuery all{.folder = bed.folder_named(view, "in").gid, .snapshot = 100};
  EXPECT_TRUE(bed.backfill(view, all, 10).empty());
}

TEST(Log, LimboOutlivesTheProcess) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  const auto applied = bed.apply(view, "in", {Removed{"1", {}}}, "a2");
  bed.kill();
  EXPECT_TRUE(bed.changes(view, applied->head).empty());
  bed.wait(seconds(4));
  EXPECT_EQ(bed.changes(view, applied->head).size(), 1U);
}

TEST(Log, ARemovalAndAnArrivalWithOneFingerprintAreAMove) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("in/1", "in", 10)}, "a1");
  const auto gid = bed.changes(view)[0].gid;
  bed.apply(view, "in", {Removed{"in/1", {}}}, "a2");
  const auto moved = bed.apply(view, "old", {item("old/1", "old", 10)}, "b1");
  ASSERT_TRUE(moved);
  bed.wait(seconds(10));
  const auto rows = bed.changes(view);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].gid, gid);
  EXPECT_EQ(rows[0].id, "old/1");
  EXPECT_EQ(rows[0].seq_gone, 0U);
  EXPECT_EQ(rows[0].seq_body, 0U);
  EXPECT_EQ(rows[0].seq_meta, moved->head);
  EXPECT_EQ(rows[0].folders, std::vector{bed.folder_named(view, "old").gid});
  EXPECT_EQ(bed.folder_named(view, "in").items, 0U);
  EXPECT_EQ(bed.folder_named(view, "old").items, 1U);
}

TEST(Log, AMoveWithinOnePageWhicheverHalfComesFirst) {
  for (const bool arrival_first : {false, true}) {
    LogBed bed;
    const auto view = bed.view();
    bed.apply(view, "all", {item("1", "in", 10)}, "a1");
    const auto gid = bed.changes(view)[0].gid;
    std::vector<Change> page{item("2", "old", 10), Removed{"1", {}}};
    if (!arrival_first) std::swap(page[0], page[1]);
    bed.apply(view, "all", page, "a2");
    bed.wait(seconds(10));
    const auto rows = bed.changes(view);
    ASSERT_EQ(rows.size(), 1U) << arrival_first;
    EXPECT_EQ(rows[0].gid, gid);
    EXPECT_EQ(rows[0].id, "2");
    EXPECT_EQ(rows[0].seq_gone, 0U);
  }
}

TEST(Log, WhatAListingDoesNotNameIsGone) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10), item("2", "in", 20), item("3", "in", 30)}, "a1", false);
  // A listing over two pages, with a crash between them: it goes on where it was.
  bed.apply(view, "in", {item("3", "in", 30)}, "l1", true);
  bed.kill();
  bed.apply(view, "in", {item("1", "in", 10), Listed{"in"}}, "l2");
  bed.wait(seconds(4));
  for (const auto& row : bed.changes(view)) EXPECT_EQ(row.seq_gone > 0, row.id == "2") << row.id;
}

TEST(Log, WhatAnEarlierStreamNamedDoesNotCountInThisListing) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10), item("2", "in", 20)}, "a1");
  bed.apply(view, "in", {item("2", "in", 20, seen)}, "a2");  // a delta of its own
  bed.apply(view, "in", {item("1", "in", 10), Listed{"in"}}, "a3");
  bed.wait(seconds(4));
  for (const auto& row : bed.changes(view)) EXPECT_EQ(row.seq_gone > 0, row.id == "2") << row.id;
}

TEST(Log, AListingSpeaksForItsScopeOnly) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("in/1", "in", 10)}, "a1");
  bed.apply(view, "old", {item("old/1", "old", 20)}, "b1");
  bed.apply(view, "old", {item("old/1", "old", 20), Listed{"in"}}, "b2");
  bed.apply(view, "old", {Listed{"old"}}, "b3");
  bed.wait(seconds(4));
  for (const auto& row : bed.changes(view)) EXPECT_EQ(row.seq_gone > 0, row.id == "old/1") << row.id;
}

// IMAP-18: a UIDVALIDITY change is neither a notification nor a deletion.
TEST(Log, AnExpiredAnchorIsMatchedByFingerprintOneToOne) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(
      view, "in",
      {item("v1/1", "in", 10), item("v1/2", "in", 20, seen), item("v1/3", "in", 20, seen), item("v1/4", "in", 40)},
      "a1");
  const auto before = bed.changes(view);
  const auto head = bed.head(view).head;
  ASSERT_TRUE(bed.expire(view, "in"));
  EXPECT_EQ(bed.anchor(view, "in"), "");
  bed.apply(view, "in", {item("v2/3", "in", 20, seen), item("v2/2", "in", 20, seen)}, "l1", true);
  bed.apply(view, "in", {item("v2/1", "in", 10, flagged), item("v2/9", "in", 90), Listed{"in"}}, "l2");
  bed.wait(seconds(4));
  const auto rows = bed.changes(view, head);
  ASSERT_EQ(rows.size(), 3U);  // flagged, new, gone
  EXPECT_EQ(rows[0].gid, before[0].gid);
  EXPECT_EQ(rows[0].id, "v2/1");
  EXPECT_EQ(rows[1].id, "v2/9");
  EXPECT_EQ(rows[2].gid, before[3].gid);
  EXPECT_GT(rows[2].seq_gone, 0U);
  std::set<Gid> twins;
  for (const auto& row : bed.changes(view)) {
    if (row.received == 20) twins.insert(row.gid);
  }
  EXPECT_EQ(twins, (std::set<Gid>{before[1].gid, before[2].gid}));
}

// IMAP-19: UIDVALIDITY values may repeat, so an old id may come back for another message.
TEST(Log, AnIdThatNowMeansAnotherItemIsAnotherItem) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10), item("2", "in", 20)}, "a1");
  const auto before = bed.changes(view);
  bed.expire(view, "in");
  bed.apply(view, "in", {item("1", "in", 20), item("2", "in", 99), Listed{"in"}}, "l1");
  bed.wait(seconds(4));
  std::size_t alive = 0;
  for (const auto& row : bed.changes(view)) {
    if (row.seq_gone > 0) {
      EXPECT_EQ(row.gid, before[0].gid);
      continue;
    }
    ++alive;
    if (row.id == "1") {
      EXPECT_EQ(row.gid, before[1].gid);
    } else {
      EXPECT_NE(row.gid, before[1].gid);
      EXPECT_NE(row.gid, before[0].gid);
    }
  }
  EXPECT_EQ(alive, 2U);
}

TEST(Log, WhatComesBackUnderItsIdKeepsItsGid) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  const auto gid = bed.changes(view)[0].gid;
  bed.apply(view, "in", {Removed{"1", {}}}, "a2");
  bed.wait(seconds(4));
  const auto back = bed.apply(view, "in", {item("1", "in", 10)}, "a3");
  const auto rows = bed.changes(view);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].gid, gid);
  EXPECT_EQ(rows[0].seq_gone, 0U);
  EXPECT_EQ(rows[0].seq_added, back->head);
}

TEST(Log, FoldersComeGoAndTakeTheirItemsAlong) {
  LogBed bed;
  const auto view = bed.view();
  auto sub = folder("in/sub");
  sub.folder.parent = "in";
  bed.apply(view, "", {folder("in", Role::inbox), sub, folder("old")}, "t1");
  bed.apply(view, "old", {item("1", "old", 10)}, "b1");
  EXPECT_EQ(bed.folder_named(view, "in/sub").parent, bed.folder_named(view, "in").gid);
  const auto same = bed.apply(view, "", {folder("in", Role::inbox), sub, folder("old"), Listed{""}}, "t2");
  EXPECT_FALSE(same->folders_changed);
  const auto gone = bed.apply(view, "", {folder("in", Role::inbox), sub, Listed{""}}, "t3");
  EXPECT_TRUE(gone->folders_changed);
  EXPECT_TRUE(bed.folder_named(view, "old").gone);
  EXPECT_FALSE(bed.folder_named(view, "in").gone);
  EXPECT_EQ(bed.anchor(view, "old"), "");
  bed.wait(seconds(4));
  EXPECT_GT(bed.changes(view)[0].seq_gone, 0U);
  bed.apply(view, "", {folder("old")}, "t4");
  EXPECT_FALSE(bed.folder_named(view, "old").gone);
}

TEST(Log, AFoldersColourIsTold) {
  LogBed bed;
  const auto view = bed.view();
  auto work = folder("work");
  std::uint64_t seq = 0;
  for (const auto* color : {"#112233", "#445566", "", "#112233"}) {
    work.folder.color = color;
    EXPECT_TRUE(bed.apply(view, "", {work}, std::string("t") + color)->folders_changed) << color;
    EXPECT_EQ(bed.folder_named(view, "work").color, color);
    EXPECT_GT(bed.folder_named(view, "work").seq, std::exchange(seq, bed.folder_named(view, "work").seq));
  }
  EXPECT_FALSE(bed.apply(view, "", {work}, "t5")->folders_changed);
  work.folder.color = "red; not of the contract";
  bed.apply(view, "", {work}, "t6");
  EXPECT_EQ(bed.folder_named(view, "work").color, "");
}

TEST(Log, AnItemInSeveralFoldersLeavesOneAndStays) {
  LogBed bed;
  const auto view = bed.view();
  auto two = item("1", "in", 10);
  two.folders = {"in", "work"};
  two.keywords = {"$Forwarded", "later"};
  bed.apply(view, "all", {two}, "a1");
  ASSERT_EQ(bed.changes(view)[0].folders.size(), 2U);
  EXPECT_EQ(bed.changes(view)[0].keywords, two.keywords);
  const auto applied = bed.apply(view, "all", {Removed{"1", "in"}}, "a2");
  const auto rows = bed.changes(view, applied->head - 1);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].folders, std::vector{bed.folder_named(view, "work").gid});
  EXPECT_EQ(rows[0].seq_gone, 0U);
}

TEST(Log, BackfillIsNewestFirstAndStopsAtItsSnapshot) {
  LogBed bed;
  const auto view = bed.view();
  std::vector<Change> page;
  for (int i = 0; i < 25; ++i) page.push_back(item("i" + std::to_string(i), "in", i / 2));
  const auto snapshot = bed.apply(view, "in", page, "a1")->head;
  bed.apply(view, "in", {item("late", "in", 5)}, "a2");
  BackfillQuery query{.folder = bed.folder_named(view, "in").gid, .snapshot = snapshot, .until = 3};
  std::set<Gid> named;
  std::int64_t last = INT64_MAX;
  EXPECT_EQ(*answer_of<std::uint64_t>(bed.world,
                                      [&](auto done) { bed.log->backfill_remaining(view, query, std::move(done)); }),
            19U);
  for (auto rows = bed.backfill(view, query, 4); !rows.empty(); rows = bed.backfill(view, query, 4)) {
    for (const auto& row : rows) {
      EXPECT_LE(row.received, last);
      EXPECT_GE(row.received, 3);
      EXPECT_NE(row.id, "late");
      EXPECT_TRUE(named.insert(row.gid).second);
      last = row.received;
    }
    query.below_received = rows.back().received;
    query.below_gid = rows.back().gid;
  }
  EXPECT_EQ(named.size(), 19U);
}

TEST(Log, BucketsAgreeWithTheirPagesAndMoveWithAnyChange) {
  LogBed bed;
  const auto view = bed.view();
  constexpr std::int64_t february = 2678400;  // 1970-02-01
  bed.apply(view, "in", {item("1", "in", february - 1), item("2", "in", february), item("3", "in", february + 9)},
            "a1");
  const auto in = bed.folder_named(view, "in").gid;
  const auto ask = [&] {
    return *answer_of<std::vector<Bucket>>(bed.world,
                                           [&](auto done) { bed.log->buckets(view, {{in}}, std::move(done)); });
  };
  const auto before = ask();
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before[0].month, 0U);
  EXPECT_EQ(before[0].count, 1U);
  EXPECT_EQ(before[1].month, 1U);
  EXPECT_EQ(before[1].count, 2U);
  const auto page =
      *answer_of<std::vector<ItemRow>>(bed.world, [&](auto done) { bed.log->bucket(view, in, 1, std::move(done)); });
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].id, "3");
  const auto later = *answer_of<std::vector<Bucket>>(
      bed.world, [&](auto done) { bed.log->buckets(view, {{in, february + 1}}, std::move(done)); });
  ASSERT_EQ(later.size(), 1U) << "of a part of the folder only what was received since then";
  EXPECT_EQ(later[0].count, 1U);
  bed.apply(view, "in", {item("1", "in", february - 1, seen)}, "a2");
  const auto after = ask();
  EXPECT_NE(after[0].digest, before[0].digest);
  EXPECT_EQ(after[1].digest, before[1].digest);
}

TEST(Log, WhereAnItemWasBeforeItsLastMoveIsRemembered) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  EXPECT_EQ(bed.changes(view)[0].seq_moved, 0U);
  EXPECT_TRUE(bed.changes(view)[0].moved_from.empty());
  auto moved = item("7", "work", 10);
  moved.was = "1";
  bed.apply(view, "work", {moved}, "w1");
  const auto in = bed.folder_named(view, "in").gid, work = bed.folder_named(view, "work").gid;
  auto row = bed.changes(view)[0];
  EXPECT_EQ(row.folders, std::vector{work});
  EXPECT_EQ(row.moved_from, std::vector{in});
  EXPECT_EQ(row.seq_moved, row.seq_meta);
  const auto at = row.seq_moved;
  bed.apply(view, "work", {item("7", "work", 10, seen)}, "w2");
  row = bed.changes(view)[0];
  EXPECT_EQ(row.seq_moved, at) << "flags are no move";
  EXPECT_GT(row.seq_meta, at);
  EXPECT_EQ(row.moved_from, std::vector{in});
}

TEST(Log, AStateOfTheFirstSchemaIsBroughtUp) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  bed.close();
  {
    auto old = Database::open(bed.host, bed.settings.path, Database::Use::write, 1024);
    ASSERT_TRUE(old);
    ASSERT_TRUE((*old)->execute(
        "ALTER TABLE items DROP COLUMN seq_moved; ALTER TABLE items DROP COLUMN moved_from; "
        "ALTER TABLE devices DROP COLUMN expires; ALTER TABLE folders DROP COLUMN color; DROP TABLE scheduling_ledger; "
        "PRAGMA user_version = 1"));
  }
  bed.open();
  ASSERT_TRUE(bed.log);
  ASSERT_EQ(bed.changes(view).size(), 1U);
  EXPECT_EQ(bed.changes(view)[0].seq_moved, 0U);
}

TEST(Log, TombstonesStayUntilTheDevicesHavePassedThem) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10), item("2", "in", 20)}, "a1");
  const auto remember = [&](std::uint64_t live) {
    return answer_of<void>(
        bed.world, [&](auto done) { bed.log->remember_position("ann", "device", view, live, "p", std::move(done)); });
  };
  ASSERT_TRUE(remember(bed.head(view).head));
  bed.apply(view, "in", {Removed{"1", {}}}, "a2");
  bed.wait(std::chrono::hours(3));
  EXPECT_EQ(bed.changes(view).size(), 2U);
  EXPECT_EQ(bed.head(view).floor, 0U);
  ASSERT_TRUE(remember(bed.head(view).head));
  bed.wait(std::chrono::hours(2));
  EXPECT_EQ(bed.changes(view).size(), 1U);
  EXPECT_EQ(bed.head(view).floor, bed.head(view).head);
}

// DEV-12
TEST(Log, ADeviceSilentForTooLongHoldsNothing) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  (void)answer_of<void>(bed.world,
                        [&](auto done) { bed.log->remember_position("ann", "device", view, 1, "p", std::move(done)); });
  bed.apply(view, "in", {Removed{"1", {}}}, "a2");
  bed.wait(std::chrono::hours(24 * 89));
  EXPECT_EQ(bed.changes(view).size(), 1U);
  bed.wait(std::chrono::hours(24 * 2));
  EXPECT_TRUE(bed.changes(view).empty());
}

TEST(Log, ForgetsAUserButNeverUsesHisViewAgain) {
  LogBed bed;
  const auto view = bed.view();
  bed.apply(view, "in", {item("1", "in", 10)}, "a1");
  ASSERT_TRUE(answer_of<void>(bed.world, [&](auto done) { bed.log->forget_user("ann", std::move(done)); }));
  EXPECT_TRUE(bed.changes(view).empty());
  const auto again = bed.view();
  EXPECT_NE(again, view);
  EXPECT_EQ(bed.view(), again);
  EXPECT_FALSE(bed.apply(view, "in", {item("1", "in", 10)}, "a1"));
}

TEST(Log, HasItsOwnGidsPerView) {
  LogBed bed;
  const auto ann = bed.view("ann");
  const auto bob = bed.view("bob");
  bed.apply(ann, "in", {item("1", "in", 10)}, "a1");
  bed.apply(bob, "in", {item("1", "in", 10)}, "a1");
  EXPECT_EQ(bed.changes(ann).size(), 1U);
  EXPECT_EQ(bed.changes(bob).size(), 1U);
  EXPECT_EQ(bed.head(ann).head, bed.head(bob).head);
  EXPECT_NE(bed.head(ann).epoch, bed.head(bob).epoch);
}

// As of a message whose header cannot be fetched: the listing names it, and knows no more.
TEST(Log, AnItemThatIsNamedWithoutAFingerprintKeepsTheOneItHas) {
  LogBed bed;
  const auto ann = bed.view();
  ASSERT_TRUE(bed.apply(ann, "in", {folder("in"), item("1", "in", 100), item("2", "in", 200), Listed{"in"}}, "a"));
  const auto before = bed.changes(ann);
  auto nameless = item("2", "in", 200);
  nameless.fingerprint = {};
  ASSERT_TRUE(bed.expire(ann, "in"));
  const auto listed = bed.apply(ann, "in", {item("1", "in", 100), nameless, Listed{"in"}}, "b");
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->changes.empty()) << "no device hears of it";
  ASSERT_TRUE(bed.expire(ann, "in"));
  ASSERT_TRUE(bed.apply(ann, "in", {item("11", "in", 100), item("12", "in", 200), Listed{"in"}}, "c"));
  const auto after = bed.changes(ann);
  ASSERT_EQ(after.size(), before.size()) << "renumbered, and known again by its fingerprint";
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].gid, before[i].gid);
    EXPECT_EQ(after[i].seq_gone, 0U);
  }
}

}  // namespace
}  // namespace tidegate::store
