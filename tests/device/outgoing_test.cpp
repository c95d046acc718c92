// SPDX-License-Identifier: Apache-2.0
// From the Maildir to the store: what mutt and aerc do to files, on a disk in memory, against a scripted store.
#include "device/outgoing.hpp"

#include <algorithm>

#include "device/digest.hpp"
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

TEST(Upward, FlagsThatAMailProgramSetGoUpAsADifference) {
  Upward disk(1);
  const auto base = mail_base(gid_of(1), mail(1).size());
  disk.rename("/mail/new/" + base, "/mail/cur/" + base + ":2,RS");
  disk.rename(disk.path(2), "/mail/cur/" + mail_base(gid_of(2), mail(2).size()) + ":2,Fa");  // "a": Dovecot's keyword
  EXPECT_EQ(disk.look().commands, 2U) << "certain at the first look";
  ASSERT_TRUE(disk.send());
  ASSERT_EQ(disk.verbs(), (Verbs{e2e::Verb::set_flags, e2e::Verb::set_flags}));
  const auto one = std::ranges::find(disk.store.carried_out, gid_of(1), &e2e::Command::gid);
  EXPECT_EQ(one->flags_add, seen | answered);
  EXPECT_EQ(one->flags_clear, 0U);
  const auto two = std::ranges::find(disk.store.carried_out, gid_of(2), &e2e::Command::gid);
  EXPECT_EQ(two->flags_add, flagged);
  EXPECT_EQ(two->flags_clear, seen);
  EXPECT_TRUE(two->keywords_clear.empty());
  EXPECT_TRUE(disk.store.results.empty()) << "stored, and said so";
  disk.converge();
  EXPECT_EQ(disk.path(2), "/mail/cur/" + mail_base(gid_of(2), mail(2).size()) + ":2,Fa");
}

TEST(Upward, FlagsMergeThreeWays) {
  Upward disk(2);
  disk.rename(disk.path(1), "/mail/cur/" + mail_base(gid_of(1), mail(1).size()) + ":2,S");
  disk.look();                 // journaled, not sent
  disk.log.flags(1, flagged);  // another device
  disk.catch_up(disk.log);
  EXPECT_EQ(flags_of_name(disk.path(1)), seen | flagged) << "a pending command masks what comes in";
  EXPECT_EQ(disk.look().commands, 0U);
  disk.converge();
  EXPECT_EQ(disk.log.entries.at(1).flags, seen | flagged);
}

TEST(Upward, SettingAndClearingQuicklyEndsAsThePersonLeftIt) {
  Upward disk(3);
  const auto base = mail_base(gid_of(1), mail(1).size());
  disk.rename(disk.path(1), "/mail/cur/" + base + ":2,S");
  disk.look();
  disk.rename(disk.path(1), "/mail/cur/" + base + ":2,");
  disk.look();
  UploadCursor cursor;  // only the first one is answered before the store's news of it come
  const auto step = disk.shelf->upload(cursor, 1);
  for (auto& answer : disk.store.hear(step->messages.at(0))) disk.tell(std::move(answer));
  disk.catch_up(disk.log);
  EXPECT_EQ(flags_of_name(disk.path(1)), 0U);
  disk.converge();
  EXPECT_EQ(disk.log.entries.at(1).flags, 0U);
  EXPECT_EQ(disk.store.carried_out.size(), 2U);
}

TEST(Upward, ANewerClearingByAnotherDeviceIsNotUndoneByOurOwnEcho) {
  Upward disk(4);
  disk.rename(disk.path(1), "/mail/cur/" + mail_base(gid_of(1), mail(1).size()) + ":2,S");
  disk.look();
  disk.store.mute = true;
  ASSERT_TRUE(disk.send());
  disk.log.flags(1, 0);  // set by us, then cleared elsewhere; both are known before the result is
  disk.catch_up(disk.log);
  disk.store.mute = false;
  disk.converge();
  EXPECT_EQ(disk.log.entries.at(1).flags, 0U);
}

