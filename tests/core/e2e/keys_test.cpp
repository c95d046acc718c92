// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/err.h>

#include "core/e2e/openssl.hpp"
#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

TEST(Secret, MovedFromIsWiped) {
  Secret one = secret_of(Bytes(32, 's'));
  const Secret two = std::move(one);
  EXPECT_EQ(view_of(two.octets()), Bytes(32, 's'));
  EXPECT_EQ(view_of(one.octets()), Bytes(32, '\0'));  // NOLINT(bugprone-use-after-move): that is the point
  Secret three;
  Secret four = two.clone();
  three = std::move(four);
  EXPECT_EQ(view_of(three.octets()), Bytes(32, 's'));
  EXPECT_EQ(view_of(four.octets()), Bytes(32, '\0'));  // NOLINT(bugprone-use-after-move)
}

// RFC 7748 §6.1: Bob's secret, Alice's public key
TEST(X25519, AgreesAsInTheRfc) {
  const auto bob = x25519_from(secret_of(from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")));
  ASSERT_TRUE(bob.has_value());
  EXPECT_EQ(to_hex(bob->open), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto shared =
      x25519(bob->secret, key_of(from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")));
  ASSERT_TRUE(shared.has_value());
  EXPECT_EQ(to_hex(view_of(shared->octets())), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST(X25519, AllZeroIsRefused) {
  const KeyPair pair = make_x25519(seeded(1));
  const auto shared = x25519(pair.secret, Key32{});
  ASSERT_FALSE(shared.has_value());
  EXPECT_EQ(shared.error().kind, FaultKind::invalid);
  EXPECT_EQ(ERR_peek_error(), 0U);  // the thread's queue belongs to its TLS connections too
}

// RFC 8032 §7.1, test 2
TEST(Ed25519, SignsAsInTheRfc) {
  const auto pair =
      ed25519_from(secret_of(from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")));
  ASSERT_TRUE(pair.has_value());
  EXPECT_EQ(to_hex(pair->open), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes signature = ed25519_sign(*pair, "\x72");
  EXPECT_EQ(to_hex(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4"
            "302aeeb"
            "00d291612bb0c00");
  const Bytes open(view_of(pair->open));
  EXPECT_TRUE(ed25519_verify(open, "\x72", signature));
  EXPECT_FALSE(ed25519_verify(open, "\x73", signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes wrong = signature;
    wrong[i] ^= 1;
    EXPECT_FALSE(ed25519_verify(open, "\x72", wrong)) << i;
  }
  EXPECT_FALSE(ed25519_verify(open, "\x72", View(signature).substr(0, 63)));
  EXPECT_FALSE(ed25519_verify(View(open).substr(0, 31), "\x72", signature));
  EXPECT_FALSE(ed25519_verify("", "\x72", ""));
  EXPECT_TRUE(ed25519_verify(open, "", ed25519_sign(*pair, "")));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

// RFC 5869, A.1 (first 42 octets) and A.3 (no salt, no info)
TEST(Hkdf, AsInTheRfc) {
  std::array<std::byte, 42> out{};
  hkdf(octets_of(from_hex("000102030405060708090a0b0c")), octets_of(Bytes(22, '\x0b')),
       octets_of(from_hex("f0f1f2f3f4f5f6f7f8f9")), out);
  EXPECT_EQ(to_hex(view_of(out)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  hkdf({}, octets_of(Bytes(22, '\x0b')), {}, out);
  EXPECT_EQ(to_hex(view_of(out)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Sha256, OfPartsIsOfTheWhole) {
  EXPECT_EQ(to_hex(sha256({octets_of("a"), {}, octets_of("bc")})),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace tidegate::e2e
