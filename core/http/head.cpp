// SPDX-License-Identifier: Apache-2.0
#include "core/http/head.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <charconv>

namespace tidegate::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trim(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// RFC 9110 §5.6.2
bool is_token(std::string_view text) {
  constexpr std::string_view also = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || also.find(c) != also.npos;
  });
}

// RFC 9110 §5.5: octets above 0x7f may stand, control characters but the tab may not.
bool is_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
  });
}

bool is_target(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<std::string> with_fields(std::string first, const Fields& fields) {
  for (const auto& [name, value] : fields.all()) {
    if (!is_token(name) || !is_value(value))
      return fault(FaultKind::invalid, "HTTP field " + (is_token(name) ? name : std::string("name")),
                   "A header field holds characters that HTTP forbids; it was not sent.");
    first.append(name).append(": ").append(value).append("\r\n");
  }
  return first + "\r\n";
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

const std::string* Fields::find(std::string_view name) const {
  const auto found = std::ranges::find_if(all_, [&](const Field& f) { return same_name(f.name, name); });
  return found == all_.end() ? nullptr : &found->value;
}

bool Fields::has_token(std::string_view name, std::string_view token) const {
  for (const auto& field : all_) {
    if (!same_name(field.name, name)) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const auto comma = rest.find(',');
      if (same_name(trim(rest.substr(0, comma)), token)) return true;
      rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

Result<std::string> serialise_request(std::string_view method, std::string_view target, const Fields& fields) {
  if (!is_token(method) || !is_target(target))
    return fault(FaultKind::invalid, "HTTP request line",
                 "The method or target of a request holds characters that HTTP forbids; it was not sent.");
  return with_fields(std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n", fields);
}

Result<std::string> serialise_response(unsigned status, const Fields& fields) {
  assert(status >= 100 && status <= 999);
  return with_fields("HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_of(status)) + "\r\n", fields);
}

std::string_view reason_of(unsigned status) {
  struct Reason {
    unsigned status;
    std::string_view text;
  };
  static constexpr auto kReasons = std::to_array<Reason>({
      {101, "Switching Protocols"},
      {200, "OK"},
      {204, "No Content"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {413, "Content Too Large"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  });
  const auto found = std::ranges::find(kReasons, status, &Reason::status);
  return found == kReasons.end() ? "Status" : found->text;
}

std::string chunk_begin(std::uint64_t octets) {
  assert(octets > 0);
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), octets, 16).ptr;
  return std::string(digits.data(), end) + "\r\n";
}

}  // namespace tidegate::http