TEST(Upward, MovesAreFoundUnderNewNames) {
  Upward disk(5);
  disk.rename(disk.path(1), "/mail/.Work/cur/1699.R55.host:2,S");  // mutt: another name, another folder, read
  disk.rename(disk.path(2), "/mail/.Work.v1%2E2/new/" + mail_base(gid_of(2), mail(2).size()));  // a shell's mv
  // Copied and deleted: neither name nor inode stay.
  disk.write("/mail/.Work/cur/1700.R56.host:2,S", mail(4));
  ASSERT_TRUE(disk.host.files().remove(disk.path(4)));
  EXPECT_EQ(disk.look().commands, 5U) << "three moves, and of the first two the flags";
  EXPECT_EQ(disk.path(1), "/mail/.Work/cur/" + mail_base(gid_of(1), mail(1).size()) + ":2,S");
  disk.converge();
  EXPECT_EQ(std::ranges::count(disk.verbs(), e2e::Verb::move), 3);
  EXPECT_EQ(disk.log.entries.at(1).folder, gid_of(1002));
  EXPECT_EQ(disk.log.entries.at(2).folder, gid_of(1003));
  EXPECT_EQ(disk.log.entries.at(4).folder, gid_of(1002));
  EXPECT_EQ(std::ranges::count(disk.verbs(), e2e::Verb::remove), 0);
}

TEST(Upward, ACopyAndANewMailAreCreated) {
  Upward disk(6);
  disk.write("/mail/.Work/cur/1.copy.host:2,S", mail(2));        // of a mail that is still there
  disk.write("/mail/cur/2.draft.host:2,DS", mail(77, 500'000));  // longer than one message carries
  EXPECT_EQ(disk.look().commands, 0U) << "somebody may still be writing";
  EXPECT_EQ(disk.settle(), 2U);
  disk.converge();
  ASSERT_EQ(disk.verbs(), (Verbs{e2e::Verb::create, e2e::Verb::create}));
  const auto& draft_of = *std::ranges::find(disk.store.carried_out, 500'000U, &e2e::Command::size);
  EXPECT_EQ(draft_of.flags_add, draft | seen);
  EXPECT_EQ(draft_of.folder, gid_of(1001));
  EXPECT_EQ(disk.log.entries.size(), 8U);
}

TEST(Upward, AFileThatIsStillBeingWrittenWaits) {
  Upward disk(7);
  disk.write("/mail/cur/1.slow.host:2,S", "Subject: h");
  for (int part = 0; part < 5; ++part) {
    EXPECT_EQ(disk.look().commands, 0U);
    disk.world.run_for(1s);
    ASSERT_TRUE(disk.host.files().append("/mail/cur/1.slow.host:2,S", "alf\r\n"));
  }
  EXPECT_EQ(disk.settle(), 1U);
  disk.converge();
}

TEST(Upward, ACreateThatTheStoreKnowsByAnotherGidIsOneItem) {
  for (const bool item_first : {false, true}) {
    SCOPED_TRACE(item_first);
    Upward disk(8);
    disk.store.another_gid = true;
    disk.write("/mail/.Work/new/1.new.host", mail(50));
    disk.settle();
    if (item_first) {
      disk.store.mute = true;
      ASSERT_TRUE(disk.send());
      disk.catch_up(disk.log);  // the item is there before the result
      disk.store.mute = false;
    }
    disk.converge();
    EXPECT_EQ(disk.mails("new").size() + disk.mails("cur").size(), 7U);
    EXPECT_TRUE(disk.host.files().read("/mail/.Work/new/" + mail_base(gid_of(5000), mail(50).size())));
    EXPECT_EQ(disk.store.carried_out.size(), 1U);
  }
}

TEST(Upward, WhatTheStoreHasAlreadyIsNotCreatedAgain) {
  Upward disk(9);
  disk.write("/mail/.Work/cur/1.sent.host:2,S", mail(60));  // mutt's own copy of a mail the server files, too
  disk.settle();
  disk.log.add(60, mail(60), 0, 2);
  disk.catch_up(disk.log);
  disk.converge();
  EXPECT_EQ(std::ranges::count(disk.verbs(), e2e::Verb::create), 0);
  EXPECT_EQ(disk.mails("cur").size() + disk.mails("new").size(), 7U);
}

TEST(Upward, ARemovalNeedsTwoLooksOrASeenDeletion) {
  Upward disk(10);
  disk.world.run_for(3s);
  disk.look();
  const auto one = disk.path(1), two = disk.path(2);
  ASSERT_TRUE(disk.host.files().remove(one));
  EXPECT_EQ(disk.look().commands, 0U);
  disk.world.run_for(1900ms);
  EXPECT_EQ(disk.look().commands, 0U) << "less than 2 s apart";
  disk.world.run_for(200ms);
  EXPECT_EQ(disk.look().commands, 1U);
  ASSERT_TRUE(disk.host.files().remove(two));
  EXPECT_EQ(disk.look({.deleted = {two}}).commands, 1U) << "IN_DELETE was seen";
  disk.converge();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::remove, e2e::Verb::remove}));
  EXPECT_NE(disk.log.entries.at(1).seq_gone, 0U);
}

