// SPDX-License-Identifier: Apache-2.0
#include "relay/routing/switchboard.hpp"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

namespace tidegate::relay {

struct ProvenForTests {
  static ProvenDevice make(std::string user, char device, Bytes guid, std::string handle = {}) {
    ProvenDevice proven;
    proven.user = std::move(user);
    proven.device.fill(static_cast<std::byte>(device));
    proven.guid = std::move(guid);
    proven.licence = 1;
    proven.handle = std::move(handle);
    return proven;
  }
};

namespace {

using wire::Code;
using wire::Frame;
using wire::FrameType;
using wire::Target;

Frame frame(FrameType type, std::uint64_t number, Bytes body = {}, std::uint64_t id = 0, std::uint64_t generation = 0) {
  return {Target::device, id, generation, static_cast<std::uint32_t>(type), number, std::move(body)};
}

struct FakeDevice final : DevicePort {
  std::vector<Frame> got;
  std::vector<Mark> marks;
  std::optional<wire::Refused> ended;
  int purged = 0;
  void queue(const Frame& f, Mark mark) override {
    got.push_back(f);
    marks.push_back(mark);
  }
  void urgent(const Frame& f) override { got.push_back(f); }
  void purge() override { ++purged; }
  void end(const wire::Refused& why) override { ended = why; }

  /// The last close that came.
  std::optional<wire::Closed> closed() const {
    for (auto it = got.rbegin(); it != got.rend(); ++it)
      if (it->target == Target::device && it->type == static_cast<std::uint32_t>(FrameType::close))
        return *wire::decode_closed(it->body);
    return {};
  }
  std::vector<Bytes> sealed() const {
    std::vector<Bytes> bodies;
    for (const auto& f : got)
      if (f.target == Target::device && f.type == static_cast<std::uint32_t>(FrameType::sealed))
        bodies.push_back(f.body);
    return bodies;
  }
};

struct FakeGateway final : GatewayPort {
  std::vector<Frame> got;
  std::vector<Mark> marks;
  int credits = 0;
  std::optional<wire::Refused> ended;
  void queue(const Frame& f, Mark mark) override {
    got.push_back(f);
    marks.push_back(mark);
  }
  void urgent(const Frame& f) override { got.push_back(f); }
  void credits_wait() override { ++credits; }
  void end(const wire::Refused& why) override { ended = why; }
  std::optional<wire::Closed> closed() const {
    for (auto it = got.rbegin(); it != got.rend(); ++it)
      if (it->type == static_cast<std::uint32_t>(FrameType::close)) return *wire::decode_closed(it->body);
    return {};
  }
};

class SwitchboardTest : public ::testing::Test {
 protected:
  Switchboard board{Switchboard::Limits{}};
  Bytes guid = Bytes(16, 'g');
  FakeGateway gateway;
  FakeDevice device;
  std::uint64_t id = 0;

