// SPDX-License-Identifier: Apache-2.0
// Directories of the Maildir++ that a person made, renamed or removed, on a disk in memory, against a scripted store.
#include <algorithm>

#include "device/queue.hpp"
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

struct Directories : Upward {
  explicit Directories(std::uint64_t seed, int mails = 6) : Upward(seed, mails) {}
  void make(const std::string& directory) {
    for (const char* part : {"/tmp", "/new", "/cur"})
      ASSERT_TRUE(host.files().make_directories("/mail/" + directory + part));
  }
  void take_away(const std::string& directory) {
    for (const std::string part : {"/cur", "/new", "/tmp"}) {
      for (const auto& file : *host.files().list("/mail/" + directory + part))
        ASSERT_TRUE(host.files().remove("/mail/" + directory + part + "/" + file.name));
      ASSERT_TRUE(host.files().remove("/mail/" + directory + part));
    }
    (void)host.files().remove("/mail/" + directory + "/maildirfolder");
    ASSERT_TRUE(host.files().remove("/mail/" + directory));
  }
  bool there(const std::string& directory) { return host.files().info("/mail/" + directory)->has_value(); }
  /// As often as one thing waits for another: a folder for the one above it, a mail for its folder.
  void converge_all() {
    for (int i = 0; i < 5; ++i) {
      settle();
      ASSERT_TRUE(send());
      catch_up(log);
    }
    converge();
  }
  Gid named(const std::string& name) const {
    for (const auto& info : log.folders)
      if (info.name == name) return info.gid;
    return {};
  }
  std::size_t count(e2e::Verb verb) const {
    return static_cast<std::size_t>(std::ranges::count(store.carried_out, verb, &e2e::Command::verb));
  }
};

TEST(Directories, ANewOneIsMadeAndWhatIsPutThereFollows) {
  Directories disk(1);
  disk.make(".Plans");
  disk.write("/mail/.Plans/cur/1.new:2,S", mail(50));
  disk.rename(disk.path(1), "/mail/.Plans/cur/moved:2,");
  EXPECT_EQ(disk.look().commands, 0U) << "somebody may still be at it";
  disk.converge_all();
  const auto plans = disk.named("Plans");
  EXPECT_EQ(disk.log.entries.at(1).folder, plans);
  EXPECT_EQ(disk.log.entries.at(5000).folder, plans);
  EXPECT_EQ(disk.count(e2e::Verb::make_folder), 1U);
  EXPECT_EQ(disk.count(e2e::Verb::remove), 0U);
}

TEST(Directories, ThoseBelowWaitForThoseAboveAndTheirNamesComeBackEqual) {
  Directories disk(2);
  disk.make(".A.B.C%2Ed");  // and neither .A nor .A.B
  disk.make(".Work.100%");  // as a person types it
  disk.make(".INBOX.Sub");
  disk.converge_all();
  const auto* c = disk.log.folder(disk.named("C.d"));
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->parent, disk.named("B"));
  EXPECT_EQ(disk.log.folder(disk.named("B"))->parent, disk.named("A"));
  ASSERT_NE(disk.log.folder(disk.named("100%")), nullptr);
  EXPECT_TRUE(disk.there(".Work.100%25")) << "called as its name is";
  EXPECT_FALSE(disk.there(".Work.100%"));
  EXPECT_EQ(disk.log.folder(disk.named("Sub"))->parent, gid_of(1001));
  EXPECT_EQ(disk.count(e2e::Verb::make_folder), 5U);
}

TEST(Directories, NamesThatNoFolderCanHaveStayHere) {
  Directories disk(3);
  disk.make(
      ".b\xFF"
      "d");
  disk.make(".Conflicts");
  disk.make(".notes");
  ASSERT_TRUE(disk.host.files().remove("/mail/.notes/cur"));
  ASSERT_TRUE(disk.host.files().remove("/mail/.notes/new"));  // no Maildir any more
  std::vector<std::string> notes;
  for (int i = 0; i < 3; ++i) {
    for (auto& note : disk.look().notes) notes.push_back(note);
    disk.world.run_for(3s);
  }
  EXPECT_EQ(disk.waiting(), 0U);
  ASSERT_EQ(notes.size(), 1U) << "once";
  EXPECT_NE(notes[0].find(".b?d"), std::string::npos) << notes[0];
}

