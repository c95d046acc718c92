// SPDX-License-Identifier: Apache-2.0
#include "device/digest.hpp"

namespace tidegate::device {

Bytes sha256(View octets) {
  Digest digest;
  digest.add(octets);
  return digest.finish();
}

std::string hex(View octets) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : octets) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

Bytes from_hex(std::string_view text) {
  const auto value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  Bytes out;
  if (text.size() % 2 != 0) return {};
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = value(text[i]), low = value(text[i + 1]);
    if (high < 0 || low < 0) return {};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace tidegate::device
