// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/suites.hpp"

#include <gtest/gtest.h>

#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

constexpr std::size_t limit = 100'000;

struct Pair {
  Secured device, gateway;
};

Pair vmes1_pair(std::uint64_t seed = 1) {
  const auto device = vmes1::Ephemeral::make(seeded(seed)), gateway = vmes1::Ephemeral::make(seeded(seed + 100));
  auto here = secure_vmes1(End::device, device, gateway.point(), seeded(3), limit);
  auto there = secure_vmes1(End::gateway, gateway, device.point(), seeded(4), limit);
  return {std::move(*here), std::move(*there)};
}
Pair none_pair() { return {secure_none(limit), secure_none(limit)}; }

Bytes dense(std::size_t size) {
  Bytes octets(size, '\0');
  seeded(9)(std::as_writable_bytes(std::span(octets)));
  return octets;
}

class EachSuite : public testing::TestWithParam<bool> {
 protected:
  Pair pair = GetParam() ? vmes1_pair() : none_pair();
};
INSTANTIATE_TEST_SUITE_P(Suites, EachSuite, testing::Bool());

TEST_P(EachSuite, MessagesComeThroughBothWaysInFramesWithinTheirBound) {
  const std::vector<Bytes> messages{"one", "", dense(16'000), Bytes(50'000, 'x'), dense(40'000), "end"};
  for (auto [from, to] : {std::pair(&pair.device, &pair.gateway), std::pair(&pair.gateway, &pair.device)}) {
    for (const auto& each : messages) from->sealer.push(each);
    std::vector<Bytes> heard;
    while (!from->sealer.empty()) {
      const auto queued = from->sealer.queued();
      const auto body = from->sealer.next();
      ASSERT_LE(body.size(), max_noise_message);
      ASSERT_LE(body.size(), queued + 64) << "what a sender reckons with before it seals";
      auto opened = to->opener.open(octets_of(body));
      ASSERT_TRUE(opened) << opened.error().cause;
      std::ranges::move(*opened, std::back_inserter(heard));
    }
    EXPECT_EQ(heard, messages);
    EXPECT_TRUE(from->sealer.next().empty());
  }
}

TEST_P(EachSuite, MessagesOverTheLimitAndFramesOverTheBoundEndTheSession) {
  pair.device.sealer.push(Bytes(limit + 1, 'x'));
  const auto opened = pair.gateway.opener.open(octets_of(pair.device.sealer.next()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FaultKind::too_large);
  EXPECT_FALSE(pair.device.opener.open(octets_of(Bytes(max_noise_message + 1, '\0'))));
}

TEST(Vmes1Session, NoFrameHoldsTwoMessages) {
  auto pair = vmes1_pair();
  for (int i = 0; i < 3; ++i) pair.device.sealer.push("message " + std::to_string(i));
  for (int i = 0; i < 3; ++i) {
    const auto opened = pair.gateway.opener.open(octets_of(pair.device.sealer.next()));
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->size(), 1U);
  }
}

TEST(Vmes1Session, RepeatedReflectedAndForeignFramesEndTheSession) {
  {
    auto pair = vmes1_pair();
    pair.device.sealer.push("one");
    const auto frame = pair.device.sealer.next();
    ASSERT_TRUE(pair.gateway.opener.open(octets_of(frame)));
    EXPECT_FALSE(pair.gateway.opener.open(octets_of(frame)));
  }
  {
    auto pair = vmes1_pair();
    pair.device.sealer.push("one");
    EXPECT_FALSE(pair.device.opener.open(octets_of(pair.device.sealer.next()))) << "reflected";
  }
  {
    auto pair = vmes1_pair(), other = vmes1_pair(50);
    other.device.sealer.push("one");
    EXPECT_FALSE(pair.gateway.opener.open(octets_of(other.device.sealer.next())));
  }
}

TEST(Vmes1Session, BothEndsNameItAlikeAndEachOtherwise) {
  const auto one = vmes1_pair(), other = vmes1_pair(50);
  EXPECT_EQ(one.device.hash.size(), 32U);
  EXPECT_EQ(one.device.hash, one.gateway.hash);
  EXPECT_NE(one.device.hash, other.device.hash);
  EXPECT_TRUE(none_pair().device.hash.empty());
}

TEST(Vmes1Session, APointThatIsNoneIsRefused) {
  const auto secured = secure_vmes1(End::gateway, vmes1::Ephemeral::make(seeded(1)), Bytes(73, '\0'), seeded(2), limit);
  ASSERT_FALSE(secured);
  EXPECT_EQ(secured.error().kind, FaultKind::invalid);
}

TEST(NoneSession, TheBodyIsTheStream) {
  auto one = secure_none(limit);
  one.sealer.push("ab");
  one.sealer.push("c");
  EXPECT_EQ(to_hex(one.sealer.next()),
            "000000026162"
            "0000000163");
}

TEST(Admission, ItsHandleIsTheBeginningOfTheId) {
  EXPECT_EQ(admission_handle(from_hex("00ff10a2b3c4d5e60718293a4b5c6d7e")), "00ff10a2b3c4d5e6");
}

}  // namespace
}  // namespace tidegate::e2e
