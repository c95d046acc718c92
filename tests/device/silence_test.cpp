// SPDX-License-Identifier: Apache-2.0
// A device whose connections are cut for their silence learns to ping in time.
#include <gtest/gtest.h>

#include "device/device.hpp"
#include "tests/device/disk_fixture.hpp"
#include "tests/device/scripted_peer.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

class SilenceTest : public testing::Test, public Events {
 protected:
  void event(const Event&) override {}
  void SetUp() override {
    peer.on_message = [this](const e2e::ToGateway& message) {
      if (std::holds_alternative<e2e::Hello>(message)) {
        peer.say(log.hello_ack());
        peer.say(log.tree());
      }
      if (std::holds_alternative<e2e::Alive>(message)) peer.say(e2e::Alive{});
    };
    Device pairing(host, settings, *this);
    std::optional<Result<Pairing>> result;
    pairing.pair({"https://relay", "user@example.net", "secret", peer.code.text()},
                 [&](Result<Pairing> done) { result = std::move(done); });
    ASSERT_TRUE(world.run_until([&] { return result.has_value(); }, 5min));
    ASSERT_TRUE(*result) << result->error().text;
    device.emplace(host, settings, *this);
  }
  void run() {
    device->run();
    ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 5min));
  }
  void TearDown() override { device.reset(); }
  int cuts_in(std::chrono::minutes time) {
    const auto before = peer.cuts;
    world.run_for(time);
    return peer.cuts - before;
  }

  const Settings settings{.state = "/state", .maildir = "/mail", .vdir = "/pim"};
  sim::VirtualWorld world{42};
  ScriptedPeer peer{world.host("relay")};
  ScriptedLog log;
  sim::VirtualHost& host = world.host("device");
  std::optional<Device> device;
};

TEST_F(SilenceTest, where_nobody_cuts_it_pings_seldom) {
  run();
  const auto before = peer.pings;
  world.run_for(60min);
  EXPECT_LE(peer.pings - before, 36) << "less than two minutes apart would be a waste";
  EXPECT_GE(peer.pings - before, 20);
}

TEST_F(SilenceTest, two_cuts_teach_it_to_ping_sooner) {
  for (const auto after : {90s, 60s, 40s}) {
    peer.cut_after = after;
    if (peer.sessions == 0) run();
    EXPECT_LE(cuts_in(30min), 4) << after.count();
    EXPECT_EQ(cuts_in(60min), 0) << after.count() << " s: it has learned";
  }
}

TEST_F(SilenceTest, also_where_connections_are_only_forgotten) {
  peer.cut_after = 60s;
  peer.cut_is_told = false;
  run();
  EXPECT_LE(cuts_in(90min), 8);
  EXPECT_EQ(cuts_in(60min), 0) << "it has learned";
}

TEST_F(SilenceTest, it_never_becomes_a_storm) {
  peer.cut_after = 12s;
  run();
  world.run_for(8min);
  const auto before = peer.pings;
  world.run_for(5min);
  EXPECT_LE(peer.pings - before, 5 * 4 + 1);
}

TEST_F(SilenceTest, a_relay_that_is_restarted_teaches_nothing) {
  run();
  for (int i = 0; i < 6; ++i) {
    world.run_for(7min + i * 13s);
    peer.drop();
  }
  const auto before = peer.pings;
  world.run_for(60min);
  EXPECT_LE(peer.pings - before, 36);
}

}  // namespace
}  // namespace tidegate::device
