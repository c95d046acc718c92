// SPDX-License-Identifier: Apache-2.0
// From the vdir to the store: what khal, khard, todoman and editors do to files, on a disk in memory, against a
// scripted store.
#include "device/digest.hpp"
#include "tests/device/objects_fixture.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;
using e2e::Verb;

TEST(ObjectsUpward, AnEditGoesUpWithTheRevisionThatWasEdited) {
  Objects disk(1);
  disk.save(Objects::file(1), event("uid-1", "edited"));
  disk.converge_objects();
  ASSERT_EQ(disk.verbs(), Verbs{Verb::update});
  const auto& said = disk.store.carried_out[0];
  EXPECT_EQ(said.gid, gid_of(1));
  EXPECT_EQ(said.content_rev, "r1");
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "edited"));
  EXPECT_TRUE(disk.aside().empty());
  EXPECT_TRUE(disk.notes.empty());
}

TEST(ObjectsUpward, AnEditInPlaceGoesUpToo) {
  Objects disk(2);
  ASSERT_TRUE(disk.files().append(Objects::file(1), "X-NOTE:before END\r\n"));
  disk.settle();
  EXPECT_EQ(disk.waiting(), 0U) << "it is not whole yet";
  ASSERT_TRUE(disk.files().remove(Objects::file(1)));
  ASSERT_TRUE(disk.files().create(Objects::file(1), event("uid-1", "in place")));
  disk.converge_objects();
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "in place"));
  EXPECT_EQ(disk.verbs(), Verbs{Verb::update});
}

TEST(ObjectsUpward, WhatSaysTheSameIsNoEdit) {
  Objects disk(3);
  auto lines = event("uid-1", "as it was");
  std::erase(lines, '\r');
  disk.save(Objects::file(1), lines);
  EXPECT_EQ(disk.settle(), 0U);
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.store.carried_out.empty());
  disk.save(Objects::file(1), event("uid-1", "as it was"));
  EXPECT_EQ(disk.settle(), 0U);
  disk.converge_objects();
}

TEST(ObjectsUpward, ObjectsMadeHereAreCreatedUnderTheirNames) {
  for (const bool another : {false, true}) {
    Objects disk(4);
    disk.store.another_gid = another;
    disk.save(Objects::directory(Objects::home) + "/new-one.ics", event("new-one", "made here"));
    disk.save(Objects::directory(Objects::people) + "/eve.vcf", card("eve", "Eve"));
    ASSERT_TRUE(disk.files().create(Objects::directory(Objects::home) + "/.hidden.ics", event("hidden", "x")));
    ASSERT_TRUE(disk.files().create(Objects::directory(Objects::home) + "/notes.txt", "mine"));
    disk.settle();
    ASSERT_TRUE(disk.send());
    disk.catch_up(disk.log);
    EXPECT_EQ(disk.verbs(), (Verbs{Verb::create, Verb::create}));
    ASSERT_NE(disk.in_store("new-one"), nullptr);
    EXPECT_EQ(disk.in_store("new-one")->kind, Kind::event);
    EXPECT_EQ(disk.in_store("new-one")->folder, gid_of(1004));
    ASSERT_NE(disk.in_store("eve"), nullptr);
    EXPECT_EQ(disk.in_store("eve")->kind, Kind::contact);
    EXPECT_EQ(disk.read(Objects::directory(Objects::home) + "/new-one.ics"), event("new-one", "made here"));
    ASSERT_TRUE(disk.files().remove(Objects::directory(Objects::home) + "/.hidden.ics"));
    ASSERT_TRUE(disk.files().remove(Objects::directory(Objects::home) + "/notes.txt"));
    disk.save(Objects::directory(Objects::home) + "/new-one.ics", event("new-one", "and edited"));
    disk.converge_objects();
    EXPECT_EQ(disk.in_store("new-one")->content, event("new-one", "and edited"));
  }
}

TEST(ObjectsUpward, RemovalsGoUpAfterTwoLooks) {
  Objects disk(5);
  ASSERT_TRUE(disk.files().remove(Objects::file(2)));
  EXPECT_EQ(disk.look({.whole = false, .deleted = {Objects::file(2)}, .touched = {}}).commands, 0U)
      << "editors take a file away to write it anew";
  disk.converge_objects();
  ASSERT_EQ(disk.verbs(), Verbs{Verb::remove});
  EXPECT_EQ(disk.store.carried_out[0].content_rev, "r2");
  EXPECT_NE(disk.log.entries.at(2).seq_gone, 0U);
}

