// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/backup.hpp"

#include <gtest/gtest.h>

#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

const Bytes key(32, 'k');
const Bytes guid = "0123456789abcdef";

Bytes text(std::size_t size) {
  Bytes out(size, '\0');
  test::seeded(size)(std::as_writable_bytes(std::span(out)));
  return out;
}

Bytes seal(View plain, std::uint64_t version = 7, View of = guid, std::size_t step = 10'007) {
  BackupSealer sealer(key, of, version, test::seeded(version));
  Bytes out;
  for (std::size_t at = 0; at < plain.size(); at += step) sealer.add(plain.substr(at, step), out);
  sealer.finish(out);
  return out;
}

Result<Bytes> open(View sealed, View with = key, std::size_t step = 4093) {
  BackupOpener opener(with);
  Bytes out;
  for (std::size_t at = 0; at < sealed.size(); at += step)
    if (auto fed = opener.feed(sealed.substr(at, step), out); !fed) return std::unexpected(fed.error());
  if (auto whole = opener.finish(); !whole) return std::unexpected(whole.error());
  EXPECT_EQ(opener.head()->guid.size(), 16U);
  return out;
}

/// Where the chunks of a backup begin, and its end.
std::vector<std::size_t> borders(View sealed) {
  std::vector<std::size_t> all{backup_head};
  while (all.back() < sealed.size()) {
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(sealed[all.back() + i]);
    all.push_back(all.back() + 4 + (size & 0x7fffffff));
  }
  return all;
}

TEST(Backup, ComesBackEqualHoweverItIsCut) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, backup_chunk - 1, backup_chunk, backup_chunk + 1,
                                 3 * backup_chunk, 5 * backup_chunk + 77})
    for (const std::size_t step :
         {std::size_t{1}, std::size_t{71}, std::size_t{72}, std::size_t{65'556}, SIZE_MAX / 2}) {
      if (step == 1 && size > backup_chunk + 1) continue;
      const auto plain = text(size);
      const auto opened = open(seal(plain, 7, guid, std::max<std::size_t>(step, 997)), key, step);
      ASSERT_TRUE(opened) << size << " " << step << " " << opened.error().text;
      ASSERT_EQ(*opened, plain) << size << " " << step;
    }
}

TEST(Backup, SaysWhoseItIsAndWhichVersion) {
  BackupOpener opener(key);
  Bytes plain;
  ASSERT_TRUE(opener.feed(seal("x", 42), plain));
  EXPECT_EQ(opener.head()->guid, guid);
  EXPECT_EQ(opener.head()->version, 42U);
}

TEST(Backup, AnyAlteredOctetIsRefused) {
  const auto sealed = seal(text(300));
  for (std::size_t at = 0; at < sealed.size(); ++at)
    for (const int bit : {0, 3, 7}) {
      auto altered = sealed;
      altered[at] = static_cast<char>(altered[at] ^ (1 << bit));
      ASSERT_FALSE(open(altered)) << "octet " << at;
    }
}

TEST(Backup, AnyAlteredOctetOfManyChunksIsRefused) {
  const auto sealed = seal(text(3 * backup_chunk + 5));
  const auto chunks = borders(sealed);
  ASSERT_EQ(chunks.size(), 5U);
  for (std::size_t at = 0; at < sealed.size(); at += at % 65'556 < 100 ? 1 : 9973) {
    auto altered = sealed;
    altered[at] = static_cast<char>(altered[at] ^ 0x10);
    ASSERT_FALSE(open(altered)) << "octet " << at;
  }
}

TEST(Backup, CutAnywhereOrLengthenedIsRefused) {
  const auto sealed = seal(text(200));
  for (std::size_t size = 0; size < sealed.size(); ++size) ASSERT_FALSE(open(View(sealed).substr(0, size))) << size;
  EXPECT_FALSE(open(sealed + "x"));
  const auto many = seal(text(2 * backup_chunk + 9));
  for (const auto border : borders(many))
    if (border < many.size()) EXPECT_FALSE(open(View(many).substr(0, border))) << border;
}

TEST(Backup, ChunksCannotBeReorderedLeftOutRepeatedOrSwapped) {
  const auto one = seal(text(4 * backup_chunk), 7), other = seal(text(4 * backup_chunk), 8);
  const auto at = borders(one);
  ASSERT_EQ(borders(other), at);
  const auto chunk = [&](const Bytes& of, std::size_t number) {
    return of.substr(at[number], at[number + 1] - at[number]);
  };
  const auto head = one.substr(0, backup_head);
  ASSERT_TRUE(open(head + chunk(one, 0) + chunk(one, 1) + chunk(one, 2) + chunk(one, 3)));
  EXPECT_FALSE(open(head + chunk(one, 1) + chunk(one, 0) + chunk(one, 2) + chunk(one, 3)));
  EXPECT_FALSE(open(head + chunk(one, 0) + chunk(one, 2) + chunk(one, 3)));
  EXPECT_FALSE(open(head + chunk(one, 0) + chunk(one, 0) + chunk(one, 1) + chunk(one, 2) + chunk(one, 3)));
  EXPECT_FALSE(open(head + chunk(one, 0) + chunk(other, 1) + chunk(one, 2) + chunk(one, 3)));
  EXPECT_FALSE(open(head + chunk(one, 3)));
}

TEST(Backup, AnotherKeyOrGatewayOrVersionDoesNotOpen) {
  const auto sealed = seal("secrets");
  EXPECT_FALSE(open(sealed, Bytes(32, 'x')));
  auto other = sealed;
  other.replace(16, 16, "fedcba9876543210");
  EXPECT_FALSE(open(other));
  auto newer = sealed;
  newer[39] = 8;
  EXPECT_FALSE(open(newer));
}

TEST(Backup, HoldsNothingInTheClearAndNeverTheSameTwice) {
  const Bytes plain(1000, 'p');
  const auto one = seal(plain, 7), other = seal(plain, 8);
  EXPECT_EQ(one.find("pppp"), Bytes::npos);
  EXPECT_NE(one.substr(backup_head), other.substr(backup_head));
}

TEST(Backup, GarbageIsNoBackup) {
  for (std::size_t size = 0; size < 200; ++size) EXPECT_FALSE(open(text(size)));
  Bytes huge = seal("x").substr(0, backup_head) + "\x7f\xff\xff\xff";
  const auto said = open(huge + Bytes(100, 'x'));
  ASSERT_FALSE(said);
  EXPECT_NE(said.error().text.find("altered"), Bytes::npos);
}

TEST(Backup, TheLoginFollowsFromTheRecoveryKeyAlone) {
  const auto one = restore_login(key), again = restore_login(key), other = restore_login(Bytes(32, 'x'));
  EXPECT_EQ(one.open, again.open);
  EXPECT_NE(one.open, other.open);
  const auto signature = ed25519_sign(one, "message");
  EXPECT_TRUE(ed25519_verify({reinterpret_cast<const char*>(one.open.data()), 32}, "message", signature));
}

}  // namespace
}  // namespace tidegate::e2e
