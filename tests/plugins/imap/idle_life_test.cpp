// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/idle_life.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class Life : public ::testing::Test {
 protected:
  void drop(milliseconds idle, milliseconds later) { life.dropped(idle, start += later); }
  IdleLife life{9min};
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
  for (const auto idle : {6min, 9min, 3min, 8min, 2min}) drop(idle, 10min);
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

// IMAP-03.
TEST(IdleMost, imap03KnownProviders) {
  EXPECT_EQ(idle_most("imap.mail.yahoo.com"), 3min);
  EXPECT_EQ(idle_most("imap.rambler.ru"), 55s);
  EXPECT_EQ(idle_most("mail.example.com"), milliseconds::max());
  EXPECT_EQ(idle_most("notyahoo.com"), milliseconds::max());
}

}  // namespace
}  // namespace tidegate::imap
