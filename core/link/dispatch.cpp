// SPDX-License-Identifier: Apache-2.0
// The half of RtsLink that deals with an open session: frames in, frames out.
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/link/rts_link.hpp"

namespace tidegate::link {
namespace {

wire::Frame device_frame(SessionKey key, wire::FrameType type, Bytes body) {
  return {.target = wire::Target::device,
          .id = key.id,
          .generation = key.generation,
          .type = static_cast<std::uint32_t>(type),
          .number = 0,
          .body = std::move(body)};
}

bool is(const wire::Frame& frame, wire::FrameType type) { return frame.type == static_cast<std::uint32_t>(type); }

bool known_to_owner(const wire::Frame& frame) {
  return is(frame, wire::FrameType::wake_up) || is(frame, wire::FrameType::handshake) ||
         is(frame, wire::FrameType::sealed);
}

bool sendable(const wire::Frame& frame) {
  return is(frame, wire::FrameType::wake_up_ack) || is(frame, wire::FrameType::handshake) ||
         is(frame, wire::FrameType::sealed);
}

Refusal broken_relay(const Url& relay, std::string cause) {
  return {{FaultKind::invalid,
           relay.authority(),
           "The relay breaks the protocol; see that the versions fit.",
           std::move(cause),
           {}},
          Trouble::passing};
}

}  // namespace

// --- from the relay

void RtsLink::take(wire::Frame&& frame) {
  ++status_.frames_down;
  if (frame.target == wire::Target::relay) return take_control(frame);
  if (!lanes_) return failed(broken_relay(relay_, "a device's frame before ActivateUsers"));
  if (frame.target == wire::Target::device) take_device(std::move(frame));
  // Streams come with a later version: skipped.
}

void RtsLink::take_control(const wire::Frame& frame) {
  const auto control = wire::to_control(frame);
  if (!control) return failed(broken_relay(relay_, control.error().text + " " + control.error().cause));
  if (const auto* users = std::get_if<wire::ActivateUsers>(&*control)) return take_users(*users);
  if (!lanes_) return;  // an early heartbeat: heard is all that counts
  if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&*control)) return take_heartbeat(*heartbeat);
  if (const auto* notice = std::get_if<wire::Notice>(&*control)) return events_.notice(*notice);
  if (const auto* answer = std::get_if<wire::Answer>(&*control))
    if (requests_.answered(answer->request)) events_.answer(*answer);
}

void RtsLink::take_users(const wire::ActivateUsers& users) {
  status_.seats = users.seats;
  status_.seats_used = users.seats_used;
  if (lanes_) return events_.users(users);
  if (!command_ || life_.state() != LinkState::opening) return;
  auto lanes = Lanes::make(world_, settings_, command_->offer(), users.session, *this);
  if (!lanes) return failed({lanes.error(), Trouble::passing});
  lanes_ = *std::move(lanes);
  step({.what = Event::What::users});
  status_.session = users.session;
  status_.since = world_.reactor().wall();
  status_.last_fault.reset();
  ++status_.opened_times;
  spdlog::info("link to {}: open, session {}, {} users", relay_.authority(), users.session, users.users.size());
  auto answer = events_.opened(users);
  if (lanes_) report(std::move(answer));
}

void RtsLink::take_heartbeat(const wire::Heartbeat& heartbeat) {
  status_.heartbeat = heartbeat.number;
  // A peer may name any number; Life bounds it.
  step({.what = Event::What::heartbeat,
        .span = std::chrono::milliseconds(std::min<std::uint64_t>(heartbeat.next_ms, 3'600'000))});
  lanes_->keep_warm(wire::to_frame(wire::HeartbeatAck{heartbeat.number}));
  // docs/wire.md: credit is repeated with each heartbeat; of sessions where nothing moved the relay has it.
  for (const auto key : sessions_.granted_lately())
    if (const auto credit = sessions_.grant(key)) {
      lanes_->control(device_frame(key, wire::FrameType::credit, encode(*credit)));
      ++status_.frames_up;
    }
  (void)sessions_.granted_lately();  // repeating is not granting anew
  flush_soon();
}

void RtsLink::take_device(wire::Frame&& frame) {
  if (is(frame, wire::FrameType::credit)) return take_credit(frame);
  if (!is(frame, wire::FrameType::close)) return take_numbered(std::move(frame));
  const auto key = key_of(frame);
  if (!sessions_.knows(key)) return;
  sessions_.forget(key);
  starved_.erase(key);
  events_.frame(std::move(frame));
}

void RtsLink::take_credit(const wire::Frame& frame) {
  const auto credit = wire::decode_credit(frame.body);
  if (!credit) return failed(broken_relay(relay_, credit.error().text));
  const auto key = key_of(frame);
  if (sessions_.credited(key, *credit)) events_.credit(key, credit_available(key), sessions_.handed(key));
}