TEST(Directories, ARefusedOneIsToldOnceAndIsAPersonsToDecide) {
  Directories disk(4);
  disk.store.refuse = [](const e2e::Command& said) {
    return said.verb == e2e::Verb::make_folder ? std::optional(FaultKind::invalid) : std::nullopt;
  };
  disk.make(".a%2Fb");
  disk.settle();
  ASSERT_TRUE(disk.send());
  ASSERT_EQ(disk.notes.size(), 1U);
  EXPECT_NE(disk.notes[0].find("a new folder a/b"), std::string::npos) << disk.notes[0];
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.count(e2e::Verb::make_folder), 1U);
  disk.store.refuse = nullptr;
  EXPECT_TRUE(disk.shelf->with_index([&](Index& index) {
    const auto failed = Journal(index.database()).folders().made.at(0);
    EXPECT_TRUE(failed.failed);
    EXPECT_TRUE(repeat_entry(disk.host, index, failed.number));
  }));
  disk.converge_all();
  EXPECT_TRUE(disk.there(".a%2Fb"));
}

TEST(Directories, ARefusalIsForgottenWithItsDirectory) {
  Directories disk(5);
  disk.store.refuse = [](const e2e::Command&) { return std::optional(FaultKind::denied); };
  disk.make(".no");
  disk.settle();
  ASSERT_TRUE(disk.send());
  disk.take_away(".no");
  disk.settle();
  EXPECT_TRUE(
      disk.shelf->with_index([&](Index& index) { EXPECT_TRUE(Journal(index.database()).folders().made.empty()); }));
}

TEST(Directories, ARenamedOneIsRenamedAndNothingInItMoves) {
  for (const bool restarted : {false, true}) {
    Directories disk(6);
    disk.log.move(1, 2);
    disk.log.move(2, 3);
    disk.catch_up(disk.log);
    disk.look();
    if (restarted) disk.end();
    disk.rename("/mail/.Work", "/mail/.Play");
    if (restarted) disk.start();
    EXPECT_EQ(disk.look().commands, 1U) << "certain at the first look";
    disk.catch_up(disk.log);  // the store's tree still has the old name
    EXPECT_TRUE(disk.there(".Play"));
    EXPECT_FALSE(disk.there(".Work"));
    disk.converge_all();
    ASSERT_EQ(disk.verbs(), (Verbs{e2e::Verb::change_folder})) << restarted;
    EXPECT_EQ(disk.log.folder(gid_of(1002))->name, "Play");
    EXPECT_TRUE(disk.there(".Play.v1%2E2")) << "those below follow";
  }
}

TEST(Directories, ThoseBelowMayBeRenamedByTheSameHand) {
  Directories disk(7);
  disk.log.move(1, 3);
  disk.catch_up(disk.log);
  disk.look();
  disk.rename("/mail/.Work", "/mail/.Play");
  disk.rename("/mail/.Work.v1%2E2", "/mail/.Play.v1%2E2");
  disk.converge_all();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::change_folder}));
}

TEST(Directories, OneThatIsMovedBelowAnotherIsMoved) {
  Directories disk(8);
  disk.rename("/mail/.Work.v1%2E2", "/mail/.v2");
  disk.converge_all();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::change_folder}));
  EXPECT_EQ(disk.log.folder(gid_of(1003))->name, "v2");
  EXPECT_EQ(disk.log.folder(gid_of(1003))->parent, Gid{});
}

TEST(Directories, ARefusedRenamingIsUndoneHere) {
  Directories disk(9);
  disk.log.move(1, 2);
  disk.catch_up(disk.log);
  disk.look();
  disk.store.refuse = [](const e2e::Command& said) {
    return said.verb == e2e::Verb::change_folder ? std::optional(FaultKind::denied) : std::nullopt;
  };
  disk.rename("/mail/.Work", "/mail/.Play");
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.there(".Work"));
  EXPECT_FALSE(disk.there(".Play"));
  ASSERT_EQ(disk.notes.size(), 1U);
  disk.converge_all();
}

