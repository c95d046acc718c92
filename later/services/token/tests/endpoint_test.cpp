// SPDX-License-Identifier: Apache-2.0
// The token endpoint as a scripted peer over TLS.
#include "core/token/endpoint.hpp"

#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/tls/network.hpp"
#include "core/token/refresh.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/core/tls/talker.hpp"

namespace tidegate::token {
namespace {

using namespace std::chrono_literals;

/// Answers each request with the next of its lines, on a thread of its own, and keeps what was asked.
class ScriptedEndpoint {
 public:
  ScriptedEndpoint(const sim::Listen& at, std::deque<std::string> answers) : answers_(std::move(answers)) {
    std::promise<std::uint16_t> ready;
    auto port = ready.get_future();
    thread_ = std::jthread([this, at, &ready] {
      auto world = tls::real_world();
      world_ = world.get();
      auto listening = world->network().listen(at, [&](auto stream) {
        auto& peer = peers_.emplace_back(*this);
        peer.talker.take(std::move(stream));
        peer.talker.stream->events(&peer);
        peer.readable();
      });
      ready.set_value((*listening)->port());
      world->run();
      peers_.clear();
      const std::scoped_lock until_stop_returned(stopping_);
    });
    port_ = port.get();
  }
  ~ScriptedEndpoint() {
    const std::scoped_lock lock(stopping_);
    world_->stop();
  }
  ScriptedEndpoint(const ScriptedEndpoint&) = delete;
  ScriptedEndpoint& operator=(const ScriptedEndpoint&) = delete;

  std::uint16_t port() const { return port_; }
  std::vector<std::string> asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }

 private:
  struct Peer final : sim::StreamEvents {
    explicit Peer(ScriptedEndpoint& its) : endpoint(its) {}
    void readable() override {
      talker.readable();
      const auto end = talker.heard.find("\r\n\r\n");
      const auto length = talker.heard.find("Content-Length: ");
      if (end == std::string::npos || length == std::string::npos) return;
      if (talker.heard.size() < end + 4 + std::stoul(talker.heard.substr(length + 16))) return;
      talker.say(endpoint.answer(std::exchange(talker.heard, {})));
    }
    void writable() override { talker.writable(); }
    ScriptedEndpoint& endpoint;
    tests::Talker talker;
  };
  std::string answer(std::string request) {
    const std::scoped_lock lock(mutex_);
    asked_.push_back(std::move(request));
    auto next = std::move(answers_.front());
    answers_.pop_front();
    return next;
  }

  std::mutex mutex_, stopping_;  ///< stopping_: the world lives until stop() has returned
  std::deque<std::string> answers_;
  std::vector<std::string> asked_;
  std::list<Peer> peers_;
  sim::RealWorld* world_ = nullptr;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

std::string http(const std::string& status, const std::string& body, const std::string& fields = {}) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", status, fields,
                     body.size(), body);
}

struct EndpointTest : testing::Test {
  Endpoint serve(std::deque<std::string> answers) {
    const auto files = certificates.issue({});
    peer = std::make_unique<ScriptedEndpoint>(
        sim::Listen{.certificate_file = files.certificate, .key_file = files.key}, std::move(answers));
    return {.host = "localhost", .port = peer->port(), .path = "/token?v=2", .ca_file = certificates.ca_file()};
  }
  static Call within() { return {Clock::now() + 20s, {}, 0}; }
  static std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  tests::Certificates certificates;
  std::unique_ptr<ScriptedEndpoint> peer;
};

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
  const auto form = form_of({.client_id = "me", .client_secret = "a&b=c+d e", .scope = "x y", .refresh_token = "r/1"});
  EXPECT_TRUE(form.starts_with("grant_type=refresh_token&refresh_token=")) << form;
  EXPECT_EQ(std::ranges::count(form, '&'), 4) << form;
  EXPECT_EQ(std::ranges::count(form, '='), 5) << form;
  EXPECT_FALSE(form.contains(' '));
  EXPECT_TRUE(form.contains("a%26b%3Dc%2Bd%20e")) << form;
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
      {400, "", "<html>", FaultKind::auth},
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
  EXPECT_TRUE(asked[0].ends_with("\r\n\r\ngrant_type=client_credentials&client_id=gw&client_secret=s&scope=mail"));
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

TEST_F(EndpointTest, ARotatedRefreshTokenIsOnDiskBeforeTheAccessTokenIsGiven) {
  const auto endpoint = serve({http("200 OK", R"({"access_token":"a1","refresh_token":"second"})"),
                               http("200 OK", R"({"access_token":"a2"})"),
                               http("400 Bad Request", R"({"error":"invalid_grant"})")});
  const auto file = certificates.directory() / "ann";
  std::ofstream(file) << "first\n";
  auto token = refresh(endpoint, {.client_id = "gw", .refresh_token = "first"}, file, within());
  ASSERT_TRUE(token) << token.error().text;
  EXPECT_EQ(token->text, "a1");
  EXPECT_EQ(text_of(file), "second\n");
  struct stat about{};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  token = refresh(endpoint, {.client_id = "gw", .refresh_token = "second"}, file, within());
  ASSERT_TRUE(token);
  EXPECT_EQ(text_of(file), "second\n") << "none came, the old one goes on";
  EXPECT_EQ(refresh(endpoint, {.client_id = "gw", .refresh_token = "second"}, file, within()).error().kind,
            FaultKind::auth);
  EXPECT_EQ(text_of(file), "second\n");
  for (const auto& entry : std::filesystem::directory_iterator(certificates.directory()))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path() << " is left over";
}

TEST_F(EndpointTest, WhatCouldNotBeKeptIsNotAskedFor) {
  const auto endpoint = serve({});
  const auto refused = refresh(endpoint, {.client_id = "gw", .refresh_token = "first"},
                               (certificates.directory() / "no such" / "ann").string(), within());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(peer->asked().empty()) << "a token would have been used up";
}

}  // namespace
}  // namespace tidegate::token
