// SPDX-License-Identifier: Apache-2.0
// Frames that wait for one socket: encoded once, cut into chunks (one WebSocket message, one HTTP chunk) of about 16
// KiB, which is one TLS record; urgent ones overtake. Pure. The bound is the credit that was granted for it.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "core/wire/frame.hpp"
#include "relay/routing/budget.hpp"

namespace tidegate::relay {

inline constexpr std::size_t chunk_target = 16000;  ///< with its head still one TLS record of 16 KiB

/// A frame that counts, so that the router hears when it was handed to the socket.
struct Mark {
  std::uint64_t id = 0, generation = 0, number = 0;
  std::uint32_t cost = 0;
};

class Outbox {
 public:
  explicit Outbox(Budget& budget) : budget_(&budget) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { budget_->give(waiting()); }

  void push(const wire::Frame&, Mark);   ///< in order; Mark.number 0: nobody waits for it
  void push_urgent(const wire::Frame&);  ///< before all that is not yet in a chunk

  void purge();  ///< forgets all that push() brought and take() did not fetch
  /// The next chunk: all urgent frames, then others up to about chunk_target. Empty: nothing waits. The chunk's marks
  /// are those of the last take().
  Bytes take();
  const std::vector<Mark>& marks() const noexcept { return taken_; }
  std::size_t waiting_urgent() const noexcept { return urgent_.size(); }
  std::size_t waiting() const noexcept { return octets_.size() - at_ + urgent_.size(); }

 private:
  struct End {
    std::size_t size;
    Mark mark;
  };
  Budget* budget_;
  Bytes octets_, urgent_;
  std::size_t at_ = 0;
  std::deque<End> ends_;
  std::vector<Mark> taken_;
};

}  // namespace tidegate::relay
