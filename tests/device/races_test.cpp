// SPDX-License-Identifier: Apache-2.0
// A person, the store and another device are at the same item in the same moment: nothing stays as only one of them
// has it.
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

std::string base(std::uint64_t number) { return mail_base(gid_of(number), mail(static_cast<int>(number)).size()); }

TEST(Races, AMailMovedBeforeItsRowIsWrittenIsAMove) {
  Upward disk(1, 2);
  disk.on_arrival = [&](const Arrival& arrival) { disk.rename(arrival.path, "/mail/.Work/cur/" + base(3) + ":2,"); };
  disk.log.add(3, mail(3));
  disk.catch_up(disk.log);
  disk.on_arrival = nullptr;
  disk.converge();
  EXPECT_EQ(disk.log.entries.at(3).folder, gid_of(1002));
}

TEST(Races, AMailTakenAwayBeforeItsRowIsWrittenIsRemoved) {
  Upward disk(2, 2);
  disk.on_arrival = [&](const Arrival& arrival) { ASSERT_TRUE(disk.host.files().remove(arrival.path)); };
  disk.log.add(3, mail(3));
  disk.catch_up(disk.log);
  disk.on_arrival = nullptr;
  disk.converge();
  EXPECT_NE(disk.log.entries.at(3).seq_gone, 0U);
}

/// The device is killed right after the mail program had done that, at whatever comes next.
void killed_after(Upward& disk, const std::function<void(const Arrival&)>& done, std::uint64_t calls, bool power_cut) {
  disk.log.add(3, mail(3));
  disk.on_arrival = [&](const Arrival& arrival) {
    done(arrival);
    disk.cutter->cutting().until = calls;
  };
  try {
    disk.catch_up(disk.log);
  } catch (const Cut&) {
  }
  disk.on_arrival = nullptr;
  power_cut ? disk.host.power_cut([&] { disk.end(); }) : disk.host.kill([&] { disk.end(); });
  disk.start();
  disk.catch_up(disk.log);
  disk.converge();
}

TEST(Races, AMailMovedUnderAnotherNameBeforeAKillIsAMove) {
  for (const std::uint64_t calls : {0, 1, 2, 100}) {
    Upward disk(42, 2);
    killed_after(
        disk, [&](const Arrival& arrival) { disk.rename(arrival.path, "/mail/.Work/cur/of-a-program:2,S"); }, calls,
        false);
    EXPECT_EQ(disk.log.entries.at(3).folder, gid_of(1002)) << calls;
    EXPECT_EQ(disk.log.entries.size(), 3U) << "it went up as a new mail; killed after calls: " << calls;
  }
}

TEST(Races, AMailTakenAwayBeforeAKillIsRemoved) {
  for (const std::uint64_t calls : {0, 1, 2, 100}) {
    Upward disk(43, 2);
    killed_after(
        disk, [&](const Arrival& arrival) { ASSERT_TRUE(disk.host.files().remove(arrival.path)); }, calls, false);
    EXPECT_NE(disk.log.entries.at(3).seq_gone, 0U) << calls;
  }
}

// The first look after a start needs two seconds to be certain; what the gateway sends meanwhile is no reason to put
// the file back.
TEST(Races, AMailTakenAwayBeforeAKillIsNotPutBackByWhatComesForIt) {
  for (const bool made_here : {false, true}) {
    Upward disk(44, 2);
    ASSERT_TRUE(disk.host.files().remove(disk.path(1)));
    disk.host.kill([&] { disk.end(); });
    disk.start();
    disk.look();
    auto& entry = disk.log.entries.at(1);
    entry.seq_body = ++disk.log.head;
    auto item = disk.log.item(entry);
    if (made_here) item.sha256 = sha256(mail(1)), item.first = {};
    disk.tell(std::move(item));
    disk.tell(disk.log.mark(disk.log.head));
    EXPECT_FALSE(disk.asked_compare) << made_here;
    disk.converge();
    EXPECT_NE(entry.seq_gone, 0U) << made_here;
  }
}

// Nothing tells who it was that has lost the file: it comes again.
TEST(Races, AMailThatAPowerCutTookAwayComesAgain) {
  for (std::uint64_t seed = 50; seed < 90; ++seed) {
    Upward disk(seed, 2);
    // The row happens to be on disk; file and names are kept or lost.
    killed_after(disk, [&](const Arrival&) { ASSERT_TRUE(disk.host.files().sync("/state/device.db-wal")); }, 0, true);
    EXPECT_EQ(disk.log.entries.at(3).seq_gone, 0U) << seed;
    EXPECT_EQ(disk.log.entries.size(), 3U) << seed;
  }
}

