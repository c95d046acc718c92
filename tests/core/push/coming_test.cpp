// SPDX-License-Identifier: Apache-2.0
// Who may come: pairing, suspended users, wrong codes, old generations, rubbish.
#include "tests/core/push/sessions_fixture.hpp"

namespace tidegate::push {
namespace {

// DEV-01
TEST_F(SessionsTest, NewerSessionSupersedesOnlyOnceItProvedItself) {
  auto older = connect(7);
  hear(*older);
  auto newer = shake(8);
  content(1, inbox, 10, "one");
  changed();
  EXPECT_EQ(only<e2e::Item>(hear(*older)).size(), 1U) << "a replayed message 1 takes nothing away";
  sessions->frame(newer->say(e2e::Hello{.device = "phone", .previous = device.previous}));
  EXPECT_EQ(take_closed().code, wire::Code::superseded);
}

TEST_F(SessionsTest, PairingBindsOneKeyAndEndsWithItsFirstSession) {
  directory.owned.clear();
  auto code = e2e::make_pairing_code(random());
  directory.open_codes[{device.user, code.handle}] = {
      .user = device.user,
      .handle = code.handle,
      .secret = Bytes(reinterpret_cast<const char*>(code.secret.data()), code.secret.size())};
  auto pair = [&](const fakes::DeviceKeys& keys, std::uint64_t session) {
    auto peer = std::make_unique<DevicePeer>(keys, directory.self.guid, random(), session);
    sessions->frame(peer->wake(code.handle));
    sessions->frame(peer->xx(take(wire::FrameType::wake_up_ack).body, code));
    auto payload = e2e::encode(e2e::PairingHello{.device_key = Bytes(32, 'k'), .device_name = "phone"});
    sessions->frame(peer->xx_last(take(wire::FrameType::handshake).body, payload));
    return peer;
  };
  pair(device, 20);
  settle();
  outlet.out.clear();  // the relay dropped the last frame: the same key may try again
  auto peer = pair(device, 21);
  auto done = e2e::decode_pairing_done(octets(peer->open_raw(take(wire::FrameType::sealed))));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->user, device.user);
  EXPECT_EQ(*peer->remote, device.gateway);
  EXPECT_EQ(take_closed().code, wire::Code::bye);

  fakes::DeviceKeys other;
  other.id = Bytes(16, 'e');
  other.key = e2e::make_x25519(random());
  pair(other, 22);
  EXPECT_EQ(take_closed().code, wire::Code::conflict);
  EXPECT_EQ(alarms.size(), 1U);

