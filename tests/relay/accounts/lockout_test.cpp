// SPDX-License-Identifier: Apache-2.0
#include "relay/accounts/lockout.hpp"

#include <gtest/gtest.h>

namespace tidegate::relay {
namespace {

using namespace std::chrono_literals;

Lockout::Instant at(std::chrono::milliseconds since) { return Lockout::Instant{} + 1h + since; }

TEST(Lockout, DoublesUpToItsLongestAndForgets) {
  Lockout lockout({3, 1000ms, 8000ms, 1h, 100});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(lockout.failed("a", at(0ms)));
  EXPECT_EQ(lockout.shut("a", at(0ms)), 0ms);
  for (const auto delay : {1000ms, 2000ms, 4000ms, 8000ms, 8000ms}) {
    EXPECT_TRUE(lockout.failed("a", at(0ms)));
    EXPECT_EQ(lockout.shut("a", at(0ms)), delay);
    EXPECT_EQ(lockout.shut("a", at(delay)), 0ms);
  }
  EXPECT_EQ(lockout.shut("b", at(0ms)), 0ms);
  EXPECT_EQ(lockout.shut("a", at(1h)), 0ms);
  EXPECT_EQ(lockout.size(), 0U);
  EXPECT_FALSE(lockout.failed("a", at(1h)));
}

TEST(Lockout, SuccessForgetsAndTheTableIsBounded) {
  Lockout lockout({0, 1000ms, 8000ms, 1h, 3});
  EXPECT_TRUE(lockout.failed("a", at(0ms)));
  lockout.succeeded("a");
  EXPECT_EQ(lockout.shut("a", at(0ms)), 0ms);
  for (const char* key : {"a", "b", "c", "a", "d"}) lockout.failed(key, at(0ms));
  EXPECT_EQ(lockout.size(), 3U);
  EXPECT_EQ(lockout.shut("b", at(0ms)), 0ms) << "quiet longest";
  EXPECT_GT(lockout.shut("a", at(0ms)), 0ms);
}

}  // namespace
}  // namespace tidegate::relay
