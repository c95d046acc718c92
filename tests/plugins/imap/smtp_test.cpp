// SPDX-License-Identifier: Apache-2.0
// Sending, against a scripted SMTP server: expected bytes in, given bytes out, and a death at each arrow.
#include "plugins/imap/smtp.hpp"

#include <gtest/gtest.h>

#include "plugins/imap/backend.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/peers/scripted_imap.hpp"
#include "tests/plugins/imap/store_host.hpp"

namespace tidegate::imap {
namespace {

using peers::ScriptedSmtp;
using peers::Step;
using Script = ScriptedSmtp::Script;

const std::string offers = "250-mx greets\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n";
const std::string mail = "Subject: hi\r\nMessage-ID: <1@test>\r\n\r\nbody\r\n.\r\n..two\r\n";

class Submission : public ::testing::Test {
 protected:
  using Values = std::map<std::string, std::string>;

  void serve(Script script, ScriptedSmtp::Files files = {}) {
    peer = std::make_unique<ScriptedSmtp>(std::vector<Script>{std::move(script)}, std::move(files));
  }
  Result<void> send(const std::string& octets, const Values& more = {},
                    const Envelope& to = {"ann@a.example", {"bob@b.example"}}, Bytes note = {}) {
    Values values = {{"host", "imap.invalid"},   {"admin", "gateway"}, {"smtp_host", "127.0.0.1"},
                     {"allow_plaintext", "yes"}, {"smtp_tls", "none"}, {"smtp_port", std::to_string(peer->port())}};
    for (const auto& [key, value] : more) values[key] = value;
    auto settings = parse_settings(std::vector<std::pair<std::string, std::string>>(values.begin(), values.end()));
    EXPECT_TRUE(settings) << settings.error().text;
    ImapBackend backend(host, *settings);
    Attempt attempt{"0123456789abcdef", std::move(note), [&](View text) -> Result<void> {
                      noted += text;
                      if (refuse_note) return fault(FaultKind::quota, "test", "the disk is full");
                      return {};
                    }};
    return backend.submit(within(time), Mailbox{"ann@a.example", "", ""}, to, octets, attempt);
  }

