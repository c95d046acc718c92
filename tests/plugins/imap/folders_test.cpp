// SPDX-License-Identifier: Apache-2.0
// The tree: one round trip for all folders, namespaces, mailboxes of others.
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

std::string status(const std::string& name, int messages, int uidnext, int modseq) {
  return fmt::format("* STATUS \"{}\" (MESSAGES {} UIDNEXT {} UIDVALIDITY 7 HIGHESTMODSEQ {})\r\n", name, messages,
                     uidnext, modseq);
}
Bytes anchor(Uid uidnext, std::uint64_t modseq, std::uint64_t count) {
  Anchor a;
  a.uidvalidity = 7;
  a.uidnext = uidnext;
  a.modseq = modseq;
  for (Uid uid = 1; uid <= count; ++uid) a.learn(uid);
  return encode(a);
}

class Folders : public ScriptedSession {};

const std::string list_status =
    "LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))";
const std::string two_folders = "* LIST (\\Sent) \"/\" Sent\r\n" + status("Sent", 1, 2, 5) +
                                "* LIST () \"/\" INBOX\r\n" + status("INBOX", 0, 1, 5) + "* LIST () \"/\" Old\r\n" +
                                status("Old", 2, 3, 4) + "$T OK done\r\n";

// RFC 5819: nothing changed in three folders, one command.
TEST_F(Folders, aPollOfAllFoldersIsOneRoundTrip) {
  start(logged_in("CONDSTORE LIST-EXTENDED LIST-STATUS SPECIAL-USE", {{list_status, two_folders}}));
  const auto tree = session->changes(within(), "", "", {});
  ASSERT_TRUE(tree) << tree.error().cause;
  EXPECT_EQ(tree->changes.size(), 4U);
  for (const auto& [folder, known] : std::vector<std::pair<std::string, Bytes>>{
           {"INBOX", anchor(1, 5, 0)}, {"Sent", anchor(2, 5, 1)}, {"Old", anchor(3, 4, 2)}}) {
    const auto page = session->changes(within(), folder, known, {});
    ASSERT_TRUE(page) << page.error().cause;
    EXPECT_TRUE(page->changes.empty()) << folder;
  }
  finish();
}

// What one command said is used once, not after two seconds, and not once anything was written through this back-end.
TEST_F(Folders, whatItSaidGrowsOld) {
  const std::string one = status("Sent", 1, 2, 5) + "$T OK done\r\n";
  start(logged_in("CONDSTORE LIST-EXTENDED LIST-STATUS SPECIAL-USE", {{list_status, two_folders},
                                                                      {"STATUS \"Sent\"", one},
                                                                      {list_status, two_folders},
                                                                      {"STATUS \"Sent\"", one},
                                                                      {list_status, two_folders},
                                                                      {"STATUS \"Sent\"", one}}));
  const auto look = [&] { EXPECT_TRUE(session->changes(within(), "Sent", anchor(2, 5, 1), {})->changes.empty()); };
  ASSERT_TRUE(session->changes(within(), "", "", {}));
  look();
  look();
  ASSERT_TRUE(session->changes(within(), "", "", {}));
  host.skew = std::chrono::seconds(3);
  look();
  ASSERT_TRUE(session->changes(within(), "", "", {}));
  backend->wrote();
  look();
  finish();
}

TEST_F(Folders, aListThatCannotBeReadRemovesNothing) {
  start(logged_in("", {{"LIST", "* LIST () \"/\" INBOX\r\n* LIST (( \"/\" Sent\r\n$T OK done\r\n"}}));
  EXPECT_EQ(session->changes(within(), "", "", {}).error().kind, FaultKind::invalid);
}

// Cyrus lets an administrator act for names that nobody bears, and shows them nothing.
TEST_F(Folders, whoHasNoMailboxIsToldSo) {
  start(logged_in("", {{"LIST", "$T OK done\r\n"}, {"STATUS INBOX (MESSAGES)", "$T NO Mailbox does not exist\r\n"}}));
  EXPECT_EQ(session->changes(within(), "", "", {}).error().kind, FaultKind::auth);
  finish();
}

TEST_F(Folders, anInboxThatIsNotListedIsNoMissingMailbox) {
  start(logged_in("", {{"LIST", "* LIST () \"/\" Sent\r\n$T OK done\r\n"},
                       {"STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 3)\r\n$T OK done\r\n"}}));
  EXPECT_EQ(session->changes(within(), "", "", {})->changes.size(), 2U);
  finish();
}

