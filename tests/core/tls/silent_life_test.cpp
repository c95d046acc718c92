// SPDX-License-Identifier: Apache-2.0
#include "core/tls/silent_life.hpp"

#include <gtest/gtest.h>

namespace tidegate::tls {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class Life : public ::testing::Test {
 protected:
  void drop(milliseconds silence, milliseconds later) { life.dropped(silence, start += later); }
  SilentLife life{9min};
  Clock::time_point start{};
};

TEST_F(Life, imap01TwoDropsAfterTheSameTimeShortenIt) {
  drop(5min, 0s);
  EXPECT_EQ(life.now(), 9min) << "one drop says nothing";
  drop(5min + 10s, 5min);
  EXPECT_EQ(life.now(), 225s);
  drop(225s, 10min);
  drop(225s, 10min);
  EXPECT_LT(life.now(), 170s) << "still too long for them: shorter again";
}

TEST_F(Life, aRestartOfTheServerTeachesNothing) {
  for (int i = 0; i < 100; ++i) drop(4min, 100ms);
  EXPECT_EQ(life.now(), 9min);
  life.survived(8min);
  drop(4min, 1h);
  EXPECT_EQ(life.now(), 9min) << "a connection lived longer in between";
}

TEST_F(Life, imap04DropsAtRandomTeachNothing) {
  for (const auto silence : {6min, 9min, 3min, 8min, 2min}) drop(silence, 10min);
  EXPECT_EQ(life.now(), 9min);
}

TEST_F(Life, aConnectionThatDiesAtOnceIsNoMatterOfSilence) {
  for (int i = 0; i < 10; ++i) drop(5s, 1min);
  EXPECT_EQ(life.now(), 9min);
}

TEST_F(Life, itNeverBecomesAStorm) {
  for (int i = 0; i < 40; ++i) drop(life.now(), 1min);
  EXPECT_EQ(life.now(), 20s);
}

}  // namespace
}  // namespace tidegate::tls
