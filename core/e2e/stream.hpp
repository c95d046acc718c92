// SPDX-License-Identifier: Apache-2.0
// The stream of messages inside sealed frames, whatever the suite (docs/wire.md §7.7): each message with its length in
// front, cut anywhere between frames. Pure.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::e2e {

/// Messages go in whole; octets come out as a frame has room.
class Outgoing {
 public:
  void push(Bytes message);
  void push_first(Bytes message);  ///< before everything that is not partly taken already
  bool empty() const noexcept { return queue_.empty(); }
  std::size_t queued() const noexcept { return queued_; }  ///< octets not yet taken, lengths included
  std::size_t first() const noexcept;                      ///< of these, what is left of the first message
  /// Copies up to `room` octets of the stream out of the queue, and says how many.
  std::size_t take(char* out, std::size_t room);

 private:
  std::deque<Bytes> queue_;
  std::size_t at_ = 0;  ///< octets of queue_.front() (with its length) already taken
  std::size_t queued_ = 0;
};

/// Octets go in as they come; messages come out whole.
class Incoming {
 public:
  explicit Incoming(std::size_t limit) : limit_(limit) {}
  /// Whole messages that these octets complete. Fault too_large: of a message over the limit.
  Result<std::vector<Bytes>> cut(View octets);

 private:
  std::size_t limit_;
  std::uint32_t prefix_size_ = 0;  ///< octets of the next message's length that came
  std::uint32_t length_ = 0;       ///< … and their value so far
  Bytes message_;                  ///< what came of it
};

/// How a suite closes frames, one direction of one session.
class FrameSeal {
 public:
  virtual ~FrameSeal() = default;
  /// The next frame's body, ≤ 16 KiB, of as much as fits; there is something.
  virtual Bytes next(Outgoing&) = 0;
  virtual void park() noexcept {}  ///< frees what an idle session needs not
};

/// … and opens them.
class FrameOpen {
 public:
  virtual ~FrameOpen() = default;
  /// The frame's octets of the stream, within `room` or `body`. Fault invalid: it did not open; the session must end.
  virtual Result<View> open(Bytes& room, Octets body) = 0;
  virtual void park() noexcept {}
};

}  // namespace tidegate::e2e
