// SPDX-License-Identifier: Apache-2.0
#include "core/account/broker.hpp"

#include <algorithm>

namespace tidegate::account {

namespace {

constexpr std::chrono::minutes fresh{1};  // troubles of different hours are no sign of one cause
constexpr std::size_t throttled_users = 2, unreachable_users = 3;
constexpr unsigned live_turns = 3;

}  // namespace

void Broker::wait(std::uint64_t ticket, bool live, bool counts) { (live ? live_ : rest_).push_back({ticket, counts}); }

/// The line whose turn it is; null: nobody in it may go.
std::deque<Broker::Waiting>* Broker::line() {
  auto* first = turn_ % (live_turns + 1) == live_turns ? &rest_ : &live_;
  auto* second = first == &rest_ ? &live_ : &rest_;
  for (auto* each : {first, second})
    if (!each->empty() && fits(each->front())) return each;
  return nullptr;
}

std::optional<std::uint64_t> Broker::next(sim::Instant now) {
  if (state_ == State::paused && now >= until_) {
    state_ = State::probing;
    probe_out_ = false;
  }
  if (state_ == State::paused || (state_ == State::probing && probe_out_) || now < free_at_) return std::nullopt;
  auto* from = line();
  if (from == nullptr) return std::nullopt;
  ++turn_;
  const auto waiting = from->front();
  from->pop_front();
  if (waiting.counts) ++held_;
  if (state_ == State::probing) probe_out_ = waiting.counts;
  if (limits_.per_second != 0) free_at_ = now + std::chrono::nanoseconds(std::chrono::seconds(1)) / limits_.per_second;
  return waiting.ticket;
}

std::optional<sim::Instant> Broker::when() const {
  if (live_.empty() && rest_.empty()) return std::nullopt;
  if (state_ == State::paused) return until_;
  if ((state_ == State::probing && probe_out_) || line() == nullptr) return std::nullopt;
  return free_at_;
}

bool Broker::wanting() const {
  return state_ == State::open && limits_.connections != 0 && held_ >= limits_.connections &&
         !(live_.empty() && rest_.empty());
}

void Broker::let_in() {
  throttled_.clear();
  unreachable_.clear();
  if (state_ != State::probing) return;  // in a pause: one that was under way before it began
  state_ = State::open;
  backoff_.succeeded();
}

bool Broker::of_server(const std::string& user, FaultKind kind, sim::Instant now) {
  auto& troubles = kind == FaultKind::throttled ? throttled_ : unreachable_;
  std::erase_if(troubles, [&](const Trouble& each) { return each.user == user || now - each.at > fresh; });
  troubles.push_back({user, now});
  return troubles.size() >= (kind == FaultKind::throttled ? throttled_users : unreachable_users);
}

void Broker::failed(const std::string& user, const Fault& fault, sim::Instant now, double dice) {
  const bool no_answer = fault.kind == FaultKind::unavailable || fault.kind == FaultKind::cancelled;
  if (fault.kind != FaultKind::throttled && !no_answer) return let_in();  // refused him: so the server is well
  const bool probed = state_ == State::probing && probe_out_;
  if (state_ == State::paused) return;
  if (!of_server(user, fault.kind, now) && !probed) return;
  until_ = now + backoff_.after(fault, dice);
  state_ = State::paused;
  probe_out_ = false;
}

void Broker::given_up() {
  if (state_ == State::probing) probe_out_ = false;
}

void Broker::closed() {
  if (held_ > 0) --held_;
}

}  // namespace tidegate::account
