// SPDX-License-Identifier: Apache-2.0
// Handshakes of other implementations, octet for octet: our own file, made by python3-dissononce (make_vectors.py), and
// the published ones where they are at hand beside the repository.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;
namespace json = boost::json;

std::filesystem::path source() {
  const char* named = std::getenv("TIDEGATE_SOURCE");
  return named == nullptr ? std::filesystem::current_path() : std::filesystem::path(named);
}

Bytes octets(const json::object& vector, std::string_view key) {
  return vector.contains(key) ? from_hex(vector.at(key).as_string()) : Bytes();
}

std::optional<Pattern> pattern_of(const json::object& vector) {
  const std::string_view name = vector.at("protocol_name").as_string();
  const bool has_psk = vector.contains("init_psks") && !vector.at("init_psks").as_array().empty();
  if (name == "Noise_KK_25519_AESGCM_SHA256" && !has_psk) return Pattern::kk;
  if (name == "Noise_XXpsk3_25519_AESGCM_SHA256") return Pattern::xx_psk3;
  return std::nullopt;
}

Handshake end_of(const json::object& vector, Pattern pattern, bool initiator) {
  const std::string side = initiator ? "init" : "resp";
  Handshake::Config config{.pattern = pattern,
                           .initiator = initiator,
                           .prologue = octets(vector, side + "_prologue"),
                           .own = std::move(*x25519_from(secret_of(octets(vector, side + "_static")))),
                           .ephemeral = std::move(*x25519_from(secret_of(octets(vector, side + "_ephemeral"))))};
  if (pattern == Pattern::kk) config.remote_static = key_of(octets(vector, side + "_remote_static"));
  if (pattern == Pattern::xx_psk3)
    config.psk = secret_of(from_hex(vector.at(side + "_psks").as_array().at(0).as_string()));
  return Handshake(std::move(config));
}

void check(const json::object& vector, Pattern pattern) {
  Handshake ends[] = {end_of(vector, pattern, true), end_of(vector, pattern, false)};
  std::vector<Split> splits;
  std::size_t i = 0;
  for (const auto& entry : vector.at("messages").as_array()) {
    const Bytes payload = octets(entry.as_object(), "payload");
    const Bytes expected = octets(entry.as_object(), "ciphertext");
    const std::size_t writer = i++ % 2;
    if (splits.empty()) {
      const auto written = ends[writer].write(octets_of(payload));
      ASSERT_TRUE(written.has_value());
      ASSERT_EQ(to_hex(*written), to_hex(expected)) << "message " << i;
      const auto read = ends[1 - writer].read(octets_of(*written));
      ASSERT_TRUE(read.has_value());
      ASSERT_EQ(*read, payload);
      if (ends[0].finished() && ends[1].finished())
        for (auto& end : ends) splits.push_back(end.split());
    } else {
      Bytes sealed, opened;
      splits[writer].send.seal_to(sealed, octets_of(payload));
      ASSERT_EQ(to_hex(sealed), to_hex(expected)) << "message " << i;
      ASSERT_TRUE(splits[1 - writer].receive.open_to(opened, octets_of(sealed)).has_value());
      ASSERT_EQ(opened, payload);
    }
  }
  ASSERT_EQ(splits.size(), 2U);
  if (const Bytes hash = octets(vector, "handshake_hash"); !hash.empty()) {
    EXPECT_EQ(to_hex(splits[0].hash), to_hex(hash));
  }
}

/// How many vectors of our two patterns the file holds; all of them must fit.
std::size_t check_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::size_t checked = 0;
  const json::value parsed = json::parse(text.str());
  for (const auto& vector : parsed.at("vectors").as_array()) {
    const auto pattern = pattern_of(vector.as_object());
    if (!pattern) continue;
    check(vector.as_object(), *pattern);
    ++checked;
  }
  return checked;
}

TEST(NoiseVectors, OfDissononce) { EXPECT_EQ(check_file(source() / "tests/core/e2e/data/noise_dissononce.json"), 6U); }

TEST(NoiseVectors, Published) {
  const auto path = source().parent_path() / "shared/vectors/noise.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the published vectors are not beside the repository";
  EXPECT_GE(check_file(path), 2U);
}

}  // namespace
}  // namespace tidegate::e2e
