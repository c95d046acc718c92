// SPDX-License-Identifier: Apache-2.0
#include "core/link/sessions.hpp"

#include <gtest/gtest.h>

#include "tests/core/link/relay_peer.hpp"

namespace tidegate::link {
namespace {

constexpr SessionKey key{5, 1};
constexpr std::uint64_t window = std::uint64_t{256} << 10;

struct SessionsTest : testing::Test {
  Sessions sessions{window};
  Verdict in(std::uint64_t number, std::size_t octets, std::uint64_t generation = 1,
             wire::FrameType type = wire::FrameType::sealed) {
    return sessions.incoming(device_frame(5, type, number, Bytes(octets, 'x'), generation));
  }
  Verdict wake(std::uint64_t generation = 1) { return in(1, 10, generation, wire::FrameType::wake_up); }
  Result<std::uint64_t> out(std::size_t octets) {
    auto frame = device_frame(5, wire::FrameType::sealed, 0, Bytes(octets, 'y'));
    return sessions.outgoing(frame);
  }
};

TEST_F(SessionsTest, wake_up_opens_and_numbers_must_follow) {
  EXPECT_EQ(in(1, 1), Verdict::moved);
  EXPECT_EQ(wake(), Verdict::deliver);
  EXPECT_EQ(in(2, 1), Verdict::deliver);
  EXPECT_EQ(in(2, 1), Verdict::repeat);
  EXPECT_EQ(in(1, 1), Verdict::repeat);
  EXPECT_EQ(in(4, 1), Verdict::gap);
  EXPECT_EQ(in(0, 1), Verdict::gap);  // a sealed frame without number
  EXPECT_EQ(in(3, 1), Verdict::deliver);
}

TEST_F(SessionsTest, a_newer_generation_replaces_an_older_is_moved) {
  EXPECT_EQ(wake(3), Verdict::deliver);
  EXPECT_EQ(wake(2), Verdict::moved);
  EXPECT_EQ(in(2, 1, 2), Verdict::moved);
  EXPECT_EQ(wake(4), Verdict::deliver);
  EXPECT_EQ(in(2, 1, 3), Verdict::moved);
  EXPECT_EQ(in(2, 1, 4), Verdict::deliver);
}

TEST_F(SessionsTest, credit_upstream_is_absolute_and_granted_in_halves) {
  wake();
  EXPECT_EQ(in(2, wire::initial_credit - 10), Verdict::deliver);
  EXPECT_EQ(in(3, 1), Verdict::over_credit);
  EXPECT_EQ(in(3, 0), Verdict::deliver);
  auto credit = sessions.consumed(key, 10);
  ASSERT_TRUE(credit);
  EXPECT_EQ(credit->up_to, window + 10);
  EXPECT_EQ(credit->handed, 3U);
  EXPECT_EQ(in(4, 1), Verdict::deliver);
  EXPECT_FALSE(sessions.consumed(key, 1));  // more than half is open: no frame for every octet
  // More than ever came cannot be consumed.
  credit = sessions.consumed(key, 1'000'000'000);
  EXPECT_LE(sessions.grant(key)->up_to, window + wire::initial_credit + 1);
}

TEST_F(SessionsTest, credit_downstream_limits_sending) {
  EXPECT_EQ(out(1).error().kind, FaultKind::not_found);
  wake();
  EXPECT_EQ(sessions.available(key), wire::initial_credit);
  EXPECT_EQ(out(wire::max_device_frame + 1).error().kind, FaultKind::too_large);
  EXPECT_EQ(*out(60'000), 1U);
  EXPECT_EQ(*out(5'536), 2U);
  EXPECT_EQ(sessions.available(key), 0U);
  EXPECT_EQ(out(1).error().kind, FaultKind::throttled);
  EXPECT_TRUE(sessions.credited(key, {.up_to = 70'000, .handed = 1}));
  EXPECT_EQ(sessions.available(key), 70'000 - 65'536U);
  EXPECT_FALSE(sessions.credited(key, {.up_to = 70'000, .handed = 1}));  // a repeat
  EXPECT_FALSE(sessions.credited(key, {.up_to = 10, .handed = 0}));      // an old one
  EXPECT_EQ(sessions.available(key), 70'000 - 65'536U);
  EXPECT_EQ(*out(1), 3U);
  EXPECT_FALSE(sessions.credited({5, 2}, {.up_to = UINT64_MAX, .handed = 9}));
}

TEST_F(SessionsTest, a_lane_is_kept_until_all_is_receipted) {
  wake();
  EXPECT_FALSE(sessions.lane(key));
  out(1);
  sessions.put_on(key, 3);
  EXPECT_EQ(sessions.lane(key), 3U);
  out(1);
  sessions.credited(key, {.up_to = 0, .handed = 1});
  EXPECT_EQ(sessions.lane(key), 3U);
  sessions.credited(key, {.up_to = 0, .handed = 99});  // a receipt for what was never sent
  EXPECT_EQ(sessions.handed(key), 2U);
  EXPECT_FALSE(sessions.lane(key));
}

TEST_F(SessionsTest, hostile_offsets_do_not_wrap) {
  wake();
  EXPECT_TRUE(sessions.credited(key, {.up_to = UINT64_MAX, .handed = UINT64_MAX}));
  EXPECT_EQ(*out(65'536), 1U);
  EXPECT_EQ(sessions.available(key), UINT64_MAX - 65'536);
}

TEST_F(SessionsTest, forgets) {
  wake();
  sessions.grant(key);
  sessions.forget({5, 9});  // another generation: not this one
  EXPECT_TRUE(sessions.knows(key));
  EXPECT_EQ(sessions.granted_lately(), std::vector{key});
  EXPECT_TRUE(sessions.granted_lately().empty());
  sessions.forget(key);
  EXPECT_FALSE(sessions.knows(key));
  EXPECT_EQ(sessions.count(), 0U);
  EXPECT_FALSE(sessions.consumed(key, 1));
}

}  // namespace
}  // namespace tidegate::link
