// SPDX-License-Identifier: Apache-2.0
// Commands over the real log and journal (SQLite on a disk that forgets), against a scripted mailbox.
#include "core/journal/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/store/once.hpp"
#include "tests/core/journal/command_bed.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::journal {
namespace {

using namespace std::chrono_literals;
using store::Gid;
using testing::ElementsAre;

TEST(Commands, FlagsReachTheStoreAndAtOnceTheOtherDevices) {
  CommandBed bed;
  auto command = bed.command(e2e::Verb::set_flags, "1");
  command.flags_add = seen | flagged;
  command.keywords_add = {"Work", "Later"};
  const auto result = bed.insist(command);
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(bed.box.mails["1"].flags, seen | flagged);
  ASSERT_EQ(bed.heads.size(), 1U) << "sessions hear before any page tells";
  for (const auto& row : bed.changes(bed.view_id))
    if (row.id == "1") {
      EXPECT_EQ(row.flags, seen | flagged);
      EXPECT_THAT(row.keywords, ElementsAre("Later", "Work")) << "sorted, as back-ends tell them";
      EXPECT_EQ(row.seq(), bed.heads[0]);
    }
  EXPECT_THAT(bed.actors->hinted, ElementsAre("in"));
}

TEST(Commands, MoveKeepsTheGidUnderTheNewId) {
  CommandBed bed;
  auto command = bed.command(e2e::Verb::move, "1");
  command.folder = bed.folder_gid("in");
  command.to = bed.folder_gid("old");
  EXPECT_EQ(bed.insist(command).fault, 0U);
  const auto gid = bed.gid_of("100");
  EXPECT_EQ(gid, command.gid);
  // The pages that tell of it change nothing more.
  const auto head = bed.head(bed.view_id).head;
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {Removed{"1", {}}}, "b"));
  auto moved = store::item("100", "old", 10);
  EXPECT_TRUE(bed.apply(bed.view_id, "old", {moved}, "b"));
  bed.wait(5s);
  EXPECT_EQ(bed.head(bed.view_id).head, head);
}

TEST(Commands, RemoveOfWhatIsGoneIsDone) {
  CommandBed bed;
  bed.box.mails.erase("1");
  EXPECT_EQ(bed.insist(bed.command(e2e::Verb::remove, "1")).fault, 0U);
  auto again = bed.command(e2e::Verb::remove, "2");
  again.gid[3] ^= std::byte{1};  // the log does not know it at all
  EXPECT_EQ(bed.insist(again).fault, 0U);
}

/// Another device of the user's moved item 1 to "old"; the store and the log know.
e2e::Command after_a_move(CommandBed& bed, e2e::Verb verb) {
  auto other = bed.command(e2e::Verb::move, "1");
  other.folder = bed.folder_gid("in");
  other.to = bed.folder_gid("old");
  EXPECT_EQ(bed.insist(other).fault, 0U);
  auto command = bed.command(verb, "100");
  command.folder = bed.folder_gid("in");
  return command;
}

/// Item 1 was moved to "old" by a store that cannot tell its new id (IMAP without UIDPLUS): the log is behind.
struct Unplaced : CommandBed {
  Unplaced() {
    box.tells_ids = false;
    auto moving = command(e2e::Verb::move, "1");
    moving.folder = folder_gid("in");
    moving.to = folder_gid("old");
    EXPECT_EQ(insist(moving).fault, 0U);
    gid = moving.gid;
  }
  /// A command of the same second: nothing is said of it before the pages have come; then its result.
  e2e::CommandResult before_and_after_the_pages(const e2e::Command& next) {
    say(next);
    wait(500ms);
    EXPECT_FALSE(told.back().id == next.id && told.back().done) << "nobody can know yet";
    EXPECT_THAT(actors->hinted, testing::Contains("in"));
    EXPECT_TRUE(apply(view_id, "in", {Removed{"1", {}}}, "b"));
    EXPECT_TRUE(apply(view_id, "old", {store::item("100", "old", 10)}, "b"));
    return insist(next);
  }
  Gid gid{};
};

TEST(Commands, AMoveBackAfterAMoveWithoutANewIdIsDoneInTheStore) {
  Unplaced bed;
  auto back = bed.command(e2e::Verb::move);
  back.gid = bed.gid;
  back.folder = bed.folder_gid("old");
  back.to = bed.folder_gid("in");
  EXPECT_EQ(bed.before_and_after_the_pages(back).fault, 0U);
  EXPECT_EQ(bed.box.mails["101"].folder, "in");
}

