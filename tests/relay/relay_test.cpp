// SPDX-License-Identifier: Apache-2.0
// The whole relay on virtual time: frames, openings, heartbeats, harm, its own life.
#include "tests/relay/relay_fixture.hpp"

namespace tidegate::relay {
namespace {

TEST_F(RelayTest, CarriesAMessageFromGatewayToDeviceAndBack) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  EXPECT_TRUE(device.last<wire::Welcome>()->gateway_present);
  EXPECT_EQ(device.protocol, "tidegate.1");
  const auto wake = woken(gateway, device);
  gateway.send(FrameType::wake_up_ack, wake.id, wake.generation, 1, "ack");
  gateway.send(FrameType::sealed, wake.id, wake.generation, 2, Bytes("\x00\xff sealed", 9));
  ASSERT_TRUE(device.wait([&] { return !device.frames_of(FrameType::sealed).empty(); }));
  EXPECT_EQ(device.frames_of(FrameType::sealed)[0].body, Bytes("\x00\xff sealed", 9));
  EXPECT_EQ(device.frames_of(FrameType::sealed)[0].generation, wake.generation);
  device.sealed(2, "from the device");
  ASSERT_TRUE(gateway.wait([&] { return !gateway.frames_of(FrameType::sealed).empty(); }));
  EXPECT_EQ(gateway.frames_of(FrameType::sealed)[0].body, "from the device");
}

TEST_F(RelayTest, TheAnswerOfALaneHoldsTheReceiptOfWhatItBrought) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  const auto wake = woken(gateway, device);
  gateway.frames.clear();
  gateway.post({{wire::Target::device, wake.id, wake.generation, 2, 1, "ack"},
                {wire::Target::device, wake.id, wake.generation, 4, 2, "data"}});
  ASSERT_EQ(gateway.last_answer.size(), 1U);
  EXPECT_EQ(*wire::decode_credit(gateway.last_answer[0].body), (wire::Credit{(256U << 10) + 7, 2}));
}

TEST_F(RelayTest, ManyFramesOfABatchTravelInFewMessages) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  const auto wake = woken(gateway, device);
  std::vector<Frame> batch;
  for (std::uint64_t n = 1; n <= 100; ++n)
    batch.push_back({wire::Target::device, wake.id, wake.generation, 4, n, Bytes(300, 'x')});
  const auto before = device.messages;
  EXPECT_EQ(gateway.post(batch), 200U);
  ASSERT_TRUE(device.wait([&] { return device.frames_of(FrameType::sealed).size() == 100; }));
  EXPECT_LE(device.messages - before, 3U);
}

// --- registration and opening

TEST_F(RelayTest, RegisteringNeedsTheLicencesPassword) {
  licence();
  EXPECT_EQ(gateway.registers("acme", "wrong"), 401U);
  EXPECT_EQ(gateway.registers("nobody", "licence-password"), 401U) << "nobody learns which licences exist";
  EXPECT_FALSE(gateway.open()) << "not registered";
  EXPECT_EQ(gateway.channel->codes.back(), "401");
  EXPECT_EQ(gateway.registers("acme", "licence-password"), 200U);
  EXPECT_TRUE(gateway.open());
}

TEST_F(RelayTest, AnOpeningMustBeSignedForThisConnectionAndKey) {
  licence();
  ASSERT_EQ(gateway.registers("acme", "licence-password"), 200U);
  const auto refused = [&](auto change) {
    gateway.ask();
    auto said = gateway.envelope();
    change(said);
    gateway.enter(said);
    gateway.wait([&] { return gateway.channel->answers.size() > 1 || gateway.session != 0; });
    return gateway.session == 0 ? gateway.channel->codes.back() : "opened";
  };
  EXPECT_EQ(refused([](auto&) {}), "opened");
  EXPECT_EQ(refused([](auto& said) { said.license_id = "other"; }), "401");
  EXPECT_EQ(refused([](auto& said) { said.relay_host = "evil"; }), "600");
  EXPECT_EQ(refused([](auto& said) { said.guid[0] = static_cast<char>(said.guid[0] ^ 1); }), "401");
  EXPECT_EQ(refused([](auto& said) { said.versions = {2}; }), "600");
  EXPECT_EQ(refused([](auto& said) { said.signature = Bytes(64, 'x'); }), "401");
  EXPECT_EQ(refused([&](auto&) { gateway.opened.key.back() = gateway.opened.key.back() == '0' ? '1' : '0'; }), "401");
  EXPECT_EQ(refused([&](auto&) { world.run_for(61s); }), "401") << "the key's minute is over";
}

