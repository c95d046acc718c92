// SPDX-License-Identifier: Apache-2.0
// The way of a frame through the relay, and the credit that goes with it.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "relay/routing/switchboard.hpp"

namespace tidegate::relay {

using wire::Code;
using wire::FrameType;
using Act = Verdict::Act;

namespace {

constexpr std::uint64_t credit_step = std::uint64_t{16} << 10;
constexpr std::size_t most_closing = 2048, most_waking = 2048;
constexpr unsigned most_wakes = 4;  ///< each begins with fresh credit: without a bound they would be a way round it

/// ASCII case apart: the device names the user as it was typed, accounts keep him in lower case.
bool same_address(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view sentence(Code code) {
  switch (code) {
    case Code::gap:
      return "a frame is missing in this session; wake up again";
    case Code::over_credit:
      return "a frame went over this session's credit; wake up again and keep to the credit";
    case Code::too_large:
      return "a frame was larger than 64 KiB; wake up again and send smaller ones";
    case Code::unavailable:
      return "the relay is short of memory; wake up again a little later";
    default:
      return "the session ended; wake up again";
  }
}

Mark mark_of(std::uint64_t id, std::uint64_t generation, const wire::Frame& frame) {
  return {id, generation, frame.number, static_cast<std::uint32_t>(wire::credit_cost(frame))};
}

}  // namespace

// --- device → gateway

void Switchboard::device_frame(std::uint64_t id, wire::Frame&& frame) {
  auto* line = device(id);
  if (!line || frame.target != wire::Target::device) return;
  if (static_cast<FrameType>(frame.type) == FrameType::wake_up) return wake_up(id, *line, std::move(frame));
  auto verdict = line->session.from_device(frame);
  auto* gateway = gateway_of(*line);
  if (verdict.act == Act::forward && !budget_.room(frame.body.size())) verdict = {Act::close, Code::unavailable};
  if (verdict.act == Act::forward && gateway) {
    ++counters_.frames_up;
    frame.id = id;
    frame.generation = line->session.generation();
    gateway->port->queue(frame, mark_of(id, frame.generation, frame));
  } else if (verdict.act == Act::ended && gateway) {
    gateway->sessions.erase(id);
    gateway->due.erase(id);
    gateway->lately.erase(id);
    frame.id = id;
    frame.generation = line->session.generation();
    frame.number = 0;
    if (frame.body.size() > most_closing) frame.body = wire::encode(wire::Closed{});
    gateway->port->queue(frame, {});
  } else if (verdict.act == Act::close) {
    if (verdict.code == Code::gap) ++counters_.gaps;
    if (verdict.code == Code::over_credit) ++counters_.over_credit;
    if (verdict.code == Code::unavailable) ++counters_.out_of_memory;
    close(id, *line, verdict.code, sentence(verdict.code));
  }
}

/// Null: it may come in; else why not.
const char* Switchboard::wake_up_refused(const Device& line, const wire::Frame& frame) const {
  if (frame.number != 1 || frame.body.size() > most_waking)
    return "the first frame of a session must be a WakeUp with number 1";
  const auto wake = wire::decode_wake_up(frame.body);
  if (!wake) return "the WakeUp could not be read; update the device's software";
  if (!same_address(wake->user, line.user->address) || wake->device_id.size() != 16 ||
      std::memcmp(wake->device_id.data(), line.device.data(), 16) != 0)
    return "the WakeUp names another user or device than the one that logged in";
  if (wake->handle != (line.handle ? *line.handle : std::string()))
    return line.handle ? "the WakeUp names another pairing code than the enrolment"
                       : "this device is paired already; to pair again, enrol with the new code";
  return nullptr;
}

void Switchboard::wake_up(std::uint64_t id, Device& line, wire::Frame&& frame) {
  // The device began again: what the gateway still holds of the last generation is over.
  if (line.session.open()) close(id, line, Code::bye, "the device woke up again", false);
  auto* gateway = gateway_of(line);
  const auto* refused = wake_up_refused(line, frame);
  const bool crowded = line.wakes >= most_wakes;
  if (refused || !gateway || crowded) {
    line.session.refuse_wake();
    if (crowded && gateway) ++counters_.out_of_memory;
    const wire::Closed why =
        refused   ? wire::Closed{Code::invalid, refused, 0}
        : gateway ? wire::Closed{Code::unavailable, std::string(sentence(Code::unavailable)), 5000}
                  : wire::Closed{Code::gateway_away,
                                 "the company's gateway is not connected now; the relay says when it is back", 0};
    line.port->urgent({wire::Target::device, 0, line.session.generation(), static_cast<std::uint32_t>(FrameType::close),
                       0, wire::encode(why)});
    return;
  }
  ++line.wakes;
  line.session.wake(wire::credit_cost(frame));
  line.told_up = line.granted_up = wire::initial_credit;
  line.told_number_up = line.told_number_down = 0;
  frame.id = id;
  frame.generation = line.session.generation();
  ++counters_.frames_up;
  gateway->sessions.insert(id);
  gateway->port->queue(frame, mark_of(id, frame.generation, frame));
  credit_due(line.user->guid, id);
}

void Switchboard::handed_to_gateway(const Mark& mark) {
  auto* line = device(mark.id);
  if (!line) return;
  line->wakes = 0;
  if (line->session.generation() != mark.generation) return;
  line->session.up().handed(mark.number, mark.cost);
  if (line->session.open()) tell_device_credit(mark.id, *line);
}

/// What the gateway granted, but no more than the command channel's queue may hold of one device.
void Switchboard::tell_device_credit(std::uint64_t id, Device& line) {
  auto& up = line.session.up();
  const auto window = budget_.window(limits_.window_up);
  if (window == 0)
    if (auto* gateway = gateway_of(line)) gateway->lately.insert(id);  // looked at again with the next heartbeat
  const auto limit = std::min(line.granted_up, up.handed_octets() + window);
  if (limit <= line.told_up) return;
  const bool worth_it = limit - line.told_up >= credit_step || line.told_up < up.handed_octets() + wire::initial_credit;
  if (!worth_it) return;
  line.told_up = limit;
  line.told_number_up = up.handed_number();
  up.grant(limit);
  line.port->urgent({wire::Target::device, 0, line.session.generation(), static_cast<std::uint32_t>(FrameType::credit),
                     0, wire::encode(wire::Credit{limit, up.handed_number()})});
}

// --- gateway → device

void Switchboard::gateway_frame(const Bytes& guid, wire::Frame&& frame) {
  const auto found = gateways_.find(guid);
  if (found == gateways_.end() || frame.target != wire::Target::device) return;
  auto& gateway = found->second;
  auto* line = device(frame.id);
  // A gateway speaks to its own users' devices only.
  if (!line || line->user->guid != guid) return moved(gateway, frame);
  apply(frame.id, *line, gateway, std::move(frame), line->session.from_gateway(frame));
}

void Switchboard::apply(std::uint64_t id, Device& line, Gateway& gateway, wire::Frame&& frame, Verdict verdict) {
  if (verdict.act == Act::forward && !budget_.room(frame.body.size())) verdict = {Act::close, Code::unavailable};
  switch (verdict.act) {
    case Act::forward: {
      ++counters_.frames_down;
      const auto mark = mark_of(id, frame.generation, frame);
      frame.id = 0;
      return line.port->queue(frame, mark);
    }
    case Act::drop:
      return;
    case Act::moved:
      return moved(gateway, frame);
    case Act::credit:
      return granted(id, line, frame);
    case Act::ended: {
      gateway.sessions.erase(id);
      gateway.due.erase(id);
      gateway.lately.erase(id);
      const auto closed = wire::decode_closed(frame.body);
      frame.id = 0;
      frame.number = 0;
      if (!closed) frame.body = wire::encode(wire::Closed{Code::bye, "the gateway ended the session", 0});
      line.port->queue(frame, {});
      if (closed && closed->code == Code::superseded)
        line.port->end({Code::superseded, "a newer connection of this device took over", 0});
      return;
    }
    case Act::close:
      if (verdict.code == Code::gap) ++counters_.gaps;
      if (verdict.code == Code::over_credit) ++counters_.over_credit;
      if (verdict.code == Code::unavailable) ++counters_.out_of_memory;
      return close(id, line, verdict.code, sentence(verdict.code));
  }
}

void Switchboard::moved(Gateway& gateway, const wire::Frame& frame) {
  const auto type = static_cast<FrameType>(frame.type);
  if (type == FrameType::close || type == FrameType::credit) return;
  if (gateway.moved_id == frame.id && gateway.moved_generation == frame.generation) return;
  gateway.moved_id = frame.id;
  gateway.moved_generation = frame.generation;
  ++counters_.moved;
  gateway.port->urgent({wire::Target::device, frame.id, frame.generation, static_cast<std::uint32_t>(FrameType::close),
                        0, wire::encode(wire::Closed{Code::moved, "this device session is over", 0})});
}

void Switchboard::granted(std::uint64_t id, Device& line, const wire::Frame& frame) {
  const auto credit = wire::decode_credit(frame.body);
  if (!credit) return;
  line.granted_up = std::max(line.granted_up, credit->up_to);
  tell_device_credit(id, line);
}

void Switchboard::handed_to_device(const Mark& mark) {
  auto* line = device(mark.id);
  if (!line || line->session.generation() != mark.generation) return;
  line->session.down().handed(mark.number, mark.cost);
  if (line->session.open()) credit_due(line->user->guid, mark.id);
}

void Switchboard::credit_due(const Bytes& guid, std::uint64_t id) {
  const auto found = gateways_.find(guid);
  if (found == gateways_.end()) return;
  auto& gateway = found->second;
  gateway.due.insert(id);
  if (std::exchange(gateway.asked, true)) return;
  gateway.port->credits_wait();
}

std::vector<wire::Frame> Switchboard::take_credits(const Bytes& guid, bool heartbeat) {
  std::vector<wire::Frame> frames;
  const auto found = gateways_.find(guid);
  if (found == gateways_.end()) return frames;
  auto& gateway = found->second;
  gateway.asked = false;
  auto due = std::exchange(gateway.due, {});
  if (heartbeat) due.merge(std::exchange(gateway.lately, {}));
  const auto window = budget_.window(limits_.window_down);
  for (const auto id : due) {
    auto& line = devices_.at(id);
    auto& down = line.session.down();
    const auto limit_before = down.limit();
    if (window != 0) down.grant(down.handed_octets() + window);
    if (heartbeat) tell_device_credit(id, line);
    // Once more with the heartbeat, in case this one is lost with its lane; and until there is memory to grant again.
    if (!heartbeat || window == 0) gateway.lately.insert(id);
    if (window == 0 && limit_before == down.limit() && line.told_number_down == down.handed_number()) continue;
    line.told_number_down = down.handed_number();
    frames.push_back({wire::Target::device, id, line.session.generation(),
                      static_cast<std::uint32_t>(FrameType::credit), 0,
                      wire::encode(wire::Credit{down.limit(), down.handed_number()})});
  }
  return frames;
}

}  // namespace tidegate::relay
