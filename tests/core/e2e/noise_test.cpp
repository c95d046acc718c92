// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/noise.hpp"

#include <gtest/gtest.h>

#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

class BothPatterns : public testing::TestWithParam<Pattern> {};
INSTANTIATE_TEST_SUITE_P(Noise, BothPatterns, testing::Values(Pattern::kk, Pattern::xx_psk3));

TEST_P(BothPatterns, EndsAgreeAndKnowEachOther) {
  Ends ends = make_ends(GetParam());
  const Key32 first = ends.first_static.open;
  const Key32 second = ends.second_static.open;
  ASSERT_TRUE(complete(ends));
  EXPECT_EQ(ends.first.remote_static(), second);
  EXPECT_EQ(ends.second.remote_static(), first);
  EXPECT_EQ(ends.first.hash(), ends.second.hash());
  Split one = ends.first.split();
  Split two = ends.second.split();
  EXPECT_EQ(one.hash, two.hash);
  EXPECT_EQ(one.remote_static, second);
  EXPECT_EQ(two.remote_static, first);
  for (const View text : {"", "to the device", "again"}) {
    Bytes sealed, opened;
    one.send.seal_to(sealed, octets_of(text));
    EXPECT_EQ(sealed.size(), text.size() + 16);
    ASSERT_TRUE(two.receive.open_to(opened, octets_of(sealed)).has_value());
    EXPECT_EQ(opened, text);
    sealed.clear();
    opened.clear();
    two.send.seal_to(sealed, octets_of(text));
    ASSERT_TRUE(one.receive.open_to(opened, octets_of(sealed)).has_value());
    EXPECT_EQ(opened, text);
  }
}

TEST_P(BothPatterns, APayloadTravelsWithEachMessage) {
  Ends ends = make_ends(GetParam());
  for (int i = 0; !ends.first.finished() || !ends.second.finished(); ++i) {
    Handshake& writer = ends.first.to_write() ? ends.first : ends.second;
    Handshake& reader = ends.first.to_write() ? ends.second : ends.first;
    const Bytes payload(static_cast<std::size_t>(i) * 100, 'x');
    const auto message = writer.write(octets_of(payload));
    ASSERT_TRUE(message.has_value());
    const auto read = reader.read(octets_of(*message));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, payload);
  }
}

/// What an end sees that reads the damaged message `at` (and whatever the other then answers).
bool completes_with_damage(Pattern pattern, std::size_t at, const std::function<void(Bytes&)>& damage) {
  Ends ends = make_ends(pattern);
  for (std::size_t i = 0; !ends.first.finished() || !ends.second.finished(); ++i) {
    Handshake& writer = ends.first.to_write() ? ends.first : ends.second;
    Handshake& reader = ends.first.to_write() ? ends.second : ends.first;
    auto message = writer.write({});
    if (!message) return false;
    if (i == at) damage(*message);
    if (const auto read = reader.read(octets_of(*message)); !read) {
      EXPECT_EQ(read.error().kind, FaultKind::invalid);
      // It is dead now, for good messages as well.
      EXPECT_FALSE(reader.read(octets_of(*message)).has_value());
      EXPECT_FALSE(reader.write({}).has_value());
      EXPECT_FALSE(reader.to_write());
      EXPECT_FALSE(reader.finished());
      EXPECT_EQ(reader.remote_static(), std::nullopt);
      EXPECT_THROW(reader.split(), std::logic_error);
      return false;
    }
  }
  return true;
}

TEST_P(BothPatterns, EveryDamagedOctetEndsTheHandshake) {
  const std::size_t messages = GetParam() == Pattern::kk ? 2 : 3;
  for (std::size_t at = 0; at < messages; ++at) {
    std::size_t size = 0;
    completes_with_damage(GetParam(), at, [&](Bytes& message) { size = message.size(); });
    for (std::size_t octet = 0; octet < size; ++octet)
      ASSERT_FALSE(completes_with_damage(GetParam(), at, [&](Bytes& message) { message[octet] ^= 1; }))
          << at << " " << octet;
  }
  EXPECT_TRUE(completes_with_damage(GetParam(), 9, [](Bytes&) {}));
}