TEST_F(RelayTest, AKeyIdOpensOnce) {
  licence();
  gateway_up(gateway);
  const auto used = gateway.opened;
  gateway.ask();
  gateway.opened = used;
  gateway.enter(gateway.envelope());
  gateway.wait([&] { return gateway.channel->answers.size() > 1; });
  EXPECT_EQ(gateway.channel->codes.back(), "401");
}

TEST_F(RelayTest, AnEmptyBindingNeedsTheOperatorsFlag) {
  licence();
  ASSERT_EQ(gateway.registers("acme", "licence-password"), 200U);
  const auto open = [&] {
    gateway.ask();
    gateway.enter(gateway.envelope(), true);
    gateway.wait([&] { return gateway.channel->answers.size() > 1 || gateway.session != 0; });
    return gateway.session != 0;
  };
  EXPECT_FALSE(open());
  EXPECT_EQ(gateway.channel->codes.back(), "403");
  ASSERT_TRUE(admin({"gateway", "allow-interception", admin({"gateway", "list"}).rows[0][1]}).ok);
  EXPECT_TRUE(open());
}

TEST_F(RelayTest, OfTwoInstancesTheHigherWinsAndTheOtherIsTold409) {
  licence();
  gateway_up(gateway);
  TestGateway clone(world, world.host("clone"), 'g', 1, 77);
  clone.license_id = gateway.license_id;
  EXPECT_FALSE(clone.open()) << "equal counter, other process";
  EXPECT_EQ(clone.channel->codes.back(), "409");
  clone.instance.counter = 2;
  EXPECT_TRUE(clone.open());
  ASSERT_TRUE(gateway.wait([&] { return gateway.channel->ended || !gateway.all<wire::Refused>().empty(); }));
  ASSERT_FALSE(gateway.all<wire::Refused>().empty());
  EXPECT_EQ(gateway.all<wire::Refused>()[0].code, Code::conflict);
  EXPECT_FALSE(gateway.open());
  EXPECT_EQ(gateway.channel->codes.back(), "409");
  EXPECT_EQ(relay->status().gateways, 1U);
}

TEST_F(RelayTest, TheSameInstanceComesBackQuietly) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  woken(gateway, device);
  const auto old = std::move(gateway.channel);
  const auto old_session = gateway.session;
  device.controls.clear();
  ASSERT_TRUE(gateway.open());
  EXPECT_GT(gateway.session, old_session);
  ASSERT_TRUE(device.wait([&] { return device.closed().has_value(); }));
  EXPECT_EQ(device.closed()->code, Code::gateway_away);
  world.run_for(1s);
  for (const auto& control : device.controls)
    if (const auto* state = std::get_if<wire::GatewayState>(&control)) EXPECT_TRUE(state->present);
  woken(gateway, device);
}

TEST_F(RelayTest, LanesOfAnOldSessionAreTurnedAway) {
  licence();
  gateway_up(gateway);
  const auto session = gateway.session;
  const auto key = gateway.opened;
  ASSERT_TRUE(gateway.open());
  const auto now = gateway.session;
  gateway.session = session;
  EXPECT_EQ(gateway.post({}), 409U);
  gateway.session = now;
  EXPECT_EQ(gateway.post({}), 200U);
  EXPECT_EQ(gateway.post({}, 20), 400U) << "20 lanes, from 0";
  gateway.opened.key[0] = gateway.opened.key[0] == '0' ? '1' : '0';
  EXPECT_EQ(gateway.post({}), 409U) << "the KeyId alone";
  gateway.opened = key;
  EXPECT_EQ(gateway.post({}), 409U) << "the key of another session";
}

// --- heartbeats

TEST_F(RelayTest, AGatewayThatAnswersNoHeartbeatIsAwayAndItsDevicesHearIt) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  woken(gateway, device);
  world.run_for(60s);
  EXPECT_EQ(relay->status().gateways, 1U);
  EXPECT_GE(gateway.all<wire::Heartbeat>().size(), 6U);
  gateway.answer_heartbeats = false;
  ASSERT_TRUE(device.wait([&] { return device.last<wire::GatewayState>().has_value(); }, 31s));
  EXPECT_FALSE(device.last<wire::GatewayState>()->present);
  EXPECT_EQ(device.closed()->code, Code::gateway_away);
  EXPECT_FALSE(device.ended) << "the device stays";
}

