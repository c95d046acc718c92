// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/uid_set.hpp"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using Runs = std::vector<Run>;  // within a test, Run is GoogleTest's

TEST(UidSet, joinsRunsThatTouch) {
  UidSet set = UidSet::of({5, 1, 2, 4, 9, 4});
  EXPECT_EQ(set.runs(), (Runs{{1, 2}, {4, 5}, {9, 9}}));
  set.add(3);
  EXPECT_EQ(set.runs(), (Runs{{1, 5}, {9, 9}}));
  set.add(2, 20);
  EXPECT_EQ(set.runs(), (Runs{{1, 20}}));
}

TEST(UidSet, reachesTheHighestUid) {
  UidSet set;
  set.add(4294967295U);
  set.add(4294967294U);
  EXPECT_EQ(set.count(), 2U);
  EXPECT_TRUE(set.contains(4294967295U));
  set.subtract(1, 4294967295U);
  EXPECT_TRUE(set.empty());
  set.add(7, 4294967295U);
  EXPECT_EQ(set.newest(2).runs(), (Runs{{4294967294U, 4294967295U}}));
}

TEST(UidSet, ignoresEmptyRanges) {
  UidSet set;
  set.add(0);
  set.add(5, 4);
  EXPECT_TRUE(set.empty());
}

TEST(UidSet, textsAreBoundedAndComplete) {
  UidSet set;
  for (Uid uid = 1; uid < 5000; uid += 2) set.add(uid);
  set.add(10'000, 30'000);
  const auto texts = set.texts(200, 700);
  UidSet back;
  for (const std::string& text : texts) {
    EXPECT_LE(text.size(), 200U);
    std::uint64_t here = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(',', at), text.size());
      const std::string item = text.substr(at, end - at);
      const auto colon = item.find(':');
      const Uid first = static_cast<Uid>(std::stoul(item));
      const Uid last = colon == std::string::npos ? first : static_cast<Uid>(std::stoul(item.substr(colon + 1)));
      back.add(first, last);
      here += last - first + 1;
      at = end + 1;
    }
    EXPECT_LE(here, 700U);
  }
  EXPECT_EQ(back, set);
  EXPECT_EQ(texts.front().substr(texts.front().rfind(':') + 1), "30000") << "newest first";
}

// Against std::set, on random operations from a seed.
TEST(UidSet, agreesWithAPlainSet) {
  std::mt19937 random(7);
  UidSet ours, other;
  std::set<Uid> plain, plain_other;
  for (int i = 0; i < 4000; ++i) {
    const Uid first = 1 + random() % 300, last = first + random() % 6;
    switch (random() % 4) {
      case 0:
        ours.add(first, last);
        for (Uid u = first; u <= last; ++u) plain.insert(u);
        break;
      case 1:
        ours.subtract(first, last);
        for (Uid u = first; u <= last; ++u) plain.erase(u);
        break;
      case 2:
        other.add(first, last);
        for (Uid u = first; u <= last; ++u) plain_other.insert(u);
        break;
      default:
        if (random() % 20 == 0) {
          ours.subtract(other);
          for (const Uid u : plain_other) plain.erase(u);
          other = {};
          plain_other.clear();
        }
    }
    ASSERT_EQ(ours.count(), plain.size());
  }
  std::vector<Uid> expected(plain.rbegin(), plain.rend());
  EXPECT_EQ(ours.newest_first(), expected);
  const UidSet both = ours.within(other);
  for (Uid u = 1; u < 320; ++u) EXPECT_EQ(both.contains(u), plain.contains(u) && plain_other.contains(u)) << u;
  EXPECT_EQ(ours.newest(10).count(), std::min<std::size_t>(10, plain.size()));
  EXPECT_EQ(ours.newest(10).highest(), ours.highest());
}

}  // namespace
}  // namespace tidegate::imap
