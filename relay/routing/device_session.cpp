// SPDX-License-Identifier: Apache-2.0
#include "relay/routing/device_session.hpp"

namespace tidegate::relay {

using wire::Code;
using wire::FrameType;
using Act = Verdict::Act;

void DeviceSession::wake(std::uint64_t cost) noexcept {
  ++generation_;
  open_ = true;
  up_ = {};
  down_ = {};
  up_.accept(1, cost);
}

void DeviceSession::refuse_wake() noexcept {
  ++generation_;
  open_ = false;
}

Verdict DeviceSession::count(Flow& flow, const wire::Frame& frame) noexcept {
  if (frame.number == 0) return {};  // a type of a later version that is not counted: skipped
  if (frame.body.size() > wire::max_device_frame) {
    close();
    return {Act::close, Code::too_large};
  }
  switch (flow.accept(frame.number, wire::credit_cost(frame))) {
    case Flow::Verdict::forward:
      return {Act::forward, Code::ok};
    case Flow::Verdict::repeat:
      return {};
    case Flow::Verdict::gap:
      close();
      return {Act::close, Code::gap};
    case Flow::Verdict::over_credit:
      close();
      return {Act::close, Code::over_credit};
  }
  return {};
}

Verdict DeviceSession::from_device(const wire::Frame& frame) noexcept {
  // The connection is the device's own: a frame of an older generation was under way when it woke up again.
  if (!open_ || (frame.generation != 0 && frame.generation != generation_)) return {};
  switch (static_cast<FrameType>(frame.type)) {
    case FrameType::close:
      close();
      return {Act::ended, Code::ok};
    case FrameType::credit:
    case FrameType::wake_up_ack:
    case FrameType::none:
      return {};
    default:
      return count(up_, frame);
  }
}

Verdict DeviceSession::from_gateway(const wire::Frame& frame) noexcept {
  if (!open_ || frame.generation != generation_) {
    // A close that crosses ours is the normal way of things, and credit for what is over is harmless.
    const auto type = static_cast<FrameType>(frame.type);
    if (type == FrameType::close || type == FrameType::credit) return {};
    return {Act::moved, Code::moved};
  }
  switch (static_cast<FrameType>(frame.type)) {
    case FrameType::close:
      close();
      return {Act::ended, Code::ok};
    case FrameType::credit:
      return {Act::credit, Code::ok};
    case FrameType::wake_up:
    case FrameType::none:
      return {};
    default:
      return count(down_, frame);
  }
}

}  // namespace tidegate::relay
