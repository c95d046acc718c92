// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/gid_text.hpp"

namespace tidegate::e2e {
namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";

}  // namespace

std::string gid_text(const Gid& gid) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const auto octet : gid) {
    bits = (bits << 8) | std::to_integer<std::uint32_t>(octet);
    count += 8;
    while (count >= 5) out += alphabet[(bits >> (count -= 5)) & 31];
  }
  out += alphabet[(bits << (5 - count)) & 31];
  return out;
}

std::optional<Gid> gid_from_text(std::string_view text) {
  if (text.size() != gid_characters) return std::nullopt;
  Gid gid{};
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 5) | static_cast<std::uint32_t>(value);
    if ((count += 5) >= 8 && at < gid.size()) gid[at++] = static_cast<std::byte>((bits >> (count -= 8)) & 0xFF);
  }
  if ((bits & 3) != 0) return std::nullopt;  // the last two bits are no part of it
  return gid;
}

}  // namespace tidegate::e2e
