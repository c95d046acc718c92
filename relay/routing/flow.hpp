// SPDX-License-Identifier: Apache-2.0
// One direction of a device session at the relay: order, credit, receipts (docs/wire.md, credit and numbers). Pure.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/wire/frame.hpp"

namespace tidegate::relay {

class Flow {
 public:
  enum class Verdict : std::uint8_t { forward, repeat, gap, over_credit };

  /// The next numbered frame of the sender. Only `forward` counts it.
  Verdict accept(std::uint64_t number, std::uint64_t cost) noexcept {
    if (number <= number_) return Verdict::repeat;
    if (number != number_ + 1) return Verdict::gap;
    // Subtraction, not addition: a sender chooses neither offset_ nor limit_, and limit_ >= offset_ always holds.
    if (cost > limit_ - offset_) return Verdict::over_credit;
    ++number_;
    offset_ += cost;
    return Verdict::forward;
  }
  /// The frame with this number was written to the receiver's socket.
  void handed(std::uint64_t number, std::uint64_t cost) noexcept {
    handed_number_ = std::max(handed_number_, number);
    handed_ += cost;
  }
  /// Absolute and idempotent: a lower or repeated grant changes nothing.
  void grant(std::uint64_t up_to) noexcept { limit_ = std::max(limit_, up_to); }

  std::uint64_t limit() const noexcept { return limit_; }
  std::uint64_t queued() const noexcept { return offset_ - handed_; }
  std::uint64_t handed_octets() const noexcept { return handed_; }
  std::uint64_t handed_number() const noexcept { return handed_number_; }

 private:
  std::uint64_t number_ = 0, offset_ = 0, limit_ = wire::initial_credit;
  std::uint64_t handed_ = 0, handed_number_ = 0;
};

}  // namespace tidegate::relay
