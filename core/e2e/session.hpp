// SPDX-License-Identifier: Apache-2.0
// Suite noise-1 on top of the handshake: prologues, the pairing code, and the stream of length-prefixed messages cut
// into padded Noise messages of ≤ 16 KiB, one an RTS frame. Used by both ends, the same code. Pure.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/e2e/noise.hpp"

namespace tidegate::e2e {

inline constexpr std::size_t max_noise_message = 16 * 1024;

/// `tidegate noise-1`, then with 16-bit lengths: version, pattern, GUID, user, device id, the octets of WakeUp and
/// WakeUpAck as sent.
Bytes prologue(Pattern, View guid, View user, View device_id, View wake_up, View wake_up_ack);

/// The code in the welcome mail: handle (5), 26 characters, 2 check characters, Crockford base32, printed in groups.
struct PairingCode {
  std::string handle;  ///< public
  std::array<std::byte, 16> secret{};
  std::string text() const;                            ///< "H4NDL-XXXXX-…"
  std::string link(View relay_host, View user) const;  ///< tidegate:pair?…
};
PairingCode make_pairing_code(const Random&);
/// Accepts lower case, spaces, missing dashes, O/0, I/L/1; also the link. Fault invalid says what is wrong (a mistyped
/// character is found by the check characters).
Result<PairingCode> parse_pairing_code(std::string_view);
/// What a tidegate:pair link says; the code alone leaves the others empty.
struct PairingLink {
  PairingCode code;
  std::string relay_host, user;
};
Result<PairingLink> parse_pairing_link(std::string_view);
/// HKDF-SHA256(salt `tidegate noise-1 pairing`, secret, info = GUID).
Secret pairing_psk(const PairingCode&, View guid);
/// A static public key's fingerprint as people compare it: 8 groups of 4 Crockford characters.
std::string fingerprint_text(const Key32&);

/// Octets of the sealed body that carries a Noise message of `size` octets after padding (docs/wire.md §7).
std::size_t padded_size(std::size_t size) noexcept;

/// Sealing side. Messages go in whole; frames come out when there is credit for them, so that what is not sealed can
/// still be overtaken by what is put in front.
class Sealer {
 public:
  explicit Sealer(Cipher cipher) : cipher_(std::move(cipher)) {}
  void push(Bytes message);        ///< queued behind what is there
  void push_first(Bytes message);  ///< queued before everything that is not partly sealed already
  bool empty() const noexcept { return queue_.empty(); }
  std::size_t queued() const noexcept { return queued_; }  ///< octets not yet sealed, lengths included
  /// The next sealed frame's body (≤ 16 KiB), filling it from as many messages as fit; empty: nothing queued.
  Bytes next();
  void park() noexcept { cipher_.park(); }

 private:
  std::size_t take(char* out, std::size_t room);

  Cipher cipher_;
  std::deque<Bytes> queue_;
  std::size_t at_ = 0;  ///< octets of queue_.front() (with its length) already sealed
  std::size_t queued_ = 0;
};

/// Opening side.
class Opener {
 public:
  Opener(Cipher cipher, std::size_t limit) : cipher_(std::move(cipher)), limit_(limit) {}
  /// Whole messages that this frame completes. Faults: invalid (did not open, bad padding), too_large. After a fault
  /// the session is over.
  Result<std::vector<Bytes>> open(Octets body);
  void park() noexcept { cipher_.park(); }

 private:
  Result<std::vector<Bytes>> cut(View stream);

  Cipher cipher_;
  std::size_t limit_;
  bool failed_ = false;
  std::uint32_t prefix_size_ = 0;  ///< octets of the next message's length that came
  std::uint32_t length_ = 0;       ///< … and their value so far
  Bytes message_;                  ///< what came of it
};

}  // namespace tidegate::e2e
