// SPDX-License-Identifier: Apache-2.0
#include "device/mail_header.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include <iconv.h>

namespace tidegate::device {
namespace {

constexpr std::size_t value_limit = 4096;  // a header value longer than this is cut: it is for one line of a screen

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

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

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

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

std::string decode_q(std::string_view text) {  // RFC 2047 §4.2
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '=' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '_' ? ' ' : text[i];
    }
  }
  return out;
}

std::string decode_b(std::string_view text) {  // RFC 2047 §4.1; strangers in the text are skipped
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

struct Word {
  std::string charset, octets;
  std::size_t length = 0;  ///< of the encoded word in the text
};

std::optional<Word> word_at(std::string_view text) {
  if (!text.starts_with("=?")) return std::nullopt;
  const auto charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?')
    return std::nullopt;
  const char encoding = lower(text[charset_end + 1]);
  const auto end = text.find("?=", charset_end + 3);
  if (end == std::string_view::npos || (encoding != 'q' && encoding != 'b')) return std::nullopt;
  const auto body = text.substr(charset_end + 3, end - charset_end - 3);
  auto charset = text.substr(2, charset_end - 2);
  charset = charset.substr(0, charset.find('*'));  // RFC 2231 §5: a language may follow
  return Word{std::string(charset), encoding == 'q' ? decode_q(body) : decode_b(body), end + 2};
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
  if (is_utf8(text)) return std::string(text);
  return to_utf8(text, "windows-1252").value_or(std::string(text));
}

}  // namespace

std::string decode_words(std::string_view value) {
  std::string out;
  std::string octets, charset;  // of the words decoded last: a character may be cut between two of them
  std::string_view source;      // their text, should they not decode
  const auto flush = [&] {
    if (source.empty()) return;
    out += to_utf8(octets, charset).value_or(std::string(source));
    octets.clear(), charset.clear(), source = {};
  };
  while (!value.empty()) {
    if (const auto word = word_at(value)) {
      if (!source.empty() && !same_name(word->charset, charset)) flush();
      charset = word->charset;
      octets += word->octets;
      source = source.empty() ? value.substr(0, word->length)
                              : std::string_view(source.data(),
                                                 static_cast<std::size_t>(value.data() - source.data()) + word->length);
      value.remove_prefix(word->length);
      continue;
    }
    const auto blank = value.find_first_not_of(" \t");
    // RFC 2047 §6.2: white space between two encoded words is not shown.
    if (!source.empty() && blank != 0 && blank != std::string_view::npos && word_at(value.substr(blank))) {
      value.remove_prefix(blank);
      continue;
    }
    flush();
    const auto next = std::max<std::size_t>(std::min(value.find("=?", 1), value.size()), 1);
    out += raw_to_utf8(value.substr(0, next));
    value.remove_prefix(next);
  }
  flush();
  return for_people(out);
}

MailHeader read_mail_header(std::string_view mail) {
  mail = mail.substr(0, header_limit);
  std::string subject, from;
  std::string* current = nullptr;
  bool had_subject = false, had_from = false;
  while (!mail.empty()) {
    const auto end = mail.find('\n');
    auto line = mail.substr(0, end);
    mail.remove_prefix(end == std::string_view::npos ? mail.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {  // RFC 5322 §2.2.3: goes on
      if (current != nullptr) current->append(line);
    } else {
      const auto colon = line.find(':');
      auto name = line.substr(0, colon == std::string_view::npos ? 0 : colon);
      while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
      current = nullptr;
      if (same_name(name, "subject") && !had_subject) current = &subject, had_subject = true;
      if (same_name(name, "from") && !had_from) current = &from, had_from = true;
      if (current != nullptr) current->append(line.substr(colon + 1));
    }
    if (current != nullptr && current->size() > value_limit) current->resize(value_limit);
  }
  const auto trimmed = [](std::string_view text) {
    const auto start = text.find_first_not_of(" \t");
    return start == std::string_view::npos ? std::string_view() : text.substr(start);
  };
  return {decode_words(trimmed(subject)), decode_words(trimmed(from))};
}

}  // namespace tidegate::device
