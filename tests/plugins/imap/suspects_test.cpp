// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/suspects.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;

UidSet run(Uid first, Uid last) {
  UidSet out;
  out.add(first, last);
  return out;
}

class Narrowing : public ::testing::Test {
 protected:
  /// Asks for `wanted` until it gets through or the connection breaks on one of `bad`; gives what came.
  std::optional<UidSet> ask(const UidSet& wanted, const UidSet& bad) {
    UidSet came;
    for (const UidSet& part : suspects.parts("f", wanted, now)) {
      ++commands;
      if (!part.within(bad).empty()) {
        if (suspects.broke("f", part, now)) ++left_out;
        return std::nullopt;
      }
      suspects.came("f", part);
      came.add(part);
    }
    return came;
  }
  /// How many connections that cost; the rest has come.
  int breaks_until_the_rest_comes(const UidSet& wanted, const UidSet& bad) {
    for (int breaks = 0; breaks < 50; ++breaks) {
      const auto came = ask(wanted, bad);
      if (!came) continue;
      UidSet rest = wanted;
      rest.subtract(bad);
      EXPECT_EQ(*came, rest);
      return breaks;
    }
    ADD_FAILURE() << "never";
    return 0;
  }
  Suspects suspects;
  Clock::time_point now = Clock::time_point{} + 1h;
  int commands = 0, left_out = 0;
};

TEST_F(Narrowing, oneOfAPageIsFoundByFourBreaks) {
  EXPECT_EQ(breaks_until_the_rest_comes(run(1, 500), run(123, 123)), 4);
  EXPECT_EQ(left_out, 1);
  EXPECT_LE(commands, 80);
  EXPECT_EQ(suspects.parts("f", run(1, 500), now).size(), 1U) << "the rest is asked for as ever";
}

TEST_F(Narrowing, severalAreFoundOneAfterTheOther) {
  UidSet bad = run(7, 8);
  bad.add(400);
  EXPECT_LE(breaks_until_the_rest_comes(run(1, 500), bad), 12);
  EXPECT_EQ(left_out, 3);
}

// A server that was restarted just then: nothing is left out for it.
TEST_F(Narrowing, aBreakThatWasNobodysFaultLeavesNothingBehind) {
  EXPECT_FALSE(suspects.broke("f", run(1, 500), now));
  EXPECT_TRUE(suspects.any("f", 500));
  EXPECT_EQ(ask(run(1, 500), {}), run(1, 500));
  EXPECT_FALSE(suspects.broke("f", run(9, 9), now)) << "once, alone: that may happen";
  EXPECT_EQ(ask(run(1, 500), {}), run(1, 500));
  EXPECT_FALSE(suspects.any("f", 0));
}

TEST_F(Narrowing, itIsTriedAgainAloneAndEverMoreSeldom) {
  breaks_until_the_rest_comes(run(1, 3), run(2, 2));
  now += 10min;
  EXPECT_EQ(suspects.parts("f", run(1, 3), now).front(), run(2, 2));
  EXPECT_FALSE(ask(run(1, 3), run(2, 2)));
  now += 10min;
  EXPECT_EQ(suspects.parts("f", run(1, 3), now).size(), 1U);
  now += 10min;
  EXPECT_EQ(ask(run(1, 3), {}), run(1, 3));
  EXPECT_FALSE(suspects.any("f", 0));
}

TEST_F(Narrowing, foldersAreKeptApart) {
  breaks_until_the_rest_comes(run(1, 3), run(2, 2));
  EXPECT_EQ(suspects.parts("g", run(1, 3), now), std::vector<UidSet>{run(1, 3)});
  EXPECT_TRUE(suspects.any("f", 2));
  EXPECT_FALSE(suspects.any("f", 3));
}

}  // namespace
}  // namespace tidegate::imap
