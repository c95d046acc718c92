// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/e2e/session.hpp"
#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

PairingCode sample() {
  PairingCode code{.handle = "H4NDA"};
  for (std::size_t i = 0; i < code.secret.size(); ++i) code.secret[i] = static_cast<std::byte>(i);
  return code;
}
std::string plain_text(const PairingCode& code) {
  std::string plain;
  for (const char c : code.text())
    if (c != '-') plain += c;
  return plain;
}

// Computed apart (Python), as are the others below.
TEST(PairingCode, GoldenText) { EXPECT_EQ(sample().text(), "H4NDA-000G4-0R40M-30E20-9185G-R38E1-WD0"); }

TEST(PairingCode, ComesBackFromText) {
  const Random random = seeded(8);
  for (int i = 0; i < 200; ++i) {
    const PairingCode code = make_pairing_code(random);
    const auto parsed = parse_pairing_code(code.text());
    ASSERT_TRUE(parsed.has_value()) << code.text();
    EXPECT_EQ(parsed->handle, code.handle);
    EXPECT_EQ(parsed->secret, code.secret);
  }
}

TEST(PairingCode, IsReadAsPeopleWrite) {
  for (const std::string_view written :
       {"h4nda-000g4-0r40m-30e20-9185g-r38e1-wd0", "H4NDA000G40R40M30E209185GR38E1WD0",
        "  H4NDA 000G4 0R40M 30E20 9185G R38E1 WD0\n", "H4NDA-OOOG4-oR4OM-3OE2O-9I85G-R38EL-WDo"}) {
    const auto parsed = parse_pairing_code(written);
    ASSERT_TRUE(parsed.has_value()) << written;
    EXPECT_EQ(parsed->secret, sample().secret);
    EXPECT_EQ(parsed->handle, "H4NDA");
  }
}

TEST(PairingCode, EverySingleSubstitutionIsFound) {
  const Random random = seeded(9);
  for (int i = 0; i < 20; ++i) {
    const std::string plain = plain_text(make_pairing_code(random));
    for (std::size_t at = 0; at < plain.size(); ++at)
      for (const char other : alphabet) {
        std::string wrong = plain;
        wrong[at] = other;
        ASSERT_EQ(parse_pairing_code(wrong).has_value(), other == plain[at]) << wrong << " at " << at;
      }
  }
}

TEST(PairingCode, EveryExchangeOfNeighboursIsFound) {
  const Random random = seeded(10);
  for (int i = 0; i < 200; ++i) {
    const std::string plain = plain_text(make_pairing_code(random));
    for (std::size_t at = 0; at + 1 < plain.size(); ++at) {
      std::string wrong = plain;
      std::swap(wrong[at], wrong[at + 1]);
      ASSERT_EQ(parse_pairing_code(wrong).has_value(), wrong == plain) << wrong << " at " << at;
    }
  }
}

TEST(PairingCode, TheFaultSaysWhatIsWrong) {
  const auto text_of = [](std::string_view written) { return parse_pairing_code(written).error().text; };
  EXPECT_NE(text_of("").find("too short"), std::string::npos);
  EXPECT_NE(text_of("H4NDA-000G4").find("too short"), std::string::npos);
  EXPECT_NE(text_of(sample().text() + "0").find("too long"), std::string::npos);
  EXPECT_NE(text_of("U4NDA-000G4-0R40M-30E20-9185G-R38E1-WD0").find("no code has"), std::string::npos);
  EXPECT_NE(text_of("H4NDA-000G4-0R40M-30E20-9185G-R38E1-WD1").find("mistyped"), std::string::npos);
  EXPECT_EQ(text_of(std::string(5000, 'A')).find("H4NDA"), std::string::npos);
}

TEST(PairingCode, Link) {
  const std::string link = sample().link("relay.example.net:8443", "jö&hn+x@example.com");
  EXPECT_EQ(
      link,
      "tidegate:pair?relay=relay.example.net:8443&user=j%C3%B6%26hn%2Bx@example.com&code=H4NDA-000G4-0R40M-30E20-9185G-"
      "R38E1-WD0");
  const auto parsed = parse_pairing_link(link);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->relay_host, "relay.example.net:8443");
  EXPECT_EQ(parsed->user, "jö&hn+x@example.com");
  EXPECT_EQ(parsed->code.secret, sample().secret);
  EXPECT_EQ(parse_pairing_code(link)->handle, "H4NDA");
  EXPECT_FALSE(parse_pairing_link("tidegate:pair?relay=a%2").has_value());
  EXPECT_FALSE(parse_pairing_link("tidegate:pair?relay=a%zz&code=H4NDA-000G4-0R40M-30E20-9185G-R38E1-WD0").has_value());
  EXPECT_FALSE(parse_pairing_link("tidegate:pair?relay=a&user=b").has_value());
  EXPECT_FALSE(parse_pairing_link("tidegate:pair?").has_value());
  EXPECT_FALSE(parse_pairing_link("tidegate:pair?&&=&code").has_value());
}

TEST(PairingCode, Psk) {
  Bytes guid;
  for (char c = 100; c < 116; ++c) guid += c;
  const Secret psk = pairing_psk(sample(), guid);
  EXPECT_EQ(to_hex(view_of(psk.octets())), "66dfa98c54cc20f4198fa9407586d0b78b0b5f8ed34e6c43c4d230892a46d8ba");
}

TEST(Fingerprint, Text) {
  Key32 key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(i);
  EXPECT_EQ(fingerprint_text(key), "CC6W-TAB6-RGSP-D48J-AH4B-QCJV-9ZT1-594W");
}

}  // namespace
}  // namespace tidegate::e2e
