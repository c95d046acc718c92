// SPDX-License-Identifier: Apache-2.0
// The octets all queues of a relay may hold together. Pure. As it fills, the windows that are granted shrink, so that
// it rarely fills; what still comes when it is full ends the device session it is for, with `unavailable`.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/wire/frame.hpp"

namespace tidegate::relay {

class Budget {
 public:
  explicit Budget(std::uint64_t limit) : limit_(limit) {}

  bool room(std::uint64_t octets) const noexcept { return used_ + octets <= limit_; }
  void take(std::uint64_t octets) noexcept { used_ += octets; }
  void give(std::uint64_t octets) noexcept { used_ -= std::min(octets, used_); }
  std::uint64_t used() const noexcept { return used_; }

  /// The window to grant now: whole below half of the limit, then falling to the least a frame needs; nothing when
  /// full.
  std::uint64_t window(std::uint64_t whole) const noexcept {
    const std::uint64_t half = limit_ / 2;
    if (used_ <= half) return whole;
    if (used_ >= limit_) return 0;
    const double share = static_cast<double>(limit_ - used_) / static_cast<double>(limit_ - half);
    return std::max(wire::initial_credit, static_cast<std::uint64_t>(static_cast<double>(whole) * share));
  }

 private:
  std::uint64_t limit_, used_ = 0;
};

}  // namespace tidegate::relay
