// SPDX-License-Identifier: Apache-2.0
// Sending through a session, against a scripted IMAP and a scripted SMTP server: what becomes of a mail whose answer
// was lost after the final dot.
#include "plugins/imap/items.hpp"
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

using peers::ScriptedSmtp;

const std::string mail = "Subject: hi\r\nmessage-id:\r\n <1@test>\r\n\r\nMessage-ID: <2@test>\r\n";
const Step status{"STATUS \"Sent\"", "* STATUS \"Sent\" (UIDVALIDITY 7 UIDNEXT 4)\r\n$T OK done\r\n"};
const char* const search = "UID SEARCH UID 4:* HEADER Message-ID \"<1@test>\"";

class Sending : public ScriptedSession {
 protected:
  /// The outgoing server answers the final dot so; empty: it is lost there.
  void begin(ScriptedImap::Script imap, const std::string& dot = "", const char* most = "1000") {
    ScriptedSmtp::Script script{{"", "220 mx\r\n"},     {"EHLO", "250 mx\r\n"},    {"MAIL", "250 ok\r\n"},
                                {"RCPT", "250 ok\r\n"}, {"DATA", "354 go on\r\n"}, {"", dot, dot.empty(), true}};
    if (!dot.empty()) script.push_back({"QUIT", "221 bye\r\n"});
    outgoing = std::make_unique<ScriptedSmtp>(std::vector<ScriptedSmtp::Script>{std::move(script)});
    start(logged_in("", std::move(imap)), {{"smtp_host", "127.0.0.1"},
                                           {"smtp_tls", "none"},
                                           {"smtp_trusted", "yes"},
                                           {"smtp_size_most", most},
                                           {"smtp_port", std::to_string(outgoing->port())}});
  }
  Result<Sent> send(Bytes note = {}, const char* folder = "Sent") {
    std::size_t given = 0;
    Attempt attempt{"0123456789abcdef", std::move(note), [&](View text) -> Result<void> {
                      noted += text;
                      return {};
                    }};
    return session->send(within(), {"ann@a.example", {"bob@b.example"}}, source_of(mail, given), folder, attempt);
  }
  std::unique_ptr<ScriptedSmtp> outgoing;
  std::string noted;
};

TEST_F(Sending, theNoteSaysWhereACopyWouldCome) {
  begin({status}, "250 queued\r\n");
  const auto sent = send();
  ASSERT_TRUE(sent) << sent.error().text << sent.error().cause;
  EXPECT_FALSE(sent->filed) << "the core files it";
  EXPECT_EQ(noted, "7.4");
  finish();
}

TEST_F(Sending, aCopyThatTheServerFiledSaysThatItWasSent) {
  begin({status, {"SELECT \"Sent\"", selected(4, 7, 5)}, {search, "* SEARCH 4\r\n$T OK done\r\n"}});
  const auto sent = send();
  ASSERT_TRUE(sent) << sent.error().text << sent.error().cause;
  ASSERT_TRUE(sent->filed);
  EXPECT_EQ(sent->filed->id, item_id({"Sent", 7, 4}));
  finish();
}

TEST_F(Sending, aRepeatLooksAndSendsNothing) {
  begin({{"SELECT \"Sent\"", selected(4, 7, 5)}, {search, "* SEARCH 4\r\n$T OK done\r\n"}});
  const auto sent = send("7.4");
  ASSERT_TRUE(sent) << sent.error().text << sent.error().cause;
  EXPECT_TRUE(sent->filed);
  EXPECT_EQ(outgoing->connections(), 0);
  finish();
}

// "4:*" names the last message in any case: an older one of the same Message-ID says nothing of this sending.
TEST_F(Sending, anOlderCopySaysNothing) {
  begin({{"SELECT \"Sent\"", selected(3, 7, 4)}, {search, "* SEARCH 3\r\n$T OK done\r\n"}});
  EXPECT_EQ(send("7.4").error().kind, FaultKind::ambiguous);
  finish();
  begin({{"SELECT \"Sent\"", selected(3, 8, 4)}});
  EXPECT_EQ(send("7.4").error().kind, FaultKind::ambiguous) << "renumbered";
  finish();
  begin({});
  EXPECT_EQ(send("dot").error().kind, FaultKind::ambiguous) << "noted by an older version";
  finish();
}

TEST_F(Sending, whoCannotLookNowLooksLater) {
  begin({{"SELECT \"Sent\"", "", true}});
  EXPECT_EQ(send("7.4").error().kind, FaultKind::unavailable);
}

TEST_F(Sending, withoutASentFolderNobodyLooks) {
  begin({});
  EXPECT_EQ(send({}, "").error().kind, FaultKind::ambiguous);
  EXPECT_EQ(noted, "dot");
  finish();
}

TEST_F(Sending, whatIsTooLargeGoesNowhere) {
  begin({}, "", "50");
  EXPECT_EQ(send().error().kind, FaultKind::too_large);
  EXPECT_EQ(outgoing->connections(), 0);
  finish();
}

TEST(MessageId, isThatOfTheHeader) {
  EXPECT_EQ(message_id_of(mail), "<1@test>");
  EXPECT_EQ(message_id_of("A: b\nMessage-ID: <x@y>"), "<x@y>");
  EXPECT_EQ(message_id_of("Message-ID:"), "");
  EXPECT_EQ(message_id_of("A: b\r\n\r\nMessage-ID: <x@y>\r\n"), "");
  EXPECT_EQ(message_id_of("\nMessage-ID: <x@y>\n"), "");
  EXPECT_EQ(message_id_of("X-Message-ID: <x@y>\r\nMESSAGE-ID:<z@y>\r\n\t \r\n"), "<z@y>");
  EXPECT_EQ(message_id_of(""), "");
}

}  // namespace
}  // namespace tidegate::imap
