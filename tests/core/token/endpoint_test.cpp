// SPDX-License-Identifier: Apache-2.0
#include "core/token/endpoint.hpp"

#include <algorithm>
#include <thread>

#include <sys/stat.h>

#include "core/token/refresh.hpp"
#include "core/token/source.hpp"
#include "tests/core/token/scripted_endpoint.hpp"

namespace tidegate::token {
namespace {

using namespace std::chrono_literals;

TEST(Endpoint, Addresses) {
  const auto plain = parse_endpoint("https://login.example.com/t/oauth2/token");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "login.example.com");
  EXPECT_EQ(plain->port, 443);
  EXPECT_EQ(plain->path, "/t/oauth2/token");
  EXPECT_EQ(parse_endpoint("https://a:8443/x?y=z")->port, 8443);
  EXPECT_EQ(parse_endpoint("https://a")->path, "/");
  for (const auto* wrong : {"", "http://a/x", "https://", "https://u:p@a/x", "https://a:0/", "https://a/#x", "ftp:x"})
    EXPECT_FALSE(parse_endpoint(wrong)) << wrong;
}

TEST(Endpoint, FormsAreEncoded) {
  EXPECT_EQ(form_of({.client_id = "me"}), "grant_type=client_credentials&client_id=me");
  const auto form = form_of({.client_id = "me",
                             .client_secret = "a&b=c+d e",
                             .scope = "x y",
                             .refresh_token = "r/1",
                             .auth = ClientAuth::post});
  EXPECT_TRUE(form.starts_with("grant_type=refresh_token&refresh_token=")) << form;
  EXPECT_EQ(std::ranges::count(form, '&'), 4) << form;
  EXPECT_EQ(std::ranges::count(form, '='), 5) << form;
  EXPECT_FALSE(form.contains(' '));
  EXPECT_TRUE(form.contains("a%26b%3Dc%2Bd%20e")) << form;
}

TEST(Endpoint, ClientsSayWhoTheyAreInOnePlaceOnly) {
  const Request basic{.client_id = "a:b", .client_secret = "s p"};
  EXPECT_EQ(authorization_of(basic), "Basic YSUzQWI6cyUyMHA=") << "both are encoded first: a%3Ab:s%20p";
  EXPECT_EQ(form_of(basic), "grant_type=client_credentials");
  EXPECT_EQ(authorization_of({.client_id = "me"}), "") << "a public client has nothing to prove";
  EXPECT_EQ(authorization_of({.client_id = "me", .client_secret = "s", .auth = ClientAuth::post}), "");
}

TEST(Endpoint, AnswersAreRead) {
  auto granted = read_answer(200, "", R"({"access_token":"t","token_type":"Bearer","expires_in":3599})");
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->access.text, "t");
  EXPECT_EQ(granted->access.good_for, 3599s);
  EXPECT_TRUE(granted->refresh_token.empty());
  granted = read_answer(200, "", R"({"access_token":"t","expires_in":"60","refresh_token":"r"})");
  EXPECT_EQ(granted->access.good_for, 60s);
  EXPECT_EQ(granted->refresh_token, "r");