  static Bytes wake_body(char device, std::string handle = {}, std::string user = "alice@example.com") {
    return wire::encode(wire::WakeUp{1, wire::Suite::noise_1, std::move(user), Bytes(16, device), std::move(handle)});
  }
  void come(std::string handle = {}) {
    board.gateway_came(guid, gateway);
    id = board.device_came(ProvenForTests::make("alice@example.com", 'd', guid, std::move(handle)), device);
  }
  void wake(std::string handle = {}) {
    board.device_frame(id, frame(FrameType::wake_up, 1, wake_body('d', std::move(handle))));
  }
  void up(std::uint64_t number, Bytes body = "x") {
    board.device_frame(id, frame(FrameType::sealed, number, std::move(body)));
  }
  void down(std::uint64_t number, Bytes body = "y", std::uint64_t generation = 1) {
    board.gateway_frame(guid, frame(FrameType::sealed, number, std::move(body), id, generation));
  }
};

TEST_F(SwitchboardTest, CarriesFramesBothWaysInOrderAndUnchanged) {
  come();
  wake();
  ASSERT_EQ(gateway.got.size(), 1U);
  EXPECT_EQ(gateway.got[0].id, id);
  EXPECT_EQ(gateway.got[0].generation, 1U);
  EXPECT_EQ(gateway.got[0].body, wake_body('d'));
  up(2, "one");
  up(3, "two");
  EXPECT_EQ(gateway.got[1].body, "one");
  EXPECT_EQ(gateway.got[2].body, "two");
  down(1, "back");
  EXPECT_EQ(device.sealed(), std::vector<Bytes>{"back"});
  EXPECT_EQ(device.got.back().id, 0U);
}

TEST_F(SwitchboardTest, DropsRepeatsAndClosesBothEndsAtAGap) {
  come();
  wake();
  up(2);
  up(2);
  EXPECT_EQ(gateway.got.size(), 2U) << "the repeat went through";
  up(4);
  ASSERT_TRUE(gateway.closed());
  EXPECT_EQ(gateway.closed()->code, Code::gap);
  EXPECT_EQ(device.closed()->code, Code::gap);
  EXPECT_EQ(board.counters().gaps, 1U);
  const auto before = gateway.got.size();
  up(3);
  EXPECT_EQ(gateway.got.size(), before) << "a closed session forwards nothing";
  wake();
  EXPECT_EQ(gateway.got.back().generation, 2U);
}

TEST_F(SwitchboardTest, AnswersMovedForAnOldGenerationOnceAndKeepsTheNewSession) {
  come();
  wake();
  wake();
  const auto before = gateway.got.size();
  down(1, "old", 1);
  down(2, "old", 1);
  ASSERT_EQ(gateway.got.size(), before + 1);
  EXPECT_EQ(gateway.closed()->code, Code::moved);
  EXPECT_TRUE(device.sealed().empty());
  down(1, "new", 2);
  EXPECT_EQ(device.sealed(), std::vector<Bytes>{"new"});
}

TEST_F(SwitchboardTest, RefusesWhatGoesOverCreditForThatSessionOnly) {
  come();
  FakeDevice other;
  const auto second = board.device_came(ProvenForTests::make("bob@example.com", 'e', guid), other);
  wake();
  board.device_frame(second, frame(FrameType::wake_up, 1, wake_body('e', {}, "bob@example.com")));
  // Credit that was never told is not there: only the first 64 KiB.
  down(1, Bytes(40'000, 'a'));
  down(2, Bytes(40'000, 'b'));
  EXPECT_EQ(gateway.closed()->code, Code::over_credit);
  EXPECT_EQ(device.closed()->code, Code::over_credit);
  board.gateway_frame(guid, frame(FrameType::sealed, 1, "fine", second, 1));
  EXPECT_EQ(other.sealed(), std::vector<Bytes>{"fine"});
  EXPECT_FALSE(other.closed());
}

TEST_F(SwitchboardTest, GrantsBeyondWhatTheSocketTookAndReceiptsIt) {
  come();
  wake();
  auto credits = board.take_credits(guid, false);
  ASSERT_EQ(credits.size(), 1U);
  EXPECT_EQ(wire::decode_credit(credits[0].body)->up_to, 256U << 10);
  down(1, Bytes(40'000, 'a'));
  down(2, Bytes(40'000, 'b'));
  EXPECT_TRUE(board.take_credits(guid, false).empty()) << "nothing was handed to the socket";
  board.handed_to_device(device.marks[0]);
  EXPECT_EQ(gateway.credits, 2);
  credits = board.take_credits(guid, false);
  ASSERT_EQ(credits.size(), 1U);
  EXPECT_EQ(*wire::decode_credit(credits[0].body), (wire::Credit{(256U << 10) + 40'000, 1}));
  // The heartbeat repeats it, once.
  EXPECT_EQ(board.take_credits(guid, true).size(), 1U);
  EXPECT_TRUE(board.take_credits(guid, true).empty());
}

TEST_F(SwitchboardTest, PassesTheGatewaysGrantButNoMoreThanTheWindow) {
  come();
  wake();
  const auto grant = [&](std::uint64_t up_to) {
    board.gateway_frame(guid, frame(FrameType::credit, 0, wire::encode(wire::Credit{up_to, 0}), id, 1));
  };
  grant(100'000);
  ASSERT_EQ(device.got.back().type, static_cast<std::uint32_t>(FrameType::credit));
  EXPECT_EQ(wire::decode_credit(device.got.back().body)->up_to, 100'000U);
  grant(50'000);
  grant(100'000);
  EXPECT_EQ(device.got.size(), 1U) << "grants are absolute: lower and repeated ones change nothing";
  grant(UINT64_MAX);
  EXPECT_EQ(wire::decode_credit(device.got.back().body)->up_to, 256U << 10);
}

TEST_F(SwitchboardTest, AWakeUpOfAnotherUserDeviceOrHandleIsRefused) {
  come();
  for (const auto& body :
       {wake_body('x'), wake_body('d', "ABCDE"), wake_body('d', {}, "bob@example.com"), Bytes("junk")}) {
    board.device_frame(id, frame(FrameType::wake_up, 1, body));
    ASSERT_TRUE(device.closed());
    EXPECT_EQ(device.closed()->code, Code::invalid);
  }
  board.device_frame(id, frame(FrameType::wake_up, 2, wake_body('d')));
  EXPECT_TRUE(gateway.got.empty());
  board.device_frame(id, frame(FrameType::wake_up, 1, wake_body('d', {}, "Alice@Example.com")));
  EXPECT_EQ(gateway.got.size(), 1U);
  EXPECT_EQ(gateway.got[0].generation, 6U) << "refused WakeUps count as generations too";
}

TEST_F(SwitchboardTest, APairingDeviceMayNameItsHandleOnlyUntilItIsBound) {
  come("ABCDE");
  wake();
  EXPECT_EQ(device.closed()->code, Code::invalid);
  wake("ABCDE");
  EXPECT_EQ(gateway.got.size(), 1U);
  board.bound(id, "alice@example.com", Bytes(16, 'x'));
  wake();
  EXPECT_EQ(device.closed()->code, Code::invalid) << "bound() of another device";
  board.bound(id, "alice@example.com", Bytes(16, 'd'));
  device.got.clear();
  wake();
  EXPECT_FALSE(device.closed());
}

// Each WakeUp begins with fresh credit; what the gateway has not taken bounds them.
TEST_F(SwitchboardTest, WakeUpsAreNoWayRoundTheCredit) {
  come();
  for (int i = 0; i < 100; ++i) wake();
  const auto sent_on = [&] {
    return std::ranges::count(gateway.got, static_cast<std::uint32_t>(FrameType::wake_up), &Frame::type);
  };
  EXPECT_EQ(sent_on(), 4);
  EXPECT_EQ(device.closed()->code, Code::unavailable);
  board.handed_to_gateway(gateway.marks.at(0));
  wake();
  EXPECT_EQ(sent_on(), 5);
  for (int i = 0; i < 100; ++i) wake();
  board.gateway_went(guid, gateway, "away");
  FakeGateway next;
  board.gateway_came(guid, next);
  wake();
  EXPECT_EQ(next.got.back().type, static_cast<std::uint32_t>(FrameType::wake_up)) << "a new session, a new count";
}

TEST_F(SwitchboardTest, TellsDevicesThatTheGatewayWentAndCame) {
  come();
  wake();
  board.gateway_went(guid, gateway, "away");
  EXPECT_EQ(device.closed()->code, Code::gateway_away);
  const auto state = wire::to_control(device.got.back());
  EXPECT_EQ(std::get<wire::GatewayState>(*state), (wire::GatewayState{false, "away"}));
  wake();
  EXPECT_EQ(device.closed()->code, Code::gateway_away);
  board.gateway_came(guid, gateway);
  EXPECT_TRUE(std::get<wire::GatewayState>(*wire::to_control(device.got.back())).present);
  wake();
  EXPECT_EQ(gateway.got.back().generation, 3U);
}

TEST_F(SwitchboardTest, AnotherGatewayCannotSpeakToTheDevice) {
  come();
  wake();
  FakeGateway stranger;
  const Bytes other(16, 's');
  board.gateway_came(other, stranger);
  board.gateway_frame(other, frame(FrameType::sealed, 1, "evil", id, 1));
  EXPECT_TRUE(device.sealed().empty());
  EXPECT_EQ(stranger.closed()->code, Code::moved);
  board.gateway_frame(other, frame(FrameType::close, 0, wire::encode(wire::Closed{}), id, 1));
  EXPECT_FALSE(device.closed());
}

TEST_F(SwitchboardTest, TheGatewayEndsTheOlderOfTwoConnections) {
  come();
  wake();
  FakeDevice newer;
  const auto second = board.device_came(ProvenForTests::make("alice@example.com", 'd', guid), newer);
  board.device_frame(second, frame(FrameType::wake_up, 1, wake_body('d')));
  EXPECT_FALSE(device.ended) << "the newer connection alone ends nothing";
  board.gateway_frame(guid,
                      frame(FrameType::close, 0, wire::encode(wire::Closed{Code::superseded, "newer", 0}), id, 1));
  ASSERT_TRUE(device.ended);
  EXPECT_EQ(device.ended->code, Code::superseded);
  EXPECT_FALSE(newer.ended);
}

TEST_F(SwitchboardTest, ADeviceWithTooManyConnectionsLosesTheOldest) {
  come();
  std::vector<std::unique_ptr<FakeDevice>> more;
  for (int i = 0; i < 3; ++i) {
    more.push_back(std::make_unique<FakeDevice>());
    board.device_came(ProvenForTests::make("alice@example.com", 'd', guid), *more.back());
  }
  EXPECT_FALSE(device.ended);
  FakeDevice last;
  board.device_came(ProvenForTests::make("alice@example.com", 'd', guid), last);
  EXPECT_TRUE(device.ended);
}

TEST_F(SwitchboardTest, WhenMemoryIsFullTheSessionEndsAndCreditComesBackLater) {
  Switchboard small{Switchboard::Limits{256U << 10, 256U << 10, 100'000, 4}};
  FakeGateway g;
  FakeDevice d;
  small.gateway_came(guid, g);
  const auto n = small.device_came(ProvenForTests::make("alice@example.com", 'd', guid), d);
  small.device_frame(n, frame(FrameType::wake_up, 1, wake_body('d')));
  small.take_credits(guid, false);
  small.budget().take(100'000);
  small.handed_to_device({n, 1, 0, 0});
  for (const auto& f : small.take_credits(guid, false)) EXPECT_LE(wire::decode_credit(f.body)->up_to, 256U << 10);
  small.gateway_frame(guid, frame(FrameType::sealed, 1, "no room", n, 1));
  EXPECT_EQ(g.closed()->code, Code::unavailable);
  EXPECT_GT(g.closed()->retry_after_ms, 0U);
  EXPECT_EQ(d.closed()->code, Code::unavailable);
  EXPECT_EQ(small.counters().out_of_memory, 1U);
}

TEST_F(SwitchboardTest, CreditThatFoundNoMemoryIsGrantedByALaterHeartbeat) {
  Switchboard small{Switchboard::Limits{256U << 10, 256U << 10, 100'000, 4}};
  FakeGateway g;
  FakeDevice d;
  small.gateway_came(guid, g);
  const auto n = small.device_came(ProvenForTests::make("alice@example.com", 'd', guid), d);
  small.budget().take(100'000);
  small.device_frame(n, frame(FrameType::wake_up, 1, wake_body('d')));
  small.take_credits(guid, false);
  small.take_credits(guid, true);
  small.budget().give(100'000);
  const auto credits = small.take_credits(guid, true);
  ASSERT_EQ(credits.size(), 1U) << "no credit with nothing in flight would last for ever";
  EXPECT_EQ(wire::decode_credit(credits[0].body)->up_to, 256U << 10);
}

// Whatever either side sends, each side sees a gapless, repeat-free sequence a generation, and nothing leaks.
TEST(SwitchboardProperty, RandomFramesNeverBreakTheOrder) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 dice(seed);
    Switchboard board{Switchboard::Limits{128U << 10, 128U << 10, 1U << 20, 4}};
    FakeGateway gateway;
    FakeDevice device;
    const Bytes guid(16, 'g');
    board.gateway_came(guid, gateway);
    const auto id = board.device_came(ProvenForTests::make("alice@example.com", 'd', guid), device);
    const auto wake = wire::encode(wire::WakeUp{1, wire::Suite::noise_1, "alice@example.com", Bytes(16, 'd'), ""});
    std::uint64_t up = 0, down = 0, generation = 0;
    for (int step = 0; step < 400; ++step) {
      const auto slip = dice() % 8 == 0 ? dice() % 3 : 1;  // 0: repeat, 1: next, 2: gap
      const Bytes body(dice() % 20'000, 'x');
      switch (dice() % 8) {
        case 0:
          board.device_frame(id, frame(FrameType::wake_up, 1, wake));
          ++generation;
          up = 1;
          down = 0;
          break;
        case 1:
        case 2:
        case 3:
          board.device_frame(id, frame(FrameType::sealed, up + slip, body));
          if (slip == 1) ++up;
          break;
        case 4:
        case 5:
          board.gateway_frame(guid, frame(FrameType::sealed, down + slip, body, id, generation - (dice() % 16 == 0)));
          if (slip == 1) ++down;
          break;
        case 6:
          for (const auto& mark : device.marks)
            if (dice() % 2) board.handed_to_device(mark);
          device.marks.clear();
          break;
        default:
          board.take_credits(guid, dice() % 2 == 0);
          for (const auto& mark : gateway.marks) board.handed_to_gateway(mark);
          gateway.marks.clear();
          board.gateway_frame(
              guid, frame(FrameType::credit, 0, wire::encode(wire::Credit{dice() % (1U << 22), 0}), id, generation));
      }
    }
    const auto gapless = [](const std::vector<Frame>& frames) {
      std::uint64_t last_generation = 0, last = 0;
      for (const auto& f : frames) {
        if (f.target != Target::device || f.number == 0) continue;
        if (f.generation != last_generation) last = 0;
        EXPECT_GE(f.generation, last_generation);
        EXPECT_EQ(f.number, last + 1);
        last_generation = f.generation;
        last = f.number;
      }
    };
    gapless(gateway.got);
    gapless(device.got);
    board.device_went(id, Code::bye, "");
    EXPECT_EQ(board.devices(), 0U);
  }
}

}  // namespace
}  // namespace tidegate::relay
