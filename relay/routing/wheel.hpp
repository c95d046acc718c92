// SPDX-License-Identifier: Apache-2.0
// One clock for all idle devices: a ring of one-second slots, each device in exactly one. Two pointers and a number a
// device, no allocation, no timer of its own. Pure; the owner turns it once a second.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace tidegate::relay {

class WheelHook {
 public:
  WheelHook() = default;
  WheelHook(const WheelHook&) = delete;
  WheelHook& operator=(const WheelHook&) = delete;
  ~WheelHook() { unlink(); }
  void unlink() noexcept {
    if (next_ == nullptr) return;
    next_->prev_ = prev_;
    prev_->next_ = next_;
    next_ = prev_ = nullptr;
  }

 private:
  friend class Wheel;
  WheelHook* next_ = nullptr;
  WheelHook* prev_ = nullptr;
};

class Wheel {
 public:
  static constexpr std::uint32_t slots = 1024;  ///< the farthest due is slots - 1 seconds away

  Wheel() {
    for (auto& slot : ring_) slot.next_ = slot.prev_ = &slot;
  }
  Wheel(const Wheel&) = delete;
  Wheel& operator=(const Wheel&) = delete;
  ~Wheel() {
    for (auto& slot : ring_)
      while (slot.next_ != &slot) slot.next_->unlink();
  }

  /// Due after that many turns (at least 1); a hook that was elsewhere moves.
  void due(WheelHook& hook, std::uint32_t seconds) noexcept {
    hook.unlink();
    if (seconds == 0) seconds = 1;
    if (seconds >= slots) seconds = slots - 1;
    auto& slot = ring_[(now_ + seconds) % slots];
    hook.prev_ = slot.prev_;
    hook.next_ = &slot;
    slot.prev_->next_ = &hook;
    slot.prev_ = &hook;
  }
  /// One second on; `call` gets each hook that is due, unlinked. It may unlink or destroy others.
  template <class Call>
  void turn(Call call) {
    now_ = (now_ + 1) % slots;
    auto& slot = ring_[now_];
    while (slot.next_ != &slot) {
      auto* hook = slot.next_;
      hook->unlink();
      call(*hook);
    }
  }

 private:
  std::array<WheelHook, slots> ring_;
  std::uint32_t now_ = 0;
};

}  // namespace tidegate::relay
