// SPDX-License-Identifier: Apache-2.0
#include "core/wire/frame.hpp"

#include <random>

#include <gtest/gtest.h>

#include "core/wire/fields.hpp"

namespace tidegate::wire {
namespace {

Bytes from_hex(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}
Bytes encoded(const Frame& frame) {
  Bytes out;
  encode_to(out, frame);
  return out;
}

// The format may not change unnoticed: other versions are in the field.
TEST(Frame, GoldenOctets) {
  const Frame frame{.target = Target::device,
                    .id = 300,
                    .generation = 2,
                    .type = static_cast<std::uint32_t>(FrameType::sealed),
                    .number = 7,
                    .body = "tide"};
  EXPECT_EQ(encoded(frame), from_hex("00000011"
                                     "0801"
                                     "10ac02"
                                     "1802"
                                     "2004"
                                     "2807"
                                     "320474696465"));
  EXPECT_EQ(encoded(Frame{}), from_hex("00000000"));
}

TEST(Frame, AppendsToWhatIsThere) {
  Bytes out = "before";
  encode_to(out, {.type = 1});
  encode_to(out, {.type = 2});
  EXPECT_EQ(out, "before" + from_hex("000000022001"
                                     "000000022002"));
}

TEST(Frame, RoundTripOfRandomFramesInRandomPieces) {
  std::mt19937_64 random(1);
  for (int run = 0; run < 200; ++run) {
    std::vector<Frame> sent;
    Bytes stream;
    for (std::size_t n = random() % 20; n > 0; --n) {
      Frame frame{.target = static_cast<Target>(random() % 3),
                  .id = random() >> (random() % 64),
                  .generation = random() >> (random() % 64),
                  .type = static_cast<std::uint32_t>(random()),
                  .number = random() >> (random() % 64),
                  .body = Bytes(random() % 5000, static_cast<char>(random()))};
      encode_to(stream, frame);
      sent.push_back(std::move(frame));
    }
    FrameReader reader;
    std::vector<Frame> received;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t piece = std::min<std::size_t>(1 + random() % 3000, stream.size() - at);
      reader.feed(octets_of(View(stream).substr(at, piece)));
      at += piece;
      for (auto next = reader.next(); next && *next; next = reader.next()) received.push_back(std::move(**next));
    }
    ASSERT_EQ(received, sent);
    ASSERT_EQ(reader.held(), 0U);
  }
}

TEST(Frame, UnknownFieldsAreSkipped) {
  // 15: varint, 16: octets, 17: 64 bit, 18: 32 bit, between known ones.
  const auto frame =
      decode(octets_of(from_hex("0801"
                                "7805"
                                "820102aaff"
                                "89010102030405060708"
                                "950101020304"
                                "2004")));
  ASSERT_TRUE(frame.has_value()) << frame.error().cause;
  EXPECT_EQ(*frame, (Frame{.target = Target::device, .type = 4}));
}

TEST(Frame, TheLastOfARepeatedFieldCounts) {
  const auto frame = decode(octets_of(from_hex("20042005")));
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->type, 5U);
}

class BrokenFrame : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BrokenFrame, IsAFaultAndNothingWorse) {
  const auto frame = decode(octets_of(from_hex(GetParam().second)));
  ASSERT_FALSE(frame.has_value());
  EXPECT_EQ(frame.error().kind, FaultKind::invalid);
  EXPECT_FALSE(frame.error().text.empty());
  EXPECT_FALSE(frame.error().cause.empty());
}

INSTANTIATE_TEST_SUITE_P(Table, BrokenFrame,
                         testing::Values(std::pair{"tag cut short", "80"}, std::pair{"value cut short", "08"},
                                         std::pair{"value cut in a varint", "10ff"}, std::pair{"field 0", "0001"},
                                         std::pair{"tag over 32 bits", "88808080801001"},
                                         std::pair{"varint over 64 bits", "10ffffffffffffffffff02"},
                                         std::pair{"varint of 11 octets", "1080808080808080808080800100"},
                                         std::pair{"body cut short", "3205616263"},
                                         std::pair{"body length near 2^64", "32ffffffffffffffffff01"},
                                         std::pair{"unknown field cut short", "82010561"},
                                         std::pair{"64 bits cut short", "89010102"}, std::pair{"a group", "0b0c"},
                                         std::pair{"wire type 6", "0e"}, std::pair{"wire type 7", "0f"},
                                         std::pair{"target as octets", "0a0101"}, std::pair{"body as number", "3001"},
                                         std::pair{"type over 32 bits", "208080808010"},
                                         std::pair{"unknown target", "0803"},
                                         std::pair{"target over 8 bits", "088102"}));

TEST(Frame, OverTheLimitIsRefused) {
  const Bytes large(max_frame + 1, 'x');
  const auto frame = decode(octets_of(large));
  ASSERT_FALSE(frame.has_value());
  EXPECT_EQ(frame.error().kind, FaultKind::too_large);
}

TEST(FrameReader, RefusesALengthOverItsLimitBeforeTheOctetsAreThere) {
  FrameReader reader(1000);
  reader.feed(octets_of(from_hex("000003e9")));
  const auto next = reader.next();
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().kind, FaultKind::too_large);
}

TEST(FrameReader, HoldsNoMoreThanWhatCame) {
  FrameReader reader;
  reader.feed(octets_of(from_hex("00100000")));
  const auto next = reader.next();
  ASSERT_TRUE(next.has_value());
  EXPECT_FALSE(next->has_value());
  EXPECT_EQ(reader.held(), 4U);
}

TEST(FrameReader, AnIdleOneHoldsNoMemory) {
  FrameReader reader;
  reader.feed(octets_of(encoded({.type = 4, .body = Bytes(5000, 'x')})));
  EXPECT_GE(reader.reserved(), 5000U);
  ASSERT_TRUE(reader.next().value().has_value());
  EXPECT_EQ(reader.reserved(), Bytes().capacity());
}

TEST(FrameReader, StaysFaulty) {
  FrameReader reader;
  reader.feed(
      octets_of(from_hex("00000002"
                         "0803")));
  ASSERT_FALSE(reader.next().has_value());
  reader.feed(octets_of(encoded({.type = 1})));
  EXPECT_FALSE(reader.next().has_value());
}

TEST(FrameReader, NeverCrashesOnRandomOctets) {
  std::mt19937_64 random(7);
  for (int run = 0; run < 20000; ++run) {
    Bytes octets(random() % 64, '\0');
    for (char& c : octets) c = static_cast<char>(random());
    if (octets.size() > 4) octets.replace(0, 4, from_hex("00000010"));
    FrameReader reader;
    reader.feed(octets_of(octets));
    for (auto next = reader.next(); next && *next; next = reader.next()) ASSERT_LE((*next)->body.size(), octets.size());
  }
}

TEST(Frame, OnlyNumberedFramesCostCredit) {
  EXPECT_EQ(credit_cost({.number = 1, .body = "abc"}), 3U);
  EXPECT_EQ(credit_cost({.number = 0, .body = "abc"}), 0U);
}

}  // namespace
}  // namespace tidegate::wire
