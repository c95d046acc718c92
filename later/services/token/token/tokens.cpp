// SPDX-License-Identifier: Apache-2.0
#include "core/token/tokens.hpp"

#include <algorithm>

namespace tidegate::token {
namespace {

constexpr std::size_t identities_most = 20'000;
// A token is not used in its last moments: the login that carries it takes time.
constexpr std::chrono::seconds margin{30};

std::unexpected<Fault> late() {
  return fault(FaultKind::cancelled, "token", "The access token did not come in time.");
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

void Tokens::make_room(Clock::time_point now) {
  if (known_.size() < identities_most) return;
  std::erase_if(known_, [&](const auto& entry) { return !entry.second.fetching && entry.second.until <= now; });
  for (auto at = known_.begin(); known_.size() >= identities_most && at != known_.end();)
    at = at->second.fetching ? std::next(at) : known_.erase(at);
}

Result<std::string> Tokens::get(const std::string& identity, Clock::time_point now, const Call& call) {
  std::unique_lock lock(mutex_);
  if (!known_.contains(identity)) make_room(now);
  auto& known = known_[identity];  // stays while anybody fetches or waits: `fetching`
  if (!known.text.empty() && now < known.until) {
    known.used = true;
    return known.text;
  }
  if (known.fetching) {
    const auto mine = known.fetched;
    const auto came = came_.wait_until(lock, call.stop, call.deadline, [&] {
      const auto at = known_.find(identity);
      return at == known_.end() || at->second.fetched != mine;
    });
    const auto at = known_.find(identity);
    if (!came || at == known_.end()) return late();
    at->second.used = true;
    if (at->second.fault) return std::unexpected(*at->second.fault);
    return at->second.text;
  }
  known.fetching = true;
  lock.unlock();
  auto fresh = fetch_(identity, call);  // without the lock: a slow one harms its own identity only
  lock.lock();
  known.fetching = false;
  ++known.fetched;
  known.fault = fresh ? std::nullopt : std::optional(fresh.error());
  if (fresh) {
    const auto life = fresh->good_for.count() > 0 ? fresh->good_for : usual_;
    known.text = fresh->text;
    known.until = now + std::max(life - margin, life / 2);
    known.used = false;
  }
  came_.notify_all();
  if (!fresh) return std::unexpected(fresh.error());
  return fresh->text;
}

bool Tokens::refused(const std::string& identity, const std::string& token) {
  const std::scoped_lock lock(mutex_);
  const auto at = known_.find(identity);
  if (at == known_.end() || at->second.text != token) return true;  // another thread has a newer one already
  at->second.text.clear();
  return at->second.used;
}

}  // namespace tidegate::token
