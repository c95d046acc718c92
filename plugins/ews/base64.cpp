// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/base64.hpp"

#include <array>

namespace tidegate::ews {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto values = [] {
  std::array<std::int8_t, 256> made{};
  made.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    made[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  return made;
}();

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

bool Base64Decoder::feed(std::string_view piece, std::string& out) {
  for (const char c : piece) {
    const auto value = values[static_cast<unsigned char>(c)];
    if (value < 0) {
      if (blank(c)) continue;
      if (c != '=' || (have_ < 2 && !padded_)) return false;
      padded_ = true;
      continue;
    }
    if (padded_) return false;
    bits_ = bits_ << 6 | static_cast<std::uint32_t>(value);
    // An octet is whole with the second, third and fourth character of a group.
    if (++have_ == 2) out += static_cast<char>(bits_ >> 4 & 0xff);
    if (have_ == 3) out += static_cast<char>(bits_ >> 2 & 0xff);
    if (have_ == 4) {
      out += static_cast<char>(bits_ & 0xff);
      have_ = 0;
    }
  }
  return true;
}

std::string base64(std::string_view octets) {
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < octets.size(); at += 3) {
    const auto part = octets.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < part.size() ? static_cast<unsigned char>(part[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += i <= part.size() ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

bool from_base64(std::string_view text, std::string& out) {
  Base64Decoder decoder;
  return decoder.feed(text, out) && decoder.finish();
}

}  // namespace tidegate::ews
