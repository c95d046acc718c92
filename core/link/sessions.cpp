// SPDX-License-Identifier: Apache-2.0
#include "core/link/sessions.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::link {

const Sessions::Session* Sessions::find(SessionKey key) const {
  const auto at = sessions_.find(key.id);
  return at == sessions_.end() || at->second.generation != key.generation ? nullptr : &at->second;
}

Sessions::Session* Sessions::find(SessionKey key) { return const_cast<Session*>(std::as_const(*this).find(key)); }

Verdict Sessions::incoming(const wire::Frame& frame) {
  const auto key = key_of(frame);
  auto* session = find(key);
  if (!session && frame.type == static_cast<std::uint32_t>(wire::FrameType::wake_up)) {
    const auto at = sessions_.find(key.id);
    if (at != sessions_.end() && at->second.generation > key.generation) return Verdict::moved;
    if (at == sessions_.end() && sessions_.size() >= most_sessions) return Verdict::full;
    session = &sessions_[key.id];
    *session = Session{};
    session->generation = key.generation;
  }
  if (!session) return Verdict::moved;
  auto& from = session->from_device;
  if (frame.number != 0 && frame.number <= from.number) return Verdict::repeat;
  if (frame.number != from.number + 1) return Verdict::gap;
  if (frame.body.size() > from.up_to - from.octets) return Verdict::over_credit;
  from.number = frame.number;
  from.octets += frame.body.size();
  return Verdict::deliver;
}

Result<std::uint64_t> Sessions::outgoing(wire::Frame& frame) {
  auto* session = find(key_of(frame));
  if (!session)
    return fault(FaultKind::not_found, "link",
                 "This device session is over; the device has to wake the gateway again.");
  if (frame.body.size() > wire::max_device_frame)
    return fault(FaultKind::too_large, "link", "A frame for a device is larger than 64 KiB; cut it.");
  auto& to = session->to_device;
  if (frame.body.size() > to.up_to - to.octets)
    return fault(FaultKind::throttled, "link", "The device has no credit left; wait until it has taken what was sent.");
  to.octets += frame.body.size();
  frame.number = ++to.number;
  return frame.number;
}

bool Sessions::credited(SessionKey key, const wire::Credit& credit) {
  auto* session = find(key);
  if (!session) return false;
  auto& to = session->to_device;
  // Absolute and monotone: a repeat or an old one changes nothing. A receipt for what was never sent is nobody's.
  const auto up_to = std::max(to.up_to, credit.up_to);
  const auto handed = std::max(session->handed, std::min(credit.handed, to.number));
  const bool moved = up_to != to.up_to || handed != session->handed;
  to.up_to = up_to;
  session->handed = handed;
  return moved;
}

void Sessions::forget(SessionKey key) {
  if (find(key)) sessions_.erase(key.id);
  granted_.erase(key);
}

std::uint64_t Sessions::available(SessionKey key) const {
  const auto* session = find(key);
  return session ? session->to_device.up_to - session->to_device.octets : 0;
}

std::uint64_t Sessions::handed(SessionKey key) const {
  const auto* session = find(key);
  return session ? session->handed : 0;
}

std::optional<std::uint32_t> Sessions::lane(SessionKey key) const {
  const auto* session = find(key);
  if (!session || session->handed == session->to_device.number) return std::nullopt;
  return session->lane;
}

std::optional<std::uint64_t> Sessions::generation(std::uint64_t id) const {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? std::nullopt : std::optional(at->second.generation);
}

void Sessions::put_on(SessionKey key, std::uint32_t lane) {
  if (auto* session = find(key)) session->lane = lane;
}

std::optional<wire::Credit> Sessions::consumed(SessionKey key, std::uint64_t octets) {
  auto* session = find(key);
  if (!session) return std::nullopt;
  const auto& from = session->from_device;
  session->consumed = std::min(session->consumed + octets, from.octets);
  // Not for every frame: when half of the window is used up.
  if (from.up_to - session->consumed > window_ / 2) return std::nullopt;
  return grant(key);
}

std::optional<wire::Credit> Sessions::grant(SessionKey key) {
  auto* session = find(key);
  if (!session) return std::nullopt;
  auto& from = session->from_device;
  from.up_to = std::max(from.up_to, session->consumed + window_);
  granted_.insert(key);
  return wire::Credit{.up_to = from.up_to, .handed = from.number};
}

std::vector<SessionKey> Sessions::granted_lately() {
  std::vector<SessionKey> keys(granted_.begin(), granted_.end());
  granted_.clear();
  return keys;
}

}  // namespace tidegate::link
