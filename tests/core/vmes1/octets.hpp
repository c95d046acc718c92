// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <random>
#include <string>

#include "core/vmes1/seal.hpp"

namespace tidegate::vmes1::test {

inline Bytes from_hex(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}
inline std::string to_hex(View octets) {
  std::string out;
  for (const char c : octets) {
    out += "0123456789abcdef"[static_cast<std::uint8_t>(c) >> 4];
    out += "0123456789abcdef"[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}
inline Key key_of(View octets) { return Key(std::as_bytes(std::span(octets)).first<Key::size>()); }
inline std::string to_hex(const Key& key) {
  return to_hex(View(reinterpret_cast<const char*>(key.octets().data()), Key::size));
}

/// The same octets for the same seed.
inline Random seeded(std::uint64_t seed) {
  return [engine = std::mt19937_64(seed)](std::span<std::byte> out) mutable {
    for (std::byte& octet : out) octet = static_cast<std::byte>(engine());
  };
}

}  // namespace tidegate::vmes1::test
