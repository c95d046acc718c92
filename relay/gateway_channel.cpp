// SPDX-License-Identifier: Apache-2.0
#include "relay/gateway_channel.hpp"

#include <algorithm>
#include <utility>

#include "core/http/head.hpp"
#include "relay/gateway_door.hpp"

namespace tidegate::relay {

using wire::Code;

namespace {
constexpr std::size_t users_a_frame = 2000;  ///< with addresses of 320 octets still under the frame limit
constexpr std::uint64_t beats_missing = 2;
constexpr std::chrono::seconds good_bye{5};
}  // namespace

GatewayChannel::GatewayChannel(GatewayDoor& door, Hub& hub, ProvenGateway&& who, std::uint64_t generation,
                               std::unique_ptr<sim::Stream> stream)
    : door_(door),
      hub_(hub),
      who_(std::move(who)),
      generation_(generation),
      stream_(std::move(stream)),
      sender_(hub.board.budget(), Sender::Wrap::chunk) {}

GatewayChannel::~GatewayChannel() {
  hub_.forget(*this);
  leave("the company's gateway is not connected now; the relay says when it is back");
}

void GatewayChannel::begin() {
  const auto head = http::serialise_response(
      200,
      {{"Content-Type", "application/octet-stream"}, {"Cache-Control", "no-store"}, {"Transfer-Encoding", "chunked"}});
  sender_.raw(*head);
  activate(std::exchange(who_.users, {}));
  stream_->events(this);
  hub_.board.gateway_came(who_.guid, *this);
  beat();
  readable();
}

void GatewayChannel::activate(wire::ActivateUsers users) {
  users.session = generation_;
  auto all = std::exchange(users.users, {});
  std::size_t at = 0;
  do {
    const auto end = std::min(all.size(), at + users_a_frame);
    users.users.assign(std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(at)),
                       std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(end)));
    tell(users);
    users.whole = false;
    at = end;
  } while (at < all.size());
}

// --- lanes

std::uint64_t GatewayChannel::take_lane(std::uint32_t lane, std::uint64_t connection) {
  return std::exchange(lanes_[lane], connection);
}

void GatewayChannel::leave_lane(std::uint32_t lane, std::uint64_t connection) {
  if (lanes_[lane] == connection) lanes_[lane] = 0;
}

void GatewayChannel::lane_frame(wire::Frame&& frame) {
  if (state_ != State::open) return;
  if (frame.target == wire::Target::device) return hub_.board.gateway_frame(who_.guid, std::move(frame));
  if (frame.target != wire::Target::relay) return;  // streams are of a later version
  auto message = wire::to_control(frame);
  if (!message) return;
  if (const auto* ack = std::get_if<wire::HeartbeatAck>(&*message)) {
    answered_ = std::max(answered_, std::min(ack->number, beat_));
  } else if (const auto* report = std::get_if<wire::StartupReport>(&*message)) {
    served_ =
        static_cast<std::uint64_t>(std::ranges::count_if(report->users, [](const auto& user) { return user.served; }));
    unserved_ = report->users.size() - served_;
  } else {
    door_.request(*this, std::move(*message));
  }
}

Bytes GatewayChannel::lane_answer() {
  Bytes octets;
  for (const auto& frame : hub_.board.take_credits(who_.guid, false)) wire::encode_to(octets, frame);
  return octets;
}

// --- the command channel

void GatewayChannel::queue(const wire::Frame& frame, Mark mark) {
  if (state_ != State::open) return;
  sender_.outbox().push(frame, mark);
  hub_.want_flush(*this);
}

void GatewayChannel::urgent(const wire::Frame& frame) {
  if (state_ != State::open) return;
  sender_.outbox().push_urgent(frame);
  hub_.want_flush(*this);
}

/// Later, so that the answer of a lane takes them if one is about to go.
void GatewayChannel::credits_wait() {
  hub_.post([&door = door_, generation = generation_] {
    auto* channel = door.find(generation);
    if (!channel) return;
    for (const auto& frame : channel->hub_.board.take_credits(channel->who_.guid, false)) channel->urgent(frame);
  });
}

void GatewayChannel::beat() {
  if (state_ != State::open) return;
  if (beat_ - answered_ >= beats_missing) return end({Code::idle, "the gateway did not answer two heartbeats", 0});
  for (const auto& frame : hub_.board.take_credits(who_.guid, true)) urgent(frame);
  const auto next = hub_.settings.heartbeat;
  tell(wire::Heartbeat{++beat_, static_cast<std::uint64_t>(next.count())});
  timer_ = hub_.reactor.after(next, [this] { beat(); });
}

/// The gateway sends nothing more on this connection; reading finds its end.
void GatewayChannel::readable() {
  if (state_ == State::over) return;
  for (;;) {
    const auto io = stream_->read(hub_.reading);
    if (io.state == sim::IoState::again) return;
    return cut(io.state == sim::IoState::failed ? stream_->fault().text
               : io.state == sim::IoState::end  ? "the gateway closed the command channel"
                                                : "the gateway sent octets on the command channel");
  }
}

void GatewayChannel::flush() {
  if (state_ == State::over) return;
  const auto state = sender_.pump(*stream_, [this](const Mark& mark) { hub_.board.handed_to_gateway(mark); });
  if (state == sim::IoState::failed) return cut(stream_->fault().text);
  if (state == sim::IoState::again || state_ == State::open) return;
  // ending: the Refused is out, now the body's end
  if (!std::exchange(last_chunk_, true)) {
    sender_.raw(http::last_chunk());
    return flush();
  }
  stream_->finish();
  cut("ended by the relay");
}

void GatewayChannel::leave(std::string_view text) {
  if (std::exchange(left_, true)) return;
  hub_.board.gateway_went(who_.guid, *this, text);
}

void GatewayChannel::end(const wire::Refused& why) {
  if (state_ != State::open) return;
  sender_.outbox().purge();
  urgent(wire::to_frame(why));
  state_ = State::ending;
  leave("the company's gateway is not connected now; the relay says when it is back");
  hub_.want_flush(*this);
  // A gateway that does not read is cut off.
  timer_ = hub_.reactor.after(good_bye, [this] { cut("the gateway does not read"); });
}

void GatewayChannel::replaced() {
  leave({});
  cut("the same gateway connected again");
}

void GatewayChannel::cut(std::string_view) {
  if (state_ == State::over) return;
  state_ = State::over;
  stream_->events(nullptr);
  timer_.reset();
  leave("the company's gateway is not connected now; the relay says when it is back");
  hub_.post([&door = door_, generation = generation_] { door.forget(generation); });
}

}  // namespace tidegate::relay