TEST(Commands, ARemovalAfterAMoveWithoutANewIdTakesTheMovedItem) {
  Unplaced bed;
  auto remove = bed.command(e2e::Verb::remove);
  remove.gid = bed.gid;
  remove.folder = bed.folder_gid("old");
  EXPECT_EQ(bed.before_and_after_the_pages(remove).fault, 0U);
  EXPECT_FALSE(bed.box.mails.contains("100"));
}

TEST(Commands, ARemovalByTheOldPlaceIsNotSaidToBeDone) {
  Unplaced bed;
  auto remove = bed.command(e2e::Verb::remove);
  remove.gid = bed.gid;
  remove.folder = bed.folder_gid("in");
  EXPECT_EQ(bed.before_and_after_the_pages(remove).fault, code(FaultKind::conflict));
  EXPECT_TRUE(bed.box.mails.contains("100"));
}

TEST(Commands, FlagsAfterAMoveWithoutANewIdReachTheItem) {
  Unplaced bed;
  auto flags = bed.command(e2e::Verb::set_flags);
  flags.gid = bed.gid;
  flags.flags_add = flagged;
  EXPECT_EQ(bed.before_and_after_the_pages(flags).fault, 0U);
  EXPECT_EQ(bed.box.mails["100"].flags, std::uint32_t{flagged});
}

TEST(Commands, ALogThatNeverCatchesUpIsNotWaitedForForEver) {
  Unplaced bed;
  auto flags = bed.command(e2e::Verb::set_flags);
  flags.gid = bed.gid;
  flags.flags_add = flagged;
  EXPECT_EQ(bed.insist(flags).fault, code(FaultKind::not_found));
  EXPECT_EQ(bed.count("set_flags"), 4);
}

TEST(Commands, RemovalLosesAgainstAMoveThatCameFirst) {
  CommandBed bed;
  EXPECT_EQ(bed.insist(after_a_move(bed, e2e::Verb::remove)).fault, code(FaultKind::conflict));
  EXPECT_TRUE(bed.box.mails.contains("100"));
  bed.gid_of("100");  // is still in the log
}

TEST(Commands, RemovalLosesAgainstAMoveThatTheLogDoesNotKnowYet) {
  CommandBed bed;
  auto command = bed.command(e2e::Verb::remove, "1");
  command.folder = bed.folder_gid("in");
  bed.box.mails.erase("1");
  EXPECT_EQ(bed.insist(command).fault, 0U);
  EXPECT_EQ(bed.gid_of("1"), command.gid) << "a page must tell whether it is gone";
  // A store that calls it by the same id elsewhere: nothing of it is lost.
  EXPECT_TRUE(bed.apply(bed.view_id, "old", {store::item("1", "old", 10)}, "b"));
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {Removed{"1", {}}}, "b"));
  bed.wait(60s);
  EXPECT_EQ(bed.gid_of("1"), command.gid);
}

TEST(Commands, AMoveToWhereItIsAlreadyIsDoneAndOneFromWhereItIsNotFails) {
  CommandBed bed;
  auto same = after_a_move(bed, e2e::Verb::move);
  same.to = bed.folder_gid("old");
  const auto result = bed.insist(same);
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(result.seq, bed.head(bed.view_id).head);
  auto elsewhere = bed.command(e2e::Verb::move, "100");
  elsewhere.folder = bed.folder_gid("in");
  elsewhere.to = bed.folder_gid("out");
  EXPECT_EQ(bed.insist(elsewhere).fault, code(FaultKind::not_found));
  EXPECT_EQ(bed.count("move"), 1);
}

TEST(Commands, CreateKeepsTheGidThatTheDeviceChose) {
  CommandBed bed;
  const auto command = bed.creating("hello");
  const auto result = bed.insist(command);
  EXPECT_EQ(result.gid, command.gid);
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {store::item("100", "in", 30)}, "b"));
  EXPECT_EQ(bed.gid_of("100"), command.gid);
}

/// It would be on the server, and never come from there.
TEST(Commands, WhatIsNotTakenFromAServerIsNotMadeThere) {
  CommandBed bed;
  bed.actors->not_served = Kind::task;
  auto command = bed.creating("BEGIN:VCALENDAR");
  command.kind = Kind::task;
  const auto result = bed.insist(command);
  EXPECT_EQ(result.fault, code(FaultKind::unsupported));
  EXPECT_TRUE(result.text.starts_with("Your gateway takes no tasks from the server of this folder")) << result.text;
  EXPECT_EQ(bed.count("create"), 0);
  auto other = bed.creating("BEGIN:VCALENDAR");
  other.kind = Kind::event;
  EXPECT_EQ(bed.insist(other).fault, 0U);
  EXPECT_EQ(bed.count("create"), 1);
}