  const std::tuple<unsigned, const char*, const char*, FaultKind> refusals[] = {
      {400, "", R"({"error":"invalid_grant","error_description":"secret words"})", FaultKind::auth},
      {401, "", R"({"error":"invalid_client"})", FaultKind::auth},
      {400, "", "<html>", FaultKind::invalid},
      {403, "", R"({"error":"blocked by the firewall"})", FaultKind::invalid},
      {400, "", R"({"error":"temporarily_unavailable"})", FaultKind::unavailable},
      {429, "30", "", FaultKind::throttled},
      {503, "", "", FaultKind::unavailable},
      {503, "7", "", FaultKind::throttled},
      {302, "", "", FaultKind::invalid},
      {200, "", "", FaultKind::invalid},
      {200, "", R"({"access_token":""})", FaultKind::invalid},
      {200, "", R"({"access_token":"a b"})", FaultKind::invalid},
      {200, "", R"({"access_token":7})", FaultKind::invalid},
      {200, "", R"(["access_token"])", FaultKind::invalid},
      {200, "", R"({"access_token":"t","refresh_token":"a\nb"})", FaultKind::invalid}};
  for (const auto& [status, retry, body, kind] : refusals) {
    const auto refused = read_answer(status, retry, body);
    ASSERT_FALSE(refused) << status << body;
    EXPECT_EQ(refused.error().kind, kind) << status << body;
    EXPECT_FALSE((refused.error().text + refused.error().cause).contains("secret words"));
  }
  EXPECT_EQ(read_answer(429, "30", "").error().retry_after, 30s);
  EXPECT_EQ(read_answer(429, "99999999", "").error().retry_after, 3600s);
  EXPECT_FALSE(read_answer(200, "", std::string(10'000, '['))) << "deep nesting";
}

TEST_F(EndpointTest, ClientCredentials) {
  const auto endpoint = serve({http("200 OK", R"({"access_token":"abc","expires_in":60})")});
  const auto granted = ask(endpoint, {.client_id = "gw", .client_secret = "s", .scope = "mail"}, within());
  ASSERT_TRUE(granted) << granted.error().text << granted.error().cause;
  EXPECT_EQ(granted->access.text, "abc");
  const auto asked = peer->asked();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].starts_with("POST /token?v=2 HTTP/1.1\r\n")) << asked[0];
  EXPECT_TRUE(asked[0].ends_with("\r\n\r\ngrant_type=client_credentials&scope=mail")) << asked[0];
  EXPECT_TRUE(asked[0].contains("Authorization: Basic Z3c6cw==\r\n")) << asked[0];
}

TEST_F(EndpointTest, ThroughAProxy) {
  auto endpoint = serve({http("200 OK", R"({"access_token":"abc"})")}, "idp.invalid");
  endpoint.port = 443;
  endpoint.route = route_by("http://127.0.0.1:" + std::to_string(peer->proxy_port()), "token_proxy");
  const auto granted = ask(endpoint, {.client_id = "gw"}, within());
  ASSERT_TRUE(granted) << granted.error().text << granted.error().cause;
  EXPECT_EQ(granted->access.text, "abc") << "a name that only the proxy could know";
}

TEST_F(EndpointTest, AStopEndsIt) {
  const auto endpoint = serve({""});  // it listens and says nothing
  std::stop_source stop;
  std::jthread stopper([&] {
    peer->await_asked();
    stop.request_stop();
  });
  const auto ended = ask(endpoint, {.client_id = "gw"}, {Clock::now() + 1h, stop.get_token(), 0});
  EXPECT_EQ(ended.error().kind, FaultKind::cancelled);
}

TEST_F(EndpointTest, AnotherAuthorityIsToldNothing) {
  auto endpoint = serve({http("200 OK", R"({"access_token":"abc"})")});
  const tests::Certificates foreign("Somebody else");
  endpoint.ca_file = foreign.ca_file();
  const auto refused = ask(endpoint, {.client_id = "gw", .client_secret = "s"}, within());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::denied);
  EXPECT_TRUE(peer->asked().empty());
}

TEST_F(EndpointTest, AFloodIsEnded) {
  const auto endpoint = serve({"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + std::string(200'000, ' ')});
  const auto refused = ask(endpoint, {.client_id = "gw"}, within());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::too_large);
}

struct RefreshTest : EndpointTest {
  void SetUp() override {
    file = certificates.directory() / "ann";
    std::ofstream(file) << "first\n";
  }
  /// As imap does: by the source, with the secrets of a host.
  Fetch source(std::deque<std::string> answers) {
    Client client{.endpoint = serve(std::move(answers)), .id = "gw", .refresh_token_dir = certificates.directory()};
    return from_endpoint(client, [this](std::string_view key) -> Result<Bytes> {
      if (key == "token_client_secret") return "s";
      auto text = text_of(certificates.directory() / key.substr(key.find('/') + 1));
      if (text.empty()) return fault(FaultKind::not_found, "test", "none");
      text.pop_back();
      return text;
    });
  }
  std::filesystem::path file;
};

TEST_F(RefreshTest, ARotatedTokenIsOnDiskBeforeTheAccessTokenIsGiven) {
  const auto fetch =
      source({http("200 OK", R"({"access_token":"a1","refresh_token":"second"})"),
              http("200 OK", R"({"access_token":"a2"})"), http("400 Bad Request", R"({"error":"invalid_grant"})")});
  auto token = fetch("ann", within());
  ASSERT_TRUE(token) << token.error().text;
  EXPECT_EQ(token->text, "a1");
  EXPECT_EQ(text_of(file), "second\n");
  struct stat about{};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  token = fetch("ann", within());
  ASSERT_TRUE(token);
  EXPECT_EQ(text_of(file), "second\n") << "none came, the old one goes on";
  const auto refused = fetch("ann", within());
  EXPECT_EQ(refused.error().kind, FaultKind::auth);
  EXPECT_TRUE(refused.error().text.contains(file.string())) << refused.error().text;
  EXPECT_FALSE(refused.error().text.contains("second")) << refused.error().text;
  EXPECT_EQ(text_of(file), "second\n");
  const auto asked = peer->asked();
  ASSERT_EQ(asked.size(), 3U) << "the same token is not offered twice";
  EXPECT_TRUE(asked[0].ends_with("refresh_token=first"));
  EXPECT_TRUE(asked[1].ends_with("refresh_token=second"));
  EXPECT_FALSE(std::filesystem::exists(certificates.directory() / ".ann.new"));
}

TEST_F(RefreshTest, OneThatSomebodyElseRotatedIsReadAgain) {
  std::vector<std::string> asked;
  const auto token = refresh(
      file, [this]() -> Result<Bytes> { return text_of(file).substr(0, text_of(file).find('\n')); },
      [&](const std::string& with) -> Result<Granted> {
        asked.push_back(with);
        if (asked.size() > 1) return Granted{{"a", 1s}, {}};
        std::ofstream(file) << "theirs\n";  // by what knows nothing of our lock
        return fault(FaultKind::auth, "test", "No.", "invalid_grant");
      },
      within());
  ASSERT_TRUE(token) << token.error().text;
  EXPECT_EQ(asked, (std::vector<std::string>{"first", "theirs"}));
}

TEST_F(RefreshTest, TwoAtOnceUseEachTokenOnce) {
  std::vector<std::string> asked;
  const auto once = [&] {
    return refresh(
        file, [this]() -> Result<Bytes> { return text_of(file).substr(0, text_of(file).find('\n')); },
        [&](const std::string& with) -> Result<Granted> {
          asked.push_back(with);
          std::this_thread::yield();
          return Granted{{"a", 1s}, with + "+"};
        },
        within());
  };
  {
    const std::jthread one([&] { EXPECT_TRUE(once()); }), other([&] { EXPECT_TRUE(once()); });
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"first", "first+"}));
  EXPECT_EQ(text_of(file), "first++\n");
}

