// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/anchor.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

Anchor sample() {
  Anchor a;
  a.uidvalidity = 4294967295U;
  a.uidnext = 4294967296ULL;
  a.modseq = 9007199254740993ULL;  // 2^53 + 1: a double would lose it (IMAP-15)
  a.listing = true;
  a.todo.add(1, 77);
  for (const Uid uid : {80U, 81U, 90U, 4294967295U}) a.learn(uid);
  a.sweep_below = 12;
  a.sweep_modseq = UINT64_MAX;
  a.digests.note(90, 0xdeadbeef);
  a.digests.note(4294967295U, 7);
  return a;
}

TEST(Anchor, comesBackEqual) {
  const Anchor a = sample();
  EXPECT_EQ(decode_anchor(encode(a)), a);
  EXPECT_EQ(decode_anchor(encode(Anchor{})), Anchor{});
}

TEST(Anchor, refusesDamage) {
  const std::string good = encode(sample());
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_EQ(decode_anchor(std::string_view(good).substr(0, length)), std::nullopt) << length;
  }
  EXPECT_EQ(decode_anchor(good + '\0'), std::nullopt);
  std::string other = good;
  other[1] = 2;
  EXPECT_EQ(decode_anchor(other), std::nullopt) << "another version";
}

// Whatever octets come: an answer, no crash, and what is accepted means the same when spelled again.
TEST(Anchor, survivesNoise) {
  std::mt19937 random(3);
  const std::string good = encode(sample());
  for (int i = 0; i < 50'000; ++i) {
    std::string bad = good;
    for (unsigned n = 1 + random() % 3; n > 0; --n) bad[2 + random() % (bad.size() - 2)] = static_cast<char>(random());
    const auto decoded = decode_anchor(bad);
    if (!decoded) continue;
    EXPECT_EQ(decode_anchor(encode(*decoded)), decoded);
  }
}

TEST(Anchor, refusesACountThatPromisesMemory) {
  std::string huge = {'I', 1, 1, 1, 1, 2, 0, 0};
  huge += "\xff\xff\xff\xff\x7f";
  EXPECT_EQ(decode_anchor(huge), std::nullopt);
}

TEST(Anchor, forgetsASetThatGrewTooLong) {
  Anchor a;
  for (Uid uid = 1; uid < 20'000; uid += 2) a.learn(uid);
  EXPECT_EQ(a.count, 10'000U);
  const auto kept = decode_anchor(encode(a));
  EXPECT_TRUE(kept->exact);
  const auto cut = decode_anchor(encode(a, 1000));
  ASSERT_TRUE(cut);
  EXPECT_FALSE(cut->exact);
  EXPECT_EQ(cut->count, 10'000U);
  EXPECT_LT(encode(a, 1000).size(), 100U);
}

TEST(Anchor, countsOnce) {
  Anchor a;
  a.learn(5);
  a.learn(5);
  EXPECT_EQ(a.count, 1U);
  a.forget(UidSet::of({5, 6}));
  EXPECT_EQ(a.count, 0U);
}

}  // namespace
}  // namespace tidegate::imap