TEST(Commands, CreateThatAPageToldFirstAnswersItsGid) {
  CommandBed bed;
  const auto command = bed.creating("hello");
  bed.box.faults_after.push_back(of(FaultKind::unavailable));  // stored, but the answer was lost
  bed.say(command);
  ASSERT_TRUE(bed.world.run_until([&] { return bed.box.mails.contains("100"); }, 10s));
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {store::item("100", "in", 30)}, "b"));
  const auto result = bed.insist(command);
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(result.gid, bed.gid_of("100"));
  EXPECT_EQ(bed.box.mails.size(), 3U) << "looked for it and found it";
}

TEST(Commands, WhatADeviceCreatedCanBeNamedBeforeAnyPageNamesIt) {
  CommandBed bed;
  const auto create = bed.creating("hello");
  bed.insist(create);
  auto flags = bed.command(e2e::Verb::set_flags);
  flags.gid = create.gid;
  flags.flags_add = flagged;
  EXPECT_EQ(bed.insist(flags).fault, 0U);
  EXPECT_EQ(bed.box.mails["100"].flags, seen | flagged);
  auto move = bed.command(e2e::Verb::move);
  move.gid = create.gid;
  move.folder = bed.folder_gid("in");
  move.to = bed.folder_gid("old");
  EXPECT_EQ(bed.insist(move).fault, 0U);
  EXPECT_TRUE(bed.apply(bed.view_id, "old", {store::item("101", "old", 30)}, "b"));
  EXPECT_EQ(bed.gid_of("101"), create.gid);
}

TEST(Commands, TheGidADeviceChoseLeadsToTheItemThatAPageNamedFirst) {
  CommandBed bed;
  const auto create = bed.creating("hello");
  bed.box.faults_after.push_back(of(FaultKind::unavailable));
  bed.say(create);
  ASSERT_TRUE(bed.world.run_until([&] { return bed.box.mails.contains("100"); }, 10s));
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {store::item("100", "in", 30)}, "b"));
  auto flags = bed.command(e2e::Verb::set_flags);  // sent before the create's result came
  flags.gid = create.gid;
  flags.flags_add = flagged;
  const auto result = bed.insist(flags);
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(result.gid, bed.gid_of("100"));
  EXPECT_NE(result.gid, create.gid);
}

TEST(Commands, ContentInPartsIsWholeOrRefused) {
  CommandBed bed;
  auto command = bed.creating("");
  command.size = 500'000;
  bed.say(command);
  Bytes content;
  for (std::uint64_t at = 0; at < command.size; at += 100'000) {
    Bytes part(100'000, static_cast<char>('a' + at / 100'000));
    content += part;
    bed.commands->part("ann", phone,
                       {command.id, at, e2e::pack(part, e2e::Compression::deflate), at + 100'000 == command.size},
                       [] {});
  }
  ASSERT_TRUE(bed.world.run_until([&] { return bed.box.mails.contains("100"); }, 10s));
  EXPECT_EQ(bed.box.mails["100"].content, content);

  auto torn = bed.creating("");
  torn.size = 10;
  bed.say(torn);
  bed.commands->part("ann", phone, {torn.id, 5, e2e::pack("56789", e2e::Compression::none), true}, [] {});
  bed.wait(1s);
  EXPECT_EQ(bed.told.back().fault, code(FaultKind::invalid));
  EXPECT_EQ(bed.box.mails.size(), 3U);
}

TEST(Commands, SendsOnceAndFilesIntoSent) {
  CommandBed bed;
  auto command = bed.creating("mail");
  command.verb = e2e::Verb::send;
  command.folder = {};
  command.recipients = {"bob@example.com"};
  EXPECT_EQ(bed.insist(command).fault, 0U);
  ASSERT_EQ(bed.box.sent.size(), 1U);
  EXPECT_EQ(bed.box.sent[0].first.from, "ann");
  EXPECT_EQ(bed.box.sent[0].second, "mail");
  EXPECT_EQ(bed.box.mails["100"].folder, "out");
  EXPECT_EQ(bed.box.mails["100"].flags, seen);
}

TEST(Commands, AFilingThatFailsDoesNotSendAgain) {
  CommandBed bed;
  auto command = bed.creating("mail");
  command.verb = e2e::Verb::send;
  command.folder = {};
  command.recipients = {"bob@example.com"};
  bed.say(command);
  // The create after the send is the second verb: let it fail a few times.
  ASSERT_TRUE(bed.world.run_until([&] { return bed.count("send") == 1; }, 10s) || !bed.box.sent.empty());
  bed.die(false);
  EXPECT_EQ(bed.insist(command).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 1U);
}

