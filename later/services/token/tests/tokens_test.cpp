// SPDX-License-Identifier: Apache-2.0
#include "core/token/tokens.hpp"

#include <atomic>
#include <latch>
#include <thread>

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
  EXPECT_FALSE(tokens.refused("ann", "ann1")) << "it was new: another would be refused as well";
  EXPECT_EQ(*get(), "ann2");
  EXPECT_EQ(*get(), "ann2");
  EXPECT_TRUE(tokens.refused("ann", "ann2"));
  EXPECT_EQ(*get(), "ann3");
  EXPECT_TRUE(tokens.refused("ann", "ann2")) << "there is a newer one by now";
  EXPECT_EQ(*get(), "ann3");
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

TEST(Tokens, WhoWaitsMayStop) {
  std::latch inside(1), go(1);
  Tokens tokens(
      [&](const std::string&, const Call&) -> Result<Token> {
        inside.count_down();
        go.wait();
        return Token{"fresh", 3600s};
      },
      600s);
  std::jthread slow([&] { (void)tokens.get("ann", {}, {Clock::now() + 20s, {}, 0}); });
  inside.wait();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(tokens.get("ann", {}, {Clock::now() + 20s, stop.get_token(), 0}).error().kind, FaultKind::cancelled);
  go.count_down();
}

}  // namespace
}  // namespace tidegate::token