const std::string spaces =
    "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"#public.\" \".\"))\r\n$T OK done\r\n";
const std::string listed =
    "* LIST () \".\" INBOX\r\n* LIST () \".\" INBOX.Sent\r\n* LIST () \".\" user.bob\r\n* LIST () \".\" user.bob.x\r\n"
    "$T OK done\r\n";
const std::string listed_public = "* LIST () \".\" #public.news\r\n$T OK done\r\n";

// RFC 2342: other users' folders are other mailboxes; public ones are shown unless folders = personal.
TEST_F(Folders, namespacesSayWhatIsShown) {
  const auto ids = [&](const std::string& shown, Script then) {
    Script script = {{"NAMESPACE", spaces}};
    script.insert(script.end(), then.begin(), then.end());
    start(logged_in("NAMESPACE", std::move(script)), {{"folders", shown}});
    Replica replica;
    replica.follow(*session, "");
    std::string out;
    for (const auto& [id, folder] : replica.folders) out += id + ' ';
    return out;
  };
  EXPECT_EQ(ids("personal", {{"LIST \"\" \"*\"", listed}}), "INBOX INBOX.Sent ");
  finish();
  const Script both = {{"LIST \"\" \"*\"", listed}, {"LIST \"\" \"#public.*\"", listed_public}};
  EXPECT_EQ(ids("shared", both), "#public.news INBOX INBOX.Sent ");
  EXPECT_EQ(ids("all", both), "#public.news INBOX INBOX.Sent user.bob user.bob.x ");
}

TEST_F(Folders, aNewFolderGoesWhereTheServerKeepsOurs) {
  start(logged_in("NAMESPACE", {{"NAMESPACE", spaces},
                                {"LIST \"\" \"*\"", listed},
                                {"LIST \"\" \"#public.*\"", listed_public},
                                {"CREATE \"INBOX.Neu\"", "$T OK done\r\n"}}));
  Folder like{};
  like.name = "Neu";
  Attempt attempt;
  EXPECT_EQ(session->make_folder(within(), like, attempt)->id, "INBOX.Neu");
  finish();
}

// Mailbox bob as ann: ann logs in, and sees what bob lets her.
TEST_F(Folders, aSharedMailboxIsSeenBelowItsRoot) {
  serve({logged_in("NAMESPACE IDLE", {{"NAMESPACE", spaces},
                                      {"LIST \"\" \"user.bob.*\"",
                                       "* LIST (\\Sent) \".\" user.bob.Gesendet\r\n"
                                       "* LIST () \".\" user.bob.a.b\r\n$T OK done\r\n"},
                                      {"LIST \"\" \"user.bob\"", "* LIST () \".\" user.bob\r\n$T OK done\r\n"},
                                      {"SELECT \"user.bob\"", selected(0, 7, 1)},
                                      {"IDLE", "+ idling\r\n* 1 EXISTS\r\n"},
                                      {"DONE", "6 OK done\r\n"}})});
  configure();
  auto opened = backend->open(within(), Mailbox{"ann@example.com", "bob", "ann@example.com"});
  ASSERT_TRUE(opened) << opened.error().text;
  session = std::move(*opened);
  Replica replica;
  replica.follow(*session, "");
  ASSERT_EQ(replica.folders.size(), 3U);
  EXPECT_EQ(replica.folders.at("user.bob").role, Role::inbox);
  EXPECT_EQ(replica.folders.at("user.bob.Gesendet").role, Role::sent);
  EXPECT_EQ(replica.folders.at("user.bob.Gesendet").name, "Gesendet");
  EXPECT_EQ(replica.folders.at("user.bob.a.b").parent, "user.bob");
  ASSERT_TRUE(session->park(within()));
  EXPECT_EQ(session->unpark(within())->scopes, std::vector<Bytes>{"user.bob"});
  finish();
}

TEST_F(Folders, aSharedMailboxNobodyShowsIsAFault) {
  serve({logged_in("", {}),
         logged_in("NAMESPACE", {{"NAMESPACE", spaces}, {"LIST", "$T OK done\r\n"}, {"LIST", "$T OK done\r\n"}})});
  configure();
  const Mailbox shared{"ann@example.com", "bob", "ann@example.com"};
  EXPECT_EQ(backend->open(within(), shared).error().kind, FaultKind::unsupported);
  auto opened = backend->open(within(), shared);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->changes(within(), "", "", {}).error().kind, FaultKind::not_found);
}

}  // namespace
}  // namespace tidegate::imap
