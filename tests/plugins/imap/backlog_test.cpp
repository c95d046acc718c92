// SPDX-License-Identifier: Apache-2.0
// What became of messages told earlier, while later ones were still to be listed: asked for when the backlog is
// through.
#include "plugins/imap/items.hpp"
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

class Backlog : public ScriptedSession {
 protected:
  Result<Page> changes(const std::string& anchor) {
    return session->changes(within(), "INBOX", anchor, Want{2, 0, {}});
  }
  /// Two messages are told, flags up to 10.
  static Anchor two() {
    Anchor anchor;
    anchor.uidvalidity = 7;
    anchor.uidnext = 3;
    anchor.modseq = 10;
    anchor.learn(1);
    anchor.learn(2);
    return anchor;
  }
};

// More new ones than a page holds, by their numbers, and just as many by their count.
TEST_F(Backlog, APageThatEndsItIsNotTheLast) {
  start(logged_in("IDLE CONDSTORE",
                  {{"STATUS", "* STATUS INBOX (MESSAGES 3 UIDNEXT 6 UIDVALIDITY 7 HIGHESTMODSEQ 15)\r\n$T OK done\r\n"},
                   {"SELECT", selected(3, 7, 6, "15")},
                   {"UID SEARCH ALL", "* SEARCH 2 3 5\r\n$T OK done\r\n"},
                   {"UID FETCH 5,3 (UID FLAGS INTERNALDATE", row(3, 5, "14") + row(2, 3, "13") + "$T OK done\r\n"},
                   {"NOOP", "$T OK done\r\n"},
                   {"UID FETCH 1:5 (UID MODSEQ) (CHANGEDSINCE 10)", "* 1 FETCH (UID 2 MODSEQ (15))\r\n$T OK done\r\n"},
                   {"UID FETCH 2 (UID FLAGS INTERNALDATE", row(1, 2, "15", "\\Seen") + "$T OK done\r\n"},
                   {"UID SEARCH ALL", "* SEARCH 2 3 5\r\n$T OK done\r\n"}}));
  const auto first = changes(encode(two()));
  ASSERT_TRUE(first) << first.error().text << first.error().cause;
  EXPECT_EQ(first->changes.size(), 2U);
  EXPECT_TRUE(first->more);
  const auto second = changes(first->anchor);
  ASSERT_TRUE(second) << second.error().text << second.error().cause;
  ASSERT_EQ(second->changes.size(), 2U);
  EXPECT_EQ(std::get<Upsert>(second->changes[0]).flags, Flag::seen);
  EXPECT_EQ(std::get<Removed>(second->changes[1]).id, item_id({"INBOX", 7, 1}));
  finish();
}

TEST_F(Backlog, WhatItDidNotBringIsFollowedByTheRestAtOnce) {
  auto anchor = two();
  anchor.uidnext = 4;
  anchor.todo.add(3, 3);
  start(logged_in("IDLE CONDSTORE",
                  {{"SELECT", selected(1, 7, 4, "15")},
                   {"UID SEARCH ALL", "* SEARCH 1\r\n$T OK done\r\n"},
                   {"UID FETCH 1:2 (UID MODSEQ) (CHANGEDSINCE 10)", "* 1 FETCH (UID 1 MODSEQ (12))\r\n$T OK done\r\n"},
                   {"UID FETCH 1 (UID FLAGS INTERNALDATE", row(1, 1, "12", "\\Seen") + "$T OK done\r\n"},
                   {"UID SEARCH ALL", "* SEARCH 1\r\n$T OK done\r\n"}}));
  const auto page = changes(encode(anchor));
  ASSERT_TRUE(page) << page.error().text << page.error().cause;
  ASSERT_EQ(page->changes.size(), 2U);
  EXPECT_EQ(std::get<Upsert>(page->changes[0]).flags, Flag::seen);
  EXPECT_EQ(std::get<Removed>(page->changes[1]).id, item_id({"INBOX", 7, 2}));
  finish();
}

}  // namespace
}  // namespace tidegate::imap