TEST(Directories, RenamedOnBothSidesTheStoresNameStays) {
  Directories disk(10);
  disk.log.move(1, 2);
  disk.catch_up(disk.log);
  disk.look();
  disk.rename("/mail/.Work", "/mail/.Mine");
  disk.settle();
  // There it is another folder now, and the mails are in that one.
  disk.log.folders.push_back(*disk.log.folder(gid_of(1002)));
  disk.log.folders.back().gid = gid_of(1009);
  disk.log.folders.back().name = "Theirs";
  disk.log.folder(gid_of(1003))->parent = gid_of(1009);
  disk.log.move(1, 9);
  disk.log.remove_folder(gid_of(1002));
  disk.catch_up(disk.log);
  disk.converge_all();
  EXPECT_TRUE(disk.there(".Theirs"));
  EXPECT_FALSE(disk.there(".Mine"));
  EXPECT_EQ(disk.count(e2e::Verb::remove), 0U);
}

TEST(Directories, AnEmptyOneThatIsTakenAwayIsRemoved) {
  for (const bool restarted : {false, true}) {
    Directories disk(11);
    if (restarted) disk.end();
    disk.take_away(".Work.v1%2E2");
    if (restarted) disk.start();
    EXPECT_EQ(disk.look().commands, 0U) << "not at the first look";
    disk.converge_all();
    EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::remove_folder})) << restarted;
    EXPECT_FALSE(disk.there(".Work.v1%2E2"));
  }
}

/// A directory with thirty mails in it.
void take_thirty_away(Directories& disk) {
  for (std::uint64_t n = 1; n <= 30; ++n) disk.log.move(n, 3);
  disk.catch_up(disk.log);
  disk.look();
  disk.take_away(".Work.v1%2E2");
  disk.settle();
  disk.settle();
}

TEST(Directories, WhatIsInATakenOneGoesByTheRulesForMails) {
  Directories disk(12, 40);
  take_thirty_away(disk);
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.store.carried_out.empty()) << "thirty at once are held, and the folder with them";
  EXPECT_TRUE(disk.shelf->with_index([&](Index& index) {
    const auto holds = Holds(index.database()).list();
    ASSERT_EQ(holds.size(), 1U);
    EXPECT_EQ(holds[0].items, 30U);
    EXPECT_TRUE(release_hold(index, holds[0].number));
  }));
  disk.converge_all();
  EXPECT_EQ(disk.count(e2e::Verb::remove), 30U);
  EXPECT_EQ(disk.count(e2e::Verb::remove_folder), 1U);
}

TEST(Directories, AHoldThatIsDiscardedBringsTheFolderBack) {
  Directories disk(13, 40);
  take_thirty_away(disk);
  EXPECT_TRUE(disk.shelf->with_index(
      [&](Index& index) { EXPECT_TRUE(discard_hold(index, Holds(index.database()).list().at(0).number)); }));
  for (auto& [number, entry] : disk.log.entries)
    if (entry.folder == gid_of(1003)) disk.tell(disk.log.item(entry));  // what the compare asks for
  disk.tell(disk.log.mark(disk.log.head));
  disk.expect_equal(disk.log);
  EXPECT_TRUE(disk.store.carried_out.empty());
}

TEST(Directories, AFolderThatGetsAMailMeanwhileStays) {
  Directories disk(14);
  disk.take_away(".Work.v1%2E2");
  disk.settle();
  disk.log.add(7, mail(7), 0, 3);  // the device has not heard of it
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.there(".Work.v1%2E2"));
  ASSERT_EQ(disk.notes.size(), 1U);
  disk.converge_all();
  EXPECT_NE(disk.log.folder(gid_of(1003)), nullptr);
}

