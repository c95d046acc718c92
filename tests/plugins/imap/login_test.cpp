// SPDX-License-Identifier: Apache-2.0
// From the greeting to a connection that is ready: STARTTLS, SASL with and without initial response, tokens, and the
// one flight that follows.
#include <filesystem>
#include <fstream>

#include "tests/core/tls/certificates.hpp"
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

const std::string plain = base64(plain_message({"ann@example.com", "gateway", "pw-gateway"}));

class Login : public ScriptedSession {
 protected:
  ScriptedImap::Files files() {
    const auto made = ca.issue();
    return {made.certificate, made.key};
  }
  Values secure() {
    return {{"host", "localhost"}, {"tls", "starttls"}, {"allow_plaintext", "no"}, {"ca_file", ca.ca_file()}};
  }
  Result<std::unique_ptr<Session>> try_open(std::vector<Script> scripts, const Values& more) {
    serve(std::move(scripts), files());
    configure(more);
    return backend->open(within(), Mailbox{"ann@example.com", "", ""});
  }
  tests::Certificates ca;
};

TEST_F(Login, starttlsForgetsWhatWasToldBefore) {
  auto opened = try_open({{{"", "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=EVIL LOGINDISABLED] ready\r\n"},
                           {"STARTTLS", "$T OK go\r\n", false, false, true},
                           {"CAPABILITY", "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n$T OK done\r\n"},
                           {"AUTHENTICATE PLAIN", "+ \r\n"},
                           {plain, "3 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"}}},
                         secure());
  ASSERT_TRUE(opened) << opened.error().text << opened.error().cause;
  opened->reset();
  EXPECT_EQ(peer->verdict(), "");
}

// CVE-2011-0411 and its kin: in the same segment as the answer, whole or half a line, ours or libetpan's to parse.
TEST_F(Login, whatIsSaidBetweenStarttlsAndTlsEndsIt) {
  for (const char* injected : {"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "* 5 EXISTS\r\n", "* LIST () \"/\" evil\r\n",
                               "* 5", "* STATUS", "x"}) {
    auto opened = try_open({{{"", "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"},
                             {"STARTTLS", std::string("$T OK go\r\n") + injected, false, false, true}}},
                           secure());
    ASSERT_FALSE(opened) << injected;
    EXPECT_EQ(opened.error().kind, FaultKind::denied) << injected << opened.error().text;
  }
}

// `tidegatectl test` without a user: nobody is logged in, since the administrative account need not be a mailbox.
TEST_F(Login, aTestSeesWhetherItsKindOfLoginIsOfferedAndMakesNone) {
  struct Row {
    const char *offered, *auth;
    std::optional<FaultKind> fault;
  };
  for (const auto& row : std::initializer_list<Row>{{"AUTH=PLAIN", "authzid", {}},
                                                    {"AUTH=CRAM-MD5", "authzid", FaultKind::unsupported},
                                                    {"AUTH=CRAM-MD5", "master", {}},
                                                    {"AUTH=CRAM-MD5 LOGINDISABLED", "master", FaultKind::denied},
                                                    {"AUTH=PLAIN", "token", FaultKind::unsupported},
                                                    {"AUTH=XOAUTH2", "token", {}}}) {
    serve({{{"", fmt::format("* OK [CAPABILITY IMAP4rev1 {}] ready\r\n", row.offered)}}}, files());
    Values values = {{"auth", row.auth}};
    if (row.auth == std::string_view("token")) values["token_command"] = "false";
    configure(values);
    const auto tested = backend->test(within());
    EXPECT_EQ(tested.has_value(), !row.fault) << row.offered << row.auth;
    if (!tested) EXPECT_EQ(tested.error().kind, row.fault) << row.offered << row.auth << tested.error().text;
    backend.reset();
    EXPECT_EQ(peer->verdict(), "") << "the greeting is all it takes";
  }
}

TEST_F(Login, aTestNeedsTheSecretsBeforeItConnects) {
  serve({});
  configure({{"smtp_host", "127.0.0.1"}, {"smtp_password_file", "/nowhere"}});
  const auto tested = backend->test(within());
  ASSERT_FALSE(tested);
  EXPECT_EQ(host.asked_for, "smtp_password");
  EXPECT_EQ(peer->connections(), 0);
}

