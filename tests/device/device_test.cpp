// SPDX-License-Identifier: Apache-2.0
// A whole Device against a scripted relay and gateway on virtual time.
#include "device/device.hpp"

#include <gtest/gtest.h>

#include "device/policy.hpp"
#include "tests/device/disk_fixture.hpp"
#include "tests/device/scripted_peer.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

std::string mail(int n, std::size_t size = 0) {
  auto text = "Subject: mail " + std::to_string(n) + "\r\n\r\nbody\r\n";
  while (text.size() < size) text += static_cast<char>('a' + (text.size() * 11) % 26);
  return text;
}

class DeviceTest : public testing::Test, public Events {
 protected:
  void event(const Event& event) override { events.push_back(event); }
  template <class T>
  int count() const {
    int n = 0;
    for (const auto& event : events) n += std::holds_alternative<T>(event) ? 1 : 0;
    return n;
  }
  template <class T>
  const T& last() const {
    for (auto it = events.rbegin(); it != events.rend(); ++it)
      if (const auto* found = std::get_if<T>(&*it)) return *found;
    throw std::logic_error("no such event");
  }

  Settings settings() const {
    Settings out;
    out.state = "/state";
    out.maildir = "/mail";
    out.vdir = "/pim";
    return out;
  }
  Result<Pairing> pair(std::string code = {}, std::string password = "secret", std::string user = "user@example.net") {
    Device pairing(host, settings(), *this);
    std::optional<Result<Pairing>> result;
    pairing.pair({"https://relay", std::move(user), std::move(password), code.empty() ? peer.code.text() : code},
                 [&](Result<Pairing> done) { result = std::move(done); });
    EXPECT_TRUE(world.run_until([&] { return result.has_value(); }, 5min));
    return result ? std::move(*result) : fault(FaultKind::cancelled, "", "no answer");
  }
  void start() {
    device = std::make_unique<Device>(host, settings(), *this);
    device->run();
  }
  /// The gateway answers Hello from the log and sends what the device lacks.
  void serve() {
    peer.on_message = [this](const e2e::ToGateway& message) {
      if (const auto* hello = std::get_if<e2e::Hello>(&message)) {
        peer.say(log.hello_ack());
        peer.say(log.tree());
        sent = acked = hello->positions.empty() ? 0 : hello->positions[0].live;  // what it presents counts
        push();
      }
      if (const auto* ack = std::get_if<e2e::Ack>(&message)) {
        EXPECT_GE(ack->position.live, acked);
        acked = ack->position.live;
      }
    };
  }
  void push() {
    if (!peer.in_session()) return;
    if (log.head > sent)
      for (const auto& message : log.since(sent)) peer.say(message);
    sent = log.head;
  }
  bool settled() {
    return world.run_until([&] { return acked == log.head; }, 30min);
  }
  void SetUp() override { serve(); }
  void TearDown() override { device.reset(); }

  sim::VirtualWorld world{42};
  sim::VirtualHost& relay = world.host("relay");
  sim::VirtualHost& host = world.host("device");
  ScriptedPeer peer{relay};
  ScriptedLog log;
  std::uint64_t sent = 0, acked = 0;
  std::vector<Event> events;
  std::unique_ptr<Device> device;
};

