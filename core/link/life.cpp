// SPDX-License-Identifier: Apache-2.0
#include "core/link/life.hpp"

#include <algorithm>

namespace tidegate::link {
namespace {
using namespace std::chrono_literals;

constexpr auto first_pause = 1s;
constexpr auto first_refused = 5min;
constexpr auto refused_most = 60min;
constexpr auto retry_after_most = 60min;  // a relay may slow a gateway down, not switch it off
constexpr auto reply_least = 1s;
constexpr auto reply_most = 5min;
constexpr auto heartbeat_least = 1s;
constexpr auto heartbeat_most = 10min;
constexpr auto heartbeat_first = 10s;  // until the first HB says otherwise

// docs/wire.md, heartbeats: tolerance is 50 % + 5 s.
std::chrono::milliseconds patience(std::chrono::milliseconds next) {
  next = std::clamp<std::chrono::milliseconds>(next, heartbeat_least, heartbeat_most);
  return next + next / 2 + 5s;
}

}  // namespace

double Backoff::dice() {
  // SplitMix64: repeatable from the seed in tests, and nothing here needs more.
  auto z = dice_ += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

std::chrono::milliseconds Backoff::next() {
  const auto tries = tries_++;
  if (at_once_ && tries == 0) return 0ms;
  const auto doublings = std::min(tries - (at_once_ ? 1U : 0U), 20U);
  const auto full = std::min(first_ * (std::int64_t{1} << doublings), most_);
  return full - std::chrono::milliseconds(static_cast<std::int64_t>(dice() * 0.5 * static_cast<double>(full.count())));
}

Life::Life(const Limits& limits, std::uint64_t seed)
    : limits_(limits),
      passing_(seed, first_pause, limits.retry_most, true),
      refused_(seed ^ 0x5a5a5a5aU, first_refused, refused_most, false) {}

Action Life::ask(sim::Instant now) {
  state_ = LinkState::connecting;
  sent_ = false;
  wake_at_ = now + limits_.connect_within + limits_.answer_within;
  return Action::ask;
}

Action Life::opened(sim::Instant now) {
  state_ = LinkState::open;
  open_since_ = heard_ = now;
  patience_ = patience(heartbeat_first);
  wake_at_ = now + patience_;
  return Action::rise;
}

Action Life::rest(sim::Instant now, const Event& failure) {
  if (state_ == LinkState::open && now - open_since_ >= steady) {
    passing_.reset();
    refused_.reset();
  }
  state_ = LinkState::waiting;
  switch (failure.trouble) {
    case Trouble::superseded:
      state_ = LinkState::superseded;
      wake_at_.reset();
      return Action::rest;
    case Trouble::passing:
      wake_at_ = now + passing_.next();
      return Action::rest;
    case Trouble::refused:
      wake_at_ = now + refused_.next();
      return Action::rest;
    case Trouble::busy: {
      const auto asked = std::min<std::chrono::milliseconds>(failure.span, retry_after_most);
      // Never earlier than asked; a little later, each gateway differently.
      const auto spread = std::chrono::milliseconds(
          static_cast<std::int64_t>(passing_.dice() * 0.25 * static_cast<double>(asked.count())));
      wake_at_ = now + std::max(asked + spread, passing_.next());
      return Action::rest;
    }
  }
  return Action::rest;
}

Action Life::due(sim::Instant now) {
  if (!wake_at_ || now < *wake_at_) return Action::none;
  switch (state_) {
    case LinkState::waiting:
      return ask(now);
    case LinkState::connecting:
      silence_ = Silence::no_answer;
      return rest(now, {});
    case LinkState::opening:
      silence_ = sent_ ? Silence::held_back : Silence::no_answer;
      return rest(now, {});
    case LinkState::open:
      // The deadline is moved only here: octets that come in cost no timer.
      if (now < heard_ + patience_) {
        wake_at_ = heard_ + patience_;
        return Action::none;
      }
      silence_ = Silence::no_heartbeat;
      return rest(now, {});
    case LinkState::stopped:
    case LinkState::superseded:
      break;
  }
  return Action::none;
}

Action Life::resume(const Event& event, sim::Instant now) {
  using What = Event::What;
  const bool down = state_ == LinkState::stopped || state_ == LinkState::superseded || state_ == LinkState::waiting;
  if (event.what != What::heard && event.what != What::heartbeat) silence_ = Silence::none;
  switch (event.what) {
    case What::start:
      return state_ == LinkState::stopped ? ask(now) : Action::none;
    case What::stop: {
      const bool was_down = down;
      state_ = LinkState::stopped;
      wake_at_.reset();
      passing_.reset();
      refused_.reset();
      return was_down ? Action::none : Action::rest;
    }
    case What::resume:
      return state_ == LinkState::superseded || state_ == LinkState::waiting ? ask(now) : Action::none;
    case What::due:
      return due(now);
    case What::offered:
      if (state_ != LinkState::connecting) return Action::none;
      state_ = LinkState::opening;
      reply_within_ = std::clamp<std::chrono::milliseconds>(event.span, reply_least, reply_most);
      wake_at_ = now + limits_.connect_within;  // EventUrl may need a connection of its own
      return Action::open;
    case What::sent:
      if (state_ == LinkState::opening) {
        sent_ = true;
        wake_at_ = now + reply_within_;
      }
      return Action::none;
    case What::heard:
      heard_ = now;
      return Action::none;
    case What::users:
      return state_ == LinkState::opening ? opened(now) : Action::none;
    case What::heartbeat:
      if (state_ != LinkState::open) return Action::none;
      patience_ = patience(event.span);
      // A shorter promise counts at once.
      wake_at_ = std::min(*wake_at_, now + patience_);
      return Action::none;
    case What::failed:
      return down ? Action::none : rest(now, event);
  }
  return Action::none;
}

}  // namespace tidegate::link