// RFC 3501 §6.2.3.
TEST_F(Login, wherePasswordsAreNotTakenNoneIsSent) {
  auto opened = try_open({{{"", "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\r\n"}}}, {{"auth", "master"}});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FaultKind::denied);
  EXPECT_NE(opened.error().text.find("LOGINDISABLED"), std::string::npos);
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(Login, noStarttlsNoPassword) {
  auto opened = try_open({{{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"}}}, secure());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FaultKind::denied);
}

TEST_F(Login, whatIsAskedOnceGoesInOneFlight) {
  start(logged_in("ID ENABLE QRESYNC CONDSTORE NAMESPACE",
                  {{"ID (\"name\" \"Tidegate\")", ""},
                   {"ENABLE QRESYNC", ""},
                   {"NAMESPACE",
                    "* ID (\"name\" \"Example\")\r\n2 OK done\r\n* ENABLED QRESYNC\r\n3 OK done\r\n"
                    "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n4 OK done\r\n"}}));
  finish();
}

TEST_F(Login, aServerThatRefusesThemIsServedAllTheSame) {
  start(logged_in("ID ENABLE QRESYNC NAMESPACE", {{"ID", "$T BAD what\r\n"},
                                                  {"ENABLE", "$T NO never\r\n"},
                                                  {"NAMESPACE", "* NAMESPACE nonsense\r\n$T OK well\r\n"}}));
}

// RFC 4978: asked for only where the setting wants it, alone, and after everything else.
TEST_F(Login, compressionIsASettingAndARefusalChangesNothing) {
  const Step space{"NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n$T OK done\r\n"};
  const Step look{"LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n$T OK done\r\n"};
  start(logged_in("COMPRESS=DEFLATE NAMESPACE", {space, look}));
  EXPECT_TRUE(session->changes(within(), "", "", {}));
  finish();
  start(
      logged_in("COMPRESS=DEFLATE NAMESPACE", {space, {"COMPRESS DEFLATE", "$T NO [COMPRESSIONACTIVE] no\r\n"}, look}),
      {{"compress", "yes"}});
  EXPECT_TRUE(session->changes(within(), "", "", {}));
  finish();
}

TEST_F(Login, whatIsNotCompressedAsAgreedIsRefused) {
  start(logged_in("COMPRESS=DEFLATE", {{"COMPRESS DEFLATE", "$T OK now\r\n\x07nonsense"}}), {{"compress", "yes"}});
  EXPECT_EQ(session->changes(within(), "", "", {}).error().kind, FaultKind::invalid);
}

struct WithToken : Login {
  void SetUp() override {
    counter = (ca.directory() / "runs").string();
    command = "echo x >> " + counter + "; echo token-$(wc -l < " + counter + ")-$TIDEGATE_USER";
  }
  Values token(const Values& more = {}) {
    Values values = {{"auth", "token"}, {"token_command", command}, {"admin", ""}, {"host", "127.0.0.1"}};
    for (const auto& [key, value] : more) values[key] = value;
    return values;
  }
  std::string bearer(int run) const {
    return base64(oauthbearer_message({{}, "ann@example.com", fmt::format("token-{}-ann@example.com", run), true},
                                      "127.0.0.1", peer->port()));
  }
  Result<std::unique_ptr<Session>> again() { return backend->open(within(), Mailbox{"ann@example.com", "", ""}); }
  std::string counter, command;
};

Step greeting(const std::string& capabilities) {
  return {"", "* OK [CAPABILITY IMAP4rev1 " + capabilities + "] ready\r\n"};
}
const std::string fine = "$T OK [CAPABILITY IMAP4rev1 IDLE] in\r\n";

TEST_F(WithToken, isKeptUntilItEndsAndForgottenWhenRefused) {
  const Script good = {greeting("SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER"), {"AUTHENTICATE OAUTHBEARER ", fine}};
  // The server tells why as a challenge; ^A ends it (RFC 7628 §3.2.3).
  const Script refused = {greeting("SASL-IR AUTH=OAUTHBEARER"),
                          {"AUTHENTICATE OAUTHBEARER ", "+ eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=\r\n"},
                          {"AQ==", "1 NO [AUTHENTICATIONFAILED] expired\r\n"}};
  serve({good, good, refused, good, refused, refused, good}, files());
  configure(token());
  const auto runs = [&] { return std::filesystem::exists(counter) ? std::filesystem::file_size(counter) / 2 : 0; };
  EXPECT_TRUE(again());
  EXPECT_TRUE(again());
  EXPECT_EQ(runs(), 1U) << "kept";
  EXPECT_TRUE(again()) << "refused once, and logged in by a new one";
  EXPECT_EQ(runs(), 2U);
  const auto no = again();
  ASSERT_FALSE(no) << "also the new one was refused: not for ever again";
  EXPECT_EQ(no.error().kind, FaultKind::auth);
  EXPECT_EQ((no.error().text + no.error().cause).find("token-"), std::string::npos);
  EXPECT_EQ(runs(), 3U);
  host.skew = std::chrono::hours(1);
  EXPECT_TRUE(backend->open({host.now() + std::chrono::hours(1), {}, 0}, Mailbox{"ann@example.com", "", ""}));
  EXPECT_EQ(runs(), 4U);
  EXPECT_EQ(peer->verdict(), "");
}

TEST_F(WithToken, bothMechanismsWithAndWithoutInitialResponse) {
  auto opened = try_open({{greeting("AUTH=OAUTHBEARER"),
                           {"AUTHENTICATE OAUTHBEARER", "+ \r\n"},
                           {"bixhPWFubkBleGFtcGxlLmNvbSwB", "1 OK [CAPABILITY IMAP4rev1] in\r\n"}}},
                         token());
  EXPECT_TRUE(opened) << peer->verdict();
  const std::string xoauth2 = base64(xoauth2_message({{}, "ann@example.com", "token-2-ann@example.com", true}));
  opened =
      try_open({{greeting("SASL-IR AUTH=XOAUTH2 AUTH=PLAIN"), {"AUTHENTICATE XOAUTH2 " + xoauth2, fine}}}, token());
  EXPECT_TRUE(opened) << peer->verdict();
  opened = try_open({{greeting("SASL-IR AUTH=PLAIN")}}, token());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FaultKind::unsupported);
}

}  // namespace
}  // namespace tidegate::imap
