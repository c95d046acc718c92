// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/deflate.hpp"

#include <array>
#include <random>

#include <gtest/gtest.h>
#include <zlib.h>

namespace tidegate::imap {
namespace {

/// What `to` makes of these octets, a few at a time.
std::string through(Deflate& to, std::string_view octets, std::size_t piece, std::size_t room) {
  std::string out;
  std::string part(room, '\0');
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    to.take(octets.substr(at, piece));
    for (;;) {
      const auto got = to.unpack(part);
      EXPECT_TRUE(got);
      if (!got || *got == 0) break;
      out.append(part.data(), *got);
    }
    EXPECT_FALSE(to.pending());
  }
  return out;
}

TEST(Deflate, comesOutAsItWentInWhateverThePieces) {
  std::mt19937 random(3);
  Deflate from, to;
  for (int i = 0; i < 200; ++i) {
    std::string text(random() % 5000, '\0');
    for (char& c : text) c = static_cast<char>('a' + random() % (1 + i % 20));
    const std::string packed = from.pack(text);
    ASSERT_EQ(through(to, packed, 1 + random() % 300, 1 + random() % 100), text) << "all of it can be read at once";
  }
}

TEST(Deflate, aFewOctetsThatSwellAreGivenPieceByPiece) {
  Deflate from, to;
  const std::string packed = from.pack(std::string(10'000'000, 'x'));
  ASSERT_LT(packed.size(), 60'000U);
  to.take(packed);
  std::array<char, 1024> part{};
  std::size_t all = 0;
  for (auto got = to.unpack(part); got && *got > 0; got = to.unpack(part)) {
    EXPECT_LE(*got, part.size());
    all += *got;
    if (all < 10'000'000U) EXPECT_TRUE(to.pending());
  }
  EXPECT_EQ(all, 10'000'000U);
}

TEST(Deflate, whatIsNoDeflateIsRefused) {
  Deflate to;
  to.take("\x07 begins a block of a kind that there is none of");
  std::array<char, 64> part{};
  std::optional<std::size_t> got = 1;
  for (int i = 0; i < 100 && got && *got > 0; ++i) got = to.unpack(part);
  EXPECT_FALSE(got);
}

}  // namespace
}  // namespace tidegate::imap
