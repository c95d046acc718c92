// SPDX-License-Identifier: Apache-2.0
// Servers that broke others (docs/pitfalls.md): each row reproduced, and harmless.
#include <poll.h>

#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;

// UIDs 1 … uidnext - 1 are known.
Bytes anchor(Uid uidnext, std::uint64_t modseq) {
  Anchor a;
  a.uidvalidity = 7;
  a.uidnext = uidnext;
  a.modseq = modseq;
  for (Uid uid = 1; uid < uidnext; ++uid) a.learn(uid);
  return encode(a);
}

Step status(const std::string& folder, int messages, int uidnext, int modseq) {
  return {"STATUS \"" + folder + "\"",
          fmt::format("* STATUS \"{}\" (MESSAGES {} UIDNEXT {} UIDVALIDITY 7 HIGHESTMODSEQ {})\r\n$T OK done\r\n",
                      folder, messages, uidnext, modseq)};
}

class Pitfalls : public ScriptedSession {
 protected:
  Page look(const std::string& folder, const Bytes& from) {
    auto page = session->changes(within(), folder, from, {});
    EXPECT_TRUE(page) << page.error().text << page.error().cause;
    return page ? std::move(*page) : Page{};
  }
  // Parked, something came, and is looked at.
  void wake() {
    const auto parking = session->park(within());
    ASSERT_TRUE(parking) << parking.error().text << parking.error().cause;
    pollfd ready{parking->fd, POLLIN, 0};
    if (parking->wake_by > host.now()) ASSERT_EQ(::poll(&ready, 1, 10'000), 1);
    ASSERT_TRUE(session->unpark(within()));
  }
  static std::vector<Uid> removed(const Page& page) {
    std::vector<Uid> uids;
    for (const Change& change : page.changes)
      if (const auto* gone = std::get_if<Removed>(&change)) uids.push_back(parse_item_id(gone->id)->uid);
    return uids;
  }
  static std::uint64_t modseq(const Page& page) { return decode_anchor(page.anchor)->modseq; }
};

// Naver: a NOOP is nothing, only SELECT makes the server look.
TEST_F(Pitfalls, imap03WithoutIdleTheFolderIsSelectedAnew) {
  start(logged_in("", {{"SELECT \"INBOX\"", selected(0, 7, 1)},
                       {"SELECT \"INBOX\"", selected(1, 7, 2)},
                       {"UID FETCH 1:*", row(1, 1) + "$T OK done\r\n"}}));
  const Page first = look("INBOX", "");
  EXPECT_EQ(look("INBOX", first.anchor).changes.size(), 1U);
  finish();
}

// Gmail counts a change at once and shows it later: the anchor must not pass it.
TEST_F(Pitfalls, imap06AFlagThatIsShownLateIsNotLost) {
  const Step nothing{"UID FETCH 1:1 (UID MODSEQ) (CHANGEDSINCE 5)", "$T OK done\r\n"};
  start(logged_in("IDLE CONDSTORE", {status("Sent", 1, 2, 6),
                                     {"SELECT \"Sent\"", selected(1, 7, 2, "6")},
                                     nothing,
                                     {"NOOP", "$T OK done\r\n"},
                                     {"(CHANGEDSINCE 5)", "* 1 FETCH (UID 1 MODSEQ (6))\r\n$T OK done\r\n"},
                                     {"UID FETCH 1 (UID FLAGS", row(1, 1, "6", "\\Seen") + "$T OK done\r\n"}}));
  const Page first = look("Sent", anchor(2, 5));
  EXPECT_TRUE(first.changes.empty());
  EXPECT_EQ(modseq(first), 5U);
  const Page second = look("Sent", first.anchor);
  ASSERT_EQ(second.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(second.changes[0]).flags, Flag::seen);
  EXPECT_EQ(modseq(second), 6U);
  finish();
}

TEST_F(Pitfalls, imap06AChangeThatIsNeverShownIsNotWaitedForForEver) {
  const Step nothing{"UID FETCH 1:1 (UID MODSEQ) (CHANGEDSINCE 5)", "$T OK done\r\n"};
  start(logged_in("IDLE CONDSTORE", {status("Sent", 1, 2, 6),
                                     {"SELECT \"Sent\"", selected(1, 7, 2, "6")},
                                     nothing,
                                     {"NOOP", "$T OK done\r\n"},
                                     nothing}));
  const Page first = look("Sent", anchor(2, 5));
  host.skew += 3min;
  EXPECT_EQ(modseq(look("Sent", first.anchor)), 6U);
  finish();
}

// Neither UIDNEXT nor MESSAGES move with a flag.
TEST_F(Pitfalls, imap08AFlagAloneIsSeen) {
  start(logged_in("CONDSTORE", {status("Sent", 1, 2, 6),
                                {"SELECT \"Sent\"", selected(1, 7, 2, "6")},
                                {"(CHANGEDSINCE 5)", "* 1 FETCH (UID 1 MODSEQ (6))\r\n$T OK done\r\n"},
                                {"UID FETCH 1 (UID FLAGS", row(1, 1, "6", "\\Flagged") + "$T OK done\r\n"}}));
  const Page page = look("Sent", anchor(2, 5));
  ASSERT_EQ(page.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(page.changes[0]).flags, Flag::flagged);
  finish();
}

const Step enable{"ENABLE QRESYNC", "* ENABLED QRESYNC\r\n$T OK done\r\n"};
const std::string quick = "IDLE CONDSTORE ENABLE QRESYNC";

// In several lines, after any command: all of them count, nobody is looked for.
TEST_F(Pitfalls, imap10VanishedCountsWhereverItComes) {
  start(logged_in(quick, {enable,
                          {"SELECT \"INBOX\"", selected(5, 7, 6, "5")},
                          {"IDLE", "+ idling\r\n* VANISHED 2\r\n"},
                          {"DONE", "* VANISHED 3\r\n4 OK done\r\n"},
                          {"UID FETCH 1:5 (UID MODSEQ) (CHANGEDSINCE 5 VANISHED)",
                           "* VANISHED (EARLIER) 2:3\r\n* VANISHED 5\r\n$T OK done\r\n"}}));
  wake();
  const Page page = look("INBOX", anchor(6, 5));
  EXPECT_EQ(removed(page), (std::vector<Uid>{5, 3, 2}));
  EXPECT_EQ(decode_anchor(page.anchor)->known.count(), 2U);
  finish();
}

TEST_F(Pitfalls, imap09VanishedThatDoesNotAddUpIsNotBelieved) {
  start(logged_in(quick, {enable,
                          status("Sent", 3, 5, 6),
                          {"SELECT \"Sent\"", selected(3, 7, 5, "6")},
                          {"(CHANGEDSINCE 5 VANISHED)", "* VANISHED (EARLIER) 1:2\r\n$T OK done\r\n"},
                          {"UID SEARCH ALL", "* SEARCH 1 2 4\r\n$T OK done\r\n"}}));
  EXPECT_EQ(removed(look("Sent", anchor(5, 5))), std::vector<Uid>{3});
  finish();
}

TEST_F(Pitfalls, imap09VanishedThatCannotBeReadIsFoundByComparing) {
  start(logged_in(quick, {enable,
                          {"SELECT \"INBOX\"", selected(4, 7, 5, "5")},
                          {"IDLE", "+ idling\r\n* VANISHED 2,,3\r\n"},
                          {"DONE", "4 OK done\r\n"},
                          {"(CHANGEDSINCE 5)", "$T OK done\r\n"},
                          {"UID SEARCH ALL", "* SEARCH 1 4\r\n$T OK done\r\n"}}));
  wake();
  EXPECT_EQ(removed(look("INBOX", anchor(5, 5))), (std::vector<Uid>{3, 2}));
  finish();
}

// A page holds no more than it may; what VANISHED named needs no comparing on the next one.
TEST_F(Pitfalls, imap10ManyVanishedGoPageByPage) {
  start(logged_in(quick, {enable,
                          status("Sent", 4, 10, 6),
                          {"SELECT \"Sent\"", selected(4, 7, 10, "6")},
                          {"(CHANGEDSINCE 5 VANISHED)",
                           "* 1 FETCH (UID 1 MODSEQ (6))\r\n* VANISHED (EARLIER) 2:6\r\n$T OK done\r\n"},
                          {"UID FETCH 1 (", row(1, 1, "6", "\\Seen") + "$T OK done\r\n"},
                          {"(CHANGEDSINCE 6 VANISHED)", "$T OK done\r\n"},
                          {"(CHANGEDSINCE 6 VANISHED)", "$T OK done\r\n"}}));
  Want want;
  want.limit = 2;
  auto page = session->changes(within(), "Sent", anchor(10, 5), want);
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_EQ(page->changes.size(), 2U);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(removed(*page), std::vector<Uid>{6});
  page = session->changes(within(), "Sent", page->anchor, want);
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_EQ(removed(*page), (std::vector<Uid>{5, 4}));
  page = session->changes(within(), "Sent", page->anchor, want);
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_EQ(removed(*page), (std::vector<Uid>{3, 2}));
  EXPECT_FALSE(page->more);
  finish();
}

TEST_F(Pitfalls, manyRemovalsFoundByComparingGoPageByPage) {
  const Step search{"UID SEARCH ALL", "* SEARCH 1\r\n$T OK done\r\n"};
  start(logged_in("CONDSTORE", {status("Sent", 1, 6, 5),
                                {"SELECT \"Sent\"", selected(1, 7, 6, "5")},
                                search,
                                {"(CHANGEDSINCE 5)", "$T OK done\r\n"},
                                search}));
  Want want;
  want.limit = 3;
  auto page = session->changes(within(), "Sent", anchor(6, 5), want);
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_TRUE(page->more);
  EXPECT_EQ(removed(*page), (std::vector<Uid>{5, 4, 3}));
  page = session->changes(within(), "Sent", page->anchor, want);
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_EQ(removed(*page), std::vector<Uid>{2});
  EXPECT_FALSE(page->more);
  finish();
}

// WorkMail: HIGHESTMODSEQ stands. New mail is found by UIDNEXT; and when that has been seen three times and never
// otherwise, flags are compared instead of asked for by MODSEQ.
TEST_F(Pitfalls, imap16NewMailAndFlagsAreFoundThoughModseqStands) {
  Script script;
  for (const std::string folder : {"A", "B", "C"}) {
    script.push_back(status(folder, 2, 3, 5));
    script.push_back({"SELECT \"" + folder + "\" (CONDSTORE)", selected(2, 7, 3, "5")});
    script.push_back({"UID FETCH 2:*", row(2, 2, "5") + "$T OK done\r\n"});
  }
  script.push_back({"STATUS \"D\" (MESSAGES UIDNEXT UIDVALIDITY)",
                    "* STATUS D (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)\r\n$T OK done\r\n"});
  script.push_back({"SELECT \"D\"", selected(1, 7, 2, "5")});
  script.push_back({"UID FETCH 1 (UID FLAGS)", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n$T OK done\r\n"});
  script.push_back({"UID FETCH 1 (UID FLAGS INTERNALDATE", row(1, 1, "", "\\Seen") + "$T OK done\r\n"});
  start(logged_in("IDLE CONDSTORE", std::move(script)));
  for (const std::string folder : {"A", "B", "C"}) EXPECT_EQ(look(folder, anchor(2, 5)).changes.size(), 1U) << folder;
  const Page page = look("D", anchor(2, 5));
  ASSERT_EQ(page.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(page.changes[0]).flags, Flag::seen);
  finish();
}

// Of another size it is another message to everybody; the old one goes, the new one comes with its flags: what was read
// stays read.
TEST_F(Pitfalls, imap21AReuploadOfAnotherSizeComesWithItsFlags) {
  start(logged_in("IDLE CONDSTORE", {status("Sent", 1, 3, 6),
                                     {"SELECT \"Sent\"", selected(1, 7, 3, "6")},
                                     {"UID FETCH 2:*", row(1, 2, "6", "\\Seen", 77) + "$T OK done\r\n"},
                                     {"NOOP", "$T OK done\r\n"},
                                     {"UID FETCH 1:2", "* 1 FETCH (UID 2 MODSEQ (6))\r\n$T OK done\r\n"},
                                     {"UID SEARCH ALL", "* SEARCH 2\r\n$T OK done\r\n"}}));
  const Page first = look("Sent", anchor(2, 5));
  ASSERT_EQ(first.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(first.changes[0]).flags, Flag::seen);
  EXPECT_EQ(removed(look("Sent", first.anchor)), std::vector<Uid>{1});
  finish();
}

// Listed, and never opened: it harms nobody, is left alone for a while, and then tried again.
TEST_F(Pitfalls, imap25APhantomFolderIsLeftAlone) {
  const Step refused{"STATUS \"Ghost\"", "$T NO no\r\n"};
  start(logged_in("IDLE CONDSTORE", {refused, refused, refused, status("Sent", 0, 1, 5), status("Ghost", 0, 1, 5)}));
  for (int i = 0; i < 5; ++i) {
    const auto page = session->changes(within(), "Ghost", anchor(1, 5), {});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().kind, FaultKind::denied) << "of this folder, not of the connection";
  }
  look("Sent", anchor(1, 5));
  host.skew += 6min;
  look("Ghost", anchor(1, 5));
  finish();
}

// In, and out again at once: logging in is not repeated without pause.
TEST_F(Pitfalls, imap26AServerThatShowsOutAgainIsNotStormed) {
  const auto shown_out = logged_in("IDLE", {{"SELECT", "", true}});
  serve({shown_out, shown_out, shown_out, shown_out, logged_in("IDLE", {{"SELECT", selected(0, 7, 1)}})});
  configure();
  const auto enter = [&] { return backend->open(within(), Mailbox{"ann@example.com", "", ""}); };
  for (int i = 0; i < 4; ++i) {
    auto opened = enter();
    ASSERT_TRUE(opened) << i;
    EXPECT_EQ((*opened)->changes(within(), "INBOX", "", {}).error().kind, FaultKind::unavailable);
  }
  const auto refused = enter();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::throttled);
  EXPECT_GT(refused.error().retry_after, 1s);
  EXPECT_EQ(peer->connections(), 4);
  host.skew += 6s;
  auto opened = enter();
  ASSERT_TRUE(opened) << opened.error().text;
  session = std::move(*opened);
  look("INBOX", "");
  host.skew += 2min;
  session.reset();
  EXPECT_EQ(backend->habits().login_pause("ann@example.com", host.now()), 0ms) << "one that lived ends it";
  finish();
}

// Courier's STATUS comes from a cache.
TEST_F(Pitfalls, imap27CourierIsCheckedBeforeItsStatusIsBelieved) {
  start({{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] Courier-IMAP ready.\r\n"},
         {"AUTHENTICATE PLAIN ", "$T OK [CAPABILITY IMAP4rev1 IDLE] welcome\r\n"},
         {"SELECT \"INBOX\"", selected(0, 7, 1)},
         {"IDLE", "+ idling\r\n"},
         {"DONE", "3 OK done\r\n"},
         {"CHECK", "$T OK done\r\n"},
         status("Sent", 1, 3, 0),
         {"SELECT \"Sent\"", selected(1, 7, 3)},
         {"UID FETCH 2:*", row(1, 2) + "$T OK done\r\n"}});
  ASSERT_TRUE(session->park(within()));
  EXPECT_EQ(look("Sent", anchor(2, 0)).changes.size(), 1U);
  finish();
}

Step bare(const std::string& hear, int uid, const std::string& modseq = "") {
  return {hear,
          fmt::format("* {0} FETCH (UID {0} FLAGS () INTERNALDATE \"01-Feb-2026 10:20:30 +0000\" RFC822.SIZE 5{1})"
                      "\r\n$T OK done\r\n",
                      uid, modseq.empty() ? "" : " MODSEQ (" + modseq + ")")};
}

// The same, counted before the first listing began and shown after its message was listed.
TEST_F(Pitfalls, imap06AFlagThatIsShownLateIsNotLostByAFirstListing) {
  start(logged_in("IDLE CONDSTORE", {{"SELECT \"Sent\"", selected(2, 7, 3, "9")},
                                     {"UID SEARCH ALL", "* SEARCH 1 2\r\n$T OK done\r\n"},
                                     {"UID FETCH 1:2 (UID FLAGS", row(2, 2, "5") + row(1, 1, "4") + "$T OK done\r\n"},
                                     {"NOOP", "$T OK done\r\n"},
                                     {"(CHANGEDSINCE 5)", "* 1 FETCH (UID 1 MODSEQ (9))\r\n$T OK done\r\n"},
                                     {"UID FETCH 1 (UID FLAGS", row(1, 1, "9", "\\Seen") + "$T OK done\r\n"}}));
  Replica replica;
  replica.follow(*session, "Sent");
  EXPECT_EQ(replica.items.size(), 2U);
  EXPECT_EQ(decode_anchor(replica.anchor)->modseq, 5U) << "no message has shown 9 yet";
  const Page page = look("Sent", replica.anchor);
  ASSERT_EQ(page.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(page.changes[0]).flags, Flag::seen);
  EXPECT_EQ(modseq(page), 9U);
  finish();
}

// As of a folder whose last change was a removal: nobody is waited for longer than two minutes.
TEST_F(Pitfalls, imap06AFirstListingDoesNotWaitForEver) {
  start(logged_in("IDLE CONDSTORE", {{"SELECT \"Sent\"", selected(1, 7, 3, "9")},
                                     {"UID SEARCH ALL", "* SEARCH 1\r\n$T OK done\r\n"},
                                     {"UID FETCH 1 (UID FLAGS", row(1, 1, "5") + "$T OK done\r\n"},
                                     {"NOOP", "$T OK done\r\n"},
                                     {"(CHANGEDSINCE 5)", "$T OK done\r\n"}}));
  Replica replica;
  replica.follow(*session, "Sent");
  EXPECT_EQ(decode_anchor(replica.anchor)->modseq, 5U);
  host.skew += 3min;
  EXPECT_EQ(modseq(look("Sent", replica.anchor)), 9U);
  finish();
}

// Law 11. A message that is named and never given does not make its folder look changed at each poll; and whoever comes
// or goes beside it is still seen.
TEST_F(Pitfalls, aMessageThatIsNeverGivenCostsNoSearchEachTime) {
  start(logged_in("IDLE CONDSTORE", {{"SELECT \"Sent\"", selected(3, 7, 4, "5")},
                                     {"UID SEARCH ALL", "* SEARCH 1 2 3\r\n$T OK done\r\n"},
                                     {"UID FETCH 1:3 (UID FLAGS", row(3, 3, "5") + row(1, 1, "4") + "$T OK done\r\n"},
                                     {"SELECT \"INBOX\"", selected(0, 7, 1, "1")},
                                     status("Sent", 3, 4, 5),
                                     status("Sent", 3, 4, 5),
                                     status("Sent", 2, 4, 6),
                                     {"SELECT \"Sent\"", selected(2, 7, 4, "6")},
                                     {"(CHANGEDSINCE 5)", "$T OK done\r\n"},
                                     {"UID SEARCH ALL", "* SEARCH 2 3\r\n$T OK done\r\n"},
                                     {"NOOP", "$T OK done\r\n"},
                                     {"UID FETCH 2 (UID FLAGS", "$T OK done\r\n"},
                                     {"(CHANGEDSINCE 5)", "$T OK done\r\n"}}));
  Replica replica;
  replica.follow(*session, "Sent");
  EXPECT_EQ(replica.items.size(), 2U);
  look("INBOX", "");
  EXPECT_TRUE(look("Sent", replica.anchor).changes.empty());
  EXPECT_TRUE(look("Sent", replica.anchor).changes.empty());
  replica.follow(*session, "Sent");
  EXPECT_EQ(replica.items.size(), 1U) << "the first went";
  finish();
}

// Law 11. A server that says nothing any more when it comes to one message: fewer are asked for each time, and the one
// that is waited for alone is left out in the end.
TEST_F(Pitfalls, aHeaderAtWhichTheServerHangsIsLeftOut) {
  const Step folder{"SELECT \"INBOX\"", selected(3, 7, 4)};
  const Step all{"UID SEARCH ALL", "* SEARCH 1 2 3\r\n$T OK done\r\n"};
  const Step third{"UID FETCH 3 (", row(3, 3) + "$T OK done\r\n"};
  const Step first{"UID FETCH 1 (", row(1, 1) + "$T OK done\r\n"};
  const auto hangs = [](const std::string& fetch) { return Step{fetch, ""}; };
  serve({logged_in("IDLE", {folder, all, hangs("UID FETCH 1:3 (")}),
         logged_in("IDLE", {folder, all, third, hangs("UID FETCH 2 (")}),
         logged_in("IDLE", {folder, all, hangs("UID FETCH 2 (")}),
         logged_in("IDLE", {folder, all, first, third, bare("UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE)", 2)})});
  configure();
  for (int i = 0; i < 3; ++i) {
    auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
    ASSERT_TRUE(opened) << opened.error().text;
    session = std::move(*opened);
    host.step = 25s;  // the time that was waited
    EXPECT_EQ(session->changes(within(1500ms), "INBOX", "", {}).error().kind, FaultKind::cancelled);
    host.step = {};
    session.reset();
  }
  auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
  ASSERT_TRUE(opened) << opened.error().text;
  session = std::move(*opened);
  Replica replica;
  replica.follow(*session, "INBOX");
  EXPECT_EQ(replica.items.size(), 3U);
  ASSERT_EQ(host.notes.size(), 1U);
  EXPECT_NE(host.notes.front().find("does not answer when the header of message UID 2"), std::string::npos)
      << host.notes.front();
  finish();
}

// Law 11. The server hangs up on one message's header; the listing of its folder goes on without it.
TEST_F(Pitfalls, aHeaderOnWhichTheServerHangsUpIsLeftOut) {
  const Step folder{"SELECT \"INBOX\"", selected(3, 7, 4)};
  const Step all{"UID SEARCH ALL", "* SEARCH 1 2 3\r\n$T OK done\r\n"};
  const Step third{"UID FETCH 3 (", row(3, 3) + "$T OK done\r\n"};
  const Step second{"UID FETCH 2 (", "", true};
  const Step first{"UID FETCH 1 (", row(1, 1) + "$T OK done\r\n"};
  serve({logged_in("IDLE", {folder, all, {"UID FETCH 1:3 (", row(3, 3), true}}),
         logged_in("IDLE", {folder, all, third, second}), logged_in("IDLE", {folder, all, second}),
         logged_in("IDLE", {folder, all, first, third, bare("UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE)", 2)})});
  configure();
  Replica replica;
  for (int i = 0; i < 4; ++i) {
    auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
    ASSERT_TRUE(opened) << opened.error().text;
    session = std::move(*opened);
    if (i == 3) break;
    EXPECT_EQ(session->changes(within(), "INBOX", "", {}).error().kind, FaultKind::unavailable);
    EXPECT_TRUE(host.notes.empty() || i == 2);
    session.reset();
  }
  replica.follow(*session, "INBOX");
  // Who has it keeps it: the listing names it, without what only the header says.
  ASSERT_EQ(replica.items.size(), 3U);
  const auto& without = replica.items.at(item_id({"INBOX", 7, 2}));
  EXPECT_EQ(without.size, 5U);
  EXPECT_EQ(without.fingerprint, decltype(without.fingerprint){}) << "the log keeps the one it knows";
  EXPECT_NE(replica.items.at(item_id({"INBOX", 7, 3})).fingerprint, without.fingerprint);
  EXPECT_EQ(replica.listed, 1);
  ASSERT_EQ(host.notes.size(), 1U);
  EXPECT_NE(host.notes.front().find("UID 2 in folder INBOX"), std::string::npos) << host.notes.front();
  finish();
}

// One that comes while the folder is watched: the next one is told all the same, and "n:*" does not ask for both.
TEST_F(Pitfalls, aNewMessageOnWhichTheServerHangsUpHoldsNoneUp) {
  const Step folder{"SELECT \"INBOX\"", selected(3, 7, 4, "6")};
  const Step all{"UID SEARCH ALL", "* SEARCH 1 2 3\r\n$T OK done\r\n"};
  const Step third{"UID FETCH 3 (", row(3, 3, "6") + "$T OK done\r\n"};
  const Step second{"UID FETCH 2 (", "", true};
  const Step asked = status("INBOX", 3, 4, 6);
  const std::string can = "IDLE CONDSTORE";
  serve({logged_in(can, {asked, folder, {"UID FETCH 2:*", "", true}}),
         logged_in(can, {asked, folder, all, third, second}), logged_in(can, {asked, folder, all, second}),
         logged_in(can,
                   {asked, folder, all, third, {"UID FETCH 2 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)", "", true}}),
         logged_in(can, {asked, folder, all, third})});
  configure();
  for (int i = 0; i < 5; ++i) {    // the last break: it is not even named without its header
    if (i == 4) host.skew += 10s;  // four young deaths on end: IMAP-26
    auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
    ASSERT_TRUE(opened) << opened.error().text;
    session = std::move(*opened);
    if (i < 4) {
      EXPECT_EQ(session->changes(within(), "INBOX", anchor(2, 5), {}).error().kind, FaultKind::unavailable);
      session.reset();
    }
  }
  const Page page = look("INBOX", anchor(2, 5));
  ASSERT_EQ(page.changes.size(), 1U);
  EXPECT_EQ(parse_item_id(std::get<Upsert>(page.changes[0]).id)->uid, 3U);
  finish();
}

}  // namespace
}  // namespace tidegate::imap
