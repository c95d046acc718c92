// SPDX-License-Identifier: Apache-2.0
// The way to the relay through a proxy: what is kept, and how a device waits when the proxy refuses its login.
#include "device/way_out.hpp"

#include <gtest/gtest.h>

#include "device/device.hpp"
#include "device/status.hpp"
#include "tests/device/scripted_peer.hpp"
#include "tests/peers/refusing_world.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

TEST(WayOutTest, each_that_is_given_replaces_its_like) {
  const WayOut kept{"http://webproxy:3128", "anna", "/file", "example.org"};
  EXPECT_EQ(merged(kept, {}), kept);
  EXPECT_EQ(merged(kept, {"none", {}, {}, {}}), (WayOut{"none", "anna", "/file", "example.org"}));
  EXPECT_EQ(merged(kept, {{}, "bob", "/his", {}}), (WayOut{"http://webproxy:3128", "bob", "/his", "example.org"}));
  EXPECT_EQ(merged(kept, {"environment", {}, {}, "a.example"}), (WayOut{{}, {}, {}, "a.example"}));
}

TEST(WayOutTest, wrong_options_are_said) {
  EXPECT_EQ(check({}), "");
  EXPECT_EQ(check({"environment", {}, {}, {}}), "");
  EXPECT_EQ(check({{}, {}, "/file", {}}), "");  // for the user who is kept
  EXPECT_NE(check({"webproxy", {}, {}, {}}), "");
  EXPECT_NE(check({{}, "anna", {}, {}}), "");
}

class WayOutDeviceTest : public testing::Test, public Events {
 protected:
  void event(const Event& event) override {
    if (const auto* lost = std::get_if<NotCurrent>(&event)) pauses.push_back(lost->retry_in);
  }
  Settings settings() const { return {.state = "/state", .maildir = "/mail", .vdir = "/pim", .way_out = given}; }
  Result<Pairing> pair() {
    Device pairing(host, settings(), *this);
    std::optional<Result<Pairing>> result;
    pairing.pair({"https://relay", "user@example.net", "secret", peer.code.text()},
                 [&](Result<Pairing> done) { result = std::move(done); });
    EXPECT_TRUE(world.run_until([&] { return result.has_value(); }, 5min));
    return result ? std::move(*result) : fault(FaultKind::cancelled, "", "no answer");
  }
  void start() {
    device = std::make_unique<Device>(host, settings(), *this);
    device->run();
  }
  Status status(bool running = false) {
    auto read = read_status(host, "/state", running);
    EXPECT_TRUE(read) << read.error().text << read.error().cause;
    return read.value_or(Status{});
  }
  void refuse() { host.why = Fault{FaultKind::auth, "webproxy:3128", "The proxy does not accept the user.", {}, {}}; }
  void TearDown() override { device.reset(); }

  sim::VirtualWorld world{42};
  ScriptedPeer peer{world.host("relay")};
  tests::RefusingWorld host{world.host("device")};
  WayOut given;
  std::vector<std::chrono::milliseconds> pauses;
  std::unique_ptr<Device> device;
};

TEST_F(WayOutDeviceTest, what_pair_and_run_were_given_is_kept) {
  given = {"http://webproxy:3128", "anna", "/file", {}};
  ASSERT_TRUE(pair());
  EXPECT_EQ(status().account.way_out, given);
  EXPECT_EQ(status().way_out, "http://webproxy:3128 (--proxy)");
  EXPECT_NE(to_text(status()).find("proxy       http://webproxy:3128 (--proxy)\n"), std::string::npos);
  EXPECT_EQ(to_text(status()).find("anna"), std::string::npos);
  given = {};
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 5min));
  device.reset();
  EXPECT_EQ(status().way_out, "http://webproxy:3128 (--proxy)");
  given = {"none", {}, {}, {}};
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 2; }, 5min));
  device.reset();
  EXPECT_EQ(status().account.way_out, (WayOut{"none", "anna", "/file", {}}));
  EXPECT_EQ(status().way_out, "none");
}

TEST_F(WayOutDeviceTest, a_running_one_says_what_its_environment_says) {
  ASSERT_TRUE(pair());
  auto with = settings();
  with.environment = {"http://anna:geheim@outside:8080", "https_proxy", ""};
  device = std::make_unique<Device>(host, with, *this);
  device->run();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 5min));
  peer.drop();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 2; }, 5min));
  device.reset();  // the test's file system lets nobody else read the index meanwhile
  EXPECT_EQ(status(true).way_out, "http://outside:8080 (https_proxy)");
  EXPECT_EQ(status(false).way_out, "none");
}

TEST_F(WayOutDeviceTest, a_refused_login_is_not_tried_again_soon) {
  ASSERT_TRUE(pair());
  refuse();
  const auto before = host.dials;
  start();
  world.run_for(24h);
  // 5, 10, 20, 40 minutes, then every hour, each a little later.
  EXPECT_LE(host.dials - before, 27);
  ASSERT_GE(pauses.size(), 6U);
  for (std::size_t i = 0; i < pauses.size(); ++i)
    EXPECT_GE(pauses[i], std::min<std::chrono::minutes>(5min * (1 << std::min<std::size_t>(i, 4)), 60min));
  host.why.reset();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 2h));
  pauses.clear();
  refuse();
  peer.drop();
  ASSERT_TRUE(world.run_until([&] { return pauses.size() >= 2; }, 1h));
  EXPECT_LE(pauses[1], 7min);  // it begins anew
}

TEST_F(WayOutDeviceTest, a_refused_login_ends_pairing_at_once) {
  refuse();
  const auto result = pair();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text, "The proxy does not accept the user.");
  EXPECT_EQ(host.dials, 1);
}

}  // namespace
}  // namespace tidegate::device