void RtsLink::take_numbered(wire::Frame&& frame) {
  const auto key = key_of(frame);
  const auto before = sessions_.generation(key.id);
  const auto verdict = sessions_.incoming(frame);
  if (before && sessions_.generation(key.id) != before) {
    // The relay numbers a connection's sessions upwards: the older one is over, whether or not it said so.
    starved_.erase({key.id, *before});
    events_.frame(device_frame({key.id, *before}, wire::FrameType::close,
                               encode(wire::Closed{.code = wire::Code::superseded, .text = {}})));
    if (!lanes_) return;
  }
  const bool known = before == key.generation;
  switch (verdict) {
    case Verdict::deliver:
      if (frame.number == 1)
        if (const auto credit = sessions_.grant(key)) grant(key, *credit);
      if (known_to_owner(frame)) return events_.frame(std::move(frame));
      return consumed(key, wire::credit_cost(frame));  // a later version's type: skipped
    case Verdict::repeat:
      return;
    case Verdict::gap:
      return end_session(key, wire::Code::gap, "A frame was lost on the way; wake the gateway again.", known);
    case Verdict::over_credit:
      return end_session(key, wire::Code::over_credit, "The device sent more than the gateway had allowed.", known);
    case Verdict::moved:
      return end_session(key, wire::Code::moved, "This device session is over; wake the gateway again.", false);
    case Verdict::full:
      return end_session(key, wire::Code::unavailable, "This gateway serves too many devices at once.", false);
  }
}

void RtsLink::end_session(SessionKey key, wire::Code code, std::string text, bool tell_owner) {
  const auto lane = sessions_.lane(key);
  auto close = device_frame(key, wire::FrameType::close, encode(wire::Closed{.code = code, .text = std::move(text)}));
  sessions_.forget(key);
  starved_.erase(key);
  lanes_->device(close, lane);
  ++status_.frames_up;
  flush_soon();
  if (tell_owner) events_.frame(std::move(close));
}

// --- to the relay

void RtsLink::control(const wire::Control& message) {
  lanes_->control(wire::to_frame(message));
  ++status_.frames_up;
  flush_soon();
}

void RtsLink::report(wire::StartupReport whole) {
  for (auto& part : cut(std::move(whole))) control(std::move(part));
}

Result<std::uint64_t> RtsLink::request(wire::Control message) {
  if (!lanes_)
    return fault(FaultKind::unavailable, relay_.authority(),
                 status_.last_fault ? "There is no connection to the relay: " + status_.last_fault->text
                                    : "There is no connection to the relay; see `tidegatectl status`.");
  auto number = requests_.number(message, world_.reactor().now());
  if (!number) return number;
  if (auto* whole = std::get_if<wire::StartupReport>(&message))
    report(std::move(*whole));
  else
    control(message);
  arm_requests();
  return number;
}

void RtsLink::arm_requests() {
  const auto due = requests_.next_due();
  if (!due || request_timer_) return;
  request_timer_ = world_.reactor().at(*due, [this] {
    request_timer_.reset();
    const auto answers = requests_.overdue(world_.reactor().now());
    arm_requests();
    for (const auto& answer : answers) events_.answer(answer);
  });
}

Result<std::uint64_t> RtsLink::send(wire::Frame frame) {
  const auto key = key_of(frame);
  frame.target = wire::Target::device;
  frame.number = 0;
  if (!lanes_ || !sessions_.knows(key))
    return fault(FaultKind::not_found, "link",
                 "This device session is over; the device has to wake the gateway again.");
  const auto lane = sessions_.lane(key);
  if (is(frame, wire::FrameType::close)) {
    // Behind what was sent before it.
    sessions_.forget(key);
    starved_.erase(key);
    lanes_->device(frame, lane);
  } else {
    if (!sendable(frame))
      return fault(FaultKind::invalid, "link", "This frame is not for the owner of a session to send.");
    if (lanes_->octets() >= settings_.queue_most) {
      starved_.insert(key);
      return fault(FaultKind::throttled, "link", "Too much waits on its way to the relay; wait until it has drained.");
    }
    if (auto number = sessions_.outgoing(frame); !number) return number;
    sessions_.put_on(key, lanes_->device(frame, lane));
  }
  ++status_.frames_up;
  flush_soon();
  return frame.number;
}

std::uint64_t RtsLink::credit_available(SessionKey key) const {
  const auto credit = sessions_.available(key);
  if (credit == 0 || !lanes_) return 0;
  if (lanes_->octets() < settings_.queue_most) return credit;
  starved_.insert(key);
  return 0;
}

void RtsLink::consumed(SessionKey key, std::uint64_t octets) {
  if (!lanes_) return;
  if (const auto credit = sessions_.consumed(key, octets)) grant(key, *credit);
}

void RtsLink::grant(SessionKey key, const wire::Credit& credit) {
  lanes_->control(device_frame(key, wire::FrameType::credit, encode(credit)));
  ++status_.frames_up;
  flush_soon();
}

void RtsLink::flush_soon() {
  // In this turn of the reactor still, but once for all that its other tasks send: they share a batch.
  if (std::exchange(flush_posted_, true)) return;
  world_.reactor().post([weak = std::weak_ptr(self_)] {
    const auto self = weak.lock();
    if (!self) return;
    (*self)->flush_posted_ = false;
    if ((*self)->lanes_) (*self)->lanes_->flush();
  });
}

void RtsLink::lane_drained() {
  if (starved_.empty() || room_posted_ || !lanes_ || lanes_->octets() > settings_.queue_most / 2) return;
  room_posted_ = true;
  world_.reactor().post([weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->room_again();
  });
}

void RtsLink::room_again() {
  room_posted_ = false;
  for (const auto key : std::exchange(starved_, {}))
    if (const auto available = credit_available(key)) events_.credit(key, available, sessions_.handed(key));
}

}  // namespace tidegate::link
