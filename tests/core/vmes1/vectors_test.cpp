// SPDX-License-Identifier: Apache-2.0
// Values of the openssl command line (data/make_vectors.py), octet for octet.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/core/vmes1/octets.hpp"

namespace tidegate::vmes1 {
namespace {

using namespace test;
namespace json = boost::json;

json::value vectors() {
  const char* source = std::getenv("TIDEGATE_SOURCE");
  const auto root = source == nullptr ? std::filesystem::current_path() : std::filesystem::path(source);
  std::ifstream file(root / "tests/core/vmes1/data/vmes1.json", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return json::parse(text.str());
}

Bytes octets(const json::value& row, std::string_view name) { return from_hex(row.at(name).as_string()); }

TEST(Vmes1Vectors, AgreementsOfOpenssl) {
  const auto all = vectors();
  const auto& rows = all.at("agreements").as_array();
  ASSERT_GE(rows.size(), 5U);
  bool leading_zeros = false;
  for (const auto& row : rows) {
    const auto terminal = Ephemeral::from(octets(row, "secret_t")), gateway = Ephemeral::from(octets(row, "secret_v"));
    ASSERT_TRUE(terminal && gateway);
    EXPECT_EQ(to_hex(terminal->point()), to_hex(octets(row, "point_t")));
    EXPECT_EQ(to_hex(gateway->point()), to_hex(octets(row, "point_v")));
    for (const auto* form : {"point_v", "compressed_v"}) {
      const auto key = terminal->agree(octets(row, form));
      ASSERT_TRUE(key) << key.error().cause;
      EXPECT_EQ(to_hex(*key), row.at("key").as_string());
    }
    for (const auto* form : {"point_t", "compressed_t"}) {
      const auto key = gateway->agree(octets(row, form));
      ASSERT_TRUE(key) << key.error().cause;
      EXPECT_EQ(to_hex(*key), row.at("key").as_string());
    }
    leading_zeros |= octets(row, "z").starts_with('\0');
  }
  EXPECT_TRUE(leading_zeros) << "no vector shows that leading zeros of Z are kept";
}

TEST(Vmes1Vectors, SealingsOfOpenssl) {
  const auto all = vectors();
  const auto& rows = all.at("sealings").as_array();
  ASSERT_EQ(rows.size(), 8U);
  for (const auto& row : rows) {
    const auto key = key_of(octets(row, "key"));
    const auto iv = octets(row, "iv"), sealed = octets(row, "sealed"), text = octets(row, "text");
    const auto opened = open(key, sealed);
    ASSERT_TRUE(opened) << opened.error().cause;
    EXPECT_EQ(to_hex(*opened), to_hex(text));
    Iv given{};
    std::ranges::copy(std::as_bytes(std::span(iv)), given.begin());
    EXPECT_EQ(to_hex(seal_compressed(key, given, octets(row, "compressed"))), to_hex(sealed));
    const auto again = open(key, seal(key, given, text));
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, text);
  }
}

}  // namespace
}  // namespace tidegate::vmes1
