// SPDX-License-Identifier: Apache-2.0
// Law 5 where the server helps little: no UIDPLUS, no MOVE, a death between any two commands.
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

const std::string status = "* STATUS \"Sent\" (MESSAGES 1 UIDNEXT 4 UIDVALIDITY 7)\r\n$T OK done\r\n";
const std::string sizes =
    "* 1 FETCH (UID 4 RFC822.SIZE 5)\r\n* 2 FETCH (UID 5 RFC822.SIZE 9)\r\n"
    "* 3 FETCH (UID 6 RFC822.SIZE 5)\r\n$T OK done\r\n";
std::string body(int uid, const std::string& octets) {
  return fmt::format("* 1 FETCH (UID {} BODY[] {{{}}}\r\n{})\r\n$T OK done\r\n", uid, octets.size(), octets);
}

class Writing : public ScriptedSession {
 protected:
  Result<Written> create(const std::string& octets, Bytes note = {}) {
    std::size_t given = 0;
    Attempt attempt{"token", std::move(note), [&](View text) { return noted = text, Result<void>{}; }};
    return session->create(within(), "Sent", NewItem{Kind::mail, octets.size(), 0, {}, {}}, source_of(octets, given),
                           attempt);
  }
  Result<Written> move(Bytes note = {}) {
    Attempt attempt{"token", std::move(note), [&](View text) { return noted = text, Result<void>{}; }};
    return session->move(within(), item_id({"INBOX", 3, 9}), "INBOX", "Sent", attempt);
  }
  std::string noted;
};

TEST_F(Writing, withoutUidplusTheNewMessageIsFoundByLooking) {
  start(logged_in("", {{"STATUS \"Sent\"", status},
                       {"APPEND \"Sent\" () \"01-Jan-1970 00:00:00 +0000\" {5}", "+ go\r\n"},
                       {"hello", "3 OK stored\r\n"},
                       {"SELECT \"Sent\"", selected(3, 7, 7)},
                       {"UID FETCH 4:* (UID RFC822.SIZE)", sizes},
                       {"UID FETCH 6 (UID BODY.PEEK[])", body(6, "hello")}}));
  const auto made = create("hello");
  ASSERT_TRUE(made) << made.error().text << made.error().cause;
  EXPECT_EQ(noted, "7.4");
  EXPECT_EQ(made->id, item_id({"Sent", 7, 6}));
  finish();
}

TEST_F(Writing, whatCannotBeFoundIsStoredAllTheSame) {
  start(logged_in("", {{"STATUS \"Sent\"", status},
                       {"APPEND", "+ go\r\n"},
                       {"hello", "3 OK stored\r\n"},
                       {"SELECT \"Sent\"", "$T NO [UNAVAILABLE] not now\r\n"}}));
  const auto made = create("hello");
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->id, "");
  finish();
}

TEST_F(Writing, aRepeatedCreateFindsTheFirstOrStoresItAnew) {
  start(logged_in("", {{"SELECT \"Sent\"", selected(3, 7, 7)},
                       {"UID FETCH 4:* (UID RFC822.SIZE)", sizes},
                       {"UID FETCH 4 (UID BODY.PEEK[])", body(4, "hallo")},
                       {"UID FETCH 6 (UID BODY.PEEK[])", body(6, "hello")}}));
  const auto made = create("hello", "7.4");
  ASSERT_TRUE(made) << made.error().text << made.error().cause;
  EXPECT_EQ(made->id, item_id({"Sent", 7, 6}));
  finish();
  start(logged_in("", {{"SELECT \"Sent\"", selected(1, 7, 4)},
                       {"UID FETCH 4:* (UID RFC822.SIZE)", "* 1 FETCH (UID 3 RFC822.SIZE 5)\r\n$T OK done\r\n"},
                       {"APPEND", "+ go\r\n"},
                       {"hello", "4 OK [APPENDUID 7 4] stored\r\n"}}));
  EXPECT_EQ(create("hello", "7.4")->id, item_id({"Sent", 7, 4}));
  finish();
  start(logged_in("", {{"SELECT \"Sent\"", selected(1, 8, 4)}}));
  EXPECT_EQ(create("hello", "7.4").error().kind, FaultKind::ambiguous) << "renumbered: nobody can see";
  finish();
}

