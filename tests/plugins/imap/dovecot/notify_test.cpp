// SPDX-License-Identifier: Apache-2.0
// NOTIFY, VANISHED and COMPRESS against a real Dovecot.
#include <set>

#include "tests/plugins/imap/dovecot/on_dovecot.hpp"

namespace tidegate::imap {
namespace {

/// A parked session with all its folders looked at.
struct Listener {
  explicit Listener(std::unique_ptr<Session> s) : session(std::move(s)) {
    Replica tree;
    tree.follow(*session, "");
    for (const auto& [id, folder] : tree.folders) folders[id].follow(*session, id);
  }
  void park() {
    auto parked = session->park(within());
    ASSERT_TRUE(parked) << parked.error().text << parked.error().cause;
    EXPECT_TRUE(parked->everything);
    parking = *parked;
  }
  /// Parked until all of these were hinted; what else was hinted is given.
  std::set<Bytes> hear(std::set<Bytes> wanted) {
    std::set<Bytes> others;
    while (!wanted.empty()) {
      pollfd ready{parking.fd, POLLIN, 0};
      if (parking.wake_by > Clock::now() && ::poll(&ready, 1, 10'000) != 1) {
        ADD_FAILURE() << "nothing was told of " << *wanted.begin();
        return others;
      }
      auto hint = session->unpark(within());
      if (!hint) {
        ADD_FAILURE() << hint.error().text;
        return others;
      }
      EXPECT_FALSE(hint->all);
      for (const Bytes& scope : hint->scopes)
        if (wanted.erase(scope) == 0) others.insert(scope);
      park();
    }
    return others;
  }
  std::unique_ptr<Session> session;
  std::map<Bytes, Replica> folders;
  Parking parking;
};

// IMAP-29.
TEST_F(OnDovecot, imap29OneConnectionHearsOfAllFolders) {
  auto opened = open("hal");
  ASSERT_TRUE(opened) << opened.error().text;
  Listener ear(std::move(*opened));
  ear.park();
  append("hal", "Sent", 0, 1);
  EXPECT_EQ(ear.hear({"Sent"}), std::set<Bytes>{}) << "the folder, and no other";
  ear.folders["Sent"].follow(*ear.session, "Sent");
  EXPECT_EQ(ear.folders["Sent"].items.size(), 1U);
  ear.park();
  server->doveadm("flags add -u hal '\\Flagged' mailbox Sent uid 1");
  ear.hear({"Sent"});
  ear.folders["Sent"].follow(*ear.session, "Sent");
  EXPECT_NE(ear.folders["Sent"].items.begin()->second.flags & Flag::flagged, 0U);
  ear.park();
  server->doveadm("expunge -u hal mailbox Sent uid 1");
  server->deliver("hal", mail(1));
  ear.hear({"Sent", "INBOX"});
  for (const char* folder : {"Sent", "INBOX"}) ear.folders[folder].follow(*ear.session, folder);
  EXPECT_TRUE(ear.folders["Sent"].items.empty());
  EXPECT_EQ(ear.folders["INBOX"].items.size(), 1U);
  ear.park();
  server->doveadm("mailbox create -u hal Neu");
  ear.hear({""});
  Replica tree;
  tree.follow(*ear.session, "");
  EXPECT_TRUE(tree.folders.contains("Neu"));
  ear.park();
  append("hal", "Neu", 0, 1);
  ear.hear({"Neu"});
}

// IMAP-28: a draft that was saved and is then sent goes from one folder and comes in another.
TEST_F(OnDovecot, imap28ADraftGoesAndTheSentMailComes) {
  auto opened = open("ivy");
  ASSERT_TRUE(opened) << opened.error().text;
  Listener ear(std::move(*opened));
  ear.park();
  append("ivy", "Drafts", 0, 1);
  ear.hear({"Drafts"});
  ear.folders["Drafts"].follow(*ear.session, "Drafts");
  EXPECT_EQ(ear.folders["Drafts"].items.size(), 1U);
  ear.park();
  append("ivy", "Sent", 0, 1);
  server->doveadm("expunge -u ivy mailbox Drafts uid 1");
  ear.hear({"Drafts", "Sent"});
  for (const char* folder : {"Drafts", "Sent"}) ear.folders[folder].follow(*ear.session, folder);
  EXPECT_TRUE(ear.folders["Drafts"].items.empty());
  EXPECT_EQ(ear.folders["Sent"].items.size(), 1U);
}

// A folder that nobody listened to: VANISHED names who is gone, and the number of the rest agrees.
TEST_F(OnDovecot, removalsAreToldByVanished) {
  auto session = open("joe");
  ASSERT_TRUE(session);
  append("joe", "Junk", 0, 40);
  Replica replica;
  replica.follow(**session, "Junk");
  ASSERT_TRUE((*session)->changes(within(), "INBOX", "", {}));
  Habits& habits = backends.back()->habits();
  for (int i = 0; i < 2; ++i) habits.broke(Promise::vanished);
  server->doveadm("expunge -u joe mailbox Junk uid 7:9");
  server->doveadm("expunge -u joe mailbox Junk uid 40");
  replica.follow(**session, "Junk");
  EXPECT_EQ(replica.removed, 4);
  EXPECT_EQ(replica.items.size(), 36U);
  habits.broke(Promise::vanished);
  EXPECT_TRUE(habits.believed(Promise::vanished)) << "only what was kept once is still believed now";
}

TEST_F(OnDovecot, compressedItIsTheSame) {
  auto session = open("kim", {{"compress", "yes"}});
  ASSERT_TRUE(session) << session.error().text << session.error().cause;
  std::string body;
  for (int i = 0; i < 20'000; ++i) body += fmt::format("line {}\r\n", i * i);
  auto written = create(**session, "INBOX", mail(1, body));
  ASSERT_TRUE(written) << written.error().text << written.error().cause;
  std::string back;
  auto read = (*session)->read(within(), written->id, {}, [&](Octets part) {
    back.append(reinterpret_cast<const char*>(part.data()), part.size());
    return true;
  });
  ASSERT_TRUE(read) << read.error().text << read.error().cause;
  EXPECT_EQ(back, mail(1, body));
  Replica replica;
  replica.follow(**session, "INBOX");
  for (int i = 0; i < 2; ++i) {
    auto parking = (*session)->park(within());
    ASSERT_TRUE(parking) << parking.error().text << parking.error().cause;
    server->deliver("kim", mail(2 + i));
    ASSERT_TRUE(wakes(*parking));
    ASSERT_TRUE((*session)->unpark(within()));
    replica.follow(**session, "INBOX");
    EXPECT_EQ(replica.items.size(), 2U + static_cast<std::size_t>(i));
  }
}

}  // namespace
}  // namespace tidegate::imap
