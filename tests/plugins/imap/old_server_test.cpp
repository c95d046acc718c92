// SPDX-License-Identifier: Apache-2.0
// Servers without CONDSTORE, and what Courier leaves out: SELECT's UIDNEXT, ALREADYEXISTS, news of other sessions'
// keywords.
#include <set>

#include "plugins/imap/items.hpp"
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

class OldServer : public ScriptedSession {
 protected:
  Result<Page> changes(const std::string& anchor, std::uint32_t limit = 500) {
    return session->changes(within(), "INBOX", anchor, Want{limit, 0, {}});
  }
  /// Five messages, all told.
  static std::string five() {
    Anchor anchor;
    anchor.uidvalidity = 7;
    anchor.uidnext = 6;
    for (Uid uid = 1; uid <= 5; ++uid) anchor.learn(uid);
    return encode(anchor);
  }
};

std::string status(int messages, int uidnext) {
  return fmt::format("* STATUS INBOX (MESSAGES {} UIDNEXT {} UIDVALIDITY 7)\r\n$T OK done\r\n", messages, uidnext);
}
std::string select_of(int exists) {
  return fmt::format("* {} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n$T OK [READ-WRITE] done\r\n", exists);
}

TEST_F(OldServer, ASelectWithoutUidnextIsNoStepBackWhenTheNewestMessageGoes) {
  start(logged_in("IDLE", {{"STATUS", status(4, 6)},
                           {"SELECT", select_of(4)},
                           {"UID SEARCH ALL", "* SEARCH 1 2 3 4\r\n$T OK done\r\n"},
                           {"UID FETCH 1:5 (UID FLAGS)", "$T OK done\r\n"},
                           {"UID SEARCH ALL", "* SEARCH 1 2 3 4\r\n$T OK done\r\n"}}));
  const auto page = changes(five());
  ASSERT_TRUE(page) << page.error().text << page.error().cause;
  ASSERT_EQ(page->changes.size(), 1U);
  EXPECT_EQ(std::get<Removed>(page->changes[0]).id, item_id({"INBOX", 7, 5}));
  finish();
}

TEST_F(OldServer, ThereStatusTellsWhetherItWentBack) {
  start(logged_in(
      "IDLE",
      {{"STATUS", status(2, 3)}, {"SELECT", select_of(2)}, {"UID SEARCH ALL", "* SEARCH 1 2\r\n$T OK done\r\n"}}));
  const auto page = changes(five());
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, FaultKind::regressed);
  finish();
}

// One flag of 256 messages changes the sum of all of them; a page still has no more than it may.
TEST_F(OldServer, MessagesOfOneSumAreToldInPagesOfTheSizeAskedFor) {
  const std::string flags =
      "* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n* 3 FETCH (UID 3 FLAGS ())\r\n"
      "* 4 FETCH (UID 4 FLAGS ())\r\n* 5 FETCH (UID 5 FLAGS ())\r\n$T OK done\r\n";
  start(logged_in("IDLE",
                  {{"STATUS", status(5, 6)},
                   {"SELECT", selected(5, 7, 6)},
                   {"UID FETCH 1:5 (UID FLAGS)", flags},
                   {"UID FETCH 4:5 (UID FLAGS INTERNALDATE", row(5, 5) + row(4, 4) + "$T OK done\r\n"},
                   {"NOOP", "$T OK done\r\n"},
                   {"UID FETCH 1:5 (UID FLAGS)", flags},
                   {"UID FETCH 2:3 (UID FLAGS INTERNALDATE", row(3, 3) + row(2, 2, "", "\\Seen") + "$T OK done\r\n"},
                   {"NOOP", "$T OK done\r\n"},
                   {"UID FETCH 1:5 (UID FLAGS)", flags},
                   {"UID FETCH 1 (UID FLAGS INTERNALDATE", row(1, 1) + "$T OK done\r\n"},
                   {"NOOP", "* 2 FETCH (FLAGS (\\Seen))\r\n$T OK done\r\n"},  // nothing new: no sum differs
                   {"UID FETCH 1:5 (UID FLAGS)", flags}}));
  auto anchor = five();
  std::multiset<Bytes> told;
  for (const std::size_t size : {2U, 2U, 1U, 0U}) {
    const auto page = changes(anchor, 2);
    ASSERT_TRUE(page) << page.error().text << page.error().cause;
    EXPECT_EQ(page->changes.size(), size);
    for (const auto& change : page->changes) told.insert(std::get<Upsert>(change).id);
    anchor = page->anchor;
    if (size == 0) EXPECT_FALSE(page->more);
  }
  EXPECT_EQ(told.size(), 5U);
  EXPECT_EQ(std::set<Bytes>(told.begin(), told.end()).size(), 5U);
  finish();
}

