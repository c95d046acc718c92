// SPDX-License-Identifier: Apache-2.0
#include "device/letter.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include <fmt/format.h>

#include "core/e2e/sync.hpp"
#include "core/mime/addresses.hpp"

namespace tidegate::device {
namespace {

/// With CRLF at every line's end; up to a line of one dot if that ends it (sendmail without -i).
Bytes with_line_ends(std::string_view input, bool dots) {
  Bytes out;
  out.reserve(input.size() + input.size() / 32);
  while (!input.empty()) {
    const auto end = input.find('\n');
    auto line = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (dots && line == ".") break;
    out.append(line).append("\r\n");
  }
  return out;
}

struct Field {
  std::string_view name, value, whole;
};

/// Header fields up to the empty line; what follows it stays in `rest`, the empty line included.
std::vector<Field> fields_of(std::string_view message, std::string_view& rest) {
  std::vector<Field> out;
  while (!message.empty() && !message.starts_with("\r\n")) {
    std::size_t end = 0;
    do {
      end = message.find("\r\n", end);
      end = end == std::string_view::npos ? message.size() : end + 2;
    } while (end < message.size() && (message[end] == ' ' || message[end] == '\t'));
    const auto whole = message.substr(0, end);
    const auto colon = whole.find(':');
    if (colon == std::string_view::npos || whole.substr(0, colon).find_first_of(" \t\r\n") != std::string_view::npos)
      break;
    out.push_back({whole.substr(0, colon), whole.substr(colon + 1), whole});
    message.remove_prefix(end);
  }
  rest = message;
  return out;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string date_text(std::int64_t unix) {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<std::time_t>(unix);
  std::tm at{};
  ::gmtime_r(&seconds, &at);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", days[static_cast<std::size_t>(at.tm_wday)], at.tm_mday,
                     months[static_cast<std::size_t>(at.tm_mon)], at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
}

}  // namespace

Result<Letter> read_letter(std::string_view input, const LetterOptions& options) {
  const auto message = with_line_ends(input, options.dots);
  const auto wrong = [](const char* text) { return fault(FaultKind::invalid, "send", text); };
  if (message.find_first_not_of("\r\n") == Bytes::npos) return wrong("There is nothing to send: the message is empty.");
  std::string_view rest;
  const auto fields = fields_of(message, rest);
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(fields, [&](const Field& field) { return same_name(field.name, name); });
  };
  Letter letter;
  letter.recipients = options.recipients;
  Bytes header;
  for (const auto& field : fields) {
    const bool bcc = same_name(field.name, "Bcc");
    if (options.from_header && (bcc || same_name(field.name, "To") || same_name(field.name, "Cc")))
      for (auto& address : mime::addresses_of(field.value)) letter.recipients.push_back(std::move(address));
    if (!bcc) header += field.whole;
  }
  std::ranges::sort(letter.recipients);
  letter.recipients.erase(std::ranges::unique(letter.recipients).begin(), letter.recipients.end());
  if (letter.recipients.empty()) return wrong("Nobody to send it to: name recipients, or use -t and a To field.");
  if (letter.recipients.size() > e2e::max_recipients) return wrong("Too many recipients for one message.");
  if (!has("From")) header += "From: " + options.user + "\r\n";
  if (!has("Date")) header += "Date: " + date_text(options.now_unix) + "\r\n";
  if (!has("Message-ID")) {
    const auto at = options.user.rfind('@');
    header +=
        "Message-ID: <" + options.unique + (at == std::string::npos ? "@localhost" : options.user.substr(at)) + ">\r\n";
  }
  letter.content = std::move(header);
  if (!rest.starts_with("\r\n")) letter.content += "\r\n";
  letter.content += rest;
  return letter;
}

}  // namespace tidegate::device
