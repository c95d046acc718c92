// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <random>
#include <string>
#include <utility>

#include "core/e2e/noise.hpp"

namespace tidegate::e2e::test {

inline Octets octets_of(View view) { return {reinterpret_cast<const std::byte*>(view.data()), view.size()}; }
inline View view_of(Octets octets) { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }

inline Bytes from_hex(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}
inline std::string to_hex(View octets) {
  std::string out;
  for (const char c : octets) {
    out += "0123456789abcdef"[static_cast<std::uint8_t>(c) >> 4];
    out += "0123456789abcdef"[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}
inline std::string to_hex(const Key32& key) { return to_hex(view_of(key)); }
inline Key32 key_of(View octets) {
  Key32 key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(octets[i]);
  return key;
}
inline Secret secret_of(View octets) { return Secret(key_of(octets)); }

/// The same octets for the same seed.
inline Random seeded(std::uint64_t seed) {
  return [engine = std::mt19937_64(seed)](std::span<std::byte> out) mutable {
    for (std::byte& octet : out) octet = static_cast<std::byte>(engine());
  };
}

inline KeyPair copy_of(const KeyPair& pair) { return {pair.secret.clone(), pair.open}; }

/// Both ends of a handshake, ready to begin.
struct Ends {
  KeyPair first_static, second_static;
  Handshake first, second;
};
struct Choice {
  Bytes first_prologue = "prologue", second_prologue = "prologue";
  Bytes first_psk = Bytes(32, 'p'), second_psk = Bytes(32, 'p');
};
inline Ends make_ends(Pattern pattern, const Choice& choice = {}) {
  KeyPair first = make_x25519(seeded(1));
  KeyPair second = make_x25519(seeded(2));
  const auto config = [&](bool initiator, const KeyPair& own, const KeyPair& other) {
    Handshake::Config made{.pattern = pattern,
                           .initiator = initiator,
                           .prologue = initiator ? choice.first_prologue : choice.second_prologue,
                           .own = copy_of(own),
                           .random = seeded(initiator ? 3 : 4)};
    if (pattern == Pattern::kk) made.remote_static = other.open;
    if (pattern == Pattern::xx_psk3) made.psk = secret_of(initiator ? choice.first_psk : choice.second_psk);
    return Handshake(std::move(made));
  };
  Handshake first_end = config(true, first, second);
  Handshake second_end = config(false, second, first);
  return {std::move(first), std::move(second), std::move(first_end), std::move(second_end)};
}

/// Runs it to the end; false: an end refused a message.
inline bool complete(Ends& ends) {
  while (!ends.first.finished() || !ends.second.finished()) {
    Handshake& writer = ends.first.to_write() ? ends.first : ends.second;
    Handshake& reader = ends.first.to_write() ? ends.second : ends.first;
    const auto message = writer.write({});
    if (!message || !reader.read(octets_of(*message))) return false;
  }
  return true;
}

inline std::pair<Split, Split> split_pair(Pattern pattern = Pattern::kk) {
  Ends ends = make_ends(pattern);
  if (!complete(ends)) throw std::logic_error("the handshake of the fixture failed");
  Split first = ends.first.split();
  return {std::move(first), ends.second.split()};
}

}  // namespace tidegate::e2e::test