TEST_F(DeviceTest, PairsAndReceivesAPush) {
  const auto paired = pair();
  ASSERT_TRUE(paired) << paired.error().text;
  EXPECT_EQ(paired->gateway_name, "scripted gateway");
  EXPECT_EQ(paired->own_fingerprint, e2e::fingerprint_text(*peer.device_static));
  EXPECT_EQ(paired->gateway_fingerprint, e2e::fingerprint_text(peer.gateway.open));
  log.add(1, mail(1));
  start();
  ASSERT_TRUE(settled());
  EXPECT_EQ(peer.logins, 1);
  EXPECT_TRUE(peer.hellos[0].previous.empty());
  log.add(2, mail(2, 300'000), seen);
  push();
  ASSERT_TRUE(settled());
  EXPECT_EQ(last<Arrival>().subject, "mail 2");
  EXPECT_EQ(*host.files().read("/mail/new/" + mail_base(gid_of(1), mail(1).size())), mail(1));
  EXPECT_EQ(*host.files().read("/mail/cur/" + mail_base(gid_of(2), 300'000) + ":2,S"), mail(2, 300'000));
  EXPECT_EQ(count<Current>(), 1);
}

TEST_F(DeviceTest, WhatAPersonWantsIsSaidInHello) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.hellos.size() == 1; }, 1min));
  EXPECT_EQ(peer.hellos[0].settings, e2e::Settings{});
  device.reset();
  {
    Index index("/state/device.db", host.sqlite_vfs());
    ASSERT_TRUE(change_policy(index, {.days = "7"}));
  }
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.hellos.size() == 2; }, 1min));
  EXPECT_EQ(peer.hellos[1].settings.days_back, 7U);
}

TEST_F(DeviceTest, APairingCutAfterMessage3IsRepeatedWithTheSameKey) {
  peer.drop_after_message_3 = true;
  EXPECT_FALSE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return count<Stopped>() == 1; }, 1min));
  EXPECT_NE(last<Stopped>().why.text.find("cut short"), std::string::npos);
  device.reset();
  peer.drop_after_message_3 = false;
  const auto repeated = pair();  // the peer checks that the key is the same
  ASSERT_TRUE(repeated) << repeated.error().text << repeated.error().cause;
  const auto again = pair();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, FaultKind::exists);
}

TEST_F(DeviceTest, AUserTypedWithCapitalsIsTheSameUser) {
  const auto paired = pair({}, "secret", "User@Example.NET");
  ASSERT_TRUE(paired) << paired.error().text;
  EXPECT_EQ(paired->user, "user@example.net");
}

TEST_F(DeviceTest, SaysWhatToDoWhenPairingIsRefused) {
  auto wrong = pair({}, "wrong password");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, FaultKind::auth);
  EXPECT_NE(wrong.error().text.find("check both"), std::string::npos);
  auto text = peer.code.text();
  text.back() = text.back() == '7' ? '8' : '7';
  EXPECT_EQ(pair(text).error().kind, FaultKind::invalid) << "mistyped: found before anything is sent";
  EXPECT_EQ(peer.enrolments, 0);
  auto other = peer.code;
  other.secret[0] ^= std::byte{1};
  const auto guessed = pair(other.text());
  ASSERT_FALSE(guessed);
  EXPECT_NE(guessed.error().text.find("code does not fit"), std::string::npos);
  peer.refuse = wire::Refused{wire::Code::forbidden, "no free seat", 0};
  const auto seats = pair();
  EXPECT_EQ(seats.error().kind, FaultKind::denied);
  EXPECT_NE(seats.error().text.find("no free seat"), std::string::npos);
  peer.refuse.reset();
  peer.gateway_present = false;
  EXPECT_NE(pair().error().text.find("gateway"), std::string::npos);
  peer.gateway_present = true;
  peer.device_static.reset();
  EXPECT_TRUE(pair());
}

// DEV-11
TEST_F(DeviceTest, GoesOnAfterEveryKindOfBreak) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.in_session() && peer.sessions == 1; }, 1min));
  for (int n = 1; n <= 6; ++n) {
    log.add(static_cast<std::uint64_t>(n), mail(n));
    push();
    switch (n) {
      case 1:
        peer.drop();
        break;
      case 2:
        peer.close(wire::Code::gap);
        break;
      case 3:
        world.cut("relay", "device");
        world.run_for(20s);
        world.heal("relay", "device");
        break;
      case 4:
        host.kill([&] { device.reset(); });
        start();
        break;
      case 5:
        host.power_cut([&] { device.reset(); });
        start();
        break;
      default:
        peer.gateway_goes();
        world.run_for(10s);
        peer.gateway_comes();
    }
    ASSERT_TRUE(settled()) << n;
  }
  for (int n = 1; n <= 6; ++n)
    EXPECT_TRUE(host.files().read("/mail/new/" + mail_base(gid_of(static_cast<std::uint64_t>(n)), mail(n).size())))
        << n;
  // Each session named the last one that the gateway had confirmed.
  ASSERT_GE(peer.hellos.size(), 6U);
  EXPECT_EQ(peer.hellos.size(), peer.hashes.size());
  EXPECT_EQ(peer.hellos.back().previous, peer.hashes[peer.hashes.size() - 2]);
}