TEST(ObjectsUpward, TooMuchMissingAtOnceIsHeld) {
  Objects disk(6, 30);
  for (int n = 1; n <= 25; ++n) ASSERT_TRUE(disk.files().remove(Objects::file(n)));
  disk.settle();
  EXPECT_EQ(disk.waiting(), 0U);
  EXPECT_EQ(disk.log.entries.at(1).seq_gone, 0U);
}

TEST(ObjectsUpward, AnObjectMovedToAnotherCollectionIsMoved) {
  Objects disk(7);
  disk.rename(Objects::file(1), Objects::directory(Objects::team) + "/uid-1.ics");
  disk.converge_objects();
  EXPECT_EQ(disk.verbs(), Verbs{Verb::move});
  EXPECT_EQ(disk.log.entries.at(1).folder, gid_of(1005));
}

TEST(ObjectsUpward, AnotherFileNameIsNoChange) {
  Objects disk(8);
  disk.rename(Objects::file(1), Objects::directory(Objects::home) + "/other.ics");
  disk.converge_objects();
  EXPECT_TRUE(disk.store.carried_out.empty());
  disk.save(Objects::directory(Objects::home) + "/third.ics", event("uid-1", "edited under a third name"));
  ASSERT_TRUE(disk.files().remove(Objects::directory(Objects::home) + "/other.ics"));
  disk.converge_objects();
  EXPECT_EQ(disk.verbs(), Verbs{Verb::update});
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "edited under a third name"));
}

TEST(ObjectsUpward, ManyEditsBeforeASessionAreOne) {
  Objects disk(9);
  for (int n = 1; n <= 5; ++n) {
    disk.save(Objects::file(1), event("uid-1", "edit " + std::to_string(n)));
    disk.settle();
  }
  EXPECT_EQ(disk.files().list("/state/outbox")->size(), 1U) << "copies that never leave";
  disk.converge_objects();
  EXPECT_EQ(disk.verbs(), Verbs{Verb::update});
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "edit 5"));
}

// DAV-10: an edit names what it is an edit of. That of our own update is known only when it has come.
TEST(ObjectsUpward, AnEditWhileTheOneBeforeIsUnderWayWaitsForItsRevision) {
  Objects disk(10);
  disk.save(Objects::file(1), event("uid-1", "first"));
  disk.settle();
  disk.store.mute = true;
  ASSERT_TRUE(disk.send());
  disk.save(Objects::file(1), event("uid-1", "second"));
  EXPECT_EQ(disk.settle(), 0U);
  disk.store.mute = false;
  ASSERT_TRUE(disk.send());  // the result, without the item
  EXPECT_EQ(disk.settle(), 0U);
  EXPECT_EQ(disk.read(Objects::file(1)), event("uid-1", "second"));
  disk.converge_objects();
  ASSERT_EQ(disk.verbs(), (Verbs{Verb::update, Verb::update}));
  EXPECT_NE(disk.store.carried_out[1].content_rev, "r1");
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "second"));
  EXPECT_TRUE(disk.aside().empty());
}

TEST(ObjectsUpward, AnEditOfWhatIsBeingMadeIsNotLost) {
  Objects disk(11);
  const auto path = Objects::directory(Objects::home) + "/made.ics";
  disk.save(path, event("made", "first"));
  disk.settle();
  disk.store.mute = true;
  ASSERT_TRUE(disk.send());
  disk.save(path, event("made", "second"));
  disk.settle();
  disk.store.mute = false;
  disk.converge_objects();
  EXPECT_EQ(disk.verbs(), (Verbs{Verb::create, Verb::update}));
  EXPECT_EQ(disk.in_store("made")->content, event("made", "second"));
}

TEST(ObjectsUpward, ChangedOnBothSidesTheStoresStaysAndOursIsKept) {
  for (const bool news_first : {false, true}) {
    Objects disk(12);
    disk.save(Objects::file(1), event("uid-1", "mine"));
    disk.settle();
    disk.log.body(1, event("uid-1", "theirs"));
    if (news_first) disk.catch_up(disk.log);
    EXPECT_EQ(disk.read(Objects::file(1)), event("uid-1", "mine")) << "what is under way masks what comes";
    disk.converge_objects();
    EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "theirs")) << news_first;
    EXPECT_EQ(disk.aside(), std::multiset<std::string>{event("uid-1", "mine")}) << news_first;
    EXPECT_EQ(disk.notes.size(), 1U);
  }
}

