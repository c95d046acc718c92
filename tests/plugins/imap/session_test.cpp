// SPDX-License-Identifier: Apache-2.0
// The session against a scripted server: expected bytes in, given bytes out.
#include "plugins/imap/session.hpp"

#include <gtest/gtest.h>

#include "plugins/imap/backend.hpp"
#include "tests/peers/scripted_imap.hpp"
#include "tests/plugins/imap/store_host.hpp"

namespace tidegate::imap {
namespace {

using peers::logged_in;
using peers::ScriptedImap;
using peers::Step;

class Scripted : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Session>> open(std::vector<Step> script, std::string auth = "authzid", bool local = false) {
    peer = std::make_unique<ScriptedImap>(std::move(script));
    auto settings =
        parse_settings(std::vector<std::pair<std::string, std::string>>{{"host", "127.0.0.1"},
                                                                        {"port", std::to_string(peer->port())},
                                                                        {"tls", "none"},
                                                                        {"allow_plaintext", "yes"},
                                                                        {"admin", "gateway"},
                                                                        {"auth", auth},
                                                                        {"login", local ? "local" : "full"}});
    backend = std::make_unique<ImapBackend>(host, *settings);
    return backend->open(within(), Mailbox{"ann@example.com", "", ""});
  }
  TestHost host;
  std::unique_ptr<ScriptedImap> peer;
  std::unique_ptr<ImapBackend> backend;
};

const std::string select_empty =
    "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] ok\r\n* OK [HIGHESTMODSEQ 1] ok\r\n$T OK [READ-WRITE] "
    "done\r\n";

std::string fetched(int number, int uid, int modseq, const std::string& flags = "") {
  return "* " + std::to_string(number) + " FETCH (UID " + std::to_string(uid) + " FLAGS (" + flags +
         ") INTERNALDATE \" 1-Feb-2026 10:20:30 +0130\" RFC822.SIZE 5 MODSEQ (" + std::to_string(modseq) +
         ") BODY[HEADER.FIELDS (MESSAGE-ID)] {21}\r\nMessage-ID: <a@b>\r\n\r\n BODY[]<0> {5}\r\nhello)\r\n";
}

// The headline figure: one flight after the wake-up, and nothing more to ask before the page is there.
TEST_F(Scripted, aNewMailCostsOneRoundTrip) {
  auto session = open(
      logged_in("IDLE CONDSTORE UIDPLUS",
                {
                    {"SELECT \"INBOX\" (CONDSTORE)", select_empty},
                    {"IDLE", "+ idling\r\n* 1 EXISTS\r\n"},
                    {"DONE", ""},
                    {"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ BODY.PEEK[HEADER.FIELDS "
                     "(MESSAGE-ID)] BODY.PEEK[]<0.1001>)",
                     "3 OK idle done\r\n" + fetched(1, 1, 9) + "$T OK done\r\n"},
                    {"NOOP", "$T OK done\r\n"},
                    {"UID FETCH 1:1 (UID MODSEQ) (CHANGEDSINCE 1)", "* 1 FETCH (UID 1 MODSEQ (9))\r\n$T OK done\r\n"},
                }));
  ASSERT_TRUE(session) << session.error().text << session.error().cause;
  Replica replica;
  Want want;
  want.inline_up_to = 1000;
  EXPECT_EQ(replica.follow(**session, "INBOX", want), 1);
  EXPECT_EQ(replica.listed, 1);
  const auto parking = (*session)->park(within());
  ASSERT_TRUE(parking);
  const auto hint = (*session)->unpark(within());
  ASSERT_TRUE(hint) << hint.error().cause;
  EXPECT_EQ(hint->scopes, std::vector<Bytes>{"INBOX"});
  EXPECT_EQ(replica.follow(**session, "INBOX", want), 2);
  ASSERT_EQ(replica.items.size(), 1U);
  const Upsert& item = replica.items.begin()->second;
  EXPECT_EQ(item.content, "hello");
  EXPECT_EQ(item.state_rev, "9");
  EXPECT_EQ(item.received, std::chrono::sys_days(std::chrono::year(2026) / 2 / 1) + std::chrono::hours(8) +
                               std::chrono::minutes(50) + std::chrono::seconds(30));
  EXPECT_EQ(replica.upserts, 1) << "the flag check tells nothing twice";
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(Scripted, stillHereDoesNotEndIdle) {
  auto session = open(logged_in("IDLE", {
                                            {"SELECT", select_empty},
                                            {"IDLE", "+ idling\r\n* OK Still here\r\n"},
                                        }));
  ASSERT_TRUE(session);
  ASSERT_TRUE((*session)->park(within()));
  const auto hint = (*session)->unpark(within());
  ASSERT_TRUE(hint);
  EXPECT_TRUE(hint->scopes.empty());
  const auto again = (*session)->park(within());
  ASSERT_TRUE(again);
  EXPECT_GT(again->wake_by, Clock::now() + std::chrono::minutes(5));
  session->reset();
  EXPECT_EQ(peer->verdict(), "") << "no DONE, no second IDLE";
}

// IMAP-01, IMAP-02: a silent connection says IDLE again before routers and servers forget it.
TEST_F(Scripted, imap01IdleIsRenewed) {
  auto session = open(logged_in("IDLE", {
                                            {"SELECT", select_empty},
                                            {"IDLE", "+ idling\r\n"},
                                            {"DONE", "3 OK done\r\n"},
                                            {"IDLE", "+ idling\r\n"},
                                        }));
  ASSERT_TRUE(session);
  auto parking = (*session)->park(within());
  ASSERT_TRUE(parking);
  EXPECT_LT(parking->wake_by, Clock::now() + std::chrono::minutes(10));
  host.skew = std::chrono::minutes(10);
  ASSERT_TRUE((*session)->unpark(within()));
  ASSERT_TRUE((*session)->park(within()));
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(Scripted, imap12And17HighestmodseqZeroIsNoCondstore) {
  auto session = open(logged_in(
      "IDLE CONDSTORE",
      {
          {"SELECT",
           "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n* OK [NOMODSEQ] none\r\n$T OK done\r\n"},
          {"UID SEARCH ALL", "* SEARCH 1\r\n$T OK done\r\n"},
          {"UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])",
           "* 1 FETCH (UID 1 FLAGS (\\Seen) INTERNALDATE \"01-Feb-2026 10:20:30 +0000\" RFC822.SIZE 5 "
           "BODY[HEADER.FIELDS (MESSAGE-ID)] "
           "{2}\r\n\r\n)\r\n$T OK done\r\n"},
          {"NOOP", "$T OK done\r\n"},
      }));
  ASSERT_TRUE(session);
  Replica replica;
  replica.follow(**session, "INBOX");
  EXPECT_EQ(replica.items.size(), 1U);
  const Bytes anchor = replica.anchor;
  auto again = (*session)->changes(within(), "INBOX", anchor, {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->changes.empty());
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(Scripted, imap18UidvalidityChangeExpiresTheAnchor) {
  Anchor anchor;
  anchor.uidvalidity = 6;
  anchor.uidnext = 5;
  anchor.modseq = 3;
  auto session = open(logged_in(
      "CONDSTORE", {
                       {"STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
                        "* STATUS INBOX (MESSAGES 0 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 3)\r\n$T OK done\r\n"},
                       {"SELECT", select_empty},
                   }));
  ASSERT_TRUE(session);
  auto page = (*session)->changes(within(), "INBOX", encode(anchor), {});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, FaultKind::anchor_expired);
}

// IMAP-14, law 10.
TEST_F(Scripted, imap14GoingBackwardsIsRegressed) {
  Anchor anchor;
  anchor.uidvalidity = 7;
  anchor.uidnext = 1;
  anchor.modseq = 900;
  auto session = open(
      logged_in("CONDSTORE",
                {
                    {"STATUS", "* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 HIGHESTMODSEQ 1)\r\n$T OK done\r\n"},
                    {"SELECT", select_empty},
                }));
  ASSERT_TRUE(session);
  auto page = (*session)->changes(within(), "INBOX", encode(anchor), {});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, FaultKind::regressed);
}

// A second session that stayed in the folder is asked for what the first one found just now.
TEST_F(Scripted, aMessageNewerThanTheSelectIsHeardOfBeforeItIsRead) {
  auto session = open(
      logged_in("IDLE CONDSTORE",
                {
                    {"SELECT \"INBOX\" (CONDSTORE)",
                     "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n$T OK [READ-WRITE] done\r\n"},
                    {"UID FETCH 1 (UID BODY.PEEK[])", "* 1 FETCH (UID 1 BODY[] {3}\r\none)\r\n$T OK done\r\n"},
                    {"NOOP", "* 2 EXISTS\r\n$T OK done\r\n"},
                    {"UID FETCH 2 (UID BODY.PEEK[])", "* 2 FETCH (UID 2 BODY[] {3}\r\ntwo)\r\n$T OK done\r\n"},
                    {"UID FETCH 2 (UID BODY.PEEK[])", "* 2 FETCH (UID 2 BODY[] {3}\r\ntwo)\r\n$T OK done\r\n"},
                }));
  ASSERT_TRUE(session);
  std::string got;
  for (const Uid uid : {1U, 2U, 2U}) {
    const auto size = (*session)->read(within(), item_id({"INBOX", 7, uid}), {}, [&](Octets part) {
      got.append(reinterpret_cast<const char*>(part.data()), part.size());
      return true;
    });
    ASSERT_TRUE(size) << size.error().text << size.error().cause;
  }
  EXPECT_EQ(got, "onetwotwo");
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

// A server that is being killed says OK and gives nothing: that is not "gone".
TEST_F(Scripted, whatIsNotGivenIsGoneOnlyIfASearchDoesNotFindIt) {
  const Step nothing{"UID FETCH 2 (UID BODY.PEEK[])", "$T OK done\r\n"};
  auto session = open(
      logged_in("IDLE CONDSTORE",
                {
                    {"SELECT \"INBOX\" (CONDSTORE)",
                     "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 3] ok\r\n$T OK [READ-WRITE] done\r\n"},
                    nothing,
                    {"UID SEARCH UID 2", "* SEARCH 2\r\n$T OK done\r\n"},
                    nothing,
                    {"UID SEARCH UID 2", "* SEARCH\r\n$T OK done\r\n"},
                }));
  ASSERT_TRUE(session);
  for (const auto kind : {FaultKind::unavailable, FaultKind::not_found}) {
    const auto read = (*session)->read(within(), item_id({"INBOX", 7, 2}), {}, [](Octets) { return true; });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, kind) << read.error().text;
  }
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(Scripted, aQuietFolderCostsOneStatus) {
  Anchor anchor;
  anchor.uidvalidity = 7;
  anchor.uidnext = 5;
  anchor.modseq = 3;
  anchor.learn(4);
  auto session = open(logged_in(
      "CONDSTORE", {
                       {"STATUS \"Sent \\\"x\\\"\"",
                        "* STATUS \"Sent\" (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 3)\r\n$T OK done\r\n"},
                   }));
  ASSERT_TRUE(session);
  auto page = (*session)->changes(within(), "Sent \"x\"", encode(anchor), {});
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_TRUE(page->changes.empty());
  EXPECT_EQ(page->anchor, encode(anchor));
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(Scripted, refusalsKeepTheSessionTransportFaultsEndIt) {
  auto session = open(logged_in("IDLE", {
                                            {"SELECT \"Gone\"", "$T NO [NONEXISTENT] no such\r\n"},
                                            {"SELECT \"Odd\"", "$T BAD what\r\n"},
                                            {"SELECT \"Bye\"", "* BYE shutting down\r\n", true},
                                        }));
  ASSERT_TRUE(session);
  EXPECT_EQ((*session)->changes(within(), "Gone", "", {}).error().kind, FaultKind::not_found);
  EXPECT_EQ((*session)->changes(within(), "Odd", "", {}).error().kind, FaultKind::invalid);
  EXPECT_EQ((*session)->changes(within(), "Bye", "", {}).error().kind, FaultKind::unavailable);
  EXPECT_EQ((*session)->changes(within(), "Gone", "", {}).error().kind, FaultKind::unavailable) << "dead, and says so";
}

// Law 12: bounded time and memory, whatever comes.
TEST_F(Scripted, hostileAnswersAreRefused) {
  const std::string deep = "* 1 FETCH (BODYSTRUCTURE " + std::string(20'000, '(') + "\r\n";
  const std::string endless = "* OK " + std::string(2 * 1024 * 1024, 'x') + "\r\n";
  for (const std::string& attack : {deep, endless, std::string("* 1 FETCH (BODY[] {4294967295}\r\n"),
                                    std::string("* OK {262144}\r\n") + deep, std::string("99 OK other tag\r\n")}) {
    auto session = open(logged_in("IDLE", {{"SELECT", attack}}));
    ASSERT_TRUE(session);
    const auto page = (*session)->changes(within(std::chrono::seconds(5)), "INBOX", "", {});
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().kind, FaultKind::invalid) << attack.substr(0, 40);
    session->reset();
    peer->verdict();
  }
}

TEST_F(Scripted, deadlineAndStopEndAWait) {
  auto session = open(logged_in("IDLE", {{"SELECT", ""}}));
  ASSERT_TRUE(session);
  EXPECT_EQ((*session)->changes(within(std::chrono::milliseconds(50)), "INBOX", "", {}).error().kind,
            FaultKind::cancelled);
  session->reset();
  auto other = open(logged_in("IDLE", {{"SELECT", ""}}));
  ASSERT_TRUE(other);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const Call call{Clock::now() + std::chrono::seconds(20), stop.get_token(), 0};
  EXPECT_EQ((*other)->changes(call, "INBOX", "", {}).error().kind, FaultKind::cancelled);
}

TEST_F(Scripted, loginFaults) {
  const Step greeting{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"};
  auto refused =
      open({greeting, {"AUTHENTICATE PLAIN", "+ \r\n"}, {"", ""}, {"YW5u", "1 NO [AUTHENTICATIONFAILED] no\r\n"}},
           "authzid", true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::auth);
  EXPECT_EQ(host.asked_for, "password");
  EXPECT_EQ(refused.error().cause.find("pw-gateway"), std::string::npos);
  auto busy = open({{"", "* BYE Too many connections\r\n", true}});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind, FaultKind::throttled) << busy.error().cause;
  auto nothing = open({{"", "* OK [CAPABILITY IMAP4rev1] ready\r\n"}});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, FaultKind::unsupported);
}

// A file whose date was lost, as Maildirs have them after a careless copy: 1970 is a date like any other.
TEST_F(Scripted, aMessageOf1970IsAMessage) {
  const std::string row =
      "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"01-Jan-1970 00:00:00 +0000\" RFC822.SIZE 5 BODY[HEADER.FIELDS "
      "(MESSAGE-ID)] {2}\r\n\r\n)\r\n";
  auto session = open(logged_in(
      "IDLE", {
                  {"SELECT", "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n$T OK done\r\n"},
                  {"UID SEARCH ALL", "* SEARCH 1\r\n$T OK done\r\n"},
                  {"UID FETCH 1", row + "$T OK done\r\n"},
              }));
  ASSERT_TRUE(session);
  Replica replica;
  replica.follow(**session, "INBOX");
  EXPECT_EQ(replica.items.size(), 1U);
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

// Law 11: a message that is named and never given holds nobody up, and the server is not asked for it without end.
TEST_F(Scripted, aMessageThatCannotBeFetchedHoldsNobodyUp) {
  const std::string row =
      "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"01-Feb-2026 10:20:30 +0000\" RFC822.SIZE 5 BODY[HEADER.FIELDS "
      "(MESSAGE-ID)] {2}\r\n\r\n)\r\n";
  auto session = open(logged_in(
      "IDLE", {
                  {"SELECT", "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 3] ok\r\n$T OK done\r\n"},
                  {"UID SEARCH ALL", "* SEARCH 1 2\r\n$T OK done\r\n"},
                  {"UID FETCH ", row + "$T OK done\r\n"},
                  {"NOOP", "$T OK done\r\n"},
                  {"IDLE", "+ idling\r\n"},
              }));
  ASSERT_TRUE(session);
  Replica replica;
  for (int turns = 0; turns < 5; ++turns) {
    auto next = (*session)->changes(within(), "INBOX", replica.anchor, {});
    ASSERT_TRUE(next) << next.error().cause << " turn " << turns;
    const bool more = next->more;
    replica.replay(std::move(*next));
    if (!more && turns > 0) break;
  }
  EXPECT_EQ(replica.items.size(), 1U);
  EXPECT_TRUE((*session)->park(within()));
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

// The message is there, under a number that the next sync brings: "gone" would lose it.
TEST_F(Scripted, imap18ReadingARenumberedMessageIsNotGone) {
  auto session = open(logged_in("IDLE", {{"SELECT", select_empty}}));
  ASSERT_TRUE(session);
  const auto read = (*session)->read(within(), item_id({"INBOX", 6, 1}), {}, [](Octets) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, FaultKind::anchor_expired);
}

// The server's digest of flags where there is no CONDSTORE: only the bucket that moved is told again.
TEST_F(Scripted, flagsWithoutCondstoreAreComparedNotListed) {
  const auto row = [](int uid, const char* flags) {
    return "* " + std::to_string(uid) + " FETCH (UID " + std::to_string(uid) + " FLAGS (" + flags +
           ") INTERNALDATE \"01-Feb-2026 10:20:30 +0000\" RFC822.SIZE 5 BODY[HEADER.FIELDS (MESSAGE-ID)] "
           "{2}\r\n\r\n)\r\n";
  };
  const std::string select = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 601] ok\r\n$T OK done\r\n";
  auto session =
      open(logged_in("IDLE", {
                                 {"SELECT", select},
                                 {"UID SEARCH ALL", "* SEARCH 1 600\r\n$T OK done\r\n"},
                                 {"UID FETCH 600,1", row(600, "") + row(1, "") + "$T OK done\r\n"},
                                 {"NOOP", "* 1 FETCH (FLAGS (\\Seen))\r\n$T OK done\r\n"},
                                 {"UID FETCH 600,1 (UID FLAGS)",
                                  "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (UID 600 FLAGS ())\r\n$T OK done\r\n"},
                                 {"UID FETCH 1 (UID", row(1, "\\Seen") + "$T OK done\r\n"},
                             }));
  ASSERT_TRUE(session);
  Replica replica;
  replica.follow(**session, "INBOX");
  EXPECT_EQ(replica.upserts, 2);
  auto page = (*session)->changes(within(), "INBOX", replica.anchor, {});
  ASSERT_TRUE(page) << page.error().cause;
  ASSERT_EQ(page->changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(page->changes[0]).flags, Flag::seen);
  session->reset();
  EXPECT_EQ(peer->verdict(), "");
}

}  // namespace
}  // namespace tidegate::imap
