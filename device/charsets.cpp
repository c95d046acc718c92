// SPDX-License-Identifier: Apache-2.0
#include "device/charsets.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <iconv.h>

#include "core/http/utf8.hpp"

namespace tidegate::device {
namespace {

/// What a mail may name: iconv loads a module by name, so a stranger's word picks only from these.
bool known_charset(std::string_view name) {
  static constexpr std::array<std::string_view, 16> families{
      "utf-8", "us-ascii", "ascii", "iso-8859-", "windows-125", "cp125",     "koi8-",       "gb2312",
      "gbk",   "gb18030",  "big5",  "euc-jp",    "euc-kr",      "shift_jis", "iso-2022-jp", "utf8"};
  std::string small;
  for (const char c : name) small += lower(c);
  return small.size() <= 20 && std::any_of(families.begin(), families.end(),
                                           [&](std::string_view family) { return small.starts_with(family); });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// The small letter of a code point below U+0530.
std::uint32_t small(std::uint32_t c) {
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 0x20;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177)) return c | 1U;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c % 2 == 1 ? c + 1 : c;
  if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;
  return c;
}

}  // namespace

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// The octets of one well-formed UTF-8 character at the start of `text`; 0: it is none (RFC 3629 §4).
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && at(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

std::optional<std::string> to_utf8(std::string_view octets, std::string_view charset) {
  if (!known_charset(charset)) return std::nullopt;
  const auto converter = ::iconv_open("UTF-8", std::string(charset).c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) return std::nullopt;  // NOLINT: iconv's own way to say no
  std::string in(octets), out(octets.size() * 4 + 16, '\0');
  char* from = in.data();
  char* to = out.data();
  std::size_t from_left = in.size(), to_left = out.size();
  bool fine = true;
  while (from_left > 0) {
    if (::iconv(converter, &from, &from_left, &to, &to_left) != static_cast<std::size_t>(-1)) break;
    if (from_left == 0 || to_left < 8) {
      fine = false;
      break;
    }
    // One octet that means nothing there must not hide the rest.
    *to++ = '?', --to_left, ++from, --from_left;
  }
  ::iconv_close(converter);
  if (!fine) return std::nullopt;
  out.resize(static_cast<std::size_t>(to - out.data()));
  return out;
}

std::string decode_quoted(std::string_view text, bool word) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!word && text[i] == '=') {  // RFC 2045 §6.7: a soft line break
      const auto end = text.find_first_not_of(" \t\r", i + 1);
      if (end == std::string_view::npos || text[end] == '\n') {
        i = std::min(end, text.size());
        continue;
      }
    }
    const int high = text[i] == '=' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += word && text[i] == '_' ? ' ' : text[i];
    }
  }
  return out;
}

std::string decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+') value = 62;
    if (c == '/') value = 63;
    if (value < 0) continue;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>((bits >> (count -= 8)) & 0xFF);
  }
  return out;
}

/// No octet that a terminal would obey, nothing that is not UTF-8.
std::string for_people(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool c1 = length == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (length == 0 || c1) {
      out += "\xEF\xBF\xBD";
    } else if (first < 0x20 || first == 0x7F) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string raw_to_utf8(std::string_view text) {
  if (http::is_utf8(text)) return std::string(text);
  return to_utf8(text, "windows-1252").value_or(std::string(text));
}

std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = std::max<std::size_t>(utf8_length(text), 1);
    if (length == 2) {
      const auto c =
          small((static_cast<std::uint32_t>(text[0]) & 0x1FU) << 6 | (static_cast<std::uint32_t>(text[1]) & 0x3FU));
      out += static_cast<char>(0xC0U | c >> 6);
      out += static_cast<char>(0x80U | (c & 0x3FU));
    } else if (length == 1) {
      out += lower(text[0]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace tidegate::device
