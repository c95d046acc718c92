// SPDX-License-Identifier: Apache-2.0
// Waiting: NOTIFY (RFC 5465) beside IDLE, and how long a server lets one wait.
#include <poll.h>

#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;

const std::string capabilities = "IDLE CONDSTORE NOTIFY NAMESPACE";
const Step own_namespace{"NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n$T OK done\r\n"};
const Step tree{"LIST \"\" \"*\"",
                "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\n* LIST () \"/\" Old\r\n$T OK done\r\n"};
const Step notify{
    "NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge FlagChange "
    "MailboxName))",
    "$T OK done\r\n"};
const Step inbox{"SELECT \"INBOX\"", selected(0, 7, 1, "5")};

Bytes anchor(Uid uidnext, std::uint64_t modseq) {
  Anchor a;
  a.uidvalidity = 7;
  a.uidnext = uidnext;
  a.modseq = modseq;
  for (Uid uid = 1; uid < uidnext; ++uid) a.learn(uid);
  return encode(a);
}

class Waiting : public ScriptedSession {
 protected:
  void park(bool everything) {
    const auto parking = session->park(within());
    ASSERT_TRUE(parking) << parking.error().text << parking.error().cause;
    EXPECT_EQ(parking->everything, everything);
    wake_by = parking->wake_by;
    fd = parking->fd;
  }
  Hint unpark() {
    pollfd ready{fd, POLLIN, 0};
    if (wake_by > host.now()) EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
    auto hint = session->unpark(within());
    EXPECT_TRUE(hint) << hint.error().text << hint.error().cause;
    return hint ? *hint : Hint{};
  }
  void look_at(const std::string& folder, const Bytes& from) {
    const auto page = session->changes(within(), folder, from, {});
    EXPECT_TRUE(page) << page.error().text << page.error().cause;
  }
  Clock::time_point wake_by;
  int fd = -1;
};

// IMAP-29: one connection hears of all folders; a folder that was told of is not asked for its STATUS first.
TEST_F(Waiting, imap29NotifyTellsFolderByFolder) {
  start(logged_in(capabilities,
                  {own_namespace,
                   tree,
                   notify,
                   inbox,
                   {"IDLE",
                    "+ idling\r\n* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\n* STATUS Sent (HIGHESTMODSEQ 6)\r\n"
                    "* STATUS \"Shared/x\" (MESSAGES 1)\r\n"},
                   {"DONE", "6 OK done\r\n"},
                   {"SELECT \"Sent\" (CONDSTORE)", selected(1, 7, 2, "6")},
                   {"UID FETCH 1:*", row(1, 1, "6") + "$T OK done\r\n"},
                   inbox,
                   {"IDLE", "+ idling\r\n"}}));
  Replica folders, sent;
  folders.follow(*session, "");
  park(true);
  const Hint hint = unpark();
  EXPECT_EQ(hint.scopes, (std::vector<Bytes>{"", "Sent"})) << "the tree for the folder that nobody knows yet";
  EXPECT_FALSE(hint.all);
  const auto page = session->changes(within(), "Sent", anchor(1, 5), {});
  ASSERT_TRUE(page) << page.error().cause;
  EXPECT_EQ(page->changes.size(), 1U);
  park(true);
  finish();
}

TEST_F(Waiting, foldersThatComeAndGoHintTheTree) {
  start(logged_in(capabilities, {own_namespace,
                                 tree,
                                 notify,
                                 inbox,
                                 {"IDLE", "+ idling\r\n* LIST (\\NonExistent) \"/\" Old\r\n* LIST () \"/\" Neu\r\n"}}));
  Replica folders;
  folders.follow(*session, "");
  park(true);
  EXPECT_EQ(unpark().scopes, std::vector<Bytes>{""});
  finish();
}

// What one LIST said of all folders is older than what may be told from here on.
TEST_F(Waiting, whatWasPolledBeforeIsNotBelievedAfterwards) {
  const std::string of_sent = "* STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 HIGHESTMODSEQ 5)\r\n";
  start(logged_in("IDLE CONDSTORE LIST-EXTENDED LIST-STATUS",
                  {{"LIST", "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\n" + of_sent + "$T OK done\r\n"},
                   inbox,
                   {"IDLE", "+ idling\r\n* 1 EXISTS\r\n"},
                   {"DONE", "4 OK done\r\n"},
                   {"STATUS \"Sent\"", of_sent + "$T OK done\r\n"}}));
  Replica folders;
  folders.follow(*session, "");
  park(false);
  EXPECT_EQ(unpark().scopes, std::vector<Bytes>{"INBOX"});
  look_at("Sent", anchor(1, 5));
  finish();
}

