// SPDX-License-Identifier: Apache-2.0
// A whole Device whose Maildir is worked on by a mail program, against a scripted relay and gateway on virtual time.
#include <algorithm>

#include <gtest/gtest.h>

#include "device/device.hpp"
#include "tests/device/scripted_peer.hpp"
#include "tests/device/scripted_store.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

std::string mail(int n) { return "Subject: mail " + std::to_string(n) + "\r\n\r\nbody\r\n"; }

class UpwardDevice : public testing::Test, public Events {
 protected:
  void event(const Event& event) override { events.push_back(event); }
  template <class T>
  std::ptrdiff_t count() const {
    return std::ranges::count_if(events, [](const Event& event) { return std::holds_alternative<T>(event); });
  }
  void SetUp() override {
    peer.on_message = [this](const e2e::ToGateway& message) { heard(message); };
    Device pairing(host, settings(), *this);
    bool paired = false;
    pairing.pair({"https://relay", "user@example.net", "secret", peer.code.text()},
                 [&](Result<Pairing> done) { paired = done.has_value(); });
    ASSERT_TRUE(world.run_until([&] { return paired; }, 5min));
    for (int n = 1; n <= 4; ++n) log.add(static_cast<std::uint64_t>(n), mail(n));
    start();
    ASSERT_TRUE(world.run_until([&] { return acked == log.head; }, 1min));
    world.run_for(10s);
  }
  void TearDown() override { device.reset(); }
  Settings settings() const { return {.state = "/state", .maildir = "/mail", .vdir = "/pim", .ca_file = {}}; }
  void start() {
    device = std::make_unique<Device>(host, settings(), *this);
    device->run();
  }
  void heard(const e2e::ToGateway& message) {
    if (const auto* hello = std::get_if<e2e::Hello>(&message)) {
      store.begin_session();
      peer.grant = 0;
      grant(262'144);
      peer.say(log.hello_ack());
      peer.say(log.tree());
      sent = acked = hello->positions.empty() ? 0 : hello->positions[0].live;
      for (const auto& result : store.unstored()) peer.say(result);
      return push();
    }
    if (const auto* ack = std::get_if<e2e::Ack>(&message)) acked = ack->position.live;
    for (const auto& answer : store.hear(message)) peer.say(answer);
    push();
  }
  void grant(std::uint64_t octets) {  // the peer fails the test if it is exceeded
    peer.grant += octets;
    peer.send({wire::Target::device, 0, 0, static_cast<std::uint32_t>(wire::FrameType::credit), 0,
               wire::encode(wire::Credit{wire::initial_credit + peer.grant, 0})});
  }
  void push() {
    if (!peer.in_session() || log.head <= sent) return;
    const auto messages = log.since(sent);
    sent = log.head;
    for (const auto& message : messages) peer.say(message);
  }
  std::string file(int n) const { return mail_base(gid_of(static_cast<std::uint64_t>(n)), mail(n).size()); }
  bool done(std::size_t commands, std::chrono::nanoseconds within = 1min) {
    return world.run_until([&] { return store.carried_out.size() >= commands && store.results.empty(); }, within);
  }

  sim::VirtualWorld world{43};
  sim::VirtualHost& relay = world.host("relay");
  sim::VirtualHost& host = world.host("device");
  ScriptedPeer peer{relay};
  ScriptedLog log;
  ScriptedStore store{log};
  std::uint64_t sent = 0, acked = 0;
  std::vector<Event> events;
  std::unique_ptr<Device> device;
};

TEST_F(UpwardDevice, AFlagGoesUpWithinASecondOfItsHint) {
  ASSERT_TRUE(host.files().rename("/mail/new/" + file(1), "/mail/cur/" + file(1) + ":2,S"));
  ASSERT_TRUE(done(1, 1s));
  EXPECT_EQ(log.entries.at(1).flags, seen);
  world.run_for(1min);
  EXPECT_EQ(store.carried_out.size(), 1U) << "what comes back is not taken for a change";
}

TEST_F(UpwardDevice, WhatWasDoneOfflineIsQueuedAndGoesUpOnReturn) {
  world.cut("relay", "device");
  ASSERT_TRUE(host.files().rename("/mail/new/" + file(1), "/mail/cur/" + file(1) + ":2,S"));
  ASSERT_TRUE(host.files().remove("/mail/new/" + file(2)));
  ASSERT_TRUE(host.files().rename("/mail/new/" + file(3), "/mail/.Work/cur/x:2,S"));
  ASSERT_TRUE(host.files().create("/mail/cur/y:2,S", mail(9)));
  world.run_for(1min);
  EXPECT_TRUE(store.carried_out.empty());
  host.kill([&] { device.reset(); });
  start();
  world.run_for(1min);
  world.heal("relay", "device");
  ASSERT_TRUE(done(5, 5min));
  EXPECT_EQ(log.entries.at(1).flags, seen);
  EXPECT_NE(log.entries.at(2).seq_gone, 0U);
  EXPECT_EQ(log.entries.at(3).folder, gid_of(1002));
  EXPECT_EQ(log.entries.at(5000).content, mail(9));
  world.run_for(1min);
  EXPECT_EQ(store.carried_out.size(), 5U);
}

TEST_F(UpwardDevice, EveryKindOfBreakDuringSendingDoublesNothing) {
  for (int n = 1; n <= 12; ++n) {
    store.mute = true;
    ASSERT_TRUE(host.files().create("/mail/cur/" + std::to_string(n) + ".x:2,S", mail(100 + n)));
    ASSERT_TRUE(world.run_until([&] { return store.carried_out.size() == static_cast<std::size_t>(n); }, 5min)) << n;
    switch (n % 4) {
      case 0:
        peer.drop();
        break;
      case 1:
        host.kill([&] { device.reset(); });
        start();
        break;
      case 2:
        host.power_cut([&] { device.reset(); });
        start();
        break;
      default:
        peer.gateway_goes();
        world.run_for(1s);
        peer.gateway_comes();
    }
    store.mute = false;
    ASSERT_TRUE(done(static_cast<std::size_t>(n), 10min)) << n;
  }
  world.run_for(1min);
  EXPECT_EQ(log.entries.size(), 16U);
  EXPECT_EQ(store.carried_out.size(), 12U);
}

TEST_F(UpwardDevice, ContentGoesWithinCreditAndInBoundedMemory) {
  std::string large;
  std::uint64_t dice = 1;
  while (large.size() < 900'000)
    large += static_cast<char>((dice = dice * 6364136223846793005ULL + 1442695040888963407ULL) >> 56);
  ASSERT_TRUE(host.files().create("/mail/cur/large:2,S", large));
  world.run_for(10s);
  EXPECT_TRUE(store.carried_out.empty()) << "the credit at the beginning is spent";
  for (int turn = 0; turn < 40 && store.carried_out.empty(); ++turn) {
    grant(32'768);
    world.run_for(1s);
  }
  ASSERT_EQ(store.carried_out.size(), 1U);
  EXPECT_EQ(log.entries.at(5000).content, large);
}

TEST_F(UpwardDevice, AtMost32CommandsAreUnanswered) {
  for (int n = 10; n < 110; ++n) log.add(static_cast<std::uint64_t>(n), mail(n));
  push();
  ASSERT_TRUE(world.run_until([&] { return acked == log.head; }, 1min));
  world.run_for(10s);
  store.mute = true;
  for (int n = 10; n < 110; ++n)
    ASSERT_TRUE(host.files().rename("/mail/new/" + file(n), "/mail/cur/" + file(n) + ":2,S"));
  world.run_for(1min);
  EXPECT_EQ(store.carried_out.size(), 32U);
  store.mute = false;
  for (const auto& result : store.unstored()) peer.say(result);
  ASSERT_TRUE(done(100, 5min));
}

TEST_F(UpwardDevice, WithoutTheMarkNothingIsDone) {
  ASSERT_TRUE(host.files().remove("/mail/.tidegate"));
  for (int n = 1; n <= 4; ++n) ASSERT_TRUE(host.files().remove("/mail/new/" + file(n)));
  ASSERT_TRUE(world.run_until([&] { return count<DiskTrouble>() > 0; }, 10min));
  world.run_for(30min);
  EXPECT_TRUE(store.carried_out.empty());
}

TEST_F(UpwardDevice, IdleWaitsForWhatIsToGoUp) {
  EXPECT_EQ(count<Idle>(), 1);
  host.kill([&] { device.reset(); });
  ASSERT_TRUE(host.files().rename("/mail/new/" + file(1), "/mail/cur/" + file(1) + ":2,S"));
  store.mute = true;
  start();
  world.run_for(1min);
  EXPECT_EQ(count<Idle>(), 1);
  store.mute = false;
  for (const auto& result : store.unstored()) peer.say(result);
  world.run_for(1min);
  EXPECT_EQ(count<Idle>(), 2);
}

}  // namespace
}  // namespace tidegate::device
