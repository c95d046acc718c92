// SPDX-License-Identifier: Apache-2.0
#include "core/token/device_code.hpp"

#include <sys/stat.h>

#include "tests/core/token/scripted_endpoint.hpp"

namespace tidegate::token {
namespace {

std::unexpected<Fault> said(const std::string& code) {
  return std::unexpected(read_answer(400, "", R"({"error":")" + code + R"("})").error());
}

TEST(DeviceCode, AnswersAreRead) {
  auto code = read_device_code(
      {200, "", R"({"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://a/b","expires_in":900})"});
  ASSERT_TRUE(code);
  EXPECT_EQ(code->user_code, "WDJB-MJHT");
  EXPECT_EQ(code->verification_uri, "https://a/b");
  EXPECT_EQ(code->good_for, 900s);
  EXPECT_EQ(code->interval, 5s) << "RFC 8628 §3.2: the default";
  code = read_device_code(
      {200, "",
       R"({"device_code":"d","user_code":"u","verification_url":"https://a","expires_in":"60","interval":2})"});
  ASSERT_TRUE(code);
  EXPECT_EQ(code->verification_uri, "https://a") << "as it was called before the standard";
  EXPECT_EQ(code->interval, 2s);
  for (const auto* body : {"", "{}", R"({"device_code":"d","user_code":"u","expires_in":9})",
                           R"({"device_code":"d","user_code":"\u001b[2J","verification_uri":"a","expires_in":9})",
                           R"({"device_code":"d","user_code":"u","verification_uri":"a\nb","expires_in":9})",
                           R"({"device_code":"d e","user_code":"u","verification_uri":"a","expires_in":9})",
                           R"({"device_code":"d","user_code":"u","verification_uri":"a"})"})
    EXPECT_EQ(read_device_code({200, "", body}).error().kind, FaultKind::invalid) << body;
  EXPECT_EQ(read_device_code({401, "", R"({"error":"invalid_client"})"}).error().kind, FaultKind::auth);
  EXPECT_EQ(read_device_code({404, "", ""}).error().kind, FaultKind::invalid);
}

struct PollingTest : testing::Test {
  static constexpr Clock::time_point start{};
  DeviceCode code{.device_code = "d", .user_code = "u", .verification_uri = "v", .good_for = 60s, .interval = 5s};
};

TEST_F(PollingTest, GoesOnAsLongAsNobodyHasEnteredTheCode) {
  Polling polling(code, start);
  EXPECT_EQ(polling.next(), start + 5s) << "not before the interval is over";
  EXPECT_FALSE(polling.heard(said("authorization_pending"), start + 5s));
  EXPECT_EQ(polling.next(), start + 10s);
  EXPECT_FALSE(polling.heard(said("slow_down"), start + 10s));
  EXPECT_EQ(polling.next(), start + 20s) << "five seconds more, from now on";
  EXPECT_FALSE(polling.heard(said("authorization_pending"), start + 20s));
  EXPECT_EQ(polling.next(), start + 30s);
  const auto over = polling.heard(Granted{{"a", 1s}, "r"}, start + 30s);
  ASSERT_TRUE(over);
  EXPECT_EQ((*over)->refresh_token, "r");
}

TEST_F(PollingTest, EndsWithTheCode) {
  Polling polling(code, start);
  EXPECT_FALSE(polling.heard(said("authorization_pending"), start + 50s));
  const auto over = polling.heard(said("authorization_pending"), start + 55s);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->error().kind, FaultKind::denied);
  EXPECT_TRUE(over->error().text.contains("not entered in time"));
}

TEST_F(PollingTest, EndsWithARefusal) {
  for (const auto& [word, kind] :
       std::initializer_list<std::pair<const char*, FaultKind>>{{"access_denied", FaultKind::denied},
                                                                {"expired_token", FaultKind::denied},
                                                                {"invalid_grant", FaultKind::auth},
                                                                {"invalid_client", FaultKind::auth},
                                                                {"whatever", FaultKind::invalid}}) {
    const auto over = Polling(code, start).heard(said(word), start);
    ASSERT_TRUE(over) << word;
    EXPECT_EQ(over->error().kind, kind) << word;
  }
}

TEST_F(PollingTest, AnOutageIsWaitedForEverLonger) {
  Polling polling(code, start);
  EXPECT_FALSE(polling.heard(fault(FaultKind::unavailable, "test", "Away."), start));
  EXPECT_EQ(polling.next(), start + 10s);
  EXPECT_FALSE(polling.heard(fault(FaultKind::cancelled, "test", "Silent."), start + 10s));
  EXPECT_EQ(polling.next(), start + 30s);
  Fault busy{FaultKind::throttled, "test", "Busy.", {}, 25s};
  code.good_for = 300s;
  Polling other(code, start);
  EXPECT_FALSE(other.heard(std::unexpected(busy), start));
  EXPECT_EQ(other.next(), start + 25s) << "as the endpoint said";
  busy.retry_after = 3600s;
  EXPECT_EQ(other.heard(std::unexpected(busy), start + 25s)->error().kind, FaultKind::throttled)
      << "what it was, rather than that nobody entered the code";
}

TEST_F(PollingTest, NoEndpointMakesUsStormItOrWaitForEver) {
  code.interval = 0s;
  EXPECT_EQ(Polling(code, start).next(), start + 1s);
  code.interval = 86'400s;
  code.good_for = std::chrono::hours(24 * 365);
  Polling polling(code, start);
  EXPECT_EQ(polling.next(), start + 300s);
  EXPECT_TRUE(polling.heard(said("authorization_pending"), start + 3500s)) << "an hour is enough for anybody";
}

struct GrantTest : EndpointTest {
  Result<void> grant(std::deque<std::string> answers, const std::string& identity = "ann") {
    Client client{.endpoint = serve(std::move(answers)), .id = "gw", .scope = "mail"};
    client.refresh_token_dir = certificates.directory();
    client.device_endpoint = client.endpoint;
    client.device_endpoint->path = "/device";
    return grant_by_device_code(
        client, [](std::string_view) -> Result<Bytes> { return "s"; }, identity,
        [&](const DeviceCode& given) {
          shown.push_back(given.user_code + " at " + given.verification_uri);
          on_shown();
        },
        call);
  }
  const std::string code =
      http("200 OK",
           R"({"device_code":"dev","user_code":"ABCD","verification_uri":"https://a","expires_in":60,"interval":1})");
  const std::string pending = http("400 Bad Request", R"({"error":"authorization_pending"})");
  std::vector<std::string> shown;
  std::function<void()> on_shown = [] {};
  Call call = within();
};

TEST_F(GrantTest, TheRefreshTokenIsKept) {
  const auto done = grant({code, pending, http("200 OK", R"({"access_token":"a","refresh_token":"first"})")});
  ASSERT_TRUE(done) << done.error().text << done.error().cause;
  EXPECT_EQ(shown, std::vector<std::string>{"ABCD at https://a"});
  EXPECT_EQ(text_of(certificates.directory() / "ann"), "first\n");
  struct stat about{};
  ASSERT_EQ(::stat((certificates.directory() / "ann").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  const auto asked = peer->asked();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_TRUE(asked[0].starts_with("POST /device HTTP/1.1\r\n")) << asked[0];
  EXPECT_TRUE(asked[0].ends_with("\r\n\r\nscope=mail")) << asked[0];
  EXPECT_TRUE(asked[0].contains("Authorization: Basic Z3c6cw==\r\n")) << asked[0];
  EXPECT_TRUE(asked[1].starts_with("POST /token?v=2 HTTP/1.1\r\n")) << asked[1];
  EXPECT_TRUE(
      asked[1].ends_with("\r\n\r\ngrant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=dev"))
      << asked[1];
}

TEST_F(GrantTest, WithoutARefreshTokenNothingIsKept) {
  std::ofstream(certificates.directory() / "ann") << "old\n";
  const auto refused = grant({code, http("200 OK", R"({"access_token":"a"})")});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text.contains("offline_access")) << refused.error().text;
  EXPECT_EQ(text_of(certificates.directory() / "ann"), "old\n");
}

TEST_F(GrantTest, NamesThatLeadElsewhereAreRefusedBeforeAnybodyIsAsked) {
  for (const auto* name : {"", ".", "..", "../ann", "a/b", ".ann"}) {
    EXPECT_EQ(grant({}, name).error().kind, FaultKind::invalid) << name;
    EXPECT_TRUE(peer->asked().empty());
  }
}

TEST_F(GrantTest, WhereNothingCouldBeKeptNobodyIsAskedToEnterACode) {
  Client client{.endpoint = serve({}), .id = "gw"};
  client.refresh_token_dir = certificates.directory() / "no such";
  client.device_endpoint = client.endpoint;
  const auto refused = grant_by_device_code(
      client, [](std::string_view) -> Result<Bytes> { return "s"; }, "ann", [](const DeviceCode&) { FAIL(); }, call);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text.contains("cannot be kept")) << refused.error().text;
  EXPECT_TRUE(peer->asked().empty());
}

TEST_F(GrantTest, AStopEndsTheWaiting) {
  std::stop_source stop;
  call = {Clock::now() + 1h, stop.get_token(), 0};
  on_shown = [&] { stop.request_stop(); };
  const auto slow = http(
      "200 OK",
      R"({"device_code":"dev","user_code":"ABCD","verification_uri":"https://a","expires_in":900,"interval":300})");
  EXPECT_EQ(grant({slow}).error().kind, FaultKind::cancelled);
}

}  // namespace
}  // namespace tidegate::token
