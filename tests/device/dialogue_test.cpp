// SPDX-License-Identifier: Apache-2.0
// The device's end of suites that do not authenticate the ends, frame by frame. (noise-1: device_test.cpp.)
#include "device/dialogue.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tidegate::device {
namespace {

using wire::FrameType;
using wire::Suite;

Octets octets(View text) { return std::as_bytes(std::span(text)); }

class DialogueTest : public testing::TestWithParam<Suite> {
 protected:
  DialogueTest() { identity = Identity{Bytes(16, 'd'), e2e::make_ed25519(random), e2e::make_x25519(random)}; }
  Dialogue made(bool pairing = false, Suite suite = GetParam()) {
    Dialogue::Config config;
    config.identity = &identity;
    config.relay_host = "relay";
    config.user = "user@example.net";
    config.suite = suite;
    config.random = random;
    config.hello = [] { return e2e::Hello{.device = "terminal"}; };
    if (pairing)
      config.pairing = PairingIntent{{.handle = "6464646464646464"}, "secret", "terminal"};
    else
      config.guid = guid;
    return Dialogue(std::move(config));
  }
  wire::Frame down(FrameType type, Bytes body) {
    return {wire::Target::device, 0, 1, static_cast<std::uint32_t>(type), ++number, std::move(body)};
  }
  /// Through Welcome to the WakeUp, which is checked.
  void wake(Dialogue& dialogue) {
    number = 0;
    (void)dialogue.receive(wire::to_frame(wire::Challenge{1, Bytes(32, 'n')}));
    const auto woken = dialogue.receive(wire::to_frame(wire::Welcome{true, {}, 1000}));
    ASSERT_EQ(woken.size(), 1U);
    EXPECT_EQ(wire::decode_wake_up(std::get<SendFrame>(woken[0]).frame.body)->suite, GetParam());
  }
  Actions acknowledge(Dialogue& dialogue, Suite suite = GetParam()) {
    return dialogue.receive(down(FrameType::wake_up_ack, wire::encode(wire::WakeUpAck{1, suite, guid, 0})));
  }
  /// The gateway's end after WakeUpAck; `last`: what the device did when all was agreed.
  e2e::Secured agree(Dialogue& dialogue, Actions& last) {
    last = acknowledge(dialogue);
    if (GetParam() == Suite::none) return e2e::secure_none(e2e::max_message);
    const auto point = std::get<SendFrame>(last.at(0)).frame.body;
    const auto own = vmes1::Ephemeral::make(random);
    auto with = e2e::secure_vmes1(e2e::End::gateway, own, point, random, e2e::max_message);
    last = dialogue.receive(down(FrameType::handshake, own.point()));
    return std::move(*with);
  }
  static const EndConnection& ended(const Actions& actions) { return std::get<EndConnection>(actions.back()); }

  std::mt19937_64 engine{1};
  e2e::Random random = [this](std::span<std::byte> out) {
    for (auto& octet : out) octet = static_cast<std::byte>(engine());
  };
  Identity identity;
  const Bytes guid = Bytes(16, 'g');
  std::uint64_t number = 0;
};
INSTANTIATE_TEST_SUITE_P(Suites, DialogueTest, testing::Values(Suite::vmes_1, Suite::none));

TEST_P(DialogueTest, ASessionOpensAndCarriesMessagesBothWays) {
  auto dialogue = made();
  wake(dialogue);
  Actions opened;
  auto gateway = agree(dialogue, opened);
  ASSERT_EQ(opened.size(), 2U);
  EXPECT_EQ(std::get<SessionOpen>(opened[0]).hash, gateway.hash);
  const auto said = gateway.opener.open(octets(std::get<SendFrame>(opened[1]).frame.body));
  ASSERT_TRUE(said);
  EXPECT_EQ(std::get<e2e::Hello>(*e2e::decode_to_gateway(octets(said->at(0)))).device, "terminal");
  gateway.sealer.push(e2e::encode(e2e::ToDevice(e2e::Alarm{.code = 0, .text = "heard"})));
  const auto heard = dialogue.receive(down(FrameType::sealed, gateway.sealer.next()));
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(std::get<e2e::Alarm>(std::get<Heard>(heard[0]).message).text, "heard");
}

TEST_P(DialogueTest, EnrolsByItsHandleAndOnlyWhenPendingIsStored) {
  auto dialogue = made(true);
  number = 0;
  const auto proof = dialogue.receive(wire::to_frame(wire::Challenge{1, Bytes(32, 'n')}));
  const auto enrol = wire::to_control(std::get<SendFrame>(proof.at(0)).frame);
  EXPECT_EQ(std::get<wire::Enrol>(*enrol).suite, GetParam());
  EXPECT_EQ(std::get<wire::Enrol>(*enrol).handle, "6464646464646464");
  const auto woken = dialogue.receive(wire::to_frame(wire::Welcome{true, {}, 1000}));
  EXPECT_EQ(wire::decode_wake_up(std::get<SendFrame>(woken.at(0)).frame.body)->handle, "6464646464646464");
  Actions agreed;
  auto gateway = agree(dialogue, agreed);
  ASSERT_EQ(agreed.size(), 1U) << "nothing is said before it is durable";
  EXPECT_EQ(std::get<StorePending>(agreed[0]).guid, guid);
  const auto stored = dialogue.stored();
  ASSERT_EQ(stored.size(), 1U);
  const auto said = gateway.opener.open(octets(std::get<SendFrame>(stored[0]).frame.body));
  ASSERT_TRUE(said);
  const auto hello = e2e::decode_pairing_hello(octets(said->at(0)));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->device_key.size(), 32U);
  EXPECT_EQ(hello->device_name, "terminal");
  gateway.sealer.push(e2e::encode(e2e::PairingDone{.user = "user@example.net", .gateway_name = "gw"}));
  const auto done = dialogue.receive(down(FrameType::sealed, gateway.sealer.next()));
  EXPECT_EQ(std::get<PairingComplete>(done.at(0)).gateway_name, "gw");
  EXPECT_EQ(std::get<PairingComplete>(done.at(0)).gateway_key, "");
}

