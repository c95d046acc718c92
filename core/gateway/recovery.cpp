// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/recovery.hpp"

#include <filesystem>

namespace tidegate::gateway {
namespace {

constexpr std::size_t key_octets = 32;
constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

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

std::string recovery_text(View key) {
  std::string digits;
  unsigned held = 0, bits = 0, check = 0;
  auto add = [&](unsigned value) { digits += crockford[value & 31U]; };
  for (unsigned char c : key) {
    check = (check * 256U + c) % 1021U;
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
