// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/utf7.hpp"

#include <array>
#include <cstdint>

namespace tidegate::imap {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool printable(unsigned char c) { return c >= 0x20 && c <= 0x7e; }

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t octet) { out += static_cast<char>(octet); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

// The next code point of well-formed UTF-8 (RFC 3629 §4); nullopt where it isn't.
std::optional<char32_t> next_utf8(std::string_view& text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (length == 0 || text.size() < length) return std::nullopt;
  char32_t c = length == 1 ? lead : lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (at(i) >> 6 != 2) return std::nullopt;
    c = (c << 6) | (at(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return std::nullopt;
  text.remove_prefix(length);
  return c;
}

// What stands between '&' and '-': base64 without padding of UTF-16BE, only of what isn't printable ASCII.
bool decode_shifted(std::string_view coded, std::string& out) {
  std::uint32_t bits = 0;
  unsigned have = 0;
  char32_t high = 0;
  for (const char c : coded) {
    const auto value = alphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    have += 6;
    if (have < 16) continue;
    have -= 16;
    const char32_t unit = (bits >> have) & 0xffff;
    bits &= (1U << have) - 1;
    if (unit >= 0xdc00 && unit <= 0xdfff) {
      if (high == 0) return false;
      append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
      high = 0;
    } else if (high != 0) {
      return false;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
      high = unit;
    } else if (unit <= 0x7f) {
      return false;  // printable ASCII must stand for itself; controls have no business in a name
    } else {
      append_utf8(out, unit);
    }
  }
  return high == 0 && have < 6 && bits == 0;
}

std::string encode_shifted(std::u16string_view units) {
  std::string out = "&";
  std::uint32_t bits = 0;
  unsigned have = 0;
  for (const char16_t unit : units) {
    bits = (bits << 16) | unit;
    have += 16;
    while (have >= 6) {
      have -= 6;
      out += alphabet[(bits >> have) & 0x3f];
    }
    bits &= (1U << have) - 1;
  }
  if (have > 0) out += alphabet[(bits << (6 - have)) & 0x3f];
  return out + '-';
}

}  // namespace

std::optional<std::string> utf8_from_modified_utf7(std::string_view name) {
  std::string out;
  bool shifted_before = false;  // "&...-&...-": two shifts in a row are one badly written one, except for "&-"
  while (!name.empty()) {
    const auto c = static_cast<unsigned char>(name.front());
    if (!printable(c)) return std::nullopt;
    name.remove_prefix(1);
    if (c != '&') {
      out += static_cast<char>(c);
      shifted_before = false;
      continue;
    }
    const auto end = name.find('-');
    if (end == std::string_view::npos) return std::nullopt;
    if (end == 0) {
      out += '&';
      shifted_before = false;
    } else {
      if (shifted_before || !decode_shifted(name.substr(0, end), out)) return std::nullopt;
      shifted_before = true;
    }
    name.remove_prefix(end + 1);
  }
  return out;
}

std::optional<std::string> modified_utf7_from_utf8(std::string_view name) {
  std::string out;
  std::u16string waiting;
  const auto flush = [&] {
    if (!waiting.empty()) out += encode_shifted(waiting);
    waiting.clear();
  };
  while (!name.empty()) {
    const auto c = next_utf8(name);
    if (!c || *c < 0x20 || *c == 0x7f) return std::nullopt;
    if (*c < 0x7f) {
      flush();
      out += static_cast<char>(*c);
      if (*c == '&') out += '-';
    } else if (*c < 0x10000) {
      waiting += static_cast<char16_t>(*c);
    } else {
      waiting += static_cast<char16_t>(0xd800 + ((*c - 0x10000) >> 10));
      waiting += static_cast<char16_t>(0xdc00 + ((*c - 0x10000) & 0x3ff));
    }
  }
  flush();
  return out;
}

bool is_plain_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto c = next_utf8(text);
    if (!c || *c < 0x20 || *c == 0x7f) return false;
  }
  return true;
}

std::string readable_name(std::string_view raw) {
  if (auto strict = utf8_from_modified_utf7(raw)) return *strict;
  if (is_plain_utf8(raw)) return std::string(raw);
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : raw) {
    const auto octet = static_cast<unsigned char>(c);
    if (printable(octet)) {
      out += c;
    } else {
      out += {'%', hex[octet >> 4], hex[octet & 15]};
    }
  }
  return out;
}

}  // namespace tidegate::imap
