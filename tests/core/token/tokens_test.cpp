// SPDX-License-Identifier: Apache-2.0
#include "core/token/tokens.hpp"

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::token {
namespace {

using namespace std::chrono_literals;

struct TokensTest : testing::Test {
  Result<std::string> get(const std::string& identity = "ann") { return tokens.get(identity, now, within()); }
  static Call within() { return {Clock::now() + 20s, {}, 0}; }

  std::atomic<int> fetched = 0;
  std::chrono::seconds life{3600};
  std::optional<Fault> fault_;
  Clock::time_point now{};
  Tokens tokens{[this](const std::string& identity, const Call&) -> Result<Token> {
                  const int number = ++fetched;
                  if (fault_) return std::unexpected(*fault_);
                  return Token{identity + std::to_string(number), life};
                },
                600s};
};

TEST_F(TokensTest, IsKeptUntilShortlyBeforeItsEnd) {
  EXPECT_EQ(*get(), "ann1");
  EXPECT_EQ(*get(), "ann1");
  EXPECT_EQ(*get("bob"), "bob2");
  now += 3600s - 31s;
  EXPECT_EQ(*get(), "ann1");
  now += 2s;
  EXPECT_EQ(*get(), "ann3");
}

TEST_F(TokensTest, WithoutAWordOfItsLifeTheUsualCounts) {
  life = 0s;
  EXPECT_EQ(*get(), "ann1");
  now += 569s;
  EXPECT_EQ(*get(), "ann1");
  now += 2s;
  EXPECT_EQ(*get(), "ann2");
}

TEST_F(TokensTest, OneThatIsRefusedIsNotGivenAgain) {
  EXPECT_EQ(*get(), "ann1");
  EXPECT_FALSE(tokens.refused("ann", "ann1", now)) << "it was new: another would be refused as well";
  EXPECT_EQ(*get(), "ann2");
  EXPECT_EQ(*get(), "ann2");
  EXPECT_TRUE(tokens.refused("ann", "ann2", now));
  EXPECT_EQ(*get(), "ann3");
  EXPECT_TRUE(tokens.refused("ann", "ann2", now)) << "there is a newer one by now";
  EXPECT_EQ(*get(), "ann3");
}

struct SharedTokenTest : TokensTest {
  Result<std::string> get() { return shared.get({}, now, within()); }
  Tokens shared{[this](const std::string&, const Call&) -> Result<Token> {
                  return Token{"all" + std::to_string(++fetched), life};
                },
                600s, Tokens::For::all};
};

TEST_F(SharedTokenTest, OneUsersRefusalCostsNobodyTheToken) {
  ASSERT_EQ(*get(), "all1");
  EXPECT_FALSE(shared.refused({}, "all1", now)) << "it was brought just now: another would be refused as well";
  EXPECT_EQ(*get(), "all1") << "and it stays for the others";
  now += 6min;
  shared.accepted({}, "all1", now);
  now += 59s;
  EXPECT_FALSE(shared.refused({}, "all1", now)) << "others come in by it";
  EXPECT_EQ(*get(), "all1");
}

TEST_F(SharedTokenTest, AWithdrawnOneIsReplacedOnceInFiveMinutes) {
  ASSERT_EQ(*get(), "all1");
  shared.accepted({}, "all1", now);
  now += 6min;
  EXPECT_TRUE(shared.refused({}, "all1", now)) << "nobody has come in by it lately";
  EXPECT_EQ(*get(), "all2");
  EXPECT_TRUE(shared.refused({}, "all1", now)) << "there is a newer one by now";
  shared.accepted({}, "all1", now);  // late: says nothing of the new one
  for (int user = 0; user < 100; ++user) {
    EXPECT_FALSE(shared.refused({}, "all2", now));
    now += 2s;
  }
  EXPECT_EQ(*get(), "all2") << "a hundred without the right cost no hundred tokens";
  now += 100s;
  EXPECT_TRUE(shared.refused({}, "all2", now));
  EXPECT_EQ(*get(), "all3");
}

TEST_F(TokensTest, AFaultIsNotKept) {
  fault_ = Fault{FaultKind::unavailable, "test", "Away.", {}, {}};
  EXPECT_EQ(get().error().kind, FaultKind::unavailable);
  fault_.reset();
  EXPECT_EQ(*get(), "ann2");
}

TEST(Tokens, OneFetchesWhileTheOthersWait) {
  std::latch inside(1), all_ask(8);
  std::atomic<int> fetched = 0;
  Tokens tokens(
      [&](const std::string&, const Call&) -> Result<Token> {
        ++fetched;
        inside.count_down();
        all_ask.wait();
        return Token{"fresh", 3600s};
      },
      600s);
  const Call call{Clock::now() + 20s, {}, 0};
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  threads.emplace_back([&] { right += tokens.get("ann", {}, call).value_or("") == "fresh"; });
  inside.wait();
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      all_ask.count_down();
      right += tokens.get("ann", {}, call).value_or("") == "fresh";
    });
  threads.clear();
  EXPECT_EQ(right, 9);
  EXPECT_EQ(fetched, 1);
}

