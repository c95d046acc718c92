// SPDX-License-Identifier: Apache-2.0
// The code in the welcome mail (docs/wire.md §7): 5 characters of handle, 26 of secret, 2 of check.
#include <algorithm>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "core/e2e/openssl.hpp"
#include "core/e2e/session.hpp"

namespace tidegate::e2e {
namespace {

constexpr View alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // crockford.com/base32.html
constexpr std::size_t handle_size = 5;
constexpr std::size_t secret_size = 26;
constexpr std::size_t check_size = 2;
constexpr std::size_t code_size = handle_size + secret_size + check_size;
constexpr std::size_t group_size = 5;
constexpr std::size_t longest_link = 2048;

/// 1021 is the largest prime two characters can count; weights 1, 2, 3 … differ from each other and (by sign) from the
/// check characters' 32 and 1, so every single substitution and every exchange of neighbours changes the sum.
unsigned check_of(View characters) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < characters.size(); ++i)
    sum += static_cast<unsigned>((i + 1) * alphabet.find(characters[i]));
  return sum % 1021;
}

/// Five bits a character, the last one's low bits zero.
std::string base32(Octets octets) {
  std::string out;
  unsigned bits = 0;
  unsigned held = 0;
  for (const std::byte octet : octets) {
    held = held << 8 | static_cast<unsigned>(octet);
    for (bits += 8; bits >= 5; bits -= 5) out += alphabet[held >> (bits - 5) & 31];
    held &= (1U << bits) - 1;
  }
  if (bits != 0) out += alphabet[held << (5 - bits) & 31];
  return out;
}

/// False: the bits behind the last whole octet are not zero.
bool base32_read(View characters, std::span<std::byte> out) {
  unsigned bits = 0;
  unsigned held = 0;
  std::size_t at = 0;
  for (const char c : characters) {
    held = held << 5 | static_cast<unsigned>(alphabet.find(c));
    bits += 5;
    if (bits >= 8) {
      out[at++] = static_cast<std::byte>(held >> (bits - 8));
      bits -= 8;
    }
    held &= (1U << bits) - 1;
  }
  return at == out.size() && held == 0;
}

/// The character it stands for; 0: none. Crockford: O is 0, I and L are 1, case does not matter.
char read_as(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') return '0';
  if (c == 'I' || c == 'L') return '1';
  return alphabet.find(c) == View::npos ? '\0' : c;
}

std::unexpected<Fault> mistyped(std::string text) { return fault(FaultKind::invalid, "pairing code", std::move(text)); }

std::string percent_encoded(View text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       View("-._~@:").find(c) != View::npos;  // RFC 3986 §3.4, less & = +
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(View text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

}  // namespace

PairingCode make_pairing_code(const Random& random) {
  PairingCode code;
  std::array<std::byte, handle_size> handle{};
  random(handle);
  for (const std::byte octet : handle) code.handle += alphabet[static_cast<unsigned>(octet) & 31];
  random(code.secret);
  return code;
}

std::string PairingCode::text() const {
  std::string plain = handle + base32(secret);
  const unsigned check = check_of(plain);
  plain += alphabet[check >> 5];
  plain += alphabet[check & 31];
  std::string grouped;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i != 0 && i % group_size == 0) grouped += '-';
    grouped += plain[i];
  }
  OPENSSL_cleanse(plain.data(), plain.size());
  return grouped;
}

std::string PairingCode::link(View relay_host, View user) const {
  return fmt::format("tidegate:pair?relay={}&user={}&code={}", percent_encoded(relay_host), percent_encoded(user),
                     text());
}

Result<PairingCode> parse_pairing_code(std::string_view text) {
  auto link = parse_pairing_link(text);
  if (!link) return std::unexpected(std::move(link.error()));
  return std::move(link->code);
}

namespace {

Result<PairingCode> read_code(View text) {
  std::string plain;
  for (const char c : text) {
    if (c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    const char read = read_as(c);
    if (read == '\0')
      return mistyped("The pairing code contains a character that no code has; compare it with the welcome mail.");
    plain += read;
    if (plain.size() > code_size) break;
  }
  if (plain.size() != code_size)
    return mistyped(
        fmt::format("The pairing code is too {}: it has {} letters and digits. Compare it with the welcome mail.",
                    plain.size() < code_size ? "short" : "long", code_size));
  const View body = View(plain).substr(0, handle_size + secret_size);
  const auto check = alphabet.find(plain[code_size - 2]) << 5 | alphabet.find(plain[code_size - 1]);
  PairingCode code;
  if (check != check_of(body) || !base32_read(body.substr(handle_size), code.secret))
    return mistyped("A character of the pairing code is mistyped; compare it with the welcome mail.");
  code.handle = body.substr(0, handle_size);
  OPENSSL_cleanse(plain.data(), plain.size());
  return code;
}

}  // namespace

Result<PairingLink> parse_pairing_link(std::string_view text) {
  constexpr View scheme = "tidegate:pair?";
  PairingLink link;
  if (text.size() > longest_link) return mistyped("This is too long for a pairing code or link.");
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  std::string code(text);
  if (text.starts_with(scheme)) {
    code.clear();
    text.remove_prefix(scheme.size());
    while (!text.empty()) {
      const View part = text.substr(0, text.find('&'));
      text.remove_prefix(std::min(text.size(), part.size() + 1));
      const auto equals = part.find('=');
      const auto value = percent_decoded(equals == View::npos ? View() : part.substr(equals + 1));
      if (!value) return mistyped("The pairing link is damaged; copy it from the welcome mail again.");
      const View key = part.substr(0, equals);
      if (key == "relay") link.relay_host = *value;
      if (key == "user") link.user = *value;
      if (key == "code") code = *value;
    }
  }
  auto read = read_code(code);
  if (!read) return std::unexpected(std::move(read.error()));
  link.code = std::move(*read);
  return link;
}

Secret pairing_psk(const PairingCode& code, View guid) {
  constexpr View salt = "tidegate noise-1 pairing";
  std::array<std::byte, 32> psk{};
  hkdf({reinterpret_cast<const std::byte*>(salt.data()), salt.size()}, code.secret,
       {reinterpret_cast<const std::byte*>(guid.data()), guid.size()}, psk);
  Secret secret{psk};
  OPENSSL_cleanse(psk.data(), psk.size());
  return secret;
}

std::string fingerprint_text(const Key32& key) {
  constexpr std::size_t group = 4;
  const Key32 hash = sha256({Octets(key)});
  const std::string plain = base32(Octets(hash).first(20));
  std::string grouped;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i != 0 && i % group == 0) grouped += '-';
    grouped += plain[i];
  }
  return grouped;
}

}  // namespace tidegate::e2e
