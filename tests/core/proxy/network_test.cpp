// SPDX-License-Identifier: Apache-2.0
// Real sockets on loopback: a scripted proxy, a TLS server behind it whose name only the proxy could know.
#include "core/proxy/network.hpp"

#include <list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/proxy/scripted_proxy.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/core/tls/talker.hpp"

namespace tidegate::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::Certificates;
using tests::field;
using tests::ScriptedProxy;
using tests::Talker;
using Dialed = Result<std::unique_ptr<sim::Stream>>;

struct ProxyTest : testing::Test {
  ProxyTest() {
    listen(ca.issue({.name = "relay.invalid"}));
    via = {"127.0.0.1", peer.port(), {}, {}, "proxy in [link]", "proxy_user and proxy_password_file in [link]"};
  }

  void listen(const Certificates::Files& files) {
    listening = *world->network().listen({.certificate_file = files.certificate, .key_file = files.key},
                                         [this](auto stream) { servers.emplace_back().take(std::move(stream)); });
    peer.target = listening->port();
  }
  sim::Endpoint there() const {
    return {.host = "relay.invalid",
            .port = 443,
            .ca_file = ca.ca_file(),
            .route = [this](const auto&, auto) -> Result<std::optional<sim::Proxy>> { return via; }};
  }
  bool until(const std::function<bool()>& condition) { return world->run_until(condition, 10s); }
  Dialed dial(const sim::Endpoint& endpoint, std::chrono::nanoseconds limit = 8s) {
    std::optional<Dialed> answer;
    const auto dialing = world->network().dial(endpoint, world->reactor().now() + limit,
                                               [&](auto result) { answer = std::move(result); });
    EXPECT_FALSE(answer);  // never within the call
    EXPECT_TRUE(until([&] { return answer.has_value(); }));
    return answer ? std::move(*answer) : fault(FaultKind::cancelled, "test", "no answer");
  }
  /// Dials, and tries whether octets go both ways.
  void expect_through() {
    const auto before = servers.size();
    auto result = dial(there());
    ASSERT_TRUE(result) << result.error().text << " / " << result.error().cause;
    Talker client;
    client.take(std::move(*result));
    client.say("up");
    ASSERT_TRUE(until([&] { return servers.size() > before && servers.back().heard == "up"; }));
    EXPECT_EQ(client.stream->channel_binding(), servers.back().stream->channel_binding());
    EXPECT_EQ(client.stream->channel_binding().size(), 32U);
    servers.back().say("down");
    EXPECT_TRUE(until([&] { return client.heard == "down"; }));
  }
  Fault refused(std::chrono::nanoseconds limit = 8s) {
    auto result = dial(there(), limit);
    EXPECT_FALSE(result);
    auto fault = result ? Fault{} : result.error();
    for (const auto* text : {&fault.where, &fault.text, &fault.cause}) EXPECT_THAT(*text, Not(HasSubstr("geheim")));
    if (fault.kind != FaultKind::cancelled) EXPECT_THAT(fault.text, HasSubstr(std::to_string(via.port)));
    return fault;
  }

  Certificates ca;
  std::unique_ptr<sim::RealWorld> world = real_world();
  ScriptedProxy peer{*world};
  sim::Proxy via;
  std::unique_ptr<sim::Listening> listening;
  std::list<Talker> servers;
};

TEST_F(ProxyTest, OnlyTheProxyHearsTheNameAndTlsIsEndToEnd) {
  expect_through();
  ASSERT_EQ(peer.heads.size(), 1U);
  EXPECT_THAT(peer.heads[0], StartsWith("CONNECT relay.invalid:443 HTTP/1.1\r\nHost: relay.invalid:443\r\n"));
  EXPECT_EQ(field(peer.heads[0], "Proxy-Authorization"), "");
}

TEST_F(ProxyTest, AnAddressOfTheSixthVersionIsAskedForInBrackets) {
  listen(ca.issue({.name = "2001::1"}));
  auto endpoint = there();
  endpoint.host = "2001::1";
  const auto result = dial(endpoint);
  EXPECT_TRUE(result) << result.error().text;
  ASSERT_EQ(peer.heads.size(), 1U);
  EXPECT_THAT(peer.heads[0], StartsWith("CONNECT [2001::1]:443 HTTP/1.1\r\n"));
}