// RFC 3501 §6.3.11: a server that says nothing of it when its APPEND is done says it to a NOOP.
TEST_F(Writing, inTheSelectedFolderTheNewMessageIsHeardOfFirst) {
  start(logged_in("IDLE",
                  {{"STATUS \"Sent\"", status},
                   {"APPEND", "+ go\r\n"},
                   {"hello", "3 OK stored\r\n"},
                   {"SELECT \"Sent\"", selected(1, 7, 5)},
                   {"UID FETCH 4:* (UID RFC822.SIZE)", "* 1 FETCH (UID 4 RFC822.SIZE 5)\r\n$T OK done\r\n"},
                   {"UID FETCH 4 (UID BODY.PEEK[])", body(4, "hello")},
                   {"STATUS \"Sent\"", "* STATUS \"Sent\" (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 7)\r\n$T OK done\r\n"},
                   {"APPEND", "+ go\r\n"},
                   {"again", "8 OK stored\r\n"},
                   {"NOOP", "* 2 EXISTS\r\n$T OK done\r\n"},
                   {"UID FETCH 5:* (UID RFC822.SIZE)", "* 2 FETCH (UID 5 RFC822.SIZE 5)\r\n$T OK done\r\n"},
                   {"UID FETCH 5 (UID BODY.PEEK[])", body(5, "again")}}));
  EXPECT_EQ(create("hello")->id, item_id({"Sent", 7, 4}));
  EXPECT_EQ(create("again")->id, item_id({"Sent", 7, 5}));
  finish();
}

// Exchange behind DavMail, mailutils: what is given back is not what was given.
TEST_F(Writing, whatTheServerRewroteIsFoundByItsMessageId) {
  const std::string mail = "Message-ID: <a@b>";
  for (const auto& [found, id] : std::vector<std::pair<std::string, std::string>>{
           {"* SEARCH 5", item_id({"Sent", 7, 5})}, {"* SEARCH 5 6", ""}, {"* SEARCH", ""}, {"* SEARCH 3", ""}}) {
    start(logged_in("", {{"STATUS \"Sent\"", status},
                         {"APPEND", "+ go\r\n"},
                         {"Message-ID: <a@b>", "3 OK stored\r\n"},
                         {"SELECT \"Sent\"", selected(3, 7, 7)},
                         {"UID FETCH 4:* (UID RFC822.SIZE)", sizes},
                         {"UID SEARCH UID 4:* HEADER Message-ID \"<a@b>\"", found + "\r\n$T OK done\r\n"}}));
    const auto made = create(mail);
    ASSERT_TRUE(made) << made.error().text << made.error().cause;
    EXPECT_EQ(made->id, id) << found << ": one that is it, or none";
    finish();
  }
}

TEST_F(Writing, aLostAppendIsAmbiguous) {
  start(logged_in("", {{"STATUS", status}, {"APPEND", "+ go\r\n"}, {"hello", "", true}}));
  EXPECT_EQ(create("hello").error().kind, FaultKind::ambiguous);
}

const Step select_inbox{"SELECT \"INBOX\"", selected(1, 3, 10)};
const Step own_row{"UID FETCH 9 (UID FLAGS", row(1, 9) + "$T OK done\r\n"};

TEST_F(Writing, withoutMoveItIsCopiedMarkedAndExpunged) {
  start(logged_in("UIDPLUS", {{"STATUS \"Sent\"", status},
                              select_inbox,
                              own_row,
                              {"UID COPY 9 \"Sent\"", "$T OK [COPYUID 7 9 4] copied\r\n"},
                              {"UID STORE 9 +FLAGS.SILENT (\\Deleted)", "$T OK done\r\n"},
                              {"UID EXPUNGE 9", "* 1 EXPUNGE\r\n$T OK done\r\n"}}));
  const auto moved = move();
  ASSERT_TRUE(moved) << moved.error().text << moved.error().cause;
  EXPECT_EQ(moved->id, item_id({"Sent", 7, 4}));
  finish();
}

