// SPDX-License-Identifier: Apache-2.0
#include "core/link/command.hpp"

#include <utility>

#include "core/http/message.hpp"

namespace tidegate::link {
namespace {
constexpr std::uint64_t most_offer = std::uint64_t{16} << 10;
}

CommandChannel::CommandChannel(sim::World& world, Setup setup, CommandEvents& events)
    : world_(world), setup_(std::move(setup)), events_(events), request_(ask_request(setup_.relay)) {
  dial(setup_.relay);
  connection_->send(std::as_bytes(std::span(request_)), most_offer);
}

void CommandChannel::dial(const Url& url) {
  auto endpoint = setup_.endpoint;
  endpoint.host = url.host;
  endpoint.port = url.port;
  connection_ = std::make_unique<Connection>(world_, endpoint, world_.reactor().now() + setup_.connect_within, *this);
}

void CommandChannel::open() {
  step_ = Step::opening;
  const auto& event = offer_->event;
  const bool here = event.host == setup_.relay.host && event.port == setup_.relay.port;
  if (here && connection_->reusable()) return post_envelope();
  dial(event);  // connected() goes on
}

void CommandChannel::connected() {
  if (step_ == Step::opening) post_envelope();
}

void CommandChannel::post_envelope() {
  auto request = open_request(setup_.relay, *offer_, setup_.opener, connection_->channel_binding());
  if (!request) return fail({request.error(), Trouble::refused});
  request_ = *std::move(request);
  said_.clear();
  connection_->send(std::as_bytes(std::span(request_)), http::kNoLimit);
}

void CommandChannel::sent() {
  if (step_ == Step::opening) events_.command_sent();
}

void CommandChannel::head(const http::ResponseHead& head) {
  head_ = head;
  if (step_ == Step::opening && head.status == 200) step_ = Step::streaming;
}

void CommandChannel::body(Octets octets) {
  if (step_ == Step::streaming) return frames(octets);
  if (said_.size() < most_offer) said_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
}

void CommandChannel::frames(Octets octets) {
  events_.command_heard();
  reader_.feed(octets);
  while (step_ == Step::streaming) {
    auto frame = reader_.next();
    if (!frame) return fail(refusal_of(frame.error()));
    if (!*frame) return;
    events_.command_frame(std::move(**frame));  // may retire this channel
  }
}

void CommandChannel::complete() {
  if (step_ == Step::over) return;
  if (step_ == Step::streaming)
    return fail(
        {{FaultKind::unavailable, setup_.relay.authority(), "The relay ended the session; it is opened again.", "", {}},
         Trouble::passing});
  if (head_.status != 200) return fail(refusal_of(setup_.relay, head_, said_));
  auto offer = read_offer(setup_.relay, said_);
  // A wrong URL is an operator's mistake: no use in asking every minute.
  if (!offer)
    return fail({offer.error(), offer.error().kind == FaultKind::denied ? Trouble::refused : Trouble::passing});
  offer_ = *std::move(offer);
  step_ = Step::offered;
  events_.command_offered(std::chrono::milliseconds(std::min<std::uint64_t>(offer_->opened.reply_time_ms, 600'000)));
}

void CommandChannel::broken(const Fault& fault) { fail(refusal_of(fault)); }

void CommandChannel::fail(const Refusal& refusal) {
  if (std::exchange(step_, Step::over) != Step::over) events_.command_failed(refusal);
}

void CommandChannel::retire() {
  step_ = Step::over;
  connection_.reset();
}

}  // namespace tidegate::link