// Told while something else was asked: the descriptor will not become readable for it again.
TEST_F(Waiting, whatWasToldInBetweenWakesAtOnce) {
  start(logged_in(capabilities,
                  {own_namespace,
                   tree,
                   notify,
                   inbox,
                   {"IDLE", "+ idling\r\n"},
                   {"DONE", "6 OK done\r\n"},
                   {"STATUS \"Sent\"",
                    "* STATUS Old (MESSAGES 3 UIDNEXT 4)\r\n* STATUS Sent (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 "
                    "HIGHESTMODSEQ 5)\r\n$T OK done\r\n"},
                   {"IDLE", "+ idling\r\n"}}));
  Replica folders;
  folders.follow(*session, "");
  park(true);
  look_at("Sent", anchor(1, 5));
  park(true);
  EXPECT_LE(wake_by, Clock::now());
  EXPECT_EQ(session->unpark(within())->scopes, std::vector<Bytes>{"Old"});
  park(true);
  EXPECT_GT(wake_by, Clock::now()) << "told once";
  finish();
}

// RFC 5465 §5.8: from then on it tells nothing, so everything is looked at, and the core polls.
TEST_F(Waiting, imap29AfterAnOverflowEverythingIsHinted) {
  start(logged_in(capabilities, {own_namespace,
                                 tree,
                                 notify,
                                 inbox,
                                 {"IDLE", "+ idling\r\n* OK [NOTIFICATIONOVERFLOW] too much\r\n"},
                                 {"DONE", "6 OK done\r\n"},
                                 {"IDLE", "+ idling\r\n"},
                                 {"DONE", "7 OK done\r\n"},
                                 notify,
                                 {"IDLE", "+ idling\r\n"}}));
  Replica folders;
  folders.follow(*session, "");
  park(true);
  EXPECT_TRUE(unpark().all);
  park(false);
  host.skew += 9min;
  ASSERT_TRUE(session->unpark(within()));
  park(false);
  host.skew += 55min;
  ASSERT_TRUE(session->unpark(within()));
  park(true);
  finish();
}

TEST_F(Waiting, anOverflowWithinAnotherAnswerIsHeardToo) {
  start(logged_in(capabilities, {own_namespace,
                                 tree,
                                 notify,
                                 {"SELECT \"INBOX\"", "* OK [NOTIFICATIONOVERFLOW] sorry\r\n" + selected(0, 7, 1, "5")},
                                 {"IDLE", "+ idling\r\n"}}));
  Replica folders;
  folders.follow(*session, "");
  const auto parking = session->park(within());
  ASSERT_TRUE(parking);
  EXPECT_LE(parking->wake_by, Clock::now());
  EXPECT_TRUE(session->unpark(within())->all);
  park(false);
  finish();
}

TEST_F(Waiting, imap29ARefusalFallsBackToTheInbox) {
  const auto script = [&](bool asked) {
    Script then = {own_namespace};
    if (asked) then.push_back({"NOTIFY SET", "$T NO [BADEVENT (MessageNew MessageExpunge)] not that\r\n"});
    then.push_back(inbox);
    then.push_back({"IDLE", "+ idling\r\n"});
    return logged_in(capabilities, then);
  };
  serve({script(true), script(true), script(true), script(false)});
  configure();
  for (int i = 0; i < 4; ++i) {
    auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
    ASSERT_TRUE(opened);
    session = std::move(*opened);
    park(false);
    session.reset();
  }
  finish();
}

// A server that says yes and tells nothing: three changes found by looking, and it is no longer relied upon.
TEST_F(Waiting, imap29APromiseThatIsNotKeptIsNoLongerBelieved) {
  Script then = {own_namespace, tree, notify, inbox, {"IDLE", "+ idling\r\n"}, {"DONE", "6 OK done\r\n"}};
  const auto status = [](int uidnext) {
    return Step{
        "STATUS \"Sent\"",
        fmt::format("* STATUS Sent (MESSAGES 0 UIDNEXT {} UIDVALIDITY 7 HIGHESTMODSEQ 5)\r\n$T OK done\r\n", uidnext)};
  };
  then.push_back(status(1));
  for (int round = 2; round < 5; ++round) {
    then.push_back(status(round));
    then.push_back({"SELECT \"Sent\"", "$T NO [INUSE] later\r\n"});
  }
  then.push_back(inbox);
  then.push_back({"IDLE", "+ idling\r\n"});
  start(logged_in(capabilities, std::move(then)));
  Replica folders;
  folders.follow(*session, "");
  park(true);
  look_at("Sent", anchor(1, 5));
  for (int round = 2; round < 5; ++round) EXPECT_FALSE(session->changes(within(), "Sent", anchor(1, 5), {}));
  park(false);
  finish();
}