TEST_F(ProxyTest, WithoutARouteNothingChanges) {
  auto endpoint = there();
  endpoint.route = nullptr;
  endpoint.host = "127.0.0.1";
  endpoint.port = listening->port();
  EXPECT_FALSE(dial(endpoint));  // directly there: the certificate is for another name
  endpoint.route = [](const auto&, auto) -> Result<std::optional<sim::Proxy>> { return std::nullopt; };
  EXPECT_FALSE(dial(endpoint));
  listen(ca.issue({.name = "127.0.0.1"}));
  endpoint.port = listening->port();
  EXPECT_TRUE(dial(endpoint));
  EXPECT_EQ(peer.accepted, 0U);
}

TEST_F(ProxyTest, ARouteThatFailsIsNoDirectWay) {
  auto endpoint = there();
  endpoint.host = "127.0.0.1";
  endpoint.port = listening->port();
  endpoint.route = [](const auto&, auto) -> Result<std::optional<sim::Proxy>> {
    return fault(FaultKind::not_found, "file", "the secret file is not there");
  };
  const auto result = dial(endpoint);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text, "the secret file is not there");
  EXPECT_TRUE(servers.empty());
}

TEST_F(ProxyTest, TheProxysNameMayHaveSeveralAddresses) {
  via.host = "localhost";  // ::1 first, perhaps, where nobody listens
  expect_through();
}

TEST_F(ProxyTest, CertificatesAreVerifiedThroughIt) {
  listen(ca.issue({.name = "elsewhere.invalid"}));
  const auto result = dial(there());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, FaultKind::denied);
  EXPECT_THAT(result.error().text, HasSubstr("elsewhere.invalid"));
}

TEST_F(ProxyTest, NobodyThere) {
  peer.stop();
  const auto fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::unavailable);
  EXPECT_THAT(fault.text, HasSubstr("refused the connection"));
  EXPECT_THAT(fault.text, HasSubstr("proxy in [link]"));
}

TEST_F(ProxyTest, NobodyOfThatName) {
  via.host = std::string(64, 'a') + ".invalid";  // too long for any name server
  const auto result = dial(there());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, FaultKind::unavailable);
  EXPECT_THAT(result.error().text, HasSubstr("No address is known for the proxy " + via.host));
}

TEST_F(ProxyTest, APasswordIsDemanded) {
  peer.script = [](const auto&) {
    return ScriptedProxy::demand(
        "Proxy-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Digest realm=\"x\", "
        "nonce=\"n\"\r\nProxy-Authenticate: NTLM\r\n");
  };
  const auto fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::auth);
  EXPECT_THAT(fault.text, HasSubstr("demands a user and a password (407; it offers Digest, NTLM, Basic): set "
                                    "proxy_user and proxy_password_file in [link]"));
  EXPECT_EQ(peer.heads.size(), 1U);
}

TEST_F(ProxyTest, OnlySchemesThatAreNotSpoken) {
  via.user = "anna", via.password = "geheim";
  peer.script = [](const auto&) { return ScriptedProxy::demand("Proxy-Authenticate: Negotiate\r\n"); };
  const auto fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::auth);
  EXPECT_THAT(fault.text, HasSubstr("offers only Negotiate"));
  EXPECT_EQ(peer.heads.size(), 1U);
}

TEST_F(ProxyTest, AWrongPasswordIsSentOnce) {
  via.user = "anna", via.password = "geheim";
  peer.script = [](const auto&) { return ScriptedProxy::demand("Proxy-Authenticate: Basic realm=\"x\"\r\n"); };
  const auto fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::auth);
  EXPECT_THAT(fault.text, HasSubstr("does not accept the user or the password given for it (407; it offers Basic)"));
  ASSERT_EQ(peer.heads.size(), 2U);
  EXPECT_EQ(field(peer.heads[0], "Proxy-Authorization"), "");
  EXPECT_NE(field(peer.heads[1], "Proxy-Authorization"), "");
}