// Courier writes all of a message's keywords as the session saw them last, and tells no session of its own changes.
TEST_F(OldServer, FlagsAreHeardOfBeforeTheyAreChangedAndToldAfterwards) {
  start(logged_in("IDLE", {{"STATUS", status(5, 6)},
                           {"SELECT", selected(5, 7, 6)},
                           {"UID FETCH 1:5 (UID FLAGS)", "$T OK done\r\n"},  // from now on the sums are fresh
                           {"NOOP", "$T OK done\r\n"},
                           {"UID SEARCH UID 2", "* SEARCH 2\r\n$T OK done\r\n"},
                           {"UID STORE 2 +FLAGS.SILENT (\\Flagged)", "$T OK done\r\n"},
                           {"NOOP", "$T OK done\r\n"},
                           {"UID FETCH 2 (UID FLAGS INTERNALDATE", row(2, 2, "", "\\Flagged") + "$T OK done\r\n"},
                           {"NOOP", "$T OK done\r\n"}}));
  const auto before = changes(five());
  ASSERT_TRUE(before) << before.error().text << before.error().cause;
  const auto done = session->set_flags(within(), item_id({"INBOX", 7, 2}), FlagDelta{Flag::flagged, 0, {}, {}});
  ASSERT_TRUE(done) << done.error().text << done.error().cause;
  const auto page = changes(before->anchor);
  ASSERT_TRUE(page) << page.error().text << page.error().cause;
  ASSERT_EQ(page->changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(page->changes[0]).flags, Flag::flagged);
  const auto after = changes(page->anchor);
  ASSERT_TRUE(after) << after.error().text << after.error().cause;
  EXPECT_TRUE(after->changes.empty());
  finish();
}

// Without IDLE it is heard by selecting anew, and then the number may be another message's (IMAP-18).
TEST_F(OldServer, WhatWasRenumberedMeanwhileIsNotFlagged) {
  start(logged_in("", {{"STATUS", status(5, 6)},
                       {"SELECT", selected(5, 7, 6)},
                       {"UID FETCH 1:5 (UID FLAGS)", "$T OK done\r\n"},
                       {"SELECT", selected(5, 8, 6)}}));
  ASSERT_TRUE(changes(five()));
  const auto done = session->set_flags(within(), item_id({"INBOX", 7, 2}), FlagDelta{Flag::flagged, 0, {}, {}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::not_found);
  finish();
}

TEST_F(OldServer, AFolderThatIsThereIsNotMadeAgain) {
  start(logged_in(
      "IDLE",
      {{"LIST", "* LIST () \".\" INBOX\r\n* LIST () \".\" Made\r\n* LIST (\\Noselect) \".\" Hollow\r\n$T OK done\r\n"},
       {"LIST", "* LIST () \".\" INBOX\r\n* LIST () \".\" Made\r\n* LIST (\\Noselect) \".\" Hollow\r\n$T OK done\r\n"},
       {"CREATE \"Hollow\"", "$T OK done\r\n"}}));
  for (const char* name : {"Made", "Hollow"}) {
    Folder like{};
    like.kind = Kind::mail;
    like.name = name;
    Attempt attempt{"t", {}, [](View) { return Result<void>{}; }};
    const auto folder = session->make_folder(within(), like, attempt);
    ASSERT_TRUE(folder) << folder.error().text << folder.error().cause;
    EXPECT_EQ(folder->id, name);
  }
  finish();
}

}  // namespace
}  // namespace tidegate::imap