TEST(Commands, MailWhoseFateIsUnknownIsShownNotSentAgain) {
  CommandBed bed;
  auto command = bed.creating("mail");
  command.verb = e2e::Verb::send;
  command.folder = {};
  command.recipients = {"bob@example.com"};
  bed.box.faults_after.push_back(of(FaultKind::ambiguous));  // the peer died after the final dot (RFC 1047)
  EXPECT_EQ(bed.insist(command).fault, code(FaultKind::ambiguous));
  EXPECT_EQ(bed.box.sent.size(), 1U);
}

// The server took all of it and was killed before its answer.
TEST(Commands, ACreationWhoseAnswerWasLostIsLookedForAndNotGivenUp) {
  for (const std::size_t lost : {1U, 3U, 5U}) {
    CommandBed bed;
    bed.box.faults_after.assign(lost, of(FaultKind::ambiguous));
    const auto result = bed.insist(bed.creating("mail"));
    EXPECT_EQ(result.fault, 0U) << lost;
    EXPECT_EQ(
        std::ranges::count(bed.box.mails, std::string("mail"), [](const auto& each) { return each.second.content; }),
        1);
  }
}

TEST(Commands, StaleUpdateIsAConflictAndChangesNothing) {
  CommandBed bed;
  auto command = bed.command(e2e::Verb::update, "1");
  command.content_rev = "0";
  command.size = 3;
  command.content = e2e::pack("new", e2e::Compression::none);
  EXPECT_EQ(bed.insist(command).fault, code(FaultKind::conflict));
  EXPECT_EQ(bed.box.mails["1"].content, "one");
}

TEST(Commands, UpdateWhoseAnswerWasLostIsNoConflictWithItself) {
  CommandBed bed;
  auto command = bed.command(e2e::Verb::update, "1");
  command.content_rev = "1";
  command.size = 3;
  command.content = e2e::pack("new", e2e::Compression::none);
  bed.box.faults_after.push_back(of(FaultKind::unavailable));
  EXPECT_EQ(bed.insist(command).fault, 0U);
  EXPECT_EQ(bed.box.mails["1"].content, "new");
}

TEST(Commands, ABackendThatCannotNowIsAskedAgainInOrder) {
  CommandBed bed;
  for (int i = 0; i < 3; ++i) bed.box.faults.push_back(of(FaultKind::unavailable));
  auto first = bed.command(e2e::Verb::set_flags, "1");
  first.flags_add = seen;
  auto second = bed.command(e2e::Verb::set_flags, "1");
  second.flags_clear = seen;
  bed.say(first);
  bed.say(second);
  EXPECT_TRUE(bed.world.run_until([&] { return bed.commands->waiting().size() == 1; }, 10s));
  bed.insist(second);
  EXPECT_EQ(bed.box.mails["1"].flags, 0U);
  EXPECT_EQ(bed.count("set_flags"), 5);
  EXPECT_TRUE(bed.commands->waiting().empty());
}

TEST(Commands, WhatWaitsIsTriedAtOnceWhenSomebodySaysSo) {
  CommandBed bed;
  bed.box.faults.push_back(of(FaultKind::auth));
  auto flags = bed.command(e2e::Verb::set_flags, "1");
  flags.flags_add = seen;
  bed.say(flags);
  EXPECT_TRUE(bed.world.run_until([&] { return bed.commands->waiting().size() == 1; }, 10s));
  bed.world.run_for(60s);
  EXPECT_EQ(bed.count("set_flags"), 1) << "left alone it waits for minutes";
  bed.commands->retry("bob");
  bed.world.run_for(5s);
  EXPECT_EQ(bed.count("set_flags"), 1);
  bed.commands->retry("ann");
  EXPECT_TRUE(bed.world.run_until([&] { return bed.commands->waiting().empty(); }, 5s));
  EXPECT_EQ(bed.box.mails["1"].flags, seen);
  bed.commands->retry("ann");  // nothing waits any more
  bed.world.run_for(5s);
  EXPECT_EQ(bed.count("set_flags"), 2);
}

TEST(Commands, AnotherCommandUnderAKnownNumberIsRefused) {
  CommandBed bed;
  auto first = bed.command(e2e::Verb::set_flags, "1");
  first.flags_add = seen;
  bed.insist(first);
  bed.told.clear();
  auto other = first;
  other.flags_add = flagged;
  EXPECT_EQ(bed.insist(other).fault, code(FaultKind::conflict));
  EXPECT_EQ(bed.box.mails["1"].flags, seen);
}