TEST(ObjectsUpward, TheSameChangeOnBothSidesIsNoConflict) {
  Objects disk(13);
  disk.save(Objects::file(1), event("uid-1", "ours"));
  disk.settle();
  disk.log.body(1, event("uid-1", "ours"));
  disk.catch_up(disk.log);
  disk.converge_objects();
  EXPECT_TRUE(disk.aside().empty());
}

TEST(ObjectsUpward, AnEditWinsOverARemoval) {
  for (const bool news_first : {false, true}) {
    Objects disk(14);
    disk.save(Objects::file(1), event("uid-1", "mine"));
    disk.settle();
    disk.log.gone(1);
    if (news_first) disk.catch_up(disk.log);
    disk.converge_objects();
    ASSERT_NE(disk.in_store("uid-1"), nullptr) << news_first;
    EXPECT_EQ(disk.in_store("uid-1")->content, event("uid-1", "mine"));
    EXPECT_EQ(disk.read(Objects::file(1)), event("uid-1", "mine"));
    EXPECT_TRUE(disk.aside().empty());
  }
}

TEST(ObjectsUpward, ARemovalOfWhatWasJustEditedIsARemoval) {
  Objects disk(15);
  disk.save(Objects::file(1), event("uid-1", "first"));
  disk.settle();
  disk.store.mute = true;
  ASSERT_TRUE(disk.send());
  ASSERT_TRUE(disk.files().remove(Objects::file(1)));
  disk.settle();
  disk.store.mute = false;
  disk.converge_objects();
  EXPECT_EQ(disk.in_store("uid-1"), nullptr);
  EXPECT_EQ(disk.verbs(), (Verbs{Verb::update, Verb::remove}));
}

TEST(ObjectsUpward, AStoreThatRewritesIsReadBack) {
  Objects disk(16);
  disk.store.rewrites = [](const Bytes& given) {
    auto kept = given;
    return kept.insert(kept.find("SUMMARY"), "X-SERVER:added\r\n");
  };
  disk.save(Objects::file(1), event("uid-1", "mine"));
  disk.save(Objects::directory(Objects::home) + "/made.ics", event("made", "x"));
  disk.converge_objects();
  EXPECT_NE(disk.read(Objects::file(1)).find("X-SERVER"), std::string::npos);
  EXPECT_NE(disk.read(Objects::directory(Objects::home) + "/made.ics").find("X-SERVER"), std::string::npos);
  EXPECT_TRUE(disk.aside().empty());
  EXPECT_EQ(disk.verbs(), (Verbs{Verb::update, Verb::create}));
}

// The log could not write the new revision down, and before a page came the store was set back.
TEST(ObjectsUpward, AnUpdateOfWhichTheLogDoesNotKnowIsCompared) {
  Objects disk(17);
  disk.store.untold = true;
  disk.save(Objects::file(1), event("uid-1", "mine"));
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.wished());
  auto& entry = disk.log.entries.at(1);
  entry.content = event("uid-1", "as it was");
  entry.seq_body = 1;
  disk.converge_objects();
  EXPECT_EQ(disk.read(Objects::file(1)), event("uid-1", "as it was"));
}

TEST(ObjectsUpward, WhatTheStoreRefusesIsKeptAsideAndSaid) {
  Objects disk(18);
  disk.store.refuse = [](const e2e::Command& said) {
    return said.verb == Verb::update ? std::optional(FaultKind::denied) : std::nullopt;
  };
  disk.save(Objects::file(1), event("uid-1", "not allowed"));
  disk.converge_objects();
  EXPECT_EQ(disk.read(Objects::file(1)), event("uid-1", "as it was"));
  EXPECT_EQ(disk.aside(), std::multiset<std::string>{event("uid-1", "not allowed")});
  EXPECT_NE(disk.notes.back().find("changing an event"), std::string::npos) << disk.notes.back();
}

