// SPDX-License-Identifier: Apache-2.0
// The frames that gateway, relay and device exchange (docs/wire.md §3). Pure: octets in, values out; no socket, no
// clock. The relay handles frames without being able to look into what is sealed in them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::wire {

/// Whom a frame is for. Streams (a browser's TLS connection forwarded unopened) are in the schema now, built later.
enum class Target : std::uint8_t { relay = 0, device = 1, stream = 2 };

/// Types of frames with target device or stream. Frames with target relay use ControlType (control.hpp).
enum class FrameType : std::uint32_t {
  none = 0,
  wake_up = 1,  ///< device → gateway: opens the device session; body = WakeUp (control.hpp), octets forwarded as sent
  wake_up_ack = 2,  ///< gateway → device: body = WakeUpAck, octets forwarded as sent
  handshake = 3,    ///< a Noise handshake message
  sealed = 4,       ///< a Noise transport message
  close = 5,        ///< either → all: the device session is over; body = Closed (control.hpp)
  credit = 6,       ///< hop by hop: body = Credit (control.hpp)
  stream_open = 16,
  stream_data = 17,
  stream_fin = 18,
  stream_reset = 19,
};

struct Frame {
  Target target = Target::relay;
  std::uint64_t id = 0;          ///< device session (or stream) as the relay numbers it; 0 on a device's own connection
  std::uint64_t generation = 0;  ///< of the device session: frames of an old one are dropped and answered `moved`
  std::uint32_t type = 0;        ///< FrameType or ControlType by target
  /// Device and stream frames: 1, 2, 3 … per session and direction, counting only wake_up, wake_up_ack, handshake,
  /// sealed and stream_*; close and credit carry 0 (they are idempotent). Control frames: 0.
  std::uint64_t number = 0;
  Bytes body;
  bool operator==(const Frame&) const = default;
};

inline constexpr std::size_t max_frame = std::size_t{1} << 20;  ///< octets of one encoded frame, without its length
inline constexpr std::size_t max_device_frame = std::size_t{1} << 16;  ///< body of a frame to or from a device
inline constexpr std::size_t max_batch = std::size_t{256} << 10;       ///< octets of one POST on a lane

/// Octets that count against credit: the body of a device or stream frame that carries a number.
constexpr std::uint64_t credit_cost(const Frame& frame) noexcept { return frame.number == 0 ? 0 : frame.body.size(); }

/// What each direction of a device session may send before the first Credit frame. A granting end never lets the open
/// window (up_to minus what it handed on) fall below this while it is willing to take anything, so that a whole frame
/// fits.
inline constexpr std::uint64_t initial_credit = std::uint64_t{64} << 10;

/// A frame as it travels: 32-bit length, big-endian, then that many octets (protobuf, rts.proto).
void encode_to(Bytes& out, const Frame&);
/// One frame's octets without the length. Unknown fields are skipped. Faults: invalid, too_large.
Result<Frame> decode(Octets);

/// Cuts a stream of octets (a command channel, a batch, a WebSocket's payload) into frames. Allocates nothing sized by
/// the sender before the octets are there. After a fault it stays faulty.
class FrameReader {
 public:
  explicit FrameReader(std::size_t limit = max_frame) : limit_(limit) {}
  void feed(Octets);
  /// The next whole frame; nullopt: more octets are needed. Faults: too_large, invalid.
  Result<std::optional<Frame>> next();
  /// Octets held for a frame that is not whole yet.
  std::size_t held() const noexcept { return held_.size() - at_; }
  /// Octets of memory it has for them.
  std::size_t reserved() const noexcept { return held_.capacity(); }

 private:
  std::size_t limit_;
  Bytes held_;
  std::size_t at_ = 0;
};

}  // namespace tidegate::wire
