// SPDX-License-Identifier: Apache-2.0
#include "core/token/tokens.hpp"

#include <algorithm>
#include <system_error>

namespace tidegate::token {
namespace {

constexpr std::size_t identities_most = 20'000;
constexpr std::size_t flights_most = 32;
// How long one flight may take; a caller may wait less.
constexpr std::chrono::seconds patience{60};
// A token is not used in its last moments: the login that carries it takes time.
constexpr std::chrono::seconds margin{30};
// Of a token that serves all: who is refused has no right to come, or the token was withdrawn. Nobody can tell the two
// apart, so a new one is tried, but neither while others come in by it nor for each who is refused.
constexpr std::chrono::minutes lately{1}, anew_every{5};

std::unexpected<Fault> late() { return fault(FaultKind::cancelled, "token", "The access token did not come in time."); }

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

Tokens::~Tokens() {
  stop_.request_stop();
  flights_.clear();  // joins
}

void Tokens::make_room(Clock::time_point now) {
  if (known_.size() < identities_most) return;
  std::erase_if(known_, [&](const auto& entry) { return !entry.second.flight && entry.second.until <= now; });
  for (auto at = known_.begin(); known_.size() >= identities_most && at != known_.end();)
    at = at->second.flight ? std::next(at) : known_.erase(at);
}

Result<std::shared_ptr<Tokens::Flight>> Tokens::start(const std::string& identity, Clock::time_point now) {
  auto flight = std::make_shared<Flight>();
  try {
    flights_.push_back({flight, std::jthread([this, identity, now, flight] { fly(identity, now, flight); })});
  } catch (const std::system_error&) {
    return fault(FaultKind::unavailable, "token",
                 "There is no thread left to bring an access token; it is tried again.");
  }
  return flight;
}

void Tokens::fly(const std::string& identity, Clock::time_point now, const std::shared_ptr<Flight>& flight) {
  auto fresh = fetch_(identity, {Clock::now() + patience, stop_.get_token(), 0});
  const std::scoped_lock lock(mutex_);
  auto& known = known_[identity];
  known.flight.reset();
  if (fresh) {
    const auto life = fresh->good_for.count() > 0 ? fresh->good_for : usual_;
    known.text = fresh->text;
    known.brought = now;
    known.accepted = Clock::time_point::min();
    known.until = now + std::max(life - margin, life / 2);
    known.used = false;
  }
  flight->answer = std::move(fresh);
  came_.notify_all();
}

Result<std::string> Tokens::get(const std::string& identity, Clock::time_point now, const Call& call) {
  std::unique_lock lock(mutex_);
  const auto landed = [](const Flying& one) { return one.flight->answer.has_value(); };
  std::shared_ptr<Flight> flight;
  bool mine = false;
  while (!flight) {
    if (!known_.contains(identity)) make_room(now);
    auto& known = known_[identity];
    if (!known.text.empty() && now < known.until) {
      known.used = true;
      return known.text;
    }
    flight = known.flight;
    if (flight) break;
    std::erase_if(flights_, landed);
    if (flights_.size() < flights_most) {
      auto started = start(identity, now);
      if (!started) return std::unexpected(started.error());
      flight = known.flight = *started;
      mine = true;
    } else if (!came_.wait_until(lock, call.stop, call.deadline, [&] {
                 return flights_.size() < flights_most || std::ranges::any_of(flights_, landed);
               })) {
      return late();
    }
  }
  if (!came_.wait_until(lock, call.stop, call.deadline, [&] { return flight->answer.has_value(); })) return late();
  if (!*flight->answer) return std::unexpected(flight->answer->error());
  const auto at = known_.find(identity);
  if (!mine && at != known_.end()) at->second.used = true;
  return (*flight->answer)->text;
}

bool Tokens::refused(const std::string& identity, const std::string& token, Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  const auto at = known_.find(identity);
  if (at == known_.end() || at->second.text != token) return true;  // another thread has a newer one already
  auto& known = at->second;
  if (for_ == For::all) {
    const bool good = known.accepted != Clock::time_point::min() && now - known.accepted < lately;
    if (good || now - known.brought < anew_every) return false;
  }
  known.text.clear();
  return for_ == For::all || known.used;
}

void Tokens::accepted(const std::string& identity, const std::string& token, Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  const auto at = known_.find(identity);
  if (at != known_.end() && at->second.text == token) at->second.accepted = now;
}

}  // namespace tidegate::token
