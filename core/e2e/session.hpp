// SPDX-License-Identifier: Apache-2.0
// Suite noise-1 on top of the handshake: prologues, the pairing code, and the stream of messages in padded Noise
// messages of ≤ 16 KiB, one an RTS frame. Used by both ends, the same code. Pure. Other suites: core/e2e/suites.hpp.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/e2e/noise.hpp"
#include "core/e2e/stream.hpp"

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

/// Sealing side, of whatever suite. Messages go in whole; frames come out when there is credit for them, so that what
/// is not sealed can still be overtaken by what is put in front.
class Sealer {
 public:
  explicit Sealer(Cipher);  ///< noise-1
  explicit Sealer(std::unique_ptr<FrameSeal> seal) : seal_(std::move(seal)) {}
  void push(Bytes message) { queue_.push(std::move(message)); }  ///< queued behind what is there
  /// Queued before everything that is not partly sealed already.
  void push_first(Bytes message) { queue_.push_first(std::move(message)); }
  bool empty() const noexcept { return queue_.empty(); }
  std::size_t queued() const noexcept { return queue_.queued(); }  ///< octets not yet sealed, lengths included
  /// The next sealed frame's body (≤ 16 KiB), filling it from as many messages as fit; empty: nothing queued.
  Bytes next() { return queue_.empty() ? Bytes() : seal_->next(queue_); }
  void park() noexcept { seal_->park(); }

 private:
  std::unique_ptr<FrameSeal> seal_;
  Outgoing queue_;
};

/// Opening side, of whatever suite.
class Opener {
 public:
  Opener(Cipher, std::size_t limit);  ///< noise-1
  Opener(std::unique_ptr<FrameOpen> open, std::size_t limit) : open_(std::move(open)), stream_(limit) {}
  /// Whole messages that this frame completes. Faults: invalid (did not open, bad padding), too_large. After a fault
  /// the session is over.
  Result<std::vector<Bytes>> open(Octets body);
  void park() noexcept { open_->park(); }

 private:
  std::unique_ptr<FrameOpen> open_;
  Incoming stream_;
  bool failed_ = false;
};

}  // namespace tidegate::e2e