TEST(Upward, AnEmptyMailIsThereAndAnEmptiedOneIsNotRemoved) {
  Upward disk(31);
  disk.log.add(7, "");
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.settle(), 0U) << "a mail without an octet is a mail";
  const auto one = disk.path(1);
  ASSERT_TRUE(disk.host.files().remove(one));
  ASSERT_TRUE(disk.host.files().create(one, ""));
  EXPECT_EQ(disk.settle(), 0U) << "damage here must not reach the store";
}

TEST(Upward, AFileThatComesBackInTimeWasNeverRemoved) {
  Upward disk(11);
  const auto one = disk.path(1);
  disk.rename(one, "/mail/.Work/tmp/on-its-way");
  EXPECT_EQ(disk.look().commands, 0U);
  disk.world.run_for(1s);
  disk.rename("/mail/.Work/tmp/on-its-way", "/mail/.Work/cur/3.x:2,");
  disk.converge();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::move}));
}

TEST(Upward, AnUnmountedDiskRemovesNothing) {
  Upward disk(13, 3);
  ASSERT_TRUE(disk.host.files().rename("/mail", "/unplugged"));
  ASSERT_TRUE(disk.host.files().make_directories("/mail/cur"));
  ASSERT_TRUE(disk.host.files().make_directories("/mail/new"));
  for (int i = 0; i < 3; ++i) {
    const auto looked = disk.shelf->scan({});
    ASSERT_EQ(looked.has_value(), i > 0) << "the first says why, then nothing is done until recover()";
    if (i == 0) EXPECT_EQ(looked.error().kind, FaultKind::denied);
    disk.world.run_for(3s);
  }
  EXPECT_FALSE(disk.shelf->recover());
  ASSERT_TRUE(disk.host.files().remove("/mail/cur") && disk.host.files().remove("/mail/new"));
  ASSERT_TRUE(disk.host.files().remove("/mail"));
  ASSERT_TRUE(disk.host.files().rename("/unplugged", "/mail"));
  ASSERT_TRUE(disk.shelf->recover());
  disk.converge();
  EXPECT_TRUE(disk.store.carried_out.empty());
}

TEST(Upward, WhatWasMovedToADirectoryThatIsNoFolderIsNotRemoved) {
  Upward disk(14);
  const std::string own = "/mail/.Mine\xFF";  // no folder can be called so
  ASSERT_TRUE(disk.host.files().make_directories(own + "/cur"));
  ASSERT_TRUE(disk.host.files().make_directories(own + "/new"));
  disk.rename(disk.path(1), own + "/cur/9.x:2,S");
  EXPECT_EQ(disk.settle(), 0U);
  EXPECT_EQ(disk.waiting(), 0U);
  disk.rename(own + "/cur/9.x:2,S", "/mail/.Work/cur/9.x:2,");
  for (const char* part : {"/cur", "/new", ""}) ASSERT_TRUE(disk.host.files().remove(own + part));
  disk.converge();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::move}));
}