TEST(ObjectsUpward, ACreationThatWasRefusedIsTriedAgainWhenItWasMended) {
  Objects disk(19);
  const auto path = Objects::directory(Objects::home) + "/made.ics";
  disk.store.refuse = [](const e2e::Command&) { return FaultKind::invalid; };
  disk.save(path, event("made", "bad"));
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.settle(), 0U);
  disk.store.refuse = nullptr;
  disk.save(path, event("made", "good"));
  disk.converge_objects();
  EXPECT_EQ(disk.in_store("made")->content, event("made", "good"));
  EXPECT_TRUE(disk.shelf->with_index([](Index& index) { EXPECT_TRUE(Journal(index.database()).list(9).empty()); }));
}

TEST(ObjectsUpward, WhatNoStoreCanTakeIsSaidOnce) {
  Objects disk(20);
  const auto path = Objects::directory(Objects::home) + "/odd.ics";
  disk.save(path, "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
  disk.save(Objects::file(1), "garbage");
  std::vector<std::string> said;
  for (int turn = 0; turn < 6; ++turn) {
    for (auto& note : disk.look({.whole = true, .deleted = {}, .touched = {}}).notes) said.push_back(note);
    disk.world.run_for(2100ms);
  }
  ASSERT_EQ(said.size(), 2U);
  std::ranges::sort(said);
  EXPECT_EQ(said[0], path + " cannot go to the mailbox as it is: line 5: it has no UID.");
  EXPECT_EQ(said[1],
            Objects::file(1) + " cannot go to the mailbox as it is: line 1: before BEGIN or behind END there is text.");
  EXPECT_EQ(disk.waiting(), 0U);
  disk.save(path, event("odd", "mended"));
  disk.save(Objects::file(1), event("uid-1", "mended"));
  disk.converge_objects();
  EXPECT_NE(disk.in_store("odd"), nullptr);
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "mended"));
}

TEST(ObjectsUpward, ASecondObjectWithAUidOfTheCollectionStaysHere) {
  Objects disk(21);
  const auto copy = Objects::directory(Objects::home) + "/copy.ics";
  disk.save(copy, event("uid-1", "a copy"));
  std::vector<std::string> said;
  for (int turn = 0; turn < 4; ++turn) {
    for (auto& note : disk.look({.whole = true, .deleted = {}, .touched = {}}).notes) said.push_back(note);
    disk.world.run_for(2100ms);
  }
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said[0].find("the same UID as uid-1.ics"), std::string::npos);
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.store.carried_out.empty());
  EXPECT_EQ(disk.read(copy), event("uid-1", "a copy"));
  disk.save(copy, event("of-its-own", "a copy"));
  disk.converge_objects();
  EXPECT_NE(disk.in_store("of-its-own"), nullptr);
}

TEST(ObjectsUpward, AFileThatIsEmptiedIsDamageAndNoEdit) {
  Objects disk(22);
  ASSERT_TRUE(disk.files().remove(Objects::file(1)));
  ASSERT_TRUE(disk.files().create(Objects::file(1), ""));
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.store.carried_out.empty());
}

// A program saves at the very moment in which the store's version takes its place.
TEST(ObjectsUpward, AnEditOverWhatHasJustComeIsSeen) {
  Objects disk(23);
  disk.log.body(1, event("uid-1", "theirs"));
  int syncs = 0;
  disk.host.disk().on_sync = [&](std::uint64_t) {
    if (syncs == 0 && disk.read(Objects::file(1)) == event("uid-1", "theirs") && ++syncs == 1)
      disk.save(Objects::file(1), event("uid-1", "edited at once"));
  };
  disk.catch_up(disk.log);
  disk.host.disk().on_sync = nullptr;
  ASSERT_EQ(syncs, 1) << "the test met another moment";
  disk.converge_objects();
  EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "edited at once"));
}

void work(Objects& disk) {
  disk.save(Objects::file(1), event("uid-1", "edited"));
  disk.save(Objects::directory(Objects::home) + "/made.ics", event("made", "here"));
  disk.save(Objects::directory(Objects::people) + "/eve.vcf", card("eve", "Eve"));
  ASSERT_TRUE(disk.files().remove(Objects::file(2)));
  disk.rename(Objects::file(3), Objects::directory(Objects::team) + "/uid-3.ics");
  disk.save(Objects::file(4), event("uid-4", "mine"));
  disk.save(Objects::file(5), event("uid-5", "survives"));
  for (const auto folder : {Objects::home, Objects::team, Objects::people})
    ASSERT_TRUE(disk.files().sync_directory(Objects::directory(folder)));
}
/// What another client does meanwhile.
void others(Objects& disk) {
  disk.log.body(4, event("uid-4", "theirs"));
  disk.log.gone(5);
  disk.log.body(6, event("uid-6", "theirs alone"));
  disk.log.add(7, event("uid-7", "new there"), 0, Objects::home, Kind::event);
}

