// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/windows.hpp"

#include <gtest/gtest.h>

namespace tidegate::e2e {
namespace {

constexpr Gid in{std::byte{1}}, out{std::byte{2}}, other{std::byte{3}};

TEST(Windows, NoneIsEverything) {
  EXPECT_EQ(since({}, in, Kind::mail), INT64_MIN);
  EXPECT_TRUE(covered({}, {in}, Kind::mail, INT64_MIN));
  EXPECT_TRUE(covered({}, {}, Kind::event, 0));
}

TEST(Windows, TheNamedOneCountsElseThatOfAllOthers) {
  const std::vector<Window> windows{{.folder = {}, .since = 100}, {in, 50}, {out, nowhere}};
  EXPECT_EQ(since(windows, in, Kind::mail), 50);
  EXPECT_EQ(since(windows, other, Kind::mail), 100);
  EXPECT_TRUE(covered(windows, {in}, Kind::mail, 50));
  EXPECT_FALSE(covered(windows, {in}, Kind::mail, 49));
  EXPECT_FALSE(covered(windows, {out}, Kind::mail, INT64_MAX)) << "nowhere is no time";
  EXPECT_TRUE(covered(windows, {out, in}, Kind::mail, 60)) << "in one of its folders";
  EXPECT_FALSE(covered(windows, {}, Kind::mail, 60));
  EXPECT_TRUE(covered(windows, {}, Kind::mail, 100));
}

TEST(Windows, DaysAreAMatterOfMail) {
  const std::vector<Window> windows{{.folder = {}, .since = 100}, {out, nowhere}};
  EXPECT_TRUE(covered(windows, {in}, Kind::contact, 1));
  EXPECT_FALSE(covered(windows, {out}, Kind::contact, 1000));
}

TEST(Windows, WithoutOneForAllOthersTheyAreNotThere) { EXPECT_FALSE(covered({{in, 0}}, {other}, Kind::mail, 10)); }

}  // namespace
}  // namespace tidegate::e2e