// Bad input, "a relay that drops the last frame": nothing tells until the next one, and that one does.
TEST_F(DeviceTest, ADroppedLastFrameIsNoticedByTheNextAndNothingIsLost) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.in_session() && peer.sessions == 1; }, 1min));
  world.run_for(1s);
  peer.tamper = [](wire::Frame& frame) { frame.target = wire::Target::stream; };  // which a device skips
  log.add(1, mail(1));
  push();
  world.run_for(30s);
  EXPECT_EQ(acked, 0U);
  peer.tamper = nullptr;
  peer.say(e2e::Alive{});
  ASSERT_TRUE(settled());
  EXPECT_EQ(peer.sessions, 2);
  EXPECT_TRUE(host.files().read("/mail/new/" + mail_base(gid_of(1), mail(1).size())));
}

// Two copies of one device take turns of a minute, and say so; they don't fight.
// DEV-01
TEST_F(DeviceTest, ASupersededDeviceLeavesTheOtherATurn) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.in_session() && peer.sessions == 1; }, 1min));
  world.run_for(1s);
  peer.close(wire::Code::superseded);
  world.run_for(50s);
  EXPECT_EQ(peer.connections, 2) << "the pairing's and the session's";
  EXPECT_NE(last<NotCurrent>().why.text.find("identity took over"), std::string::npos);
  world.run_for(60s);
  EXPECT_EQ(peer.sessions, 2);
}

// docs/wire.md, credit: an absolute offset cannot deadlock, even if a grant was lost and nothing is in flight.
TEST_F(DeviceTest, WithoutCreditItWaitsAndGoesOnWithTheNextGrant) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.in_session() && peer.sessions == 1; }, 1min));
  const auto before = peer.heard.size();
  // Each acknowledgement costs credit; with none granted, they stop before it is overdrawn.
  for (std::uint64_t n = 1; n <= 400; ++n) {
    log.add(n, mail(static_cast<int>(n)));
    push();
    world.run_for(100ms);
  }
  EXPECT_EQ(peer.sessions, 1);
  EXPECT_LT(acked, log.head) << "the initial credit is used up";
  EXPECT_GT(peer.heard.size(), before);
  peer.grant = 1 << 20;
  peer.send({wire::Target::device, 0, 1, static_cast<std::uint32_t>(wire::FrameType::credit), 0,
             wire::encode(wire::Credit{.up_to = 1 << 20, .handed = 0})});
  ASSERT_TRUE(world.run_until([&] { return acked == log.head; }, 1min));
  EXPECT_EQ(peer.sessions, 1);
}

// A clock that is a day off: certificates, positions and pushes do not depend on it.
TEST_F(DeviceTest, AClockADayOffHarmsNothing) {
  for (const auto off : {24h, -24h}) {
    world.skew_wall("device", off);
    if (!device) {
      ASSERT_TRUE(pair());
      start();
    }
    log.add(log.head + 1, mail(1));
    ASSERT_TRUE(world.run_until([&] { return peer.in_session(); }, 1min));
    push();
    ASSERT_TRUE(settled());
    EXPECT_EQ(count<NotCurrent>(), 0);
  }
}

TEST_F(DeviceTest, AnotherGatewayOrSuiteIsRefused) {
  ASSERT_TRUE(pair());
  peer.guid = Bytes(16, 'x');
  start();
  ASSERT_TRUE(world.run_until([&] { return count<Stopped>() == 1; }, 1min));
  EXPECT_NE(last<Stopped>().why.text.find("Another gateway"), std::string::npos);
  peer.guid = Bytes(16, 'g');
  peer.ack_suite = wire::Suite::none;
  start();
  ASSERT_TRUE(world.run_until([&] { return count<Stopped>() == 2; }, 1min));
  EXPECT_EQ(peer.sessions, 0);
}

