// SPDX-License-Identifier: Apache-2.0
// What a proxy's refusal means for the link, on virtual time, and the settings that name one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "core/config/ini.hpp"
#include "core/link/link.hpp"
#include "core/link/signing.hpp"
#include "tests/core/link/relay_peer.hpp"
#include "tests/peers/refusing_world.hpp"

namespace tidegate::link {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

struct Quiet final : LinkEvents {
  wire::StartupReport opened(const wire::ActivateUsers&) override { return {.users = {{"a@example.com", true, ""}}}; }
  void users(const wire::ActivateUsers&) override {}
  void frame(wire::Frame&&) override { ++frames; }
  void answer(const wire::Answer&) override {}
  void notice(const wire::Notice&) override {}
  void session_lost(wire::Code, std::string_view text) override { lost = text; }
  void credit(SessionKey, std::uint64_t, std::uint64_t) override {}
  void stopped(const Fault&) override {}
  int frames = 0;
  std::string lost;
};

struct LinkProxyTest : testing::Test {
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
  void SetUp() override {
    identity.secret = Bytes(32, 's');
    identity.public_key = ed25519_public(identity.secret);
    identity.guid = sha256(identity.public_key).substr(0, 16);
    identity.license_id = "licence-token";
    settings.relay = "https://relay.example";
    link = *Link::make(gateway, settings, identity, {.counter = 3, .random = 99}, owner);
  }
  void refuse() {
    gateway.why = Fault{FaultKind::auth, "webproxy:3128", "The proxy does not accept the user.", {}, {}};
  }
  sim::WallTime::duration pause() {
    return link->status().retry_at.value_or(sim::WallTime{}) - gateway.reactor().wall();
  }

  sim::VirtualWorld world{1};
  tests::RefusingWorld gateway{world.host("gateway")};
  RelayPeer relay{world.host("relay.example")};
  store::Identity identity;
  Settings settings;
  Quiet owner;
  std::unique_ptr<Link> link;
};

TEST_F(LinkProxyTest, a_refused_login_waits_long_and_says_how_to_go_on) {
  refuse();
  ASSERT_TRUE(link->start());
  world.run_for(140s);
  EXPECT_EQ(gateway.dials, 1);
  EXPECT_EQ(link->status().state, LinkState::waiting);
  EXPECT_THAT(link->status().last_fault->text, HasSubstr("does not accept the user. Then run `tidegatectl resume`."));
  EXPECT_GE(pause(), 5s);  // of at least 150
  world.run_for(1h);
  EXPECT_LE(gateway.dials, 10);
  gateway.why.reset();
  link->resume({.counter = 3, .random = 99});
  EXPECT_TRUE(world.run_until([&] { return link->ready(); }, 10s));
}

TEST_F(LinkProxyTest, another_fault_of_a_proxy_is_tried_again_soon) {
  gateway.why = Fault{FaultKind::denied, "webproxy:3128", "The proxy forbids it.", {}, {}};
  ASSERT_TRUE(link->start());
  world.run_for(5s);
  EXPECT_GE(gateway.dials, 3);
}

TEST_F(LinkProxyTest, a_lane_whose_login_is_refused_does_not_try_on) {
  ASSERT_TRUE(link->start());
  ASSERT_TRUE(world.run_until([&] { return link->ready(); }, 10s));
  relay.send(device_frame(5, wire::FrameType::wake_up, 1, "hello"));
  ASSERT_TRUE(world.run_until([&] { return owner.frames == 1; }, 10s));
  world.run_for(1s);
  for (const auto& connection : relay.connections)
    if (connection.get() != relay.command) connection->drop();
  world.run_for(1s);
  refuse();
  const auto before = gateway.dials;
  ASSERT_TRUE(link->send(device_frame(5, wire::FrameType::sealed, 0, "x")));
  ASSERT_TRUE(world.run_until([&] { return link->status().state == LinkState::waiting; }, 10s));
  EXPECT_THAT(owner.lost, HasSubstr("does not accept the user"));
  world.run_for(140s);
  EXPECT_EQ(gateway.dials, before + 1);
}

Result<Settings> read(const std::string& text) { return table().read(*config::parse_ini("test.ini", text)); }

TEST(LinkProxySettingsTest, a_proxy_is_http_and_has_its_login_elsewhere) {
  EXPECT_TRUE(read("[link]\nproxy = none\n"));
  const auto settings = read(
      "[link]\nproxy = http://webproxy:3128\nproxy_user = anna\nproxy_password_file = /no/such\nno_proxy = "
      "example.org\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(proxy_shown(*settings, *parse_relay("https://relay.example")), "http://webproxy:3128 (proxy in [link])");
  EXPECT_EQ(proxy_shown(*settings, *parse_relay("https://relay.example.org")), "none");
  EXPECT_FALSE(*endpoint_of(*settings, *parse_relay("https://example.org")).route("example.org", 443));
  const auto unread = endpoint_of(*settings, *parse_relay("https://relay.example")).route("relay.example", 443);
  ASSERT_FALSE(unread);
  EXPECT_THAT(unread.error().text, HasSubstr("/no/such"));
  for (const auto* wrong : {"proxy = webproxy", "proxy = socks5://webproxy:1080",
                            "proxy = http://anna:geheim@webproxy:3128", "proxy_password_file = /etc/password"}) {
    const auto refused = read(std::string("[link]\n") + wrong + "\n");
    ASSERT_FALSE(refused) << wrong;
    EXPECT_THAT(refused.error().text, HasSubstr("prox"));
  }
}

TEST(LinkProxySettingsTest, the_environment_where_the_ini_names_none) {
  auto settings = *read("");
  const auto relay = *parse_relay("https://relay.example");
  EXPECT_EQ(proxy_shown(settings, relay), "none");
  settings.environment = {"http://outside:8080", "HTTPS_PROXY", ""};
  EXPECT_EQ(proxy_shown(settings, relay), "http://outside:8080 (HTTPS_PROXY)");
  EXPECT_EQ((**endpoint_of(settings, relay).route("relay.example", 443)).host, "outside");
}

}  // namespace
}  // namespace tidegate::link
