// SPDX-License-Identifier: Apache-2.0
#include "core/account/broker.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tidegate::account {
namespace {

using namespace std::chrono_literals;

const Fault away{FaultKind::unavailable, "mail", "Away.", {}, {}};
Fault busy(std::chrono::milliseconds retry_after) {
  return {FaultKind::throttled, "mail", "Too many requests.", {}, retry_after};
}

struct Line {
  explicit Line(Broker::Limits limits) : broker(limits) {}
  void wait(int count, bool live = false) {
    for (int i = 0; i < count; ++i) broker.wait(++tickets, live, true);
  }
  /// Everybody whose turn comes within that time.
  std::vector<std::uint64_t> within(std::chrono::milliseconds time) {
    std::vector<std::uint64_t> all;
    const auto end = now + time;
    for (;;) {
      if (const auto ticket = broker.next(now)) {
        all.push_back(*ticket);
        continue;
      }
      const auto when = broker.when();
      if (!when || *when >= end) break;
      EXPECT_GT(*when, now) << "when() promised somebody";
      now = *when;
    }
    now = end;
    return all;
  }
  sim::Instant now = sim::Instant() + 1h;
  std::uint64_t tickets = 0;
  Broker broker;
};

TEST(Broker, ConnectsArePaced) {
  Line line({.per_second = 50});
  line.wait(1000);
  for (int second = 0; second < 20; ++second) EXPECT_EQ(line.within(1s).size(), 50U);
  EXPECT_TRUE(line.within(10s).empty());
  EXPECT_FALSE(line.broker.when());
  line.wait(1);
  EXPECT_EQ(line.within(1ms).size(), 1U) << "one alone need not wait";
}

TEST(Broker, WithoutLimitsAllGoAtOnceInOrder) {
  Line line({.per_second = 0});
  line.wait(100);
  const auto all = line.within(1ms);
  EXPECT_EQ(all.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(all));
}

TEST(Broker, LiveGoesFirstAndNobodyStarves) {
  Line line({.per_second = 0});
  line.wait(100);        // 1 to 100
  line.wait(300, true);  // 101 to 400
  const auto all = line.within(1ms);
  ASSERT_EQ(all.size(), 400U);
  EXPECT_GT(all.front(), 100U);
  for (std::size_t i = 0; i + 4 <= all.size(); i += 4)
    EXPECT_EQ(std::count_if(all.begin() + static_cast<long>(i), all.begin() + static_cast<long>(i) + 4,
                            [](auto ticket) { return ticket <= 100; }),
              1);
}

TEST(Broker, TheCapHoldsUntilSomebodyCloses) {
  Line line({.per_second = 0, .connections = 3});
  line.wait(5);
  EXPECT_EQ(line.within(1h).size(), 3U);
  EXPECT_TRUE(line.broker.wanting());
  line.broker.wait(99, false, false);
  EXPECT_TRUE(line.within(1s).empty()) << "first come, first served";
  line.broker.closed();
  EXPECT_EQ(line.within(1s).size(), 1U);
  line.broker.closed();
  EXPECT_EQ(line.within(1s).size(), 2U) << "a connection, and one that needs none";
  EXPECT_FALSE(line.broker.wanting());
}

TEST(Broker, WhatTheServerAsksOfTwoIsObeyedByAll) {
  Line line({.per_second = 0});
  line.broker.failed("ann", busy(50min), line.now, 0);
  EXPECT_FALSE(line.broker.paused()) << "one user's own limit";
  line.broker.failed("ann", busy(50min), line.now, 0);
  EXPECT_FALSE(line.broker.paused());
  line.broker.failed("bob", busy(50min), line.now, 0);
  EXPECT_TRUE(line.broker.paused());
  line.wait(10);
  EXPECT_TRUE(line.within(49min).empty());
  EXPECT_EQ(line.within(2min).size(), 1U) << "then one tries";
  EXPECT_TRUE(line.within(1h).empty()) << "and nobody else, until it is known what came of it";
  line.broker.let_in();
  EXPECT_EQ(line.within(1s).size(), 9U);
}

TEST(Broker, AServerThatIsAwayIsTriedByOneWithGrowingPauses) {
  Line line({.per_second = 0, .retry_first = 1s, .retry_ceiling = 60s});
  line.wait(100);
  line.within(0ms);
  for (const auto* user : {"ann", "bob", "cat"}) line.broker.failed(user, away, line.now, 1);
  EXPECT_TRUE(line.broker.paused());
  line.wait(100);
  std::size_t tries = 0;
  for (int i = 0; i < 3600; ++i) {
    const auto some = line.within(1s);
    ASSERT_LE(some.size(), 1U);
    tries += some.size();
    if (!some.empty()) line.broker.failed("dan", away, line.now, 1);
  }
  EXPECT_GT(tries, 50U);
  EXPECT_LT(tries, 80U) << "about one a minute";
}

TEST(Broker, TroublesOfDifferentHoursAreNoSign) {
  Line line({.per_second = 0});
  for (const auto* user : {"ann", "bob", "cat", "dan"}) {
    line.broker.failed(user, away, line.now, 0);
    line.now += 40s;
  }
  EXPECT_FALSE(line.broker.paused());
  line.broker.failed("ann", away, line.now, 0);
  line.broker.let_in();
  line.broker.failed("bob", away, line.now, 0);
  line.broker.failed("cat", away, line.now, 0);
  EXPECT_FALSE(line.broker.paused()) << "somebody was let in between";
}

TEST(Broker, ARefusedPasswordIsASignOfLife) {
  Line line({.per_second = 0, .retry_first = 1s});
  for (const auto* user : {"ann", "bob", "cat"}) line.broker.failed(user, away, line.now, 1);
  line.wait(5);
  EXPECT_EQ(line.within(2s).size(), 1U);
  line.broker.failed("dan", {FaultKind::auth, "mail", "Refused.", {}, {}}, line.now, 1);
  EXPECT_EQ(line.within(1ms).size(), 4U);
}

TEST(Broker, PausesAreShortAgainOnceTheServerIsBack) {
  Line line({.per_second = 0, .retry_first = 1s, .retry_ceiling = 600s});
  const auto goes_away = [&] {
    for (const auto* user : {"ann", "bob", "cat"}) line.broker.failed(user, away, line.now, 1);
  };
  goes_away();
  line.wait(1);
  for (int fails = 0; fails < 6; ++fails) {
    ASSERT_EQ(line.within(10min).size(), 1U);
    line.broker.failed("dan", away, line.now, 1);
    line.wait(1);
  }
  ASSERT_EQ(line.within(10min).size(), 1U);
  line.broker.let_in();
  line.within(1ms);
  goes_away();
  line.wait(1);
  EXPECT_EQ(line.within(3s).size(), 1U);
}

TEST(Broker, AProbeThatIsGivenUpLeavesItsTurn) {
  Line line({.per_second = 0, .retry_first = 1s});
  for (const auto* user : {"ann", "bob", "cat"}) line.broker.failed(user, away, line.now, 1);
  line.wait(2);
  EXPECT_EQ(line.within(2s).size(), 1U);
  line.broker.given_up();
  EXPECT_EQ(line.within(1ms).size(), 1U);
}

}  // namespace
}  // namespace tidegate::account
