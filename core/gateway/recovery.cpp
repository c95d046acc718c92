// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/recovery.hpp"

#include <filesystem>
#include <vector>

namespace tidegate::gateway {
namespace {

constexpr std::size_t key_octets = 32;
constexpr std::size_t text_digits = 54;  // 52 of the key, 2 of the check
constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Modulo a prime between 2^9 and 2^10: any one wrong character, and any exchange of neighbours, changes it.
unsigned check_of(View key) {
  unsigned check = 0;
  for (const unsigned char c : key) check = (check * 256U + c) % 1021U;
  return check;
}

Result<void> create_durably(sim::World& world, const std::string& path, View octets) {
  auto& files = world.files();
  auto made = files.create(path, octets, 0600);
  if (made) made = files.sync(path);
  if (made) made = files.sync_directory(std::filesystem::path(path).parent_path());
  return made;
}

}  // namespace

Result<Bytes> load_recovery_key(sim::World& world, const std::string& path) {
  auto there = world.files().info(path);
  if (!there) return std::unexpected(there.error());
  if (!*there) {
    Bytes key(key_octets, '\0');
    if (auto gone = world.files().remove(path + ".confirmed"); !gone && gone.error().kind != FaultKind::not_found)
      return std::unexpected(gone.error());
    world.reactor().random(std::as_writable_bytes(std::span(key)));
    if (auto made = create_durably(world, path, key); !made) return std::unexpected(made.error());
    return key;
  }
  auto key = world.files().read(path, key_octets + 1);
  if (key && key->size() != key_octets)
    return fault(FaultKind::invalid, path, "this file is not a recovery key (32 octets): put the right one back");
  return key;
}

Result<void> confirm_recovery_key(sim::World& world, const std::string& path) {
  return create_durably(world, path + ".confirmed", "");
}

Result<void> put_recovery_key(sim::World& world, const std::string& path, View key) {
  for (const auto& old : {path + ".confirmed", path})
    if (auto gone = world.files().remove(old); !gone && gone.error().kind != FaultKind::not_found) return gone;
  if (auto made = create_durably(world, path, key); !made) return made;
  return confirm_recovery_key(world, path);
}

Result<Bytes> recovery_from_text(std::string_view text) {
  std::vector<unsigned> digits;
  for (const char given : text) {
    char c = given >= 'a' && given <= 'z' ? static_cast<char>(given - 32) : given;
    if (c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n') continue;
    c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
    const auto value = crockford.find(c);
    if (value == std::string_view::npos)
      return fault(FaultKind::invalid, "recovery key",
                   std::string("a recovery key has letters and digits without U, not \"") + given + "\"");
    digits.push_back(static_cast<unsigned>(value));
  }
  if (digits.size() != text_digits)
    return fault(FaultKind::invalid, "recovery key",
                 "a recovery key has " + std::to_string(text_digits) + " letters and digits, this has " +
                     std::to_string(digits.size()));
  Bytes key;
  unsigned held = 0, bits = 0;
  for (std::size_t at = 0; at < text_digits - 2; ++at) {
    held = (held << 5U | digits[at]) & 0xfffU;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    key += static_cast<char>(held >> bits);
  }
  const bool padded = (held & ((1U << bits) - 1)) == 0;
  if (!padded || check_of(key) != (digits[text_digits - 2] << 5U | digits[text_digits - 1]))
    return fault(FaultKind::invalid, "recovery key",
                 "this is not a recovery key: a letter or digit was mistyped; compare it with what was written down");
  return key;
}

std::string recovery_text(View key) {
  std::string digits;
  unsigned held = 0, bits = 0;
  const unsigned check = check_of(key);
  auto add = [&](unsigned value) { digits += crockford[value & 31U]; };
  for (unsigned char c : key) {
    held = held << 8U | c;
    for (bits += 8; bits >= 5; bits -= 5) add(held >> (bits - 5));
  }
  if (bits > 0) add(held << (5 - bits));
  add(check >> 5U);
  add(check);
  std::string grouped;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    if (at != 0 && at % 4 == 0) grouped += '-';
    grouped += digits[at];
  }
  return grouped;
}

}  // namespace tidegate::gateway