/// Nothing lost, doubled or undone, wherever it dies.
class DyingObjects : public testing::TestWithParam<bool> {
 protected:
  static void expect_done(Objects& disk) {
    EXPECT_EQ(disk.log.entries.at(1).content, event("uid-1", "edited"));
    EXPECT_NE(disk.log.entries.at(2).seq_gone, 0U);
    EXPECT_EQ(disk.log.entries.at(3).folder, gid_of(1005));
    EXPECT_EQ(disk.log.entries.at(4).content, event("uid-4", "theirs"));
    EXPECT_EQ(disk.aside(), std::multiset<std::string>{event("uid-4", "mine")});
    std::map<std::string, int> made;
    for (const auto& [number, entry] : disk.log.entries)
      if (number >= 5000 && entry.seq_gone == 0) ++made[entry.content];
    EXPECT_EQ(made, (std::map<std::string, int>{
                        {event("made", "here"), 1}, {card("eve", "Eve"), 1}, {event("uid-5", "survives"), 1}}));
  }
  void die(Objects& disk) {
    const auto drop = [&] { disk.end(); };
    GetParam() ? disk.host.power_cut(drop) : disk.host.kill(drop);
    disk.start();
  }
};

TEST_P(DyingObjects, AtEveryStep) {
  bool whole = false;
  for (std::uint64_t step = 0; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 800U);
    Objects disk(100 + step, 6);
    work(disk);
    others(disk);
    disk.store.another_gid = step % 2 == 1;
    const bool down_first = step % 3 == 2;
    disk.cutter->cutting().until = step;
    try {
      disk.settle();
      if (down_first) disk.catch_up(disk.log);
      disk.send();
      disk.catch_up(disk.log);
      if (disk.wished()) compare(disk, disk.log);
      whole = true;
    } catch (const Cut&) {
      die(disk);
    }
    disk.cutter->cutting().until = UINT64_MAX;
    disk.converge_objects();
    expect_done(disk);
    if (testing::Test::HasFailure()) return;
  }
}

/// The same at every sync, SQLite's own among them.
TEST_P(DyingObjects, AtEverySync) {
  bool whole = false;
  for (std::uint64_t step = 1; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 800U);
    Objects disk(5000 + step, 6);
    work(disk);
    others(disk);
    disk.store.another_gid = step % 2 == 1;
    std::uint64_t syncs = 0;
    bool died = false;
    disk.host.disk().on_sync = [&](std::uint64_t) {
      if (++syncs != step || died) return;
      died = true;
      GetParam() ? disk.host.power_cut() : disk.host.kill();
    };
    const auto apply = [&](e2e::ToDevice message) {
      std::vector<e2e::ToDevice> one{std::move(message)};
      const auto done = disk.shelf->apply(std::move(one));
      if (!done || died) return;
      for (const auto& said : done->answers) (void)disk.store.hear(said);
    };
    for (int i = 0; i < 4 && !died; ++i) {
      if (!disk.shelf->scan({})) break;
      disk.world.run_for(2100ms);
    }
    if (step % 3 == 2 && !died)
      for (auto& message : disk.log.since(disk.live()))
        if (!died) apply(std::move(message));
    UploadCursor cursor;
    for (bool more = !died; more && !died;) {
      auto part = disk.shelf->upload(cursor, 4);
      if (!part || died) break;
      for (const auto& message : part->messages)
        for (auto& answer : disk.store.hear(message))
          if (!died) apply(std::move(answer));
      cursor = part->cursor;
      more = part->more && !part->blocked;
    }
    for (auto& message : died ? std::vector<e2e::ToDevice>() : disk.log.since(disk.live()))
      if (!died) apply(std::move(message));
    whole = !died;
    disk.host.disk().on_sync = nullptr;
    disk.end();
    disk.start();
    disk.converge_objects();
    expect_done(disk);
    if (testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(ObjectsUpward, DyingObjects, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "PowerCut" : "Kill"; });

}  // namespace
}  // namespace tidegate::device
