// SPDX-License-Identifier: Apache-2.0
// Noise_XXpsk3 and Noise_KK with 25519, AESGCM, SHA256 (Noise Protocol Framework rev 34), over OpenSSL's EVP. Pure but
// for the randomness, which is handed in. Keys are cleansed when they die.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "core/sdk/fault.hpp"

namespace tidegate::e2e {

using Key32 = std::array<std::byte, 32>;

/// A secret of 32 octets: not copyable, cleansed on destruction and when moved from.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::span<const std::byte, 32>);
  Secret(Secret&&) noexcept;
  Secret& operator=(Secret&&) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();
  std::span<const std::byte, 32> octets() const noexcept { return octets_; }
  Secret clone() const { return Secret(octets()); }

 private:
  std::array<std::byte, 32> octets_{};
};

struct KeyPair {
  Secret secret;
  Key32 open{};  ///< the public key
};
using Random = std::function<void(std::span<std::byte>)>;

KeyPair make_x25519(const Random&);
Result<KeyPair> x25519_from(Secret);
KeyPair make_ed25519(const Random&);
Result<KeyPair> ed25519_from(Secret seed);
Bytes ed25519_sign(const KeyPair&, View message);  ///< 64 octets
bool ed25519_verify(View public_key, View message, View signature);

enum class Pattern { kk, xx_psk3 };

/// One direction's cipher after Split. REKEY after nonce k·2^20 − 1 by itself.
class Cipher {
 public:
  explicit Cipher(Secret);
  ~Cipher();
  Cipher(Cipher&&) noexcept;
  Cipher& operator=(Cipher&&) noexcept;
  void seal_to(Bytes& out, Octets plain);           ///< appends plain.size() + 16 octets
  void seal_over(Bytes& message);                   ///< in place; `message` grows by 16 octets
  Result<void> open_to(Bytes& out, Octets sealed);  ///< fault invalid: it did not open; the session must end
  std::uint64_t nonce() const noexcept;
  /// Frees the cipher's context (about 1 KiB) until the next message: for sessions that fell idle.
  void park() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};
inline constexpr std::uint64_t rekey_every = std::uint64_t{1} << 20;

struct Split {
  Cipher send, receive;
  Key32 hash;  ///< handshake hash
  Key32 remote_static;
};

class Handshake {
 public:
  struct Config {
    Pattern pattern = Pattern::kk;
    bool initiator = true;
    Bytes prologue;
    KeyPair own;                         ///< static
    std::optional<Key32> remote_static;  ///< KK: required
    std::optional<Secret> psk;           ///< XXpsk3: required (a responder may set it before message 3: set_psk)
    Random random;
    std::optional<KeyPair> ephemeral;  ///< for vectors in tests only
  };
  explicit Handshake(Config);
  ~Handshake();
  Handshake(Handshake&&) noexcept;
  Handshake& operator=(Handshake&&) noexcept;

  bool to_write() const noexcept;  ///< it is our turn
  bool finished() const noexcept;
  void set_psk(Secret);  ///< a responder's, before message 3
  Result<Bytes> write(Octets payload);
  Result<Bytes> read(Octets message);          ///< the payload. Fault invalid: end it; nothing works after that
  const Key32& hash() const noexcept;          ///< not after split(): Split::hash
  std::optional<Key32> remote_static() const;  ///< known after the message that carries it
  /// Once, when finished (else std::logic_error); wipes the handshake's keys. After it only destruction is allowed.
  Split split();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::e2e
