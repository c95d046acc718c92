// SPDX-License-Identifier: Apache-2.0
#include "core/vmes1/seal.hpp"

#include <gtest/gtest.h>

#include "tests/core/vmes1/octets.hpp"

namespace tidegate::vmes1 {
namespace {

using namespace test;

struct Ends {
  explicit Ends(Direction direction = Direction::to_device)
      : writer(key_of("0123456789abcdef"), direction, seeded(1)), reader(key_of("0123456789abcdef"), direction) {}
  Writer writer;
  Reader reader;
};

TEST(Seal, AnyOctetsComeBackAndEveryFrameIsWithinItsBound) {
  Ends ends;
  auto random = seeded(5);
  for (const std::size_t size : {0UL, 1UL, 15UL, 16UL, 17UL, 255UL, 4096UL, 8191UL, 8192UL, most_octets}) {
    for (const bool dense : {false, true}) {
      Bytes octets(size, 'a');
      if (dense) random(std::as_writable_bytes(std::span(octets)));
      const auto sealed = ends.writer.seal(octets);
      EXPECT_LE(sealed.size(), most_sealed);
      // What the senders' credit is reckoned with (docs/wire.md §10).
      EXPECT_LE(sealed.size(), size + 64);
      const auto opened = ends.reader.open(sealed);
      ASSERT_TRUE(opened) << size << ": " << opened.error().cause;
      EXPECT_EQ(*opened, octets);
    }
  }
  EXPECT_THROW(ends.writer.seal(Bytes(most_octets + 1, 'a')), std::length_error);
}

TEST(Seal, EveryBitOfAFrameCounts) {
  const auto sealed = Ends().writer.seal("the quick brown fox jumps over the lazy dog");
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    auto changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    Ends ends;
    ASSERT_FALSE(ends.reader.open(changed)) << "bit " << bit;
  }
}

TEST(Seal, EveryLengthIsAnsweredAndNothingIsReadBeyond) {
  const auto sealed = Ends().writer.seal("text");
  for (std::size_t size = 0; size < sealed.size(); ++size) EXPECT_FALSE(Ends().reader.open(sealed.substr(0, size)));
  EXPECT_FALSE(Ends().reader.open(sealed + "x"));
  EXPECT_FALSE(Ends().reader.open(Bytes(most_sealed + 1, 'x')));
}

TEST(Seal, RepeatedDroppedTurnedRoundAndOtherKeysEndTheSession) {
  {
    Ends ends;
    const auto first = ends.writer.seal("one");
    ASSERT_TRUE(ends.reader.open(first));
    const auto again = ends.reader.open(first);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().cause, "repeated, or one is missing");
    EXPECT_FALSE(ends.reader.open(ends.writer.seal("two"))) << "after a fault nothing opens";
  }
  {
    Ends ends;
    (void)ends.writer.seal("one");
    EXPECT_EQ(ends.reader.open(ends.writer.seal("two")).error().cause, "repeated, or one is missing");
  }
  {
    Ends up(Direction::to_gateway), down(Direction::to_device);
    EXPECT_EQ(down.reader.open(up.writer.seal("one")).error().cause, "turned round");
  }
  {
    Reader other(key_of("0123456789abcdeX"), Direction::to_device);
    EXPECT_EQ(other.open(Ends().writer.seal("one")).error().cause, "another MAC");
  }
}

/// A sealed frame of any M, as somebody with the key can make it.
Bytes sealed_of(View compressed) { return seal_compressed(key_of("0123456789abcdef"), Iv{}, compressed); }

TEST(Seal, WhatInflatesBadlyOrBeyondItsBoundIsRefused) {
  const auto key = key_of("0123456789abcdef");
  const auto whole = Bytes(most_text, 'z');
  ASSERT_EQ(open(key, seal(key, Iv{}, whole)).value(), whole);
  EXPECT_FALSE(open(key, seal(key, Iv{}, whole + "z"))) << "one octet beyond";
  EXPECT_FALSE(open(key, seal(key, Iv{}, Bytes(10'000'000, '\0')))) << "a bomb of 10 MB in 10 KB";
  const Bytes stored("\x01\x01\x00\xfe\xffT", 6);  // RFC 1951 §3.2.4
  ASSERT_EQ(open(key, sealed_of(stored)).value(), "T");
  EXPECT_FALSE(open(key, sealed_of(stored + "x"))) << "octets behind the end";
  EXPECT_FALSE(open(key, sealed_of(Bytes("\x00\x01\x00\xfe\xffT", 6)))) << "no last block";
  EXPECT_FALSE(open(key, sealed_of(stored.substr(0, 5))));
  EXPECT_FALSE(open(key, sealed_of("\x07")));
  Bytes padded;  // empty stored blocks: many octets for none
  for (int block = 0; block < 4000; ++block) padded += Bytes("\0\0\0\xff\xff", 5);
  EXPECT_EQ(open(key, sealed_of(padded.substr(0, 5000) + stored)).value(), "T");
  EXPECT_FALSE(open(key, sealed_of(padded + stored))) << "over 16 KiB";
  // T without its head.
  Reader reader(key_of("0123456789abcdef"), Direction::to_device);
  EXPECT_EQ(reader.open(sealed_of(stored)).error().cause, "no number");
}

TEST(Seal, TheHeadIsAsTheSpecificationSays) {
  const auto key = key_of("0123456789abcdef");
  Ends up(Direction::to_gateway);
  EXPECT_EQ(to_hex(*open(key, up.writer.seal("ab"))), "0100000000000000016162");
  EXPECT_EQ(to_hex(*open(key, up.writer.seal("c"))), "01000000000000000263");
  EXPECT_EQ(to_hex(*open(key, Ends().writer.seal(""))), "020000000000000001");
}

TEST(Seal, EachFrameHasItsOwnIv) {
  Ends ends;
  const auto one = ends.writer.seal("same"), two = ends.writer.seal("same");
  EXPECT_NE(one.substr(0, iv_size), two.substr(0, iv_size));
}

}  // namespace
}  // namespace tidegate::vmes1