  TestHost host;
  std::unique_ptr<ScriptedSmtp> peer;
  std::string noted;
  bool refuse_note = false;
  std::chrono::milliseconds time{8000};
};

const std::string plain = "AUTH PLAIN " + base64(plain_message({"ann@a.example", "gateway", "pw-gateway"}));

Script whole_conversation() {
  return {{"", "220 mx ready\r\n"},
          {"EHLO [127.0.0.1]", offers + "250 AUTH LOGIN PLAIN\r\n"},
          {plain, "235 2.7.0 welcome\r\n"},
          {"MAIL FROM:<ann@a.example> SIZE=53", "250 2.1.0 ok\r\n"},
          {"RCPT TO:<bob@b.example>", "250 2.1.5 ok\r\n"},
          {"DATA", "354 go on\r\n"},
          {"", "250 2.0.0 queued\r\n", false, true},
          {"QUIT", "221 bye\r\n"}};
}

TEST_F(Submission, theWholeConversation) {
  serve(whole_conversation());
  const auto sent = send(mail);
  ASSERT_TRUE(sent) << sent.error().text << sent.error().cause;
  EXPECT_EQ(peer->verdict(), "");
  EXPECT_EQ(peer->message(), "Subject: hi\r\nMessage-ID: <1@test>\r\n\r\nbody\r\n..\r\n...two\r\n");
  EXPECT_EQ(noted, "dot");
}

// Law 5: the server dies at each arrow. Before the dot nothing was sent; after it nobody can tell.
TEST_F(Submission, diesAtEachArrow) {
  const std::size_t dot = 6;
  for (std::size_t at = 0; at <= dot; ++at) {
    Script script = whole_conversation();
    script.resize(at + 1);
    script.back().say.clear();
    script.back().close = true;
    noted.clear();
    serve(script);
    const auto sent = send(mail);
    ASSERT_FALSE(sent) << at;
    EXPECT_EQ(sent.error().kind, at == dot ? FaultKind::ambiguous : FaultKind::unavailable) << at;
    EXPECT_EQ(noted, at == dot ? "dot" : "") << at;
  }
}

TEST_F(Submission, theDotWaitsForItsNote) {
  Script script = whole_conversation();
  script.resize(7);
  script.back().close = true;
  serve(script);
  refuse_note = true;
  EXPECT_EQ(send(mail).error().kind, FaultKind::quota);
  EXPECT_EQ(peer->verdict(), "");
  EXPECT_EQ(peer->message().find("\r\n.\r\n"), std::string::npos) << "no dot came";
}

TEST_F(Submission, aRepeatAfterTheDotIsNeverBlind) {
  serve({{"", "220 mx\r\n"}});
  EXPECT_EQ(send(mail, {}, {"a@b", {"c@d"}}, "dot").error().kind, FaultKind::ambiguous);
  EXPECT_EQ(peer->connections(), 0);
}

TEST_F(Submission, silenceAfterTheDotIsAmbiguousToo) {
  Script script = whole_conversation();
  script[6].say = "250-still thinking\r\n";
  serve(script);
  time = std::chrono::milliseconds(500);
  EXPECT_EQ(send(mail).error().kind, FaultKind::ambiguous);
  time = std::chrono::seconds(8);
  for (const char* answer : {"250-x\r\n999 y\r\n", "nonsense\r\n", "354 what\r\n"}) {
    script[6].say = answer;
    script[6].close = true;
    serve(script);
    EXPECT_EQ(send(mail).error().kind, FaultKind::ambiguous) << answer;
  }
}

TEST_F(Submission, aRefusalOfTheDotSaysNotSent) {
  for (const auto& [answer, kind] :
       std::vector<std::pair<const char*, FaultKind>>{{"451 4.3.0 later\r\n", FaultKind::unavailable},
                                                      {"554 5.7.1 spam\r\n", FaultKind::denied},
                                                      {"552 5.3.4 too big\r\n", FaultKind::too_large},
                                                      {"421 4.3.2 closing\r\n", FaultKind::unavailable}}) {
    Script script = whole_conversation();
    script.resize(7);
    script[6].say = answer;
    script[6].close = true;
    serve(script);
    EXPECT_EQ(send(mail).error().kind, kind) << answer;
  }
}

TEST_F(Submission, refusedRecipientsAreNamedAndNobodyGetsIt) {
  Script script = whole_conversation();
  script.resize(4);
  script.push_back({"RCPT TO:<bob@b.example>", ""});
  script.push_back({"RCPT TO:<carl@c.example>", ""});
  script.push_back({"RCPT TO:<dora@d.example>", "250 ok\r\n450 4.2.0 later\r\n550 5.1.1 unknown\r\n"});
  serve(script);
  const auto sent = send(mail, {}, {"ann@a.example", {"bob@b.example", "carl@c.example", "dora@d.example"}});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, FaultKind::invalid);
  EXPECT_NE(sent.error().text.find("carl@c.example, dora@d.example"), std::string::npos) << sent.error().text;
  EXPECT_EQ(sent.error().text.find("bob"), std::string::npos);
  EXPECT_EQ(sent.error().text.find("unknown"), std::string::npos);
  EXPECT_EQ(peer->verdict(), "") << "no DATA was said";
}

TEST_F(Submission, withoutPipeliningOneAfterTheOther) {
  serve({{"", "220-a\r\n220 b\r\n"},
         {"EHLO", "250-x\r\n250 AUTH LOGIN\r\n"},
         {"AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"},
         {base64("ann@a.example*gateway"), "334 UGFzc3dvcmQ6\r\n"},
         {base64("pw-gateway"), "235 ok\r\n"},
         {"MAIL FROM:<ann@a.example>", "250 ok\r\n"},
         {"RCPT", "250 ok\r\n"},
         {"RCPT", "251 will forward\r\n"},
         {"DATA", "354 go\r\n"},
         {"", "250 ok\r\n", false, true},
         {"QUIT", ""}});
  const auto sent = send("x\n", {{"auth", "master"}}, {"ann@a.example", {"b@b", "c@c"}});
  ASSERT_TRUE(sent) << sent.error().text << sent.error().cause;
  EXPECT_EQ(peer->verdict(), "");
  EXPECT_EQ(peer->message(), "x\r\n");
}

TEST_F(Submission, aTrustedServerIsAskedForNoLogin) {
  serve({{"", "220 x\r\n"},
         {"EHLO", offers + "250 AUTH PLAIN\r\n"},
         {"MAIL FROM:<> SIZE=12 BODY=8BITMIME SMTPUTF8", "250 ok\r\n"},
         {"RCPT TO:<j\xc3\xb6rg@b.example>", "250 ok\r\n"},
         {"DATA", "354 go\r\n"},
         {"", "250 ok\r\n", false, true}});
  const auto sent = send("S: \xc3\xa4\r\n\r\nx\r\n", {{"smtp_trusted", "yes"}}, {"", {"j\xc3\xb6rg@b.example"}});
  ASSERT_TRUE(sent) << sent.error().text;
  EXPECT_EQ(host.asked_for, "");
}

TEST_F(Submission, whatTheServerCantTakeIsNotSent) {
  const auto refused = [&](const std::string& ehlo, const std::string& octets, const Envelope& to) {
    serve({{"", "220 x\r\n"}, {"EHLO", ehlo}});
    const auto sent = send(octets, {{"smtp_trusted", "yes"}}, to);
    EXPECT_FALSE(sent);
    return sent ? FaultKind::exists : sent.error().kind;
  };
  const Envelope fine{"a@b", {"c@d"}};
  EXPECT_EQ(refused("250 x\r\n", "S: x\r\n\r\n\xff\r\n", fine), FaultKind::unsupported);
  EXPECT_EQ(refused("250-x\r\n250 8BITMIME\r\n", "S: \xff\r\n", fine), FaultKind::unsupported);
  EXPECT_EQ(refused("250-x\r\n250 SIZE 4\r\n", "S: x\r\n", fine), FaultKind::too_large);
  EXPECT_EQ(refused("250 x\r\n", "S: x\rQ\r\n", fine), FaultKind::invalid);
  EXPECT_EQ(refused("250 x\r\n", "S: x\r\n", {"a@b", {}}), FaultKind::invalid);
  EXPECT_EQ(refused("250 x\r\n", "S: x\r\n", {"a@b", {"c@d>\r\nRCPT TO:<evil@e"}}), FaultKind::invalid);
}

TEST_F(Submission, loginFaults) {
  const auto refused = [&](const std::string& ehlo, std::vector<Step> then, const Values& more = {}) {
    Script script = {{"", "220 x\r\n"}, {"EHLO", ehlo}};
    for (Step& step : then) script.push_back(std::move(step));
    serve(script);
    const auto sent = send(mail, more);
    EXPECT_FALSE(sent);
    if (sent) return FaultKind::exists;
    EXPECT_EQ((sent.error().text + sent.error().cause).find("pw-gateway"), std::string::npos);
    return sent.error().kind;
  };
  EXPECT_EQ(refused("250-x\r\n250 AUTH PLAIN\r\n", {{"AUTH", "535 5.7.8 no\r\n"}}), FaultKind::auth);
  EXPECT_EQ(refused("250-x\r\n250 AUTH PLAIN\r\n", {{"AUTH", "454 4.7.0 later\r\n"}}), FaultKind::unavailable);
  EXPECT_EQ(refused("250-x\r\n250 AUTH LOGIN\r\n", {}), FaultKind::unsupported) << "LOGIN acts for nobody else";
  EXPECT_EQ(refused("250 x\r\n", {}), FaultKind::unsupported);
  EXPECT_EQ(refused("554 5.7.1 not from there\r\n", {}), FaultKind::denied);
  serve({{"", "554 no service\r\n", true}});
  EXPECT_EQ(send(mail).error().kind, FaultKind::denied);
  serve({{"", "* OK IMAP4rev1 ready\r\n", true}});
  EXPECT_EQ(send(mail).error().kind, FaultKind::invalid);
}

class SecureSubmission : public Submission {
 protected:
  Values tls(const char* how) {
    return {{"smtp_tls", how}, {"smtp_host", "localhost"}, {"ca_file", ca.ca_file()}, {"allow_plaintext", "no"}};
  }
  ScriptedSmtp::Files files() {
    const auto made = ca.issue();
    return {made.certificate, made.key};
  }
  tests::Certificates ca;
};

TEST_F(SecureSubmission, starttlsForgetsWhatWasToldBefore) {
  Script script = {{"", "220 x\r\n"},
                   {"EHLO", "250-x\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n"},
                   {"STARTTLS", "220 go\r\n", false, false, true}};
  const Script rest = whole_conversation();
  script.insert(script.end(), rest.begin() + 1, rest.end());
  serve(script, files());
  const auto sent = send(mail, tls("starttls"));
  ASSERT_TRUE(sent) << sent.error().text << sent.error().cause;
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(SecureSubmission, aDeathAfterTheDotWithinTls) {
  Script script = whole_conversation();
  script.insert(script.begin(), Step{"", "", false, false, true});
  script.resize(8);
  script.back().say.clear();
  script.back().close = true;
  serve(script, files());
  EXPECT_EQ(send(mail, tls("implicit")).error().kind, FaultKind::ambiguous);
}

// CVE-2011-0411 and its kin.
TEST_F(SecureSubmission, whatIsSaidBetweenStarttlsAndTlsEndsIt) {
  serve({{"", "220 x\r\n"},
         {"EHLO", "250-x\r\n250 STARTTLS\r\n"},
         {"STARTTLS", "220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", false, false, true}},
        files());
  EXPECT_EQ(send(mail, tls("starttls")).error().kind, FaultKind::denied);
}

TEST_F(SecureSubmission, noPasswordGoesOverAPlainLine) {
  serve({{"", "220 x\r\n"}, {"EHLO", "250-x\r\n250 AUTH PLAIN\r\n"}});
  const auto sent = send(mail, tls("starttls"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, FaultKind::denied) << "the server (or somebody before it) offers no STARTTLS";
}

}  // namespace
}  // namespace tidegate::imap