/// A fetch that waits until it is let go.
struct Gate {
  std::latch inside{1}, go{1};
  std::atomic<int> fetched = 0;
  Tokens tokens{[this](const std::string&, const Call&) -> Result<Token> {
                  ++fetched;
                  inside.count_down();
                  go.wait();
                  return Token{"fresh", 3600s};
                },
                600s};
};

TEST(Tokens, WhoWaitsMayStop) {
  Gate gate;
  std::jthread slow([&] { (void)gate.tokens.get("ann", {}, {Clock::now() + 20s, {}, 0}); });
  gate.inside.wait();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(gate.tokens.get("ann", {}, {Clock::now() + 20s, stop.get_token(), 0}).error().kind, FaultKind::cancelled);
  gate.go.count_down();
}

TEST(Tokens, TheEndOfTheFirstIsNobodyElses) {
  Gate gate;
  std::stop_source first_ends;
  Result<std::string> first, second;
  std::jthread one([&] { first = gate.tokens.get("ann", {}, {Clock::now() + 20s, first_ends.get_token(), 0}); });
  gate.inside.wait();
  first_ends.request_stop();
  one.join();  // it ends although the flight goes on
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().kind, FaultKind::cancelled);
  std::jthread other([&] { second = gate.tokens.get("ann", {}, {Clock::now() + 20s, {}, 0}); });
  gate.go.count_down();
  other.join();
  EXPECT_EQ(second.value_or(""), "fresh");
  EXPECT_EQ(gate.fetched, 1) << "a refresh token may be good for one use only";
}

TEST(Tokens, ItsEndStopsWhatIsUnderWay) {
  std::latch inside(1);
  std::atomic<bool> stopped = false;
  {
    Tokens tokens(
        [&](const std::string&, const Call& call) -> Result<Token> {
          std::latch end(1);
          const std::stop_callback ring(call.stop, [&] { end.count_down(); });
          inside.count_down();
          end.wait();
          stopped = true;
          return fault(FaultKind::cancelled, "test", "Stopped.");
        },
        600s);
    (void)tokens.get("ann", {}, {Clock::now(), {}, 0});
    inside.wait();
  }
  EXPECT_TRUE(stopped);
}

TEST(Tokens, NoMoreThanThirtyTwoFlyAtOnce) {
  std::latch inside(32), go(1);
  std::atomic<int> fetched = 0;
  {
    Tokens tokens(
        [&](const std::string& identity, const Call&) -> Result<Token> {
          if (++fetched <= 32) inside.count_down();
          go.wait();
          return Token{identity, 3600s};
        },
        600s);
    for (int i = 0; i < 32; ++i) (void)tokens.get(std::to_string(i), {}, {Clock::now(), {}, 0});
    inside.wait();
    EXPECT_EQ(tokens.get("one more", {}, {Clock::now(), {}, 0}).error().kind, FaultKind::cancelled);
    go.count_down();
  }
  EXPECT_EQ(fetched, 32);
}

TEST(Tokens, MoreIdentitiesThanMayFlyAtOnceAllGetTheirs) {
  std::atomic<int> right = 0;
  Tokens tokens([](const std::string& identity, const Call&) -> Result<Token> { return Token{identity, 3600s}; }, 600s);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 100; ++i)
      threads.emplace_back([&, who = std::to_string(i)] {
        right += tokens.get(who, {}, {Clock::now() + 60s, {}, 0}).value_or("") == who;
      });
  }
  EXPECT_EQ(right, 100);
}

}  // namespace
}  // namespace tidegate::token