TEST_F(Waiting, notifyIsASetting) {
  start(logged_in(capabilities, {own_namespace, inbox, {"IDLE", "+ idling\r\n"}}), {{"notify", "no"}});
  park(false);
  finish();
}

// folders = all: one's own are told of; other users' folders are polled, and what is found there breaks no promise.
TEST_F(Waiting, besideOtherUsersFoldersOnesOwnAreToldOf) {
  Script then = {{"NAMESPACE", "* NAMESPACE ((\"\" \"/\")) ((\"user/\" \"/\")) NIL\r\n$T OK done\r\n"},
                 {"LIST \"\" \"*\"",
                  "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\n* LIST () \"/\" user/bob\r\n$T OK done\r\n"},
                 notify,
                 inbox,
                 {"IDLE", "+ idling\r\n"},
                 {"DONE", "6 OK done\r\n"}};
  for (int uidnext = 1; uidnext < 5; ++uidnext) {
    then.push_back(
        {"STATUS \"user/bob\"",
         fmt::format("* STATUS user/bob (MESSAGES 0 UIDNEXT {} UIDVALIDITY 7 HIGHESTMODSEQ 5)\r\n$T OK done\r\n",
                     uidnext)});
    if (uidnext > 1) then.push_back({"SELECT \"user/bob\"", "$T NO [INUSE] later\r\n"});
  }
  then.push_back(inbox);
  then.push_back({"IDLE", "+ idling\r\n* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\n"});
  start(logged_in(capabilities, std::move(then)), {{"folders", "all"}});
  Replica folders;
  folders.follow(*session, "");
  park(false);
  look_at("user/bob", anchor(1, 5));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(session->changes(within(), "user/bob", anchor(1, 5), {}));
  park(false);
  EXPECT_TRUE(backend->habits().believed(Promise::notify));
  EXPECT_EQ(unpark().scopes, std::vector<Bytes>{"Sent"});
  finish();
}

// Mailbox bob as ann: his folders only.
TEST_F(Waiting, aSharedMailboxIsListenedToBelowItsRoot) {
  serve({logged_in(capabilities,
                   {{"NAMESPACE", "* NAMESPACE ((\"\" \"/\")) ((\"user/\" \"/\")) NIL\r\n$T OK done\r\n"},
                    {"(subtree \"user/bob\" (MessageNew MessageExpunge FlagChange MailboxName))", "$T OK done\r\n"},
                    {"SELECT \"user/bob\"", selected(0, 7, 1)},
                    {"IDLE", "+ idling\r\n"}})});
  configure();
  auto opened = backend->open(within(), Mailbox{"ann@example.com", "bob", "ann@example.com"});
  ASSERT_TRUE(opened) << opened.error().text;
  session = std::move(*opened);
  park(true);
  finish();
}

// IMAP-01, IMAP-03: two connections found dropped after the same silence, and the third renews IDLE before that.
TEST_F(Waiting, imap03AShorterLifeIsLearnedFromDrops) {
  const auto dropped = logged_in("IDLE", {inbox, {"IDLE", "+ idling\r\n", true}});
  serve({dropped, dropped, logged_in("IDLE", {inbox, {"IDLE", "+ idling\r\n"}})});
  configure();
  for (int i = 0; i < 2; ++i) {
    auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
    ASSERT_TRUE(opened);
    session = std::move(*opened);
    park(false);
    host.skew += 5min;
    pollfd ready{fd, POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
    EXPECT_EQ(session->unpark(within()).error().kind, FaultKind::unavailable);
  }
  auto opened = backend->open(within(), Mailbox{"ann@example.com", "", ""});
  ASSERT_TRUE(opened);
  session = std::move(*opened);
  park(false);
  EXPECT_LT(wake_by, host.now() + 4min);
  finish();
}

}  // namespace
}  // namespace tidegate::imap