TEST(Races, AMailMovedBeforeTheResultOfItsCreationIsAMove) {
  for (const bool another : {false, true}) {
    Upward disk(3, 2);
    disk.store.another_gid = another;
    disk.write("/mail/cur/7.new:2,S", mail(7));
    disk.settle();
    for (const auto& found : disk.mails("cur"))
      if (*disk.host.files().read(found) == mail(7)) disk.rename(found, "/mail/.Work" + found.substr(5));
    ASSERT_TRUE(disk.send());
    disk.converge();
    EXPECT_EQ(disk.log.entries.at(5000).folder, gid_of(1002)) << another;
  }
}

/// Another device moved it; the store calls it by the same name there, and tells of that before the removal's result.
TEST(Races, AnItemThatCameBackWhileItsRemovalWasUnderWayIsTakenAgain) {
  for (const bool content : {true, false}) {
    Upward disk(4, 2);
    ASSERT_TRUE(disk.host.files().remove(disk.path(1)));
    disk.settle();
    disk.store.mute = true;
    ASSERT_TRUE(disk.send());
    auto& back = disk.log.entries.at(1);
    back.seq_gone = 0;
    back.seq_meta = ++disk.log.head;
    if (content)
      disk.tell(disk.log.item(back));
    else
      disk.tell(e2e::Meta{1, 0, back.seq(), back.gid, {back.folder}, 0, {}});
    disk.tell(disk.log.mark(disk.log.head));
    EXPECT_FALSE(disk.asked_compare) << "most often the removal comes after that";
    disk.host.kill([&] { disk.end(); });
    disk.start();
    disk.store.mute = false;
    ASSERT_TRUE(disk.send());
    EXPECT_EQ(disk.waiting(), 0U);
    EXPECT_TRUE(disk.asked_compare);
  }
}

TEST(Races, NewsBeforeTheRemovalAreNoReasonToCompare) {
  Upward disk(5, 2);
  ASSERT_TRUE(disk.host.files().remove(disk.path(1)));
  disk.settle();
  disk.log.flags(1, flagged);
  disk.catch_up(disk.log);
  disk.converge();
  EXPECT_FALSE(disk.asked_compare);
}

TEST(Races, NewsOfAnItemThatIsNotHereAskForACompareOnce) {
  Upward disk(6, 2);
  disk.tell(e2e::Meta{1, 0, ++disk.log.head, gid_of(77), {gid_of(1001)}, seen, {}});
  disk.tell(disk.log.mark(disk.log.head));
  EXPECT_TRUE(disk.asked_compare);
  disk.asked_compare = false;
  disk.tell(e2e::Meta{1, 0, ++disk.log.head, gid_of(77), {gid_of(1001)}, 0, {}});
  disk.tell(disk.log.mark(disk.log.head));
  EXPECT_FALSE(disk.asked_compare);
}

e2e::CompareDigests nothing_there(const Upward& disk) {
  return {.view = 1, .epoch = disk.log.mark(disk.log.head).position.epoch, .head = disk.log.head, .digests = {}};
}

TEST(Races, WhatIsWantedAfterACompareIsAskedForInTheSameSession) {
  Upward disk(7, 0);
  for (std::uint64_t number = 77; number < 80; ++number) {
    disk.asked_compare = false;
    disk.tell(e2e::Meta{1, 0, ++disk.log.head, gid_of(number), {gid_of(1001)}, seen, {}});
    disk.tell(disk.log.mark(disk.log.head));
    EXPECT_TRUE(disk.asked_compare) << number;
    disk.tell(nothing_there(disk));
    disk.tell(e2e::CompareEnd{disk.log.mark(disk.log.head).position});
  }
}

// The compare may have passed the item while its removal still masked it.
TEST(Races, WhatIsWantedDuringACompareIsAskedForWhenItEnds) {
  Upward disk(8, 1);
  disk.store.refuse = [](const e2e::Command&) { return FaultKind::denied; };
  ASSERT_TRUE(disk.host.files().remove(disk.path(1)));
  disk.settle();
  disk.tell(nothing_there(disk));
  ASSERT_TRUE(disk.send());
  EXPECT_FALSE(disk.asked_compare);
  disk.tell(e2e::CompareEnd{disk.log.mark(disk.log.head).position});
  EXPECT_TRUE(disk.asked_compare);
}

// Made here, taken by the store, and removed there before it came back as an item: only the result told of it.
TEST(Races, WhatWasMadeHereAndIsGoneFromTheStoreGoesWithACompareThatBeganAfterItsResult) {
  for (const bool after : {true, false}) {
    Upward disk(46, 1);
    const auto before = disk.log.head;
    disk.write("/mail/cur/7.new:2,S", mail(7));
    disk.settle();
    if (!after) disk.tell(nothing_there(disk));
    ASSERT_TRUE(disk.send());
    disk.log.gone(5000);
    if (after) disk.tell(nothing_there(disk));
    disk.tell(e2e::CompareEnd{disk.log.mark(after ? disk.log.head : before).position});
    EXPECT_EQ(disk.mails("cur").size(), after ? 0U : 1U);
  }
}

