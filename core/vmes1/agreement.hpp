// SPDX-License-Identifier: Apache-2.0
// Suite vmes-1's key agreement (docs/wire.md §10; VMES 5.2 §11.1, Table 4): C(2, 0, ECC CDH) of NIST SP 800-56A over
// sect283k1, both keys ephemeral, so that neither end proves who it is: whoever carries the points can stand in the
// middle. Pure but for the randomness handed in, any thread; agree() takes some 3 ms, so not on a reactor. Failures
// that can't be input's fault (no memory, an OpenSSL without the curve) throw std::runtime_error.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <span>

#include "core/sdk/fault.hpp"

namespace tidegate::vmes1 {

// What VMES leaves open and how it is read here.
inline constexpr std::size_t field_size = 36;                       ///< octets of Z, leading zeros kept: ⌈283 / 8⌉
inline constexpr std::size_t point_size = 1 + 2 * field_size;       ///< as sent: SEC 1 §2.3.3, uncompressed (04)
inline constexpr std::size_t compressed_size = 1 + field_size;      ///< accepted as well (02, 03)
inline constexpr std::array<unsigned char, 4> counter{0, 0, 0, 1};  ///< of X9.63's KDF with SHA-1, no SharedInfo

using Random = std::function<void(std::span<std::byte>)>;

/// K, the session's AES-128 and HMAC key: not copyable, cleansed on destruction and when moved from.
class Key {
 public:
  static constexpr std::size_t size = 16;
  explicit Key(std::span<const std::byte, size>);
  Key(Key&&) noexcept;
  Key& operator=(Key&&) noexcept;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  ~Key();
  std::span<const std::byte, size> octets() const noexcept { return octets_; }
  Key clone() const { return Key(octets()); }

 private:
  std::array<std::byte, size> octets_{};
};

/// One end's key pair of one agreement.
class Ephemeral {
 public:
  static Ephemeral make(const Random&);
  static Result<Ephemeral> from(View secret);  ///< d, big-endian, 1 ≤ d < n; for vectors
  Ephemeral(Ephemeral&&) noexcept;
  Ephemeral& operator=(Ephemeral&&) noexcept;
  ~Ephemeral();

  Bytes point() const;  ///< Q, to be sent
  /// P = h·d·Q, K = KDF(x of P). Fault invalid: no point of the curve in one of the two forms, or P = O.
  Result<Key> agree(View point) const;

 private:
  struct State;
  explicit Ephemeral(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::vmes1
