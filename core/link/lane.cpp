// SPDX-License-Identifier: Apache-2.0
#include "core/link/lane.hpp"

#include <utility>

#include <fmt/format.h>

namespace tidegate::link {
namespace {
using namespace std::chrono_literals;
constexpr std::uint64_t most_answer = std::uint64_t{4} << 20;
constexpr std::size_t most_said = 1024;
constexpr auto first_pause = 500ms;
constexpr auto most_pause = 10s;

bool is_final(unsigned status) { return status >= 400 && status < 500 && status != 408 && status != 429; }
}  // namespace

Lane::Lane(sim::World& world, Setup setup, LaneEvents& events)
    : world_(world),
      setup_(std::move(setup)),
      events_(events),
      batches_(setup_.head),
      backoff_(setup_.seed, first_pause, most_pause, true),
      last_used_(world.reactor().now()) {}

void Lane::open() {
  if (!connection_)
    connection_ =
        std::make_unique<Connection>(world_, setup_.endpoint, world_.reactor().now() + setup_.connect_within, *this);
}

void Lane::flush() {
  if (posting_ || retired_ || batches_.empty()) return;
  posting_ = batches_.take();
  post();
}

void Lane::retire() {
  retired_ = true;
  timer_.reset();
  connection_.reset();
}

void Lane::post() {
  said_.clear();
  reader_ = wire::FrameReader();
  reading_faulty_ = false;
  last_used_ = world_.reactor().now();
  if (connection_ && connection_->connected() && !connection_->reusable()) connection_.reset();
  open();
  connection_->send(posting_->octets(), most_answer);
  const auto within = setup_.answer_within + (connection_->connected() ? 0ms : setup_.connect_within);
  timer_ = world_.reactor().after(within, [this] {
    connection_.reset();
    again({{FaultKind::unavailable,
            setup_.url.authority(),
            "The relay has not answered a batch in time; it is sent again on a new connection.",
            "",
            {}},
           Trouble::passing});
  });
}

void Lane::head(const http::ResponseHead& head) { head_ = head; }

void Lane::body(Octets octets) {
  octets_down_ += octets.size();
  if (head_.status != 200) {
    if (said_.size() < most_said) said_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    return;
  }
  reader_.feed(octets);
  while (!reading_faulty_ && !retired_) {
    auto frame = reader_.next();
    if (!frame)
      reading_faulty_ = true;
    else if (*frame)
      events_.lane_frame(std::move(**frame));  // may retire this lane
    else
      break;
  }
}

void Lane::complete() {
  if (!posting_ || retired_) return;
  if (head_.status == 200 || head_.status == 204) {
    // Taken, though its answer may be broken: the receipts come again with the next credit.
    if (reading_faulty_ || reader_.held() > 0)
      events_.lane_refused({{FaultKind::invalid,
                             setup_.url.authority(),
                             "The relay's answer to a batch cannot be read; the session is opened again.",
                             "",
                             {}},
                            Trouble::passing});
    else
      done();
    return;
  }
  const auto refusal = refusal_of(setup_.url, head_, said_);
  // Whatever it says against this session, opening anew finds out the truth (409 stops there).
  if (is_final(head_.status)) return events_.lane_refused({refusal.fault, Trouble::passing});
  again(refusal);
}

void Lane::done() {
  octets_up_ += posting_->body();
  posting_.reset();
  timer_.reset();
  backoff_.reset();
  failing_since_.reset();
  last_used_ = world_.reactor().now();
  if (!connection_->reusable()) connection_.reset();
  flush();
  events_.lane_drained();
}

void Lane::broken(const Fault& fault) {
  connection_.reset();
  // An idle connection may go at any time; the next batch dials.
  if (!posting_ || pausing_) return;
  const auto refusal = refusal_of(fault);
  if (refusal.trouble == Trouble::refused) return events_.lane_refused(refusal);
  again(refusal);
}

void Lane::again(const Refusal& refusal) {
  const auto now = world_.reactor().now();
  if (!failing_since_) failing_since_ = now;
  if (now - *failing_since_ >= failing_most) return events_.lane_refused({refusal.fault, Trouble::passing});
  auto pause = backoff_.next();
  if (refusal.trouble == Trouble::busy) pause = std::max(pause, refusal.fault.retry_after);
  pausing_ = true;
  timer_ = world_.reactor().after(pause, [this] {
    pausing_ = false;
    post();
  });
  events_.lane_repeats(refusal.fault);
}

}  // namespace tidegate::link