// Its file is not to be located for a moment: a mail program renames it. It lies where it lay after that.
TEST(Races, AMoveOfTheStoreThatComesWhileTheFileIsNotToBeFoundReachesIt) {
  Upward disk(47, 2);
  const auto path = disk.path(1);
  disk.rename(path, "/mail/away");
  disk.log.move(1, 2);
  disk.catch_up(disk.log);
  disk.rename("/mail/away", path);
  disk.converge();
  EXPECT_EQ(disk.log.entries.at(1).folder, gid_of(1002)) << "nobody here has moved it";
}

// The same while a mail program has it in another folder, and puts it back before anybody looks.
TEST(Races, AMailThatTheStoreMovesWhileItIsAwayForAMomentGoesWhereTheStoreHasIt) {
  for (const char* back : {"", "S"}) {  // as it was, or read meanwhile
    Upward disk(42, 2);
    const auto away = "/mail/.Work/cur/" + base(1) + ":2,";
    disk.rename(disk.path(1), away);
    disk.log.move(1, 2);
    disk.catch_up(disk.log);
    disk.rename(away, "/mail/cur/" + base(1) + ":2," + back);
    disk.converge();
    EXPECT_EQ(disk.log.entries.at(1).folder, gid_of(1002)) << "nobody here has moved it";
  }
}

// The device starts, and has seen the moved file; before it reads it, the mail program marks it read.
TEST(Races, AMailRenamedWhileTheDeviceStartsDoesNotKeepItFromStarting) {
  Upward disk(9, 2);
  const auto moved = "/mail/.Work/cur/" + base(1) + ":2,";
  disk.rename(disk.path(1), moved);
  disk.host.kill([&] { disk.end(); });
  int times = 0;
  disk.before_read = [&](const std::string& path) {
    if (path == moved && times++ == 0) disk.rename(moved, moved + "S");
  };
  disk.start();
  EXPECT_EQ(times, 1) << "the test met another moment";
  disk.converge();
  EXPECT_EQ(disk.log.entries.at(1).folder, gid_of(1002));
  EXPECT_EQ(disk.log.entries.at(1).flags, std::uint32_t{seen});
}

// A mailbox that became read-only meanwhile: one sentence says it, not one a message.
TEST(Races, ManyRefusalsOfOneKindAreSaidOnce) {
  Upward disk(41);
  disk.store.refuse = [](const e2e::Command&) { return FaultKind::denied; };
  for (const std::uint64_t number : {1, 2, 3}) ASSERT_TRUE(disk.host.files().remove(disk.path(number)));
  disk.rename(disk.path(4), "/mail/cur/" + mail_base(gid_of(4), mail(4).size()) + ":2,F");
  disk.settle();
  disk.store.mute = true;  // all the results come together
  ASSERT_TRUE(disk.send());
  const auto done = disk.shelf->apply(disk.store.unstored());
  ASSERT_TRUE(done);
  auto notes = done->notes;
  std::ranges::sort(notes);
  EXPECT_EQ(notes, (std::vector<std::string>{"Not done: removing a message from INBOX (3 times). denied",
                                             "Not done: setting flags of a message. denied"}));
}

// `hold discard`, or an edited stub, while a compare is under way: what that one has seen is older than the wish.
TEST(Races, AWishForACompareThatCameDuringOneLeadsToAnother) {
  Upward disk(40);
  const auto wished = [&] {
    std::vector<std::uint64_t> views;
    EXPECT_TRUE(disk.shelf->with_index([&](Index& index) { views = index.wanted_compares(); }));
    return !views.empty();
  };
  const auto compare = [&](bool wish) {
    disk.asked_compare = false;
    disk.compare_with_nothing();
    if (wish) ASSERT_TRUE(disk.shelf->with_index([](Index& index) { index.want_compare(1); }));
    disk.look();
    disk.tell(e2e::CompareEnd{disk.log.mark(disk.log.head).position});
    EXPECT_EQ(disk.asked_compare, wish);
    EXPECT_EQ(wished(), wish);
  };
  ASSERT_TRUE(disk.shelf->with_index([](Index& index) { index.want_compare(1); }));
  EXPECT_EQ(disk.look().asks.size(), 1U);
  compare(true);
  disk.host.kill([&] { disk.end(); });
  disk.start();
  EXPECT_TRUE(wished()) << "it is on disk";
  disk.tell(disk.log.hello_ack());
  EXPECT_TRUE(disk.asked_compare);
  compare(false);
}

}  // namespace
}  // namespace tidegate::device
