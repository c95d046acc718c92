// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/sync.hpp"

#include <gtest/gtest.h>

#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

Gid gid_of(char fill) {
  Gid gid{};
  gid.fill(static_cast<std::byte>(fill));
  return gid;
}

Item sample() {
  return {.view = 1,
          .job = 0,
          .seq = 300,
          .gid = gid_of('g'),
          .folders = {gid_of('f')},
          .kind = Kind::mail,
          .received = 1'700'000'000,
          .flags = 5,
          .keywords = {"$label"},
          .content_rev = "7",
          .fingerprint = {},
          .size = 4,
          .first = {Compression::none, 4, "tide"}};
}

TEST(Sync, GoldenOctets) {
  // ToDevice.item (4): view, seq, gid, folders, received (ZigZag), flags, keywords, content_rev, size, first (15).
  EXPECT_EQ(to_hex(encode(ToDevice(sample()))),
            "2248"
            "0801"
            "18ac02"
            "2210"
            "67676767676767676767676767676767"
            "2a10"
            "66666666666666666666666666666666"
            "3880c49fd50c"
            "4005"
            "4a06"
            "246c6162656c"
            "520137"
            "6004"
            "7a08"
            "1004"
            "1a0474696465");
  EXPECT_EQ(to_hex(encode(ToDevice(Wipe{}))), "7200");
  EXPECT_EQ(to_hex(encode(ToGateway(Wiped{}))), "5200");
  EXPECT_EQ(to_hex(encode(ToGateway(Ack{{.view = 1, .live = 2}}))), "1a060a0408011802");
}

TEST(Sync, ExtremesComeBackEqual) {
  Position position{.view = UINT64_MAX,
                    .epoch = gid_of('e'),
                    .live = UINT64_MAX,
                    .jobs = {{.id = 1, .folder = gid_of('f'), .snapshot = 9},
                             {.id = 2, .below_received = -1, .until = 0, .done = true}}};
  EXPECT_EQ(position.jobs[0].below_received, INT64_MAX);
  EXPECT_EQ(position.jobs[0].until, INT64_MIN);
  EXPECT_EQ(decode_position(octets_of(encode(position))).value(), position);
  const ToGateway fetch = Fetch{.view = 1, .gid = gid_of('g')};
  EXPECT_EQ(decode_to_gateway(octets_of(encode(fetch))).value(), fetch);
  const ToGateway hello = Hello{.device = "d",
                                .previous = Bytes(32, 'h'),
                                .positions = {position},
                                .compressions = {Compression::deflate, Compression::none, Compression::zstd}};
  EXPECT_EQ(decode_to_gateway(octets_of(encode(hello))).value(), hello);
}

TEST(Sync, StructDefaultsAreNotTakenForAbsentFields) {
  const auto folders = decode_to_device(octets_of(from_hex("1a00")));
  EXPECT_FALSE(std::get<Folders>(*folders).whole);
  const auto fetch = decode_to_gateway(octets_of(from_hex("4200")));
  EXPECT_EQ(std::get<Fetch>(*fetch).length, 0U);
  const auto position = decode_position(octets_of(from_hex("2200")));
  EXPECT_EQ(position->jobs.at(0).below_received, 0);
  EXPECT_EQ(position->jobs.at(0).until, 0);
}

TEST(Sync, UnknownMessagesAndFieldsAreSkipped) {
  for (const std::string_view unknown : {"", "7a0161", "fa0103616263", "f80105"}) {
    const auto message = decode_to_device(octets_of(from_hex(unknown)));
    ASSERT_TRUE(message.has_value()) << unknown;
    EXPECT_TRUE(std::holds_alternative<std::monostate>(*message));
  }
  const auto item =
      decode_to_device(octets_of(from_hex("3a05"
                                          "0801"
                                          "a00601")));
  ASSERT_TRUE(item.has_value()) << item.error().cause;
  EXPECT_EQ(std::get<Remove>(*item).view, 1U);
}

TEST(Sync, BrokenInputIsAFault) {
  for (const std::string_view broken : {"22", "2205", "220508",
                                        "2201"
                                        "08",
                                        "2803", "22020a00",
                                        "2204"
                                        "22020000",
                                        "720072", "72007200", "0b", "22036a0301"}) {
    const auto message = decode_to_device(octets_of(from_hex(broken)));
    ASSERT_FALSE(message.has_value()) << broken;
    EXPECT_EQ(message.error().kind, FaultKind::invalid);
  }
  EXPECT_EQ(decode_to_device(octets_of(Bytes(max_message + 1, 'x'))).error().kind, FaultKind::too_large);
}

TEST(Sync, EveryTruncationIsAFaultOrSkipped) {
  const Bytes whole = encode(ToDevice(sample()));
  for (std::size_t size = 1; size < whole.size(); ++size)
    EXPECT_FALSE(decode_to_device(octets_of(View(whole).substr(0, size))).has_value()) << size;
}

TEST(Sync, ListsAreBounded) {
  Item item = sample();
  item.folders.assign(max_item_folders + 1, gid_of('f'));
  EXPECT_FALSE(decode_to_device(octets_of(encode(ToDevice(item)))).has_value());
  ComparePage page{.entries = std::vector<ComparePage::Entry>(max_list + 1)};
  EXPECT_FALSE(decode_to_device(octets_of(encode(ToDevice(page)))).has_value());
  page.entries.pop_back();
  EXPECT_TRUE(decode_to_device(octets_of(encode(ToDevice(page)))).has_value());
}

TEST(Sync, WhatABackEndSaysNeverBreaksASession) {
  Item item = sample();
  item.keywords.assign(300, Bytes(400, '\xff'));
  const auto back = decode_to_device(octets_of(encode(ToDevice(item))));
  ASSERT_TRUE(back.has_value()) << back.error().cause;
  EXPECT_EQ(std::get<Item>(*back).keywords.size(), max_keywords);
  const Folders folders{.folders = {{.name = "Ordner \xe4" + Bytes(2000, 'x')}}};
  EXPECT_TRUE(decode_to_device(octets_of(encode(ToDevice(folders)))).has_value());
}

// Computed apart (Python).
TEST(CompareDigest, IsTheXorOfHashes) {
  Gid gid{};
  for (std::size_t i = 0; i < gid.size(); ++i) gid[i] = static_cast<std::byte>(i);
  std::array<std::byte, 16> digest{};
  compare_digest_add(digest, gid, 0x0102030405060708);
  EXPECT_EQ(to_hex(view_of(digest)), "234db4e93950f6fb9f8f0082da564fea");

  std::array<std::byte, 16> forward{}, backward{};
  for (std::uint64_t i = 0; i < 10; ++i) compare_digest_add(forward, gid, i);
  for (std::uint64_t i = 10; i-- > 0;) compare_digest_add(backward, gid, i);
  EXPECT_EQ(forward, backward);
  compare_digest_add(forward, gid, 3);  // adding again takes away
  EXPECT_NE(forward, backward);
}

}  // namespace
}  // namespace tidegate::e2e