TEST_F(DeviceTest, RevokedStopsAndKeepsWhatItHas) {
  ASSERT_TRUE(pair());
  log.add(1, mail(1));
  start();
  ASSERT_TRUE(settled());
  peer.close(wire::Code::revoked);
  ASSERT_TRUE(world.run_until([&] { return count<Stopped>() == 1; }, 1min));
  EXPECT_NE(last<Stopped>().why.text.find("revoked"), std::string::npos);
  EXPECT_TRUE(host.files().read("/mail/new/" + mail_base(gid_of(1), mail(1).size())));
}

// DEV-14
TEST_F(DeviceTest, WipeErasesAndIsAnswered) {
  ASSERT_TRUE(pair());
  log.add(1, mail(1));
  start();
  ASSERT_TRUE(settled());
  peer.say(e2e::Wipe{});
  ASSERT_TRUE(world.run_until([&] { return count<Wiped>() == 1; }, 1min));
  EXPECT_TRUE(std::holds_alternative<e2e::Wiped>(peer.heard.back()));
  EXPECT_FALSE(host.files().read("/mail/new/" + mail_base(gid_of(1), mail(1).size())));
  EXPECT_FALSE(host.files().read("/state/device.key"));
}

TEST_F(DeviceTest, RepeatedTamperedAndGarbageFramesHarmNothing) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 1min));
  std::vector<std::function<void(wire::Frame&)>> lies{
      [](wire::Frame& f) { f.body[f.body.size() / 2] ^= 1; },
      [](wire::Frame& f) { f.body.resize(3); },
      [](wire::Frame& f) { f.body.clear(); },
      [](wire::Frame& f) { ++f.number; },
      [](wire::Frame& f) { f.type = 3; },
  };
  std::uint64_t n = 0;
  for (auto& lie : lies) {
    ASSERT_TRUE(world.run_until([&] { return peer.in_session() && peer.hellos.size() == peer.hashes.size(); }, 5min));
    const auto sessions = peer.sessions;
    peer.tamper = [&](wire::Frame& frame) {
      lie(frame);
      peer.tamper = nullptr;
    };
    ++n;
    log.add(n, mail(static_cast<int>(n)));
    push();
    ASSERT_TRUE(settled()) << n;
    EXPECT_GT(peer.sessions, sessions) << n;
  }
  // A repeat is dropped without ending anything.
  const auto sessions = peer.sessions;
  peer.tamper = [&](wire::Frame& frame) {
    peer.tamper = nullptr;
    peer.send(frame);
  };
  ++n;
  log.add(n, mail(static_cast<int>(n)));
  push();
  ASSERT_TRUE(settled());
  EXPECT_EQ(peer.sessions, sessions);
  for (const char* garbage : {"\x82\x05hello", "\x82\x04\xff\xff\xff\xff", "\x81\x01x", "\xff\xff\xff"}) {
    peer.send_raw(garbage);
    const auto before = peer.sessions;
    ASSERT_TRUE(world.run_until([&] { return peer.sessions > before; }, 30min))
        << testing::PrintToString(std::string(garbage));
  }
  EXPECT_EQ(count<Stopped>(), 0);
}

// DEV-09
TEST_F(DeviceTest, ASilentGatewayIsNoticedAndSaid) {
  ASSERT_TRUE(pair());
  log.add(1, mail(1));
  start();
  ASSERT_TRUE(settled());
  const auto before = peer.connections;
  peer.silent = true;  // the relay, too: neither pong nor frames
  ASSERT_TRUE(world.run_until([&] { return count<NotCurrent>() == 1; }, 10min));
  EXPECT_GT(last<NotCurrent>().since_unix, 0);
  peer.silent = false;
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 2; }, 5min));
  EXPECT_EQ(peer.connections, before + 1);
}