TEST_P(BothPatterns, AMessageCutShortOrTooLongEndsTheHandshake) {
  const std::size_t messages = GetParam() == Pattern::kk ? 2 : 3;
  for (std::size_t at = 0; at < messages; ++at) {
    for (const std::size_t keep : {0, 1, 16, 31, 32, 40})
      EXPECT_FALSE(completes_with_damage(GetParam(), at,
                                         [&](Bytes& message) { message.resize(std::min(keep, message.size() - 1)); }))
          << at << " " << keep;
    EXPECT_FALSE(completes_with_damage(GetParam(), at, [](Bytes& message) { message += "x"; })) << at;
    EXPECT_FALSE(completes_with_damage(GetParam(), at, [](Bytes& message) { message.resize(70'000); })) << at;
  }
}

TEST_P(BothPatterns, AnotherPrologueDoesNotComplete) {
  Ends ends = make_ends(GetParam(), {.second_prologue = "prologuf"});
  EXPECT_FALSE(complete(ends));
}

TEST_P(BothPatterns, AnEphemeralOfSmallOrderIsRefused) {
  for (const std::string_view open : {"0000000000000000000000000000000000000000000000000000000000000000",
                                      "0100000000000000000000000000000000000000000000000000000000000000",
                                      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"}) {
    Ends ends = make_ends(GetParam());
    auto message = ends.first.write({});
    message->replace(0, 32, from_hex(open));
    const auto read = ends.second.read(octets_of(*message));
    // KK mixes the shared secret at once, XX when it answers.
    EXPECT_TRUE(!read || !ends.second.write({})) << open;
    EXPECT_FALSE(ends.second.finished());
  }
}

TEST_P(BothPatterns, OutOfTurnIsAFault) {
  Ends ends = make_ends(GetParam());
  EXPECT_FALSE(ends.first.read(octets_of(Bytes(48, 'x'))).has_value());
  EXPECT_FALSE(ends.second.write({}).has_value());
  ASSERT_TRUE(complete(ends));  // being refused a turn breaks nothing
  EXPECT_FALSE(ends.first.write({}).has_value());
  EXPECT_FALSE(ends.second.read({}).has_value());
}

TEST(Noise, AnotherPskDoesNotComplete) {
  Ends ends = make_ends(Pattern::xx_psk3, {.second_psk = Bytes(32, 'q')});
  EXPECT_FALSE(complete(ends));
  EXPECT_FALSE(ends.second.finished());
}

TEST(Noise, AResponderMayLearnThePskBeforeMessage3) {
  Ends ends = make_ends(Pattern::xx_psk3, {.second_psk = Bytes(32, 'q')});
  ASSERT_TRUE(ends.second.read(octets_of(*ends.first.write({}))).has_value());
  ASSERT_TRUE(ends.first.read(octets_of(*ends.second.write({}))).has_value());
  ends.second.set_psk(secret_of(Bytes(32, 'p')));
  EXPECT_TRUE(complete(ends));
}

TEST(Noise, WithoutAPskMessage3Fails) {
  Ends ends = make_ends(Pattern::xx_psk3);
  Handshake bare({.pattern = Pattern::xx_psk3,
                  .initiator = false,
                  .prologue = "prologue",
                  .own = make_x25519(seeded(2)),
                  .random = seeded(4)});
  ASSERT_TRUE(bare.read(octets_of(*ends.first.write({}))).has_value());
  ASSERT_TRUE(ends.first.read(octets_of(*bare.write({}))).has_value());
  EXPECT_FALSE(bare.read(octets_of(*ends.first.write({}))).has_value());
}

TEST(Noise, XxShowsTheInitiatorsKeyOnlyAfterMessage3) {
  Ends ends = make_ends(Pattern::xx_psk3);
  ASSERT_TRUE(ends.second.read(octets_of(*ends.first.write({}))).has_value());
  EXPECT_EQ(ends.second.remote_static(), std::nullopt);
  EXPECT_EQ(ends.first.remote_static(), std::nullopt);
  ASSERT_TRUE(ends.first.read(octets_of(*ends.second.write({}))).has_value());
  EXPECT_EQ(ends.first.remote_static(), ends.second_static.open);
  ASSERT_TRUE(ends.second.read(octets_of(*ends.first.write({}))).has_value());
  EXPECT_EQ(ends.second.remote_static(), ends.first_static.open);
}

TEST(Noise, KkWithAnotherStaticDoesNotComplete) {
  Ends ends = make_ends(Pattern::kk);
  Handshake stranger({.pattern = Pattern::kk,
                      .initiator = true,
                      .prologue = "prologue",
                      .own = make_x25519(seeded(9)),
                      .remote_static = ends.second_static.open,
                      .random = seeded(3)});
  EXPECT_FALSE(ends.second.read(octets_of(*stranger.write({}))).has_value());
}

TEST(Noise, KkNeedsTheOthersKey) {
  EXPECT_THROW(Handshake({.pattern = Pattern::kk, .own = make_x25519(seeded(1))}), std::invalid_argument);
}

TEST(Noise, APayloadOver64KiBIsRefused) {
  Ends ends = make_ends(Pattern::kk);
  EXPECT_FALSE(ends.first.write(octets_of(Bytes(65'535 - 47, 'x'))).has_value());
  Ends again = make_ends(Pattern::kk);
  EXPECT_TRUE(again.first.write(octets_of(Bytes(65'535 - 48, 'x'))).has_value());
}

TEST(Cipher, RefusesRepeatedReorderedAndReflected) {
  auto [first, second] = split_pair();
  Bytes one, two, out;
  first.send.seal_to(one, octets_of("one"));
  first.send.seal_to(two, octets_of("two"));
  EXPECT_FALSE(second.receive.open_to(out, octets_of(two)).has_value());  // before its time
  ASSERT_TRUE(second.receive.open_to(out, octets_of(one)).has_value());
  EXPECT_FALSE(second.receive.open_to(out, octets_of(one)).has_value());  // again
  EXPECT_FALSE(first.receive.open_to(out, octets_of(two)).has_value());   // back to where it came from
  EXPECT_EQ(out, "one");                                                  // nothing of the refused was kept
}

TEST(Cipher, RefusesDamageAndTooFewOctets) {
  auto [first, second] = split_pair();
  Bytes sealed;
  first.send.seal_to(sealed, octets_of("message"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes damaged = sealed;
    damaged[i] ^= 0x40;
    Bytes out = "kept";
    EXPECT_FALSE(second.receive.open_to(out, octets_of(damaged)).has_value());
    EXPECT_EQ(out, "kept");
  }
  for (std::size_t size = 0; size < 16; ++size) {
    Bytes out;
    EXPECT_FALSE(second.receive.open_to(out, octets_of(View(sealed).substr(0, size))).has_value());
  }
}

TEST(Cipher, ParkedGoesOnWhereItWas) {
  auto [first, second] = split_pair();
  for (int i = 0; i < 3; ++i) {
    Bytes sealed, out;
    first.send.seal_to(sealed, octets_of("x"));
    ASSERT_TRUE(second.receive.open_to(out, octets_of(sealed)).has_value());
    first.send.park();
    second.receive.park();
  }
  EXPECT_EQ(first.send.nonce(), 3U);
}

TEST(Cipher, SealOverIsTheSameAsSealTo) {
  Cipher one(secret_of(Bytes(32, 'k')));
  Cipher two(secret_of(Bytes(32, 'k')));
  Bytes sealed, over = "message";
  one.seal_to(sealed, octets_of("message"));
  two.seal_over(over);
  EXPECT_EQ(sealed, over);
}

// By python3-cryptography: key 32 × 'k'; REKEY = AESGCM(k).encrypt(nonce 2^64 − 1, 32 zeros)[:32]; nonce goes on.
TEST(Cipher, RekeysBehindNonce2To20Minus1) {
  Cipher sender(secret_of(Bytes(32, 'k')));
  Cipher receiver(secret_of(Bytes(32, 'k')));
  Bytes sealed, out;
  for (std::uint64_t i = 0; i + 1 < rekey_every; ++i) {
    sealed.clear();
    sender.seal_to(sealed, {});
    ASSERT_TRUE(receiver.open_to(out, octets_of(sealed)).has_value());
  }
  const std::pair<View, View> expected[] = {{"last", "5fb44ae5c1dae24a317a06a1026b8c682cb727b7"},
                                            {"first", "3a580f99df8fddc45a9b63d12b08d0db92ee081037"}};
  for (const auto& [plain, octets] : expected) {
    sealed.clear();
    sender.seal_to(sealed, octets_of(plain));
    EXPECT_EQ(to_hex(sealed), octets);
    out.clear();
    ASSERT_TRUE(receiver.open_to(out, octets_of(sealed)).has_value());
    EXPECT_EQ(out, plain);
  }
  EXPECT_EQ(sender.nonce(), rekey_every + 1);
}

}  // namespace
}  // namespace tidegate::e2e