TEST_F(Writing, withoutUidplusAMovedMessageIsFoundByLooking) {
  start(logged_in("MOVE", {{"STATUS \"Sent\"", status},
                           select_inbox,
                           own_row,
                           {"UID MOVE 9 \"Sent\"", "* 1 EXPUNGE\r\n$T OK moved\r\n"},
                           {"SELECT \"Sent\"", selected(3, 7, 6)},
                           {"UID FETCH 4:* (UID FLAGS", row(2, 4, "", "", 77) + row(3, 5) + "$T OK done\r\n"}}));
  EXPECT_EQ(move()->id, item_id({"Sent", 7, 5}));
  finish();
}

// The gateway died after COPY: the copy is found, nothing is copied twice, the original goes.
TEST_F(Writing, aRepeatedMoveGoesOnWhereItDied) {
  start(logged_in("UIDPLUS", {select_inbox,
                              own_row,
                              {"SELECT \"Sent\"", selected(2, 7, 5)},
                              {"UID FETCH 4:* (UID FLAGS", row(2, 4) + "$T OK done\r\n"},
                              select_inbox,
                              {"UID STORE 9 +FLAGS.SILENT (\\Deleted)", "$T OK done\r\n"},
                              {"UID EXPUNGE 9", "$T OK done\r\n"}}));
  auto moved = move("7.4");
  ASSERT_TRUE(moved) << moved.error().text << moved.error().cause;
  EXPECT_EQ(moved->id, item_id({"Sent", 7, 4}));
  finish();
  start(logged_in("MOVE UIDPLUS", {select_inbox,
                                   own_row,
                                   {"SELECT \"Sent\"", selected(1, 7, 4)},
                                   {"UID FETCH 4:* (UID FLAGS", row(1, 3) + "$T OK done\r\n"},
                                   select_inbox,
                                   {"UID MOVE 9 \"Sent\"", "$T OK [COPYUID 7 9 4] moved\r\n"}}));
  moved = move("7.4");
  ASSERT_TRUE(moved) << moved.error().text << moved.error().cause;
  EXPECT_EQ(moved->id, item_id({"Sent", 7, 4})) << "nothing had been done: it is done now";
  finish();
  start(logged_in("MOVE UIDPLUS", {select_inbox, {"UID FETCH 9", "$T OK done\r\n"}, {"STATUS \"Sent\"", status}}));
  EXPECT_EQ(move("7.4").error().kind, FaultKind::not_found) << "gone, and nothing came to the target since";
  finish();
}

// The original is gone: by the note's fingerprint it is seen whether it is what came to the target, or a stranger.
TEST_F(Writing, aRepeatedMoveWithoutUidplusKnowsItsOwn) {
  start(logged_in("MOVE", {{"STATUS \"Sent\"", status}, select_inbox, own_row, {"UID MOVE 9", "", true}}));
  EXPECT_EQ(move().error().kind, FaultKind::unavailable);
  const Bytes note = noted;
  EXPECT_TRUE(note.starts_with("7.4.")) << note;
  const Step gone{"UID FETCH 9", "$T OK done\r\n"};
  start(logged_in("MOVE", {select_inbox,
                           gone,
                           {"SELECT \"Sent\"", selected(3, 7, 6)},
                           {"UID FETCH 4:* (UID FLAGS", row(2, 4, "", "", 77) + row(3, 5) + "$T OK done\r\n"}}));
  auto moved = move(note);
  ASSERT_TRUE(moved) << moved.error().text << moved.error().cause;
  EXPECT_EQ(moved->id, item_id({"Sent", 7, 5}));
  finish();
  start(logged_in("MOVE", {select_inbox,
                           gone,
                           {"SELECT \"Sent\"", selected(2, 7, 5)},
                           {"UID FETCH 4:* (UID FLAGS", row(2, 4, "", "", 77) + "$T OK done\r\n"}}));
  EXPECT_EQ(move(note).error().kind, FaultKind::not_found) << "somebody else's mail is not ours moved";
  finish();
}