TEST_F(DeviceTest, SaysAliveWhileItIsQuiet) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 1min));
  int alive = 0;
  const auto serve_hello = peer.on_message;
  peer.on_message = [&](const e2e::ToGateway& message) {
    if (std::holds_alternative<e2e::Alive>(message)) {
      ++alive;
      peer.say(e2e::Alive{});
    }
  };
  world.run_for(1h);
  EXPECT_GE(alive, 13);
  EXPECT_LE(alive, 15);
  EXPECT_EQ(peer.sessions, 1);
}

TEST_F(DeviceTest, RemembersTheHighestBackupItWasToldOfAndSaysIt) {
  ASSERT_TRUE(pair());
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 1min));
  EXPECT_EQ(peer.hellos[0].highest_backup, 0U);
  peer.say(e2e::Alive{.backup_version = 7});
  peer.say(e2e::Alive{.backup_version = 3});
  world.run_for(1s);
  device.reset();
  host.power_cut([] {});
  start();
  ASSERT_TRUE(world.run_until([&] { return peer.hellos.size() == 2; }, 10min));
  EXPECT_EQ(peer.hellos[1].highest_backup, 7U);
  auto ack = log.hello_ack();
  ack.backup_version = 9;
  peer.say(ack);
  world.run_for(1s);
  peer.drop();
  ASSERT_TRUE(world.run_until([&] { return peer.hellos.size() == 3; }, 10min));
  EXPECT_EQ(peer.hellos[2].highest_backup, 9U);
}

// docs/wire.md §8.14: an empty mailbox that is not listed yet is not an empty mailbox.
TEST_F(DeviceTest, IdleWaitsUntilTheMailboxWasLookedThrough) {
  ASSERT_TRUE(pair());
  const auto position = log.mark(0).position;
  peer.on_message = [&](const e2e::ToGateway& message) {
    if (!std::holds_alternative<e2e::Hello>(message)) return;
    auto ack = log.hello_ack();
    ack.views[0].listing = true;
    peer.say(ack);
    peer.say(log.tree());
    peer.say(e2e::Mark{.position = position, .listing = true});
  };
  start();
  ASSERT_TRUE(world.run_until([&] { return count<Current>() == 1; }, 1min));
  world.run_for(1min);
  EXPECT_EQ(count<Idle>(), 0);
  peer.say(e2e::Mark{.position = position, .listing = false});
  EXPECT_TRUE(world.run_until([&] { return count<Idle>() == 1; }, 1min));
}

TEST_F(DeviceTest, DiskFullStopsAcknowledgingAndResumes) {
  ASSERT_TRUE(pair());
  log.add(1, mail(1));
  start();
  ASSERT_TRUE(settled());
  host.disk().limit(host.disk().used() + 30'000);
  log.add(2, mail(2, 200'000));
  push();
  ASSERT_TRUE(world.run_until([&] { return count<DiskTrouble>() > 0; }, 1min));
  EXPECT_NE(last<DiskTrouble>().why.text.find("full"), std::string::npos);
  world.run_for(5min);
  EXPECT_EQ(acked, log.head - 1);
  host.disk().limit(UINT64_MAX);
  ASSERT_TRUE(settled());
  EXPECT_EQ(*host.files().read("/mail/new/" + mail_base(gid_of(2), 200'000)), mail(2, 200'000));
}

TEST_F(DeviceTest, TriesAgainWhenTheRelayAnswersNo) {
  ASSERT_TRUE(pair());
  peer.answer_status = 503;
  start();
  ASSERT_TRUE(world.run_until([&] { return count<NotCurrent>() >= 3; }, 5min));
  EXPECT_GE(last<NotCurrent>().retry_in, 7s) << "Retry-After is obeyed";
  peer.answer_status = 101;
  ASSERT_TRUE(world.run_until([&] { return peer.sessions == 1; }, 5min));
}

}  // namespace
}  // namespace tidegate::device