TEST(Upward, AnEditedMailIsANewOneAndTheOldOneGoes) {
  Upward disk(15);
  const auto one = disk.path(1);
  ASSERT_TRUE(disk.host.files().append(one, "more\r\n"));
  EXPECT_EQ(disk.look({.whole = true}).commands, 0U);
  disk.converge();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::create, e2e::Verb::remove}));
  EXPECT_EQ(disk.log.entries.at(5000).content, mail(1) + "more\r\n");
}

TEST(Upward, AnEditLosesAgainstTheStoreButIsKept) {
  Upward disk(16);
  const auto one = disk.path(1), two = disk.path(2);
  ASSERT_TRUE(disk.host.files().append(one, "mine"));
  ASSERT_TRUE(disk.host.files().append(two, "mine, too"));
  disk.log.gone(1);
  disk.log.body(2, mail(99));
  disk.catch_up(disk.log);
  const auto kept = disk.host.files().list("/mail/.Conflicts/new");
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 2U);
  EXPECT_EQ(*disk.host.files().read("/mail/.Conflicts/new/" + gid_text(gid_of(1)) + "-1"), mail(1) + "mine");
  EXPECT_EQ(*disk.host.files().read("/mail/.Conflicts/new/" + gid_text(gid_of(2)) + "-1"), mail(2) + "mine, too");
  EXPECT_EQ(disk.settle(), 0U) << "never sent by itself";
}

TEST(Upward, ARefusedChangeIsShownAndTheStoresStateTakenAgain) {
  Upward disk(17);
  disk.store.refuse = [](const e2e::Command&) { return FaultKind::denied; };
  disk.rename(disk.path(1), "/mail/cur/" + mail_base(gid_of(1), mail(1).size()) + ":2,F");
  disk.rename(disk.path(2), "/mail/.Work/cur/x:2,S");
  ASSERT_TRUE(disk.host.files().remove(disk.path(3)));
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.notes.size(), 3U);
  EXPECT_EQ(flags_of_name(disk.path(1)), 0U);
  EXPECT_TRUE(disk.path(2).starts_with("/mail/cur/"));
  EXPECT_TRUE(disk.asked_compare) << "the removed one's content must come again";
  EXPECT_EQ(disk.settle(), 0U) << "not tried again and again";
  std::vector<CommandRow> shown;
  ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { shown = Journal(index.database()).list(10); }));
  EXPECT_EQ(shown.size(), 3U);
  // The wish to compare survives until one is complete.
  disk.host.kill([&] { disk.end(); });
  disk.start();
  const auto greeted = disk.shelf->apply({disk.log.hello_ack()});
  ASSERT_TRUE(greeted);
  EXPECT_TRUE(std::holds_alternative<e2e::CompareAsk>(greeted->answers.at(0)));
}

TEST(Upward, ARemovalMasksTheItemUntilItIsKnownThere) {
  Upward disk(18);
  ASSERT_TRUE(disk.host.files().remove(disk.path(1)));
  disk.settle();
  auto again = disk.log.item(disk.log.entries.at(1));
  disk.tell(again);
  EXPECT_EQ(disk.path(1), "none");
  again.content_rev = "another";
  disk.tell(again);
  EXPECT_NE(disk.path(1), "none") << "delete against edit: the edit wins";
}

TEST(Upward, WhatLeavesTheWindowIsNeverACommand) {
  Upward disk(19);
  for (std::uint64_t n = 1; n <= 6; ++n) disk.tell(e2e::DropHere{1, 100 + n, gid_of(n)});
  EXPECT_EQ(disk.settle(), 0U);
  EXPECT_EQ(disk.waiting(), 0U);
  EXPECT_TRUE(disk.mails("cur").empty());
}

