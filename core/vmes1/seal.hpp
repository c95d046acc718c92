// SPDX-License-Identifier: Apache-2.0
// Suite vmes-1's sealing (docs/wire.md §10; VMES 5.2 §11.2, Tables 5 and 6): M = raw deflate of T, MAC = the leftmost
// 10 octets of HMAC-SHA1(K, M), X = AES-128-CFB128(K, IV, M), sent is IV ‖ MAC ‖ X. Pure but for the randomness handed
// in. Failures that can't be input's fault throw std::runtime_error.
#pragma once
#include <cstdint>

#include "core/vmes1/agreement.hpp"

namespace tidegate::vmes1 {

inline constexpr std::size_t iv_size = 16, mac_size = 10;
inline constexpr std::size_t most_sealed = 16 * 1024;  ///< octets of IV ‖ MAC ‖ X
inline constexpr std::size_t most_text = 16 * 1024;    ///< octets of T: nothing is inflated beyond it
using Iv = std::array<std::byte, iv_size>;

Bytes seal(const Key&, const Iv&, View text);  ///< T → IV ‖ MAC ‖ X; what is over most_text opens nowhere
/// As seal(), of what is compressed already.
Bytes seal_compressed(const Key&, const Iv&, View compressed);
/// T. Fault invalid: a length out of bounds, another MAC, no deflate, more than most_text. The session must end.
Result<Bytes> open(const Key&, View sealed);

/// T begins with this octet and a 64-bit number that counts from 1 a direction, so that what is repeated, dropped or
/// turned round is noticed while §11 stays as it is.
enum class Direction : std::uint8_t { to_gateway = 1, to_device = 2 };
inline constexpr std::size_t head_size = 9;
/// Octets that fit behind the head however badly they compress.
inline constexpr std::size_t most_octets = most_sealed - 128;

class Writer {
 public:
  Writer(Key key, Direction direction, Random random)
      : key_(std::move(key)), direction_(direction), random_(std::move(random)) {}
  Bytes seal(View octets);  ///< ≤ most_octets

 private:
  Key key_;
  Direction direction_;
  Random random_;
  std::uint64_t next_ = 1;
};

class Reader {
 public:
  Reader(Key key, Direction direction) : key_(std::move(key)), direction_(direction) {}
  /// The octets behind the head. Fault invalid; after it nothing opens any more.
  Result<Bytes> open(View sealed);

 private:
  Key key_;
  Direction direction_;
  std::uint64_t next_ = 1;
  bool failed_ = false;
};

}  // namespace tidegate::vmes1