TEST_F(RefreshTest, WhatCouldNotBeKeptIsNotAskedFor) {
  bool asked = false;
  const auto refused =
      refresh((certificates.directory() / "no such" / "ann").string(), []() -> Result<Bytes> { return "first"; },
              [&](const std::string&) -> Result<Granted> {
                asked = true;
                return Granted{};
              },
              within());
  EXPECT_FALSE(refused);
  EXPECT_FALSE(asked) << "a token would have been used up";
}

TEST_F(RefreshTest, AUserWithoutATokenLeavesNothingBehind) {
  const auto fetch = source({});
  const auto refused = fetch("bob", within());
  EXPECT_EQ(refused.error().kind, FaultKind::auth);
  EXPECT_TRUE(peer->asked().empty());
  EXPECT_FALSE(std::filesystem::exists(certificates.directory() / ".bob.lock"));
}

TEST_F(RefreshTest, ABusyEndpointIsLeftInPeaceWhoeverAsks) {
  std::ofstream(certificates.directory() / "bob") << "his\n";
  const auto fetch = source({http("503 Service Unavailable", "", "Retry-After: 3000\r\n")});
  EXPECT_EQ(fetch("ann", within()).error().retry_after, 3000s);
  const auto second = fetch("bob", within());
  EXPECT_EQ(second.error().kind, FaultKind::throttled);
  EXPECT_GT(second.error().retry_after, 2000s);
  EXPECT_EQ(peer->asked().size(), 1U);
}

TEST(Pause, GrowsWhileItFailsAndIsForgottenWhenItWorks) {
  Pause pause;
  Clock::time_point now{};
  now += 1h;
  EXPECT_TRUE(pause.permitted(now));
  for (const auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s}) {
    pause.failed(now, 0ms);
    pause.failed(now, 0ms);  // another that was on its way
    EXPECT_EQ(pause.permitted(now).error().retry_after, wait);
    now += wait;
    EXPECT_TRUE(pause.permitted(now));
  }
  pause.worked();
  pause.failed(now, 20s);
  EXPECT_EQ(pause.permitted(now).error().retry_after, 20s) << "as the endpoint said";
}

}  // namespace
}  // namespace tidegate::token