TEST(Upward, ACreateWhoseFileWentIsDroppedWithANote) {
  Upward disk(20);
  disk.write("/mail/cur/1.a:2,S", mail(70));
  disk.settle();
  for (const auto& found : disk.mails("cur"))
    if (*disk.host.files().read(found) == mail(70)) {
      ASSERT_TRUE(disk.host.files().remove(found));
      break;
    }
  EXPECT_FALSE(disk.send()) << "a look must decide first";
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.store.carried_out.empty());
  std::vector<CommandRow> shown;
  ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { shown = Journal(index.database()).list(10); }));
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].state, CommandRow::State::failed);
  EXPECT_NE(shown[0].text.find("taken away"), std::string::npos);
}

// A mail program postpones a mail and takes the file before away; the device is offline.
TEST(Upward, OfADraftThatWasSavedAgainAndAgainTheLastGoesUp) {
  for (const bool by_role : {false, true}) {
    Upward disk(22, 2);
    disk.log.folders[1].role = by_role ? Role::drafts : Role::none;
    disk.catch_up(disk.log);
    for (int saved = 1; saved <= 3; ++saved) {
      disk.write("/mail/.Work/cur/" + std::to_string(saved) + (by_role ? ".draft:2,S" : ".draft:2,DS"),
                 mail(70 + saved));
      disk.settle();
      for (const auto& found : disk.mails("cur"))
        if (*disk.host.files().read(found) == mail(70 + saved - 1)) ASSERT_TRUE(disk.host.files().remove(found));
      disk.settle();
    }
    disk.converge();
    EXPECT_EQ(disk.log.entries.at(5000).content, mail(73));
    EXPECT_FALSE(disk.log.entries.contains(5001)) << by_role;
    EXPECT_TRUE(disk.shelf->with_index(
        [&](Index& index) { EXPECT_TRUE(Journal(index.database()).list(10).empty()) << by_role; }));
  }
}

TEST(Upward, ACompareLeavesAloneWhatTheStoreCannotKnowYet) {
  Upward disk(21);
  disk.write("/mail/cur/1.a:2,S", mail(71));
  disk.settle();
  ASSERT_TRUE(disk.shelf->apply({disk.log.hello_ack(true), disk.log.tree()}));
  disk.compare_with_nothing();
  ASSERT_TRUE(disk.shelf->apply({e2e::CompareEnd{disk.log.mark(disk.log.head).position}}));
  EXPECT_EQ(disk.mails("cur").size() + disk.mails("new").size(), 1U) << "the store has nothing, but the new one stays";
}

TEST(Upward, AScanOfASettledFolderDoesNotEvenList) {
  Upward disk(22);
  disk.settle();
  const auto one = disk.path(1);
  ASSERT_TRUE(disk.host.files().append(one, "in place: no directory's mtime tells"));
  disk.world.run_for(1h);
  EXPECT_FALSE(disk.look().again);
  EXPECT_TRUE(disk.look({.whole = true}).unsettled) << "the sweep sees it";
}

/// What a person did in one sitting, all kinds of it.
void work_offline(Upward& disk) {
  const auto name = [&](int n) { return mail_base(gid_of(static_cast<std::uint64_t>(n)), mail(n).size()); };
  auto& files = disk.host.files();
  ASSERT_TRUE(files.rename("/mail/new/" + name(1), "/mail/cur/" + name(1) + ":2,RS"));
  ASSERT_TRUE(files.rename("/mail/cur/" + name(2) + ":2,S", "/mail/.Work/cur/2.mutt.host:2,S"));
  ASSERT_TRUE(files.remove("/mail/new/" + name(3)));
  ASSERT_TRUE(files.create("/mail/.Work/cur/4.copy.host:2,S", mail(4)));
  ASSERT_TRUE(files.create("/mail/cur/7.draft.host:2,D", mail(7, 1000)));
}
void expect_done(const Upward& disk) {
  const auto& log = disk.log;
  EXPECT_EQ(log.entries.at(1).flags, seen | answered);
  EXPECT_EQ(log.entries.at(2).folder, gid_of(1002));
  EXPECT_NE(log.entries.at(3).seq_gone, 0U);
  EXPECT_EQ(log.entries.size(), 8U) << "each create once";
  EXPECT_EQ(disk.store.carried_out.size(), 5U);
}

