// SPDX-License-Identifier: Apache-2.0
// When to try again: first at once, then 1, 2, 4 … 60 s, each with jitter (design: RTS, heartbeats). Pure.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tidegate::device {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds ceiling{60'000};

  /// `dice`: any random number. At least `asked` if the other side named a time.
  std::chrono::milliseconds next(std::uint64_t dice, std::chrono::milliseconds asked = {}) {
    const auto full = tries_ == 0 ? std::chrono::milliseconds(0)
                                  : std::min(ceiling, std::chrono::milliseconds(1000 << std::min(tries_ - 1, 6U)));
    tries_ = std::min(tries_ + 1, 16U);
    // Half fixed, half by the dice: many devices that lost one relay don't come back in one instant.
    const auto jittered = full / 2 + std::chrono::milliseconds(dice % static_cast<std::uint64_t>(full.count() / 2 + 1));
    return std::max(jittered, asked + asked * static_cast<int>(dice % 25) / 100);
  }
  void succeeded() { tries_ = 0; }
  unsigned tries() const { return tries_; }

 private:
  unsigned tries_ = 0;
};

}  // namespace tidegate::device
