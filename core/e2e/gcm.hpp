// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM with its key set once and a counter for nonce. For .cpp files of this folder only.
#pragma once
#include <openssl/crypto.h>

#include "core/e2e/openssl.hpp"

namespace tidegate::e2e {

class Gcm {
 public:
  enum class Direction { seal, open };
  static constexpr int tag_size = 16;

  Gcm(const Secret& key, Direction);
  Direction direction() const noexcept { return direction_; }
  /// Writes plain.size() + 16 octets.
  void seal(std::uint64_t nonce, Octets ad, Octets plain, char* out);
  /// Writes sealed.size() − 16 octets, which count only if it returns true.
  bool open(std::uint64_t nonce, Octets ad, Octets sealed, char* out);

 private:
  bool begin(std::uint64_t nonce, Octets ad);
  CipherCtx ctx_;
  Direction direction_;
};

}  // namespace tidegate::e2e
