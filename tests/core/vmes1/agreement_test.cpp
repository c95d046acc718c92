// SPDX-License-Identifier: Apache-2.0
#include "core/vmes1/agreement.hpp"

#include <set>

#include <gtest/gtest.h>

#include "tests/core/vmes1/octets.hpp"

namespace tidegate::vmes1 {
namespace {

using namespace test;

/// Of a point (0, 1), (1, 0) or (1, 1): their orders, 2 and 4, divide h, so that P is O whatever d is.
Bytes small_point(char x, char y) { return "\x04" + Bytes(field_size - 1, '\0') + x + Bytes(field_size - 1, '\0') + y; }

TEST(Agreement, BothEndsAgreeAndEachTimeAnew) {
  auto random = seeded(7);
  std::set<std::string> keys;
  for (int round = 0; round < 20; ++round) {
    const auto one = Ephemeral::make(random), other = Ephemeral::make(random);
    ASSERT_EQ(one.point().size(), point_size);
    const auto here = one.agree(other.point()), there = other.agree(one.point());
    ASSERT_TRUE(here && there);
    EXPECT_EQ(to_hex(*here), to_hex(*there));
    keys.insert(to_hex(*here));
  }
  EXPECT_EQ(keys.size(), 20U);
}

struct Refusal {
  const char* name;
  Bytes point;
  const char* cause;
};

TEST(Agreement, WhatIsNoPointOfOursIsRefused) {
  const auto own = Ephemeral::make(seeded(1));
  const auto good = Ephemeral::make(seeded(2)).point();
  auto hybrid = good, off = good, beyond = good, short_of_one = good.substr(0, point_size - 1);
  hybrid[0] = static_cast<char>(6 + (good[point_size - 1] & 1));
  off[40] = static_cast<char>(off[40] ^ 1);
  beyond[1] = '\x7f';  // more than 283 bits
  auto other_hybrid = hybrid;
  other_hybrid[0] = static_cast<char>(other_hybrid[0] ^ 1);
  const Refusal table[] = {
      {"nothing", "", "neither"},
      {"infinity", Bytes(1, '\0'), "neither"},
      {"infinity, long", Bytes(point_size, '\0'), "neither"},
      {"hybrid", hybrid, "neither"},
      {"hybrid, the other sign", other_hybrid, "neither"},
      {"hybrid, compressed", "\x06" + good.substr(1, field_size), "neither"},
      {"compressed form, uncompressed length", "\x02" + good.substr(1), "neither"},
      {"uncompressed form, compressed length", good.substr(0, compressed_size), "neither"},
      {"too short", short_of_one, "neither"},
      {"too long", good + "x", "neither"},
      {"not on the curve", off, "not on the curve"},
      {"beyond the field", beyond, "not on the curve"},
      {"order 2", small_point(0, 1), "P = O"},
      {"order 4", small_point(1, 0), "P = O"},
      {"order 4, the other", small_point(1, 1), "P = O"},
      {"order 2, compressed", "\x02" + Bytes(field_size, '\0'), "P = O"},
  };
  for (const auto& row : table) {
    const auto key = own.agree(row.point);
    ASSERT_FALSE(key) << row.name;
    EXPECT_EQ(key.error().kind, FaultKind::invalid) << row.name;
    EXPECT_TRUE(key.error().cause.starts_with(row.cause)) << row.name << ": " << key.error().cause;
  }
  EXPECT_TRUE(own.agree(good)) << "and nothing of it is remembered";
}

TEST(Agreement, PointsAtRandomNeverCrash) {
  const auto own = Ephemeral::make(seeded(1));
  auto random = seeded(3);
  for (int round = 0; round < 300; ++round) {
    Bytes point(round % 2 == 0 ? point_size : compressed_size, '\0');
    random(std::as_writable_bytes(std::span(point)));
    point[0] = static_cast<char>(round % 2 == 0 ? 4 : 2 + round % 4 / 2);
    point[1] = static_cast<char>(point[1] & 7);
    if (const auto key = own.agree(point); !key) EXPECT_EQ(key.error().kind, FaultKind::invalid);
  }
}

TEST(Agreement, SecretsOutOfRangeAreRefused) {
  EXPECT_FALSE(Ephemeral::from(""));
  EXPECT_FALSE(Ephemeral::from(Bytes(field_size, '\0')));
  EXPECT_FALSE(Ephemeral::from(Bytes(field_size, '\xff')));
  EXPECT_FALSE(Ephemeral::from(Bytes(1000, '\1')));
  EXPECT_TRUE(Ephemeral::from(Bytes(1, '\1')));
}

}  // namespace
}  // namespace tidegate::vmes1
