// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/recovery.hpp"

#include <random>

#include <gtest/gtest.h>

#include "core/sim/virtual_world.hpp"

namespace tidegate::gateway {
namespace {

Bytes random_key(std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  Bytes key(32, '\0');
  for (auto& each : key) each = static_cast<char>(engine());
  return key;
}

TEST(RecoveryKey, ComesBackAsTyped) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto key = random_key(seed);
    const auto text = recovery_text(key);
    EXPECT_EQ(text.size(), 54U + 13U) << text;
    EXPECT_EQ(recovery_from_text(text).value(), key);
    std::string typed = "  ";
    for (const char c : text)
      typed += c == '-' ? ' ' : c == '0' ? 'o' : c == '1' ? 'l' : static_cast<char>(std::tolower(c));
    EXPECT_EQ(recovery_from_text(typed + "\n").value(), key) << typed;
  }
  EXPECT_EQ(recovery_from_text(recovery_text(Bytes(32, '\0'))).value(), Bytes(32, '\0'));
  EXPECT_EQ(recovery_from_text(recovery_text(Bytes(32, '\xff'))).value(), Bytes(32, '\xff'));
}

TEST(RecoveryKey, AnyOneWrongCharacterIsFound) {
  constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto text = recovery_text(random_key(7));
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '-') continue;
    for (const char other : digits) {
      if (other == text[at]) continue;
      auto typed = text;
      typed[at] = other;
      EXPECT_FALSE(recovery_from_text(typed)) << typed;
    }
    auto shorter = text;
    shorter.erase(at, 1);
    EXPECT_FALSE(recovery_from_text(shorter));
  }
}

TEST(RecoveryKey, AnyExchangeOfNeighboursIsFound) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::string text;
    for (const char c : recovery_text(random_key(seed)))
      if (c != '-') text += c;
    for (std::size_t at = 1; at < text.size(); ++at) {
      if (text[at] == text[at - 1]) continue;
      auto typed = text;
      std::swap(typed[at], typed[at - 1]);
      EXPECT_FALSE(recovery_from_text(typed)) << typed;
    }
  }
}

TEST(RecoveryKey, SaysWhatIsWrong) {
  EXPECT_NE(recovery_from_text("U").error().text.find("\"U\""), std::string::npos);
  EXPECT_NE(recovery_from_text("ABC").error().text.find("54"), std::string::npos);
  EXPECT_FALSE(recovery_from_text(""));
}

TEST(RecoveryKey, IsMadeOnceAndOutlivesAPowerCut) {
  sim::VirtualWorld world(1);
  auto& host = world.host("gateway");
  ASSERT_TRUE(host.files().make_directories("/state"));
  ASSERT_TRUE(host.files().sync_directory("/"));
  const auto key = load_recovery_key(host, "/state/recovery.key");
  ASSERT_TRUE(key);
  host.power_cut([] {});
  EXPECT_EQ(load_recovery_key(host, "/state/recovery.key").value(), *key);
}

TEST(RecoveryKey, ANewOneInThePlaceOfALostOneIsNotConfirmed) {
  sim::VirtualWorld world(1);
  auto& host = world.host("gateway");
  ASSERT_TRUE(host.files().make_directories("/state"));
  const auto key = load_recovery_key(host, "/state/recovery.key");
  ASSERT_TRUE(confirm_recovery_key(host, "/state/recovery.key"));
  ASSERT_TRUE(host.files().remove("/state/recovery.key"));
  const auto other = load_recovery_key(host, "/state/recovery.key");
  EXPECT_NE(*other, *key);
  EXPECT_FALSE(*host.files().info("/state/recovery.key.confirmed")) << "nobody has that one on paper";
  ASSERT_TRUE(put_recovery_key(host, "/state/recovery.key", *key));
  EXPECT_EQ(load_recovery_key(host, "/state/recovery.key").value(), *key);
  EXPECT_TRUE(*host.files().info("/state/recovery.key.confirmed"));
}

}  // namespace
}  // namespace tidegate::gateway
