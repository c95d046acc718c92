// SPDX-License-Identifier: Apache-2.0
// What the relay decides about the frames of one device connection's session. Pure: values in, verdicts out.
//   closed ──wake_up──▶ open(generation + 1) ──close, gap, over credit, either end away──▶ closed
//   open ──wake_up──▶ open(generation + 1)       the device began again; the old generation is over
#pragma once
#include <cstdint>

#include "core/wire/control.hpp"
#include "core/wire/frame.hpp"
#include "relay/routing/flow.hpp"

namespace tidegate::relay {

struct Verdict {
  enum class Act : std::uint8_t {
    forward,
    drop,   ///< nobody is told
    moved,  ///< dropped; the sender is told `moved`
    close,  ///< both are told `code`; the session is closed now
    ended,  ///< the sender closed it: forward this frame; the session is closed now
    credit  ///< a grant: see grant()
  } act = Act::drop;
  wire::Code code = wire::Code::ok;
  bool operator==(const Verdict&) const = default;
};

class DeviceSession {
 public:
  bool open() const noexcept { return open_; }
  std::uint64_t generation() const noexcept { return generation_; }
  Flow& up() noexcept { return up_; }      ///< device → gateway
  Flow& down() noexcept { return down_; }  ///< gateway → device

  /// The device woke up with a frame that was found in order; counts it as number 1 of the new generation.
  void wake(std::uint64_t cost) noexcept;
  /// A wake_up that was refused: it counts as a generation all the same, so that the device can count them too.
  void refuse_wake() noexcept;
  void close() noexcept { open_ = false; }

  /// Any frame but wake_up. A device's own frames carry generation 0 or the present one.
  Verdict from_device(const wire::Frame&) noexcept;
  Verdict from_gateway(const wire::Frame&) noexcept;

 private:
  Verdict count(Flow&, const wire::Frame&) noexcept;

  std::uint64_t generation_ = 0;
  bool open_ = false;
  Flow up_, down_;
};

}  // namespace tidegate::relay