/// The property of it all: die at every call that changes the disk, while the journal is written, sent and answered;
/// nothing is lost, doubled or undone.
class DyingUpward : public testing::TestWithParam<bool> {};

TEST_P(DyingUpward, AtEveryStep) {
  const bool power = GetParam();
  bool whole = false;
  for (std::uint64_t step = 0; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 500U);
    Upward disk(100 + step);
    disk.settle();
    work_offline(disk);
    for (const char* directory : {"/mail/cur", "/mail/new", "/mail/.Work/cur"})
      ASSERT_TRUE(disk.host.files().sync_directory(directory));
    for (const char* file : {"/mail/.Work/cur/4.copy.host:2,S", "/mail/cur/7.draft.host:2,D"})
      ASSERT_TRUE(disk.host.files().sync(file));
    disk.store.another_gid = step % 2 == 1;
    disk.cutter->cutting().until = step;
    try {
      disk.settle();
      disk.send();
      disk.catch_up(disk.log);
      whole = true;
    } catch (const Cut&) {
      const auto drop = [&] { disk.end(); };
      power ? disk.host.power_cut(drop) : disk.host.kill(drop);
      disk.start();
    }
    disk.cutter->cutting().until = UINT64_MAX;
    disk.converge();
    expect_done(disk);
    if (testing::Test::HasFailure()) return;
  }
}

/// The same at every sync, SQLite's own among them: between a transaction and what follows it.
TEST_P(DyingUpward, AtEverySync) {
  const bool power = GetParam();
  bool whole = false;
  for (std::uint64_t step = 1; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 500U);
    Upward disk(5000 + step);
    disk.settle();
    work_offline(disk);
    for (const char* directory : {"/mail/cur", "/mail/new", "/mail/.Work/cur"})
      ASSERT_TRUE(disk.host.files().sync_directory(directory));
    for (const char* file : {"/mail/.Work/cur/4.copy.host:2,S", "/mail/cur/7.draft.host:2,D"})
      ASSERT_TRUE(disk.host.files().sync(file));
    disk.store.another_gid = step % 2 == 1;
    std::uint64_t syncs = 0;
    bool died = false;
    disk.host.disk().on_sync = [&](std::uint64_t) {
      if (++syncs != step || died) return;
      died = true;
      power ? disk.host.power_cut() : disk.host.kill();
    };
    const auto alive = [&](auto result) { return result.has_value() && !died; };
    for (int i = 0; i < 3 && !died; ++i) {
      if (!alive(disk.shelf->scan({}))) break;
      disk.world.run_for(2100ms);
    }
    UploadCursor cursor;
    for (bool more = true; more && !died;) {
      auto part = disk.shelf->upload(cursor, 4);
      if (!part || died) break;
      for (const auto& message : part->messages)
        for (auto& answer : disk.store.hear(message)) {
          if (died) break;
          std::vector<e2e::ToDevice> one{std::move(answer)};
          const auto done = disk.shelf->apply(std::move(one));
          if (!done || died) break;
          for (const auto& said : done->answers) (void)disk.store.hear(said);
        }
      cursor = part->cursor;
      more = part->more && !part->blocked;
    }
    whole = !died;
    disk.host.disk().on_sync = nullptr;
    disk.end();
    disk.start();
    disk.converge();
    expect_done(disk);
    if (testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Upward, DyingUpward, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "PowerCut" : "Kill"; });

}  // namespace
}  // namespace tidegate::device