TEST_P(DialogueTest, AnotherSuiteIsRefusedForGood) {
  for (const auto suite : {Suite::none, Suite::noise_1, Suite::vmes_1}) {
    if (suite == GetParam()) continue;
    auto dialogue = made();
    wake(dialogue);
    const auto end = acknowledge(dialogue, suite);
    EXPECT_TRUE(ended(end).hopeless);
    EXPECT_EQ(dialogue.state(), Dialogue::State::ended);
  }
}

TEST_P(DialogueTest, AFrameBeforeItsTimeOrThatDoesNotOpenEndsTheConnection) {
  {
    auto dialogue = made();
    wake(dialogue);
    EXPECT_TRUE(std::holds_alternative<EndConnection>(dialogue.receive(down(FrameType::sealed, "x")).back()));
  }
  {  // something for the device between agreement and enrolment
    auto dialogue = made(true);
    wake(dialogue);
    Actions agreed;
    auto gateway = agree(dialogue, agreed);
    gateway.sealer.push(e2e::encode(e2e::ToDevice(e2e::Wipe{})));
    const auto answer = dialogue.receive(down(FrameType::sealed, gateway.sealer.next()));
    EXPECT_FALSE(std::holds_alternative<Heard>(answer.front()));
    EXPECT_TRUE(std::holds_alternative<EndConnection>(answer.back()));
  }
  {
    auto dialogue = made();
    wake(dialogue);
    Actions opened;
    (void)agree(dialogue, opened);
    // No frame of vmes-1, and a message over every limit in none.
    EXPECT_TRUE(
        std::holds_alternative<EndConnection>(dialogue.receive(down(FrameType::sealed, "\xff\xff\xff\xff")).back()));
  }
}

TEST(DialogueVmes1, APointThatIsNoneEndsTheConnection) {
  std::mt19937_64 engine{1};
  const e2e::Random random = [&](std::span<std::byte> out) {
    for (auto& octet : out) octet = static_cast<std::byte>(engine());
  };
  const Identity identity{Bytes(16, 'd'), e2e::make_ed25519(random), e2e::make_x25519(random)};
  for (const Bytes& point : {Bytes(), Bytes(73, '\0'), "\x07" + Bytes(72, 'x')}) {
    Dialogue dialogue({.identity = &identity,
                       .relay_host = "relay",
                       .user = "user@example.net",
                       .suite = Suite::vmes_1,
                       .guid = Bytes(16, 'g'),
                       .random = random});
    (void)dialogue.receive(wire::to_frame(wire::Challenge{1, Bytes(32, 'n')}));
    (void)dialogue.receive(wire::to_frame(wire::Welcome{true, {}, 1000}));
    (void)dialogue.receive({wire::Target::device, 0, 1, static_cast<std::uint32_t>(FrameType::wake_up_ack), 1,
                            wire::encode(wire::WakeUpAck{1, Suite::vmes_1, Bytes(16, 'g'), 0})});
    const auto end =
        dialogue.receive({wire::Target::device, 0, 1, static_cast<std::uint32_t>(FrameType::handshake), 2, point});
    EXPECT_TRUE(std::holds_alternative<EndConnection>(end.back()));
  }
}

TEST(DeviceId, IsReadAsPeopleTypeIt) {
  const Bytes id("\x00\xff\x10\xa2\xb3\xc4\xd5\xe6\x07\x18\x29\x3a\x4b\x5c\x6d\x7e", 16);
  for (const auto* text : {"00ff10a2b3c4d5e60718293a4b5c6d7e", "00FF10A2 B3C4D5E6 0718293A 4B5C6D7E",
                           "00ff10a2-b3c4d5e6-0718293a-4b5c6d7e"}) {
    ASSERT_TRUE(parse_device_id(text)) << text;
    EXPECT_EQ(*parse_device_id(text), id);
  }
  for (const auto* text : {"", "00ff", "00ff10a2b3c4d5e60718293a4b5c6d7", "00ff10a2b3c4d5e60718293a4b5c6d7e0",
                           "00ff10a2b3c4d5e60718293a4b5c6d7g", "\xc3\xa4"})
    EXPECT_FALSE(parse_device_id(text)) << text;
}

}  // namespace
}  // namespace tidegate::device
