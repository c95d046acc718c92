// SPDX-License-Identifier: Apache-2.0
// When an agent looks at everything again: polls, sweeps, rests.
#include <algorithm>

#include "core/account/agent.hpp"

namespace tidegate::account {

void Agent::deaf(const Fault& why) {
  if (stopped_) return;
  health_.fault = why.text;
  heard_by_watch_ = false;
  next_round_ = round_after(room_.house.world.reactor().now());
  plan();
}

void Agent::ring(sim::Instant now) {
  entered_ = sim::Instant::max();
  if (stopped_) return;
  if (now >= rest_until_) {
    rest_until_ = sim::Instant::max();
    course_.rested();
  }
  if (now >= wake_by_) {
    wake_by_ = sim::Instant::max();
    course_.woken();
  }
  if (now >= next_round_) {
    if (room_.watched() && !heard_by_watch_) {
      room_.listen_again(user_);
      heard_by_watch_ = true;
    }
    pace_.quiet(room_.poll);
    next_round_ = round_after(now);
    course_.round();
  }
  if (second_ && now >= second_->close_at) {
    close_second();
  }
  plan();
  go();
}

/// Nothing of it is told, not even of its inbox.
bool Agent::only_polled() const { return caps_known_ && !course_.parks() && !room_.watched(); }

void Agent::stirred() {
  if (stopped_ || !only_polled()) return;
  pace_.stirred(room_.poll);
  next_round_ = std::min(next_round_, round_after(room_.house.world.reactor().now()));
  plan();
}

sim::Instant Agent::round_after(sim::Instant now) const {
  const auto period = heard_by_watch_ || hears_all_ ? room_.sweep
                      : only_polled()               ? pace_.period()
                                                    : std::chrono::milliseconds(room_.house.settings.poll_folders);
  const auto factor = 0.9 + 0.2 * room_.house.dice();  // not all users at once
  return now + std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(period.count()) * factor));
}

void Agent::plan() {
  auto when = std::min({next_round_, rest_until_, wake_by_});
  if (second_) when = std::min(when, second_->close_at);
  if (when == entered_) return;
  room_.house.agenda.enter(*this, entered_, when);
  entered_ = when;
}

/// A session that hears of every scope needs no polling beside it.
void Agent::hears(bool everything) {
  if (everything == hears_all_) return;
  hears_all_ = everything;
  const auto next = round_after(room_.house.world.reactor().now());
  next_round_ = everything ? next : std::min(next_round_, next);
  if (everything) course_.round();  // what changed before it listened
  plan();
}

}  // namespace tidegate::account
