// SPDX-License-Identifier: Apache-2.0
#include "core/link/rts_link.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/link/signing.hpp"

namespace tidegate::link {
namespace {

wire::Code code_of(const Refusal& refusal) {
  switch (refusal.trouble) {
    case Trouble::superseded:
      return wire::Code::superseded;
    case Trouble::refused:
      return refusal.fault.kind == FaultKind::auth ? wire::Code::unauthorized : wire::Code::forbidden;
    case Trouble::passing:
    case Trouble::busy:
      break;
  }
  return wire::Code::unavailable;
}

}  // namespace

std::string_view to_string(LinkState state) noexcept {
  switch (state) {
    case LinkState::stopped:
      return "stopped";
    case LinkState::waiting:
      return "waiting";
    case LinkState::connecting:
      return "connecting";
    case LinkState::opening:
      return "opening";
    case LinkState::open:
      return "open";
    case LinkState::superseded:
      return "superseded";
  }
  return "unknown";
}

Result<std::unique_ptr<Link>> Link::make(sim::World& world, Settings settings, const store::Identity& identity,
                                         wire::Instance instance, LinkEvents& events) {
  auto relay = parse_relay(settings.relay);
  if (!relay) return std::unexpected(std::move(relay.error()));
  if (settings.lanes < 2 || settings.lanes > 20)
    return fault(FaultKind::invalid, "link", "The number of lanes must lie from 2 to 20; correct lanes = in [link].");
  if (identity.guid.size() != 16 || ed25519_public(identity.secret) != identity.public_key)
    return fault(FaultKind::invalid, "identity",
                 "This gateway's identity is damaged; restore the state directory from its backup.");
  std::array<std::uint64_t, 1> seed{};
  world.reactor().random(std::as_writable_bytes(std::span(seed)));
  return std::make_unique<RtsLink>(world, std::move(settings), *std::move(relay), identity, instance, events, seed[0]);
}

RtsLink::RtsLink(sim::World& world, Settings settings, Url relay, const store::Identity& identity,
                 wire::Instance instance, LinkEvents& events, std::uint64_t seed)
    : world_(world),
      settings_(std::move(settings)),
      relay_(std::move(relay)),
      identity_(identity),
      instance_(instance),
      events_(events),
      life_({settings_.connect_within, settings_.answer_within, settings_.retry_most}, seed),
      sessions_(settings_.window),
      self_(std::make_shared<RtsLink*>(this)) {
  status_.relay = relay_.authority();
  status_.way_out = proxy_shown(settings_, relay_);
  status_.interception_allowed = settings_.interception == Interception::allow;
}

RtsLink::~RtsLink() = default;

Result<void> RtsLink::start() {
  if (identity_.license_id.empty())
    return fault(FaultKind::denied, relay_.authority(),
                 "This gateway is not registered at its relay; run `tidegatectl register --licence NAME "
                 "--password-file FILE`.");
  step({.what = Event::What::start});
  return {};
}

void RtsLink::stop() {
  lost_code_ = wire::Code::bye;
  status_.last_fault.reset();
  step({.what = Event::What::stop});
}

void RtsLink::resume(wire::Instance instance) {
  instance_ = instance;
  step({.what = Event::What::resume});
}

void RtsLink::step(const Event& event) {
  const auto action = life_.resume(event, world_.reactor().now());
  status_.state = life_.state();
  switch (action) {
    case Action::none:
      break;
    case Action::ask:
      ask();
      break;
    case Action::open:
      command_->open();
      break;
    case Action::rise:
      break;  // take_users() goes on
    case Action::rest:
      if (life_.silence() != Silence::none) {
        status_.last_fault = silence_fault();
        lost_code_ = wire::Code::idle;
      }
      rest();
      return;  // its callbacks may have gone on already; it arms itself
  }
  arm();
}

void RtsLink::arm() {
  status_.retry_at.reset();
  const auto at = life_.wake_at();
  if (at && life_.state() == LinkState::waiting)
    status_.retry_at =
        world_.reactor().wall() + std::chrono::duration_cast<sim::WallTime::duration>(*at - world_.reactor().now());
  if (at == armed_) return;
  armed_ = at;
  life_timer_.reset();
  if (at)
    life_timer_ = world_.reactor().at(*at, [this] {
      armed_.reset();
      step({.what = Event::What::due});
    });
}

void RtsLink::ask() {
  command_ = std::make_unique<CommandChannel>(
      world_,
      CommandChannel::Setup{relay_, endpoint_of(settings_, relay_),
                            Opener{identity_, instance_, status_.interception_allowed}, settings_.connect_within},
      *this);
}

void RtsLink::rest() {
  arm();
  // One of the two may be what called: destroyed in a later turn.
  if (command_) command_->retire();
  if (lanes_) lanes_->retire();
  const bool was_open = lanes_ != nullptr;
  if (was_open) {
    status_.octets_up += lanes_->octets_up();
    status_.octets_down += lanes_->octets_down();
  }
  world_.reactor().post([command = std::move(command_), lanes = std::move(lanes_)] {});
  sessions_ = Sessions(settings_.window);
  starved_.clear();
  request_timer_.reset();
  status_.since.reset();
  status_.session = 0;
  const auto code = std::exchange(lost_code_, wire::Code::unavailable);
  const auto text = status_.last_fault ? status_.last_fault->text : std::string("The gateway closed the session.");
  if (status_.last_fault) {
    const auto& cause = status_.last_fault->cause;
    spdlog::warn("link to {}: {}{}", relay_.authority(), text, cause.empty() ? "" : " (" + cause + ")");
  }
  const auto answers = requests_.lost();
  const bool superseded = status_.state == LinkState::superseded;
  const auto fault = status_.last_fault.value_or(Fault{});
  if (was_open) events_.session_lost(code, text);
  for (const auto& answer : answers) events_.answer(answer);
  if (superseded) events_.stopped(fault);
}

void RtsLink::failed(const Refusal& refusal) {
  status_.last_fault = refusal.fault;
  lost_code_ = code_of(refusal);
  step({.what = Event::What::failed, .span = refusal.fault.retry_after, .trouble = refusal.trouble});
}

Fault RtsLink::silence_fault() const {
  switch (life_.silence()) {
    case Silence::held_back:
      return {FaultKind::unavailable,
              relay_.authority(),
              "Something on the way holds back the relay's answer (a buffering proxy or virus scanner); let it pass "
              "responses to this address on at once.",
              "no octet within ReplyTime",
              {}};
    case Silence::no_heartbeat:
      return {FaultKind::unavailable,
              relay_.authority(),
              "The relay has fallen silent (no heartbeat); the connection is opened again.",
              "",
              {}};
    case Silence::no_answer:
    case Silence::none:
      break;
  }
  return {FaultKind::unavailable, relay_.authority(), "The relay does not answer in time; it is tried again.", "", {}};
}

void RtsLink::command_offered(std::chrono::milliseconds reply_time) {
  step({.what = Event::What::offered, .span = reply_time});
}
void RtsLink::command_sent() { step({.what = Event::What::sent}); }
void RtsLink::command_heard() {
  status_.heard = world_.reactor().wall();
  life_.resume({.what = Event::What::heard}, world_.reactor().now());  // never an action, nothing to arm
}
void RtsLink::command_frame(wire::Frame&& frame) { take(std::move(frame)); }
void RtsLink::command_failed(const Refusal& refusal) { failed(refusal); }
void RtsLink::lane_frame(wire::Frame&& frame) {
  if (lanes_) take(std::move(frame));
}
void RtsLink::lane_refused(const Refusal& refusal) {
  if (lanes_) failed(refusal);
}
void RtsLink::lane_repeats(const Fault& fault) {
  ++status_.repeated_posts;
  status_.last_fault = fault;
}

Status RtsLink::status() const {
  auto status = status_;
  status.sessions = sessions_.count();
  status.lanes = settings_.lanes;
  if (!lanes_) return status;
  status.lanes_connected = lanes_->connected();
  status.queued = lanes_->octets();
  status.octets_up += lanes_->octets_up();
  status.octets_down += lanes_->octets_down();
  return status;
}

}  // namespace tidegate::link