  auto session = connect(23);
  EXPECT_EQ(only<e2e::HelloAck>(hear(*session)).size(), 1U);
  EXPECT_EQ(paired, 1);
  EXPECT_TRUE(directory.open_codes.empty());
}

TEST_F(SessionsTest, WrongCodeIsRefusedAndGuessesAreLimited) {
  auto code = e2e::make_pairing_code(random());
  directory.open_codes[{device.user, code.handle}] = {
      .user = device.user,
      .handle = code.handle,
      .secret = Bytes(reinterpret_cast<const char*>(code.secret.data()), code.secret.size())};
  auto guess = code;
  guess.secret[3] ^= std::byte{1};
  std::uint64_t session = 30;
  for (unsigned n = 0; n < Settings{}.pairing_failures; ++n) {
    DevicePeer peer(device, directory.self.guid, random(), ++session);
    sessions->frame(peer.wake(code.handle));
    sessions->frame(peer.xx(take(wire::FrameType::wake_up_ack).body, guess));
    sessions->frame(peer.xx_last(take(wire::FrameType::handshake).body, "x"));
    EXPECT_EQ(take_closed().code, wire::Code::crypto);
  }
  DevicePeer peer(device, directory.self.guid, random(), ++session);
  sessions->frame(peer.wake(code.handle));
  EXPECT_EQ(take_closed().code, wire::Code::too_many);
  EXPECT_FALSE(directory.open_codes.empty()) << "failures burn nothing";
  world.run_for(61s);
  outlet.out.clear();
  DevicePeer again(device, directory.self.guid, random(), ++session);
  sessions->frame(again.wake(code.handle));
  take(wire::FrameType::wake_up_ack);
}

struct Refusal {
  const char* name;
  wire::Code code;
  std::function<void(SessionsTest&)> prepare;
};

TEST_F(SessionsTest, WhoMayNotComeIsToldWhy) {
  auto refused = [&](std::uint64_t session, wire::Suite suite = wire::Suite::noise_1) {
    DevicePeer peer(device, directory.self.guid, random(), session);
    sessions->frame(peer.wake({}, suite));
    return take_closed().code;
  };
  EXPECT_EQ(refused(40, wire::Suite::vmes_1), wire::Code::suite_refused);
  EXPECT_EQ(alarms.size(), 1U);
  directory.owned[{device.user, device.id}].state = store::DeviceState::revoked;
  EXPECT_EQ(refused(41), wire::Code::revoked);
  directory.owned.clear();
  EXPECT_EQ(refused(42), wire::Code::unauthorized);
  sessions->users({.whole = true, .users = {{.user = device.user, .state = wire::UserState::suspended}}});
  EXPECT_EQ(refused(43), wire::Code::forbidden);
  sessions->users({.whole = true, .users = {}});
  EXPECT_EQ(refused(44), wire::Code::forbidden);
}

TEST_F(SessionsTest, SuspendingEndsARunningSession) {
  auto peer = connect(7);
  hear(*peer);
  sessions->users({.whole = false, .users = {{.user = device.user, .state = wire::UserState::suspended}}});
  EXPECT_EQ(take_closed().code, wire::Code::forbidden);
  EXPECT_TRUE(sessions->shown().empty());
}

TEST_F(SessionsTest, RubbishEndsTheSessionAndNothingElse) {
  auto good = connect(7);
  hear(*good);
  const std::vector<Bytes> rubbish{"", "x", Bytes(16'384, '\xff'), Bytes(17, '\0')};
  std::uint64_t session = 50;
  for (const auto& body : rubbish)
    for (auto type : {wire::FrameType::wake_up, wire::FrameType::handshake, wire::FrameType::sealed}) {
      DevicePeer peer(device, directory.self.guid, random(), ++session);
      sessions->frame(peer.frame(type, body));
      DevicePeer woken(device, directory.self.guid, random(), ++session);
      sessions->frame(woken.wake());
      sessions->frame(woken.frame(type, body));
    }
  settle();
  outlet.out.clear();
  content(1, inbox, 10, "one");
  changed();
  EXPECT_EQ(only<e2e::Item>(hear(*good)).size(), 1U);
}

TEST_F(SessionsTest, ReplayedSealedFrameEndsTheSession) {
  auto peer = connect(7);
  hear(*peer);
  auto frame = peer->say(e2e::Alive{});
  sessions->frame(frame);
  settle();
  EXPECT_TRUE(outlet.out.empty());
  sessions->frame(frame);
  EXPECT_EQ(take_closed().code, wire::Code::crypto);
}

// DEV-09
TEST_F(SessionsTest, SilenceEndsASessionAndAliveIsSaid) {
  auto peer = connect(7);
  hear(*peer);
  world.run_for(4min);
  EXPECT_FALSE(only<e2e::Alive>(hear(*peer)).empty());
  world.run_for(6min);
  bool closed = std::ranges::any_of(
      outlet.out, [](const auto& frame) { return frame.type == static_cast<std::uint32_t>(wire::FrameType::close); });
  EXPECT_TRUE(closed);
}

// DEV-11
TEST_F(SessionsTest, FrameOfAnOldGenerationIsAnsweredMoved) {
  auto peer = shake(7, 5);
  DevicePeer old(device, directory.self.guid, random(), 7, 4);
  sessions->frame(old.frame(wire::FrameType::sealed, "x"));
  EXPECT_EQ(take_closed().code, wire::Code::moved);
  sessions->frame(peer->say(e2e::Hello{.device = "phone"}));
  EXPECT_EQ(only<e2e::HelloAck>(hear(*peer)).size(), 1U);
}

}  // namespace
}  // namespace tidegate::push
