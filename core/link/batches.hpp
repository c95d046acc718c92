// SPDX-License-Identifier: Apache-2.0
// What waits for a lane, already encoded: POST bodies of at most 256 KiB, each with room before it for its HTTP head,
// so that head and body leave in one write and a frame's octets are copied once. Pure.
#pragma once
#include <cstddef>
#include <deque>
#include <string>

#include "core/wire/frame.hpp"

namespace tidegate::link {

/// One POST, whole: may be written again as it is (frame numbers make it harmless).
class Batch {
 public:
  Octets octets() const { return std::as_bytes(std::span(buffer_).subspan(start_)); }
  std::size_t body() const { return buffer_.size() - room_; }
  std::size_t frames() const { return frames_; }

 private:
  friend class Batches;
  Bytes buffer_;
  std::size_t room_ = 0;
  std::size_t start_ = 0;
  std::size_t frames_ = 0;
};

class Batches {
 public:
  /// `head`: the request's head up to and without "Content-Length: …".
  explicit Batches(std::string head);
  /// Encodes the frame behind what waits. Frames over 256 KiB travel alone.
  void add(const wire::Frame&);
  bool empty() const { return waiting_.empty(); }
  std::size_t octets() const { return octets_; }  ///< of bodies, waiting
  Batch take();                                   ///< the oldest, with its head; not when empty

 private:
  std::string head_;
  std::size_t room_;
  std::size_t octets_ = 0;
  std::deque<Batch> waiting_;
};

}  // namespace tidegate::link
