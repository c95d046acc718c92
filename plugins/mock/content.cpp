// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/content.hpp"

#include <algorithm>
#include <cstring>

#include <openssl/evp.h>

namespace tidegate::mock {
namespace {

constexpr std::array<std::pair<char, std::uint32_t>, 6> letters{
    {{'D', draft}, {'F', flagged}, {'P', forwarded}, {'R', answered}, {'S', seen}, {'T', deleted}}};

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return small(x) == small(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

/// Takes one line off the front, without its end.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

Fingerprint digest(std::string_view octets) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> full{};
  unsigned size = 0;
  EVP_Digest(octets.data(), octets.size(), full.data(), &size, EVP_sha256(), nullptr);
  Fingerprint cut;
  std::memcpy(cut.data(), full.data(), cut.size());
  return cut;
}

std::string hex(std::span<const std::byte> octets) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(octets.size() * 2);
  for (const auto octet : octets) {
    out += digits[std::to_integer<unsigned>(octet) >> 4];
    out += digits[std::to_integer<unsigned>(octet) & 15];
  }
  return out;
}

std::string header(std::string_view message, std::string_view name) {
  while (!message.empty()) {
    const auto line = take_line(message);
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (colon == line.npos || !same(trim(line.substr(0, colon)), name)) continue;
    std::string value(trim(line.substr(colon + 1)));
    while (!message.empty() && (message.front() == ' ' || message.front() == '\t')) {
      const auto more = trim(take_line(message));
      if (!value.empty() && !more.empty()) value += ' ';
      value += more;
    }
    return value;
  }
  return {};
}

Fingerprint mail_fingerprint(std::string_view head, std::chrono::sys_seconds received, std::uint64_t size) {
  auto name = header(head, "Message-ID");
  if (name.empty()) name = head.substr(0, 8192);
  return digest("mail\n" + name + "\n" + std::to_string(received.time_since_epoch().count()) + "\n" +
                std::to_string(size));
}

Fingerprint pim_fingerprint(std::string_view octets) {
  // RFC 5545 §3.1 and RFC 6350 §3.2 fold lines alike; a UID may carry parameters (UID;VALUE=text:…).
  for (auto rest = octets; !rest.empty();) {
    const auto line = take_line(rest);
    if (line.size() < 4 || !same(line.substr(0, 3), "UID") || (line[3] != ':' && line[3] != ';')) continue;
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    std::string value(line.substr(colon + 1));
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) value += take_line(rest).substr(1);
    return digest("uid\n" + value);
  }
  return digest(octets);
}

Kind calendar_kind(std::string_view octets) {
  for (auto rest = octets; !rest.empty();) {
    const auto line = trim(take_line(rest));
    if (same(line, "BEGIN:VEVENT")) return Kind::event;
    if (same(line, "BEGIN:VTODO")) return Kind::task;
    if (same(line, "BEGIN:VJOURNAL")) return Kind::note;
  }
  return Kind::event;
}

FileName parse_name(std::string_view file) {
  FileName name;
  const auto colon = file.find(':');
  name.base = file.substr(0, colon);
  if (colon == file.npos || !file.substr(colon).starts_with(":2,")) return name;
  for (const char c : file.substr(colon + 3)) {
    const auto at = std::ranges::find(letters, c, &std::pair<char, std::uint32_t>::first);
    if (at != letters.end())
      name.flags |= at->second;
    else if (!name.other.contains(c))
      name.other += c;
  }
  return name;
}

std::string suffix(std::uint32_t flags, std::string_view other) {
  std::string all(other);
  for (const auto& [letter, flag] : letters)
    if (flags & flag) all += letter;
  std::ranges::sort(all);
  return ":2," + all;
}

}  // namespace tidegate::mock