TEST_F(RelayTest, ADeadGatewayMachineIsFoundByItsHeartbeats) {
  licence();
  gateway_up(gateway);
  world.blackhole("relay", "company");
  EXPECT_TRUE(world.run_until([&] { return relay->status().gateways == 0; }, 60s));
}

// --- harm done by one to others

TEST_F(RelayTest, ASlowReaderHoldsNobodyUpAndIsHeldByItsCredit) {
  licence();
  gateway_up(gateway);
  TestDevice slow(world, world.host("slow"), 's', "slow@example.com");
  pair(gateway, slow, "SLOWW");
  pair(gateway, device);
  ASSERT_TRUE(slow.log_in());
  ASSERT_TRUE(device.log_in());
  const auto slow_wake = woken(gateway, slow);
  const auto wake = woken(gateway, device);
  slow.reads = false;
  // 64 KiB fit the socket, 256 KiB the window; beyond is over credit.
  std::uint64_t up_to = 256U << 10, sent = 0, number = 0;
  while (sent + 16'000 <= up_to) {
    gateway.send(FrameType::sealed, slow_wake.id, slow_wake.generation, ++number, Bytes(16'000, 'x'));
    sent += 16'000;
    for (const auto& credit : gateway.frames_of(FrameType::credit))
      if (credit.id == slow_wake.id) up_to = std::max(up_to, wire::decode_credit(credit.body)->up_to);
    ASSERT_LT(sent, 2U << 20) << "credit grew without anybody reading";
  }
  EXPECT_LE(relay->status().queued_octets, 300U << 10);
  gateway.send(FrameType::sealed, wake.id, wake.generation, 1, "quick");
  EXPECT_TRUE(device.wait([&] { return !device.frames_of(FrameType::sealed).empty(); }, 1s));
  gateway.send(FrameType::sealed, slow_wake.id, slow_wake.generation, ++number, Bytes(60'000, 'x'));
  world.run_for(1s);
  bool closed = false;
  for (const auto& frame : gateway.frames_of(FrameType::close))
    closed |= frame.id == slow_wake.id && wire::decode_closed(frame.body)->code == Code::over_credit;
  EXPECT_TRUE(closed);
  EXPECT_FALSE(device.closed());
}

// --- the relay's own life

TEST_F(RelayTest, DrainingTellsEverybodyWhenToComeBack) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  bool done = false;
  relay->drain([&] { done = true; });
  ASSERT_TRUE(world.run_until([&] { return done; }, 10s));
  world.run_for(1s);
  ASSERT_TRUE(device.last<wire::Refused>());
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::unavailable);
  EXPECT_GE(device.last<wire::Refused>()->retry_after_ms, 1000U);
  ASSERT_FALSE(gateway.all<wire::Refused>().empty());
  EXPECT_EQ(gateway.all<wire::Refused>()[0].code, Code::unavailable);
}

TEST_F(RelayTest, AKilledRelayLosesNothingItAnswered) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  host.power_cut([&] { relay.reset(); });
  start(settings());
  ASSERT_TRUE(gateway.open());
  EXPECT_EQ(gateway.all<wire::ActivateUsers>()[0].users.size(), 1U);
  ASSERT_TRUE(device.log_in());
  woken(gateway, device);
}

TEST_F(RelayTest, MemoryIsGivenBackWhenAllAreGone) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  const auto wake = woken(gateway, device);
  device.reads = false;
  for (std::uint64_t n = 1; n <= 10; ++n)
    gateway.send(FrameType::sealed, wake.id, wake.generation, n, Bytes(20'000, 'x'));
  EXPECT_GT(relay->status().queued_octets, 0U);
  phone.kill();
  company.kill();
  EXPECT_TRUE(world.run_until([&] { return relay->status().devices == 0 && relay->status().gateways == 0; }, 120s));
  world.run_for(1s);
  EXPECT_EQ(relay->status().queued_octets, 0U);
}

}  // namespace
}  // namespace tidegate::relay