TEST(Commands, WhatIsTooLargeOrMalformedIsRefusedAtOnce) {
  CommandBed bed;
  auto large = bed.creating("x");
  large.size = std::uint64_t{65} << 20;
  EXPECT_EQ(bed.insist(large).fault, code(FaultKind::too_large));
  auto nowhere = bed.creating("x");
  nowhere.folder = {};
  EXPECT_EQ(bed.insist(nowhere).fault, code(FaultKind::invalid));
  EXPECT_EQ(bed.journal->count("ann", phone), 0U);
}

/// As after a restore: a backup holds no contents, and of the commands that need one only those that had been started.
TEST(Commands, AStartedCommandWithoutItsContentIsUndecidedAndNotRepeated) {
  CommandBed bed;
  bed.box.faults.assign(100, of(FaultKind::unavailable));
  const auto creating = bed.creating("a mail");
  bed.say(creating);
  const store::CommandKey key{"ann", phone, creating.id};
  ASSERT_TRUE(bed.world.run_until([&] { return bed.count("create") > 0; }, 10s));
  bool marked = false;
  bed.journal->started(key, "note", [&](Result<void>) { marked = true; });
  ASSERT_TRUE(bed.world.run_until([&] { return marked; }, 10s));
  ASSERT_TRUE(store::answer_of<void>(bed.world, [&](auto done) {
    bed.log->transact([](void* sqlite) { return store::Once(sqlite, "DELETE FROM command_contents").finish(); },
                      std::move(done));
  }));
  const auto calls = bed.count("create");
  bed.box.faults.clear();
  bed.die(false);
  const auto result = bed.insist(creating);
  EXPECT_EQ(result.fault, code(FaultKind::ambiguous));
  EXPECT_EQ(bed.count("create"), calls) << "never an empty mail, never a second one";
}

TEST(Commands, ForgottenDevicesLeaveNothing) {
  CommandBed bed;
  bed.box.faults.assign(100, of(FaultKind::unavailable));
  bed.say(bed.creating("x"));
  bed.say(bed.creating("y"));
  bed.wait(1s);
  bed.commands->forget("ann", phone);
  bed.box.faults.clear();
  bed.wait(600s);
  EXPECT_EQ(bed.journal->count("ann", phone), 0U);
  EXPECT_EQ(bed.box.mails.size(), 2U);
}

/// A kill or a power cut at every event of a life with one of each: the store has each effect once, the device hears
/// each result.
class Arrows : public testing::TestWithParam<bool> {};

TEST_P(Arrows, EachCommandTakesEffectOnceWhereverTheGatewayDies) {
  bool died = true;
  for (std::uint64_t at = 0; died; at += 3) {
    SCOPED_TRACE(at);
    CommandBed bed(7 + at);
    auto flags = bed.command(e2e::Verb::set_flags, "1");
    flags.flags_add = seen;
    auto create = bed.creating("hello");
    auto move = bed.command(e2e::Verb::move, "1");
    move.folder = bed.folder_gid("in");
    move.to = bed.folder_gid("old");
    auto remove = bed.command(e2e::Verb::remove, "2");
    auto send = bed.creating("mail");
    send.verb = e2e::Verb::send;
    send.folder = {};
    send.gid[1] = std::byte{1};
    send.recipients = {"bob@example.com"};
    const std::vector<e2e::Command> all{flags, create, move, remove, send};
    for (const auto& each : all) bed.commands->take("ann", phone, each, [] {});
    const auto stop = bed.world.events() + at;
    while (bed.world.events() < stop && bed.told.size() < 2 * all.size()) bed.world.step();
    died = bed.told.size() < 2 * all.size();
    bed.die(GetParam());
    for (const auto& each : all) {
      const auto result = bed.insist(each);
      const bool unknown = each.verb == e2e::Verb::send && result.fault == code(FaultKind::ambiguous);
      EXPECT_TRUE(result.fault == 0 || unknown) << result.text;
    }
    EXPECT_EQ(bed.box.sent.size(), 1U);
    int hello = 0, moved = 0;
    for (const auto& [id, mail] : bed.box.mails) {
      hello += mail.content == "hello";
      moved += mail.content == "one" && mail.folder == "old" && mail.flags == seen;
      EXPECT_NE(mail.content, "two");
    }
    EXPECT_EQ(hello, 1);
    EXPECT_EQ(moved, 1);
    if (testing::Test::HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Deaths, Arrows, testing::Bool());

}  // namespace
}  // namespace tidegate::journal