TEST_F(ProxyTest, TheTargetIsForbiddenOrOutOfReach) {
  peer.script = [](const auto&) {
    return ScriptedProxy::Answer{"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nnever", false, true};
  };
  auto fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::denied);
  EXPECT_THAT(fault.text, HasSubstr("forbids connections to relay.invalid:443 (403)"));
  peer.script = [](const auto&) { return ScriptedProxy::Answer{"HTTP/1.1 503 Down\r\n\r\n", false, true}; };
  fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::unavailable);
  EXPECT_THAT(fault.text, HasSubstr("does not reach relay.invalid:443 (503)"));
}

TEST_F(ProxyTest, WhatIsNoProxyIsSaidSo) {
  for (const auto* octets : {"SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example.com ESMTP\r\n", "\r\n", "\x15\x03\x01\r\n"}) {
    peer.script = [octets](const auto&) { return ScriptedProxy::Answer{octets}; };  // and keeps the line open
    const auto fault = refused();
    EXPECT_EQ(fault.kind, FaultKind::invalid) << octets;
    EXPECT_THAT(fault.text, HasSubstr("is no HTTP proxy"));
  }
}

TEST_F(ProxyTest, AnEndlessHeadIsCut) {
  std::string flood = "HTTP/1.1 200 fine\r\n";
  while (flood.size() < 200'000) flood += "X-More: and more\r\n";
  peer.script = [&](const auto&) { return ScriptedProxy::Answer{flood}; };
  EXPECT_FALSE(dial(there()));
  EXPECT_TRUE(servers.empty());
}

TEST_F(ProxyTest, ClosedWithoutAnAnswer) {
  peer.script = [](const auto&) { return ScriptedProxy::Answer{"", false, true}; };
  const auto fault = refused();
  EXPECT_EQ(fault.kind, FaultKind::unavailable);
  EXPECT_THAT(fault.text, HasSubstr("closed the connection without an answer"));
}

TEST_F(ProxyTest, ASilentOneHoldsNobodyUp) {
  peer.script = [](const auto&) { return ScriptedProxy::Answer{}; };
  auto& network = world->network();
  std::vector<std::unique_ptr<sim::Dialing>> waiting;
  for (int i = 0; i < 40; ++i)
    waiting.push_back(network.dial(there(), world->reactor().now() + 1h, [](auto) { FAIL(); }));
  ASSERT_TRUE(until([&] { return peer.heads.size() == 40; }));
  listen(ca.issue({.name = "127.0.0.1"}));
  sim::Endpoint direct{.host = "127.0.0.1", .port = listening->port(), .ca_file = ca.ca_file()};
  EXPECT_TRUE(dial(direct));
  const auto fault = refused(50ms);
  EXPECT_EQ(fault.kind, FaultKind::unavailable);
  EXPECT_THAT(fault.text, HasSubstr("did not answer in time (asked for relay.invalid:443)"));
  waiting.clear();
  bool later = false;
  const auto timer = world->reactor().after(50ms, [&] { later = true; });
  ASSERT_TRUE(until([&] { return later; }));
}

TEST_F(ProxyTest, ADroppedDialNeverAnswersInWhateverStep) {
  const auto never = [](const auto&) { FAIL(); };
  auto dialing = world->network().dial(there(), world->reactor().now() + 5s, never);
  dialing.reset();
  peer.script = [&](const auto&) {
    dialing.reset();  // in the middle of CONNECT
    return ScriptedProxy::let_through();
  };
  dialing = world->network().dial(there(), world->reactor().now() + 5s, never);
  ASSERT_TRUE(until([&] { return !dialing; }));
  peer.script = [](const auto&) { return ScriptedProxy::let_through(); };
  auto self_ending = std::make_unique<std::unique_ptr<sim::Dialing>>();
  bool answered = false;
  *self_ending = world->network().dial(there(), world->reactor().now() + 5s, [&](auto) {
    self_ending.reset();
    answered = true;
  });
  ASSERT_TRUE(until([&] { return answered; }));
}

}  // namespace
}  // namespace tidegate::proxy