TEST(Directories, FoldersWithAPurposeAreThereAgain) {
  Directories disk(15);
  disk.log.folder(gid_of(1002))->role = Role::sent;
  disk.log.folder(gid_of(1003))->parent = {};
  disk.catch_up(disk.log);
  disk.look();
  disk.take_away(".Work");
  const auto looked = disk.look();
  EXPECT_EQ(looked.commands, 0U);
  EXPECT_EQ(looked.notes.size(), 1U);
  disk.converge_all();
  EXPECT_TRUE(disk.store.carried_out.empty());
}

/// Decision 0040: the mail wins.
TEST(Directories, AFolderRemovedInTheStoreIsMadeAgainForAMailThatWasAddedHere) {
  for (const bool sent : {false, true}) {
    Directories disk(16);
    disk.write("/mail/.Work.v1%2E2/cur/1.new:2,S", mail(60));
    disk.settle();
    if (!sent) disk.log.remove_folder(gid_of(1003));
    if (sent) {  // it went up, and the folder was quicker to go
      disk.log.remove_folder(gid_of(1003));
      ASSERT_TRUE(disk.send());
    }
    disk.catch_up(disk.log);
    disk.converge_all();
    const auto again = disk.named("v1.2");
    EXPECT_EQ(disk.log.entries.at(5000).content, mail(60)) << sent;
    EXPECT_EQ(disk.log.entries.at(5000).folder, again);
    EXPECT_EQ(disk.log.entries.at(5000).flags, seen);
    EXPECT_NE(again, gid_of(1003));
  }
}

TEST(Directories, AFolderThatIsGoneFromTheStoreGoesHereWhenItsMailsAreGone) {
  Directories disk(17);
  disk.log.move(1, 3);
  disk.catch_up(disk.log);
  disk.look();
  disk.log.remove_folder(gid_of(1003));
  disk.catch_up(disk.log);
  disk.converge_all();
  EXPECT_TRUE(disk.store.carried_out.empty());
  EXPECT_FALSE(disk.there(".Work.v1%2E2"));
}

TEST(Directories, TheStoreMayBeQuickerWithTheFolderThanWithTheResult) {
  Directories disk(18);
  disk.make(".Work.100%");
  disk.write("/mail/.Work.100%/cur/1.new:2,S", mail(50));
  disk.settle();
  disk.store.mute = true;
  ASSERT_TRUE(disk.send());
  disk.catch_up(disk.log);
  EXPECT_TRUE(disk.there(".Work.100%25"));
  EXPECT_FALSE(disk.there(".Work.100%"));
  disk.store.mute = false;
  disk.converge_all();
  EXPECT_EQ(disk.count(e2e::Verb::make_folder), 1U);
}

/// A kill at every step of each: nothing is done twice, nothing is lost, and the tree ends as it was left here.
TEST(Directories, AKillAtAnyStepEndsInTheSame) {
  bool died = true;
  for (std::uint64_t at = 0; died; ++at) {
    SCOPED_TRACE(at);
    Directories disk(100 + at);
    disk.log.move(1, 2);
    disk.log.move(2, 3);
    disk.catch_up(disk.log);
    disk.look();
    disk.rename("/mail/.Work", "/mail/.Play");
    disk.make(".New%41");
    disk.write("/mail/.New%41/cur/1.new:2,S", mail(50));
    disk.rename(disk.path(3), "/mail/.New%41/cur/moved:2,");
    disk.end();
    died = false;
    try {
      disk.start(at);
      disk.converge_all();
    } catch (const Cut&) {
      died = true;
    }
    if (died) {
      disk.host.kill([&] { disk.end(); });
      disk.start();
      disk.converge_all();
    }
    EXPECT_EQ(disk.log.folder(gid_of(1002))->name, "Play");
    EXPECT_EQ(disk.log.entries.at(3).folder, disk.named("NewA"));
    EXPECT_EQ(disk.log.entries.at(5000).folder, disk.named("NewA"));
    EXPECT_EQ(disk.count(e2e::Verb::make_folder), 1U);
    EXPECT_EQ(disk.count(e2e::Verb::remove), 0U);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace tidegate::device
