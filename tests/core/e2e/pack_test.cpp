// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/e2e/sync.hpp"
#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

Bytes prose(std::size_t size) {
  std::mt19937_64 random(3);
  static constexpr std::string_view words[] = {"the ", "tide ", "gate ", "opens ", "once ",
                                               "a ",   "day ",  "and ",  "lets ",  "water "};
  Bytes out;
  while (out.size() < size) out += words[random() % std::size(words)];
  out.resize(size);
  return out;
}
Bytes noise(std::size_t size) {
  Bytes out(size, '\0');
  const auto random = seeded(4);
  random(std::as_writable_bytes(std::span(out)));
  return out;
}

class PackWith : public testing::TestWithParam<Compression> {};
INSTANTIATE_TEST_SUITE_P(Pack, PackWith, testing::Values(Compression::deflate, Compression::zstd),
                         [](const auto& info) { return info.param == Compression::zstd ? "Zstd" : "Deflate"; });

TEST_P(PackWith, EveryKindComesBackEqual) {
  for (const std::size_t size : {0, 1, 63, 64, 65, 1000, 4096, 4097, 20'000, 200'000})
    for (const Bytes& octets : {prose(size), noise(size), Bytes(size, 'a')}) {
      const Packed packed = pack(octets, GetParam());
      EXPECT_EQ(packed.size, size);
      EXPECT_LE(packed.octets.size(), size);
      ASSERT_EQ(unpack(packed).value(), octets);
      Packed given = packed;
      ASSERT_EQ(unpack(std::move(given)).value(), octets);
    }
}

TEST_P(PackWith, CompressesWhatIsWorthIt) {
  EXPECT_EQ(pack(prose(10'000), GetParam()).how, GetParam());
  EXPECT_LT(pack(prose(10'000), GetParam()).octets.size(), 4000U);
  EXPECT_EQ(pack(prose(10'000), Compression::none).how, Compression::none);
  EXPECT_EQ(pack(noise(10'000), GetParam()).how, Compression::none);
  EXPECT_EQ(pack(noise(2000), GetParam()).how, Compression::none);
  EXPECT_EQ(pack(prose(60), GetParam()).how, Compression::none);
  const auto once = pack(prose(100'000), GetParam());
  EXPECT_EQ(pack(once.octets, GetParam()).how, Compression::none) << "what is compressed already is left alone";
}

TEST_P(PackWith, SharesNothingAcrossCalls) {
  const Bytes secret = prose(2000);
  const auto alone = pack(secret, GetParam());
  pack(secret + secret, GetParam());
  EXPECT_EQ(pack(secret, GetParam()), alone);
}

TEST(Unpack, RefusesOverTheLimitBeforeAllocating) {
  const auto huge = unpack(Packed{Compression::deflate, UINT64_MAX, "abc"});
  ASSERT_FALSE(huge.has_value());
  EXPECT_EQ(huge.error().kind, FaultKind::too_large);
  EXPECT_EQ(unpack(Packed{Compression::zstd, UINT64_MAX, "abc"}).error().kind, FaultKind::too_large);
  EXPECT_EQ(unpack(Packed{Compression::none, 5, "12345"}, 4).error().kind, FaultKind::too_large);
  EXPECT_TRUE(unpack(Packed{Compression::none, 5, "12345"}, 5).has_value());
}

TEST_P(PackWith, RefusesWhatIsNotExactlyOneStreamOfThatSize) {
  const Packed good = pack(prose(5000), GetParam());
  ASSERT_EQ(good.how, GetParam());
  const auto refused = [](Packed packed) {
    return !unpack(packed) && unpack(packed).error().kind == FaultKind::invalid;
  };
  Packed wrong = good;
  wrong.size = 4999;
  EXPECT_TRUE(refused(wrong));
  wrong.size = 5001;
  EXPECT_TRUE(refused(wrong));
  wrong.size = 0;
  EXPECT_TRUE(refused(wrong));
  wrong = good;
  wrong.octets.pop_back();
  EXPECT_TRUE(refused(wrong));
  wrong = good;
  wrong.octets += "x";
  EXPECT_TRUE(refused(wrong));
  wrong.octets = good.octets + good.octets;
  EXPECT_TRUE(refused(wrong));
  wrong.size = 10'000;
  EXPECT_TRUE(refused(wrong)) << "two streams are not one";
  EXPECT_TRUE(refused({GetParam(), 10, ""}));
  EXPECT_TRUE(refused({GetParam(), 100'000, "abc"}));  // no stream of 3 octets gives that much
  wrong = good;
  wrong.how = GetParam() == Compression::zstd ? Compression::deflate : Compression::zstd;
  EXPECT_TRUE(refused(wrong)) << "called by the other's name";
  EXPECT_TRUE(refused({Compression::none, 4, "12345"}));
  // A good one still opens after bad ones.
  EXPECT_EQ(unpack(good).value(), prose(5000));
}

TEST_P(PackWith, RefusesABomb) {
  Packed bomb = pack(Bytes(1'000'000, '\0'), GetParam());
  bomb.size = 1000;
  EXPECT_FALSE(unpack(bomb).has_value());
}

TEST(Unpack, SaysWhatItDoesNotHave) {
  EXPECT_EQ(unpack(Packed{static_cast<Compression>(77), 3, "abc"}).error().kind, FaultKind::unsupported);
}

TEST_P(PackWith, NeverCrashesOnRandomOctets) {
  std::mt19937_64 random(6);
  const auto good = pack(prose(3000), GetParam());
  for (int i = 0; i < 20'000; ++i) {
    Packed packed{GetParam(), random() % 3000, Bytes(random() % 40, '\0')};
    for (char& c : packed.octets) c = static_cast<char>(random());
    if (i % 2 == 0) {  // a good one with a few octets changed comes further in
      packed = good;
      for (auto n = random() % 4; n > 0; --n)
        packed.octets[random() % packed.octets.size()] = static_cast<char>(random());
    }
    const auto out = unpack(packed);
    if (out) {
      ASSERT_EQ(out->size(), packed.size);
    }
  }
}

}  // namespace
}  // namespace tidegate::e2e