TEST_F(Writing, aMoveOfWhatIsGoneLeavesNoNote) {
  start(logged_in("MOVE", {{"STATUS \"Sent\"", status}, select_inbox, {"UID FETCH 9", "$T OK done\r\n"}}));
  EXPECT_EQ(move().error().kind, FaultKind::not_found);
  EXPECT_EQ(noted, "");
  finish();
}

TEST_F(Writing, somebodyElsesMarksSurviveOurExpunge) {
  start(logged_in("", {select_inbox,
                       {"UID SEARCH UID 9", "* SEARCH 9\r\n$T OK done\r\n"},
                       {"UID STORE 9 +FLAGS.SILENT (\\Deleted)", "$T OK done\r\n"},
                       {"UID SEARCH DELETED", "* SEARCH 2 9\r\n$T OK done\r\n"}}));
  EXPECT_TRUE(session->remove(within(), item_id({"INBOX", 3, 9}), "INBOX", "1"));
  finish();
}

TEST_F(Writing, aRemovalOfWhatIsGoneIsNotFound) {
  start(logged_in("", {select_inbox, {"UID SEARCH UID 9", "* SEARCH\r\n$T OK done\r\n"}}));
  const auto gone = session->remove(within(), item_id({"INBOX", 3, 9}), "INBOX", "1");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, FaultKind::not_found);
  finish();
}

TEST_F(Writing, aMailServerTakesNoCalendar) {
  start(logged_in("", {}));
  Attempt attempt;
  Folder like{};
  like.kind = Kind::event;
  like.name = "Calendar";
  EXPECT_EQ(session->make_folder(within(), like, attempt).error().kind, FaultKind::unsupported);
  const NewItem event{Kind::event, 1, 0, {}, {}};
  EXPECT_EQ(session->create(
                       within(), "INBOX", event, [](auto) { return std::size_t{0}; }, attempt)
                .error()
                .kind,
            FaultKind::unsupported);
  finish();
}

TEST_F(Writing, whatIsTooLateBeginsNothing) {
  start(logged_in("", {}));
  const Call late{Clock::now() - std::chrono::seconds(1), {}, 0};
  Attempt attempt;
  EXPECT_EQ(session->changes(late, "INBOX", {}, {}).error().kind, FaultKind::cancelled);
  EXPECT_EQ(session->remove(late, item_id({"INBOX", 3, 9}), "INBOX", "1").error().kind, FaultKind::cancelled);
  EXPECT_EQ(session->set_flags(late, item_id({"INBOX", 3, 9}), {}).error().kind, FaultKind::cancelled);
  finish();
}

// IMAP-21: a client's plug-in stores a message again: another UID, and the same fingerprint, by which the core knows
// that it is no new mail. (Where the size changes with it nobody but the Message-ID can tell.)
TEST_F(Writing, imap21AReuploadHasTheSameFingerprint) {
  start(logged_in("", {{"SELECT \"INBOX\"", selected(2, 3, 11)},
                       {"UID SEARCH ALL", "* SEARCH 9 10\r\n$T OK done\r\n"},
                       {"UID FETCH 9:10", row(1, 9) + row(2, 10) + "$T OK done\r\n"}}));
  Replica replica;
  replica.follow(*session, "INBOX");
  ASSERT_EQ(replica.items.size(), 2U);
  EXPECT_EQ(replica.items.begin()->second.fingerprint, replica.items.rbegin()->second.fingerprint);
  EXPECT_NE(replica.items.begin()->first, replica.items.rbegin()->first);
  finish();
}

}  // namespace
}  // namespace tidegate::imap
