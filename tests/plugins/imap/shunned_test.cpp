// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/shunned.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;

TEST(Shunned, pausesGrowAndEnd) {
  Shunned list(2, 5min, 1h);
  Clock::time_point now{};
  EXPECT_EQ(list.left("x", now), 0ms);
  list.failed("x", now);
  list.failed("x", now);
  EXPECT_EQ(list.left("x", now), 0ms) << "twice is chance";
  for (const auto pause : {5min, 10min, 20min, 40min, 60min, 60min}) {
    list.failed("x", now);
    EXPECT_EQ(list.left("x", now), pause);
    EXPECT_EQ(list.left("x", now + pause - 1s), 1s);
    EXPECT_EQ(list.left("x", now + pause), 0ms) << "it is tried again";
    now += pause;
  }
  EXPECT_EQ(list.left("y", now), 0ms);
  list.failed("x", now);
  list.worked("x");
  EXPECT_EQ(list.left("x", now), 0ms);
}

TEST(Shunned, itsMemoryIsBounded) {
  Shunned list(0, 5min, 1h);
  for (int i = 0; i < 20'000; ++i) list.failed(std::to_string(i), {});
  EXPECT_EQ(list.left("19999", {}), 0ms);
  EXPECT_EQ(list.left("0", {}), 5min);
}

}  // namespace
}  // namespace tidegate::imap
