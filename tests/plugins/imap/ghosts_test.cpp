// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/ghosts.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;

struct GhostsTest : testing::Test {
  static UidSet of(std::vector<Uid> uids) { return UidSet::of(std::move(uids)); }
  Clock::time_point now{1h};
  Ghosts ghosts;
};

TEST_F(GhostsTest, AreAskedForAgainEverMoreSeldom) {
  EXPECT_EQ(ghosts.count("f", now), 0U);
  for (const auto rest : {10min, 20min, 40min, 80min, 160min, 320min, 360min, 360min}) {
    ghosts.asked("f", of({1, 2, 3}), of({2}), now);
    EXPECT_EQ(ghosts.count("f", now), 1U);
    now += rest - 1s;
    EXPECT_EQ(ghosts.count("f", now), 1U);
    now += 1s;
    EXPECT_EQ(ghosts.count("f", now), 0U) << "now it is asked for";
  }
}

TEST_F(GhostsTest, OneThatComesIsNoneAnyMore) {
  ghosts.asked("f", of({1, 2}), of({1, 2}), now);
  EXPECT_EQ(ghosts.count("f", now), 2U);
  ghosts.asked("f", of({2}), {}, now);
  EXPECT_EQ(ghosts.count("f", now), 1U);
  ghosts.asked("f", of({1}), {}, now);
  EXPECT_EQ(ghosts.count("f", now), 0U);
  ghosts.asked("f", of({1}), of({1}), now);
  now += 10min;
  EXPECT_EQ(ghosts.count("f", now), 0U) << "the rests begin anew";
}

TEST_F(GhostsTest, OneThatIsNotNamedAnyMoreIsGone) {
  ghosts.asked("f", of({1, 2, 3}), of({1, 2, 3}), now);
  ghosts.named("f", of({3, 4}));
  EXPECT_EQ(ghosts.count("f", now), 1U);
  ghosts.named("f", of({4}));
  EXPECT_EQ(ghosts.count("f", now), 0U);
}

TEST_F(GhostsTest, FoldersAreKeptApart) {
  ghosts.asked("f", of({1}), of({1}), now);
  EXPECT_EQ(ghosts.count("g", now), 0U);
  ghosts.named("g", {});
  ghosts.asked("g", of({1}), {}, now);
  EXPECT_EQ(ghosts.count("f", now), 1U);
}

TEST_F(GhostsTest, TooManyFoldersAreForgotten) {
  for (int i = 0; i < 5000; ++i) ghosts.asked("f" + std::to_string(i), of({1}), of({1}), now);
  EXPECT_EQ(ghosts.count("f0", now), 0U);
  EXPECT_EQ(ghosts.count("f4999", now), 1U);
}

}  // namespace
}  // namespace tidegate::imap
