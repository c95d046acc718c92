// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/smtp_message.hpp"

#include <algorithm>

namespace tidegate::imap {
namespace {
constexpr std::size_t path_most = 256;  // RFC 5321 §4.5.3.1.3
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c < 0x80; });
}

SmtpNeeds needs_of(std::string_view message) {
  SmtpNeeds out;
  bool header = true;
  std::size_t line = 0;  // its length so far
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto c = static_cast<unsigned char>(message[i]);
    ++out.size;
    if (c >= 0x80) {
      out.eight_bit = true;
      out.utf8_header = out.utf8_header || header;
    }
    const bool next_is_lf = i + 1 < message.size() && message[i + 1] == '\n';
    if (c == '\r' && !next_is_lf) out.bare_cr = true;
    if (c == '\n') {
      if (i == 0 || message[i - 1] != '\r') ++out.size;
      header = header && line > 0;
      line = 0;
    } else if (c != '\r') {
      ++line;
    }
  }
  if (!message.empty() && !message.ends_with('\n')) out.size += 2;
  return out;
}

std::string stuffed(std::string_view message) {
  std::string out;
  out.reserve(message.size() + message.size() / 50 + 16);
  bool line_start = true;
  char before = 0;
  for (const char c : message) {
    if (line_start && c == '.') out += '.';
    if (c == '\n' && before != '\r') out += '\r';
    out += c;
    line_start = c == '\n';
    before = c;
  }
  if (!line_start) out += "\r\n";
  return out;
}

std::optional<std::string> path(std::string_view address) {
  const bool bad =
      std::ranges::any_of(address, [](unsigned char c) { return c <= 0x20 || c == 0x7f || c == '<' || c == '>'; });
  if (bad || address.size() + 2 > path_most) return std::nullopt;
  return '<' + std::string(address) + '>';
}

}  // namespace tidegate::imap
