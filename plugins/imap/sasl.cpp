// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/sasl.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::imap {
namespace {

// RFC 5801 §4: in a saslname "," and "=" are written =2C and =3D.
std::string saslname(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string base64(std::string_view octets) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < octets.size(); i += 3) {
    const std::size_t here = std::min<std::size_t>(3, octets.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = (bits << 8) | (j < here ? static_cast<unsigned char>(octets[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= here ? alphabet[(bits >> (18 - 6 * j)) & 0x3f] : '=';
  }
  return out;
}

std::string plain_message(const Credentials& who) {
  std::string message = who.authzid;
  message += '\0';
  message += who.name;
  message += '\0';
  return message + who.password;
}

std::string xoauth2_message(const Credentials& who) {
  return fmt::format(
      "user={}\x01"
      "auth=Bearer {}\x01\x01",
      who.name, who.password);
}

std::string oauthbearer_message(const Credentials& who, std::string_view host, std::uint16_t port) {
  return fmt::format(
      "n,a={},\x01host={}\x01port={}\x01"
      "auth=Bearer {}\x01\x01",
      saslname(who.name), host, port, who.password);
}

bool speakable(const Credentials& who) {
  const std::string_view refused = who.token ? std::string_view("\0\x01\r\n", 4) : std::string_view("\0", 1);
  return std::ranges::all_of(std::initializer_list<std::string_view>{who.authzid, who.name, who.password},
                             [&](std::string_view part) { return part.find_first_of(refused) == part.npos; });
}

}  // namespace tidegate::imap
