// SPDX-License-Identifier: Apache-2.0
#include "core/account/course.hpp"

#include <algorithm>

namespace tidegate::account {

std::chrono::milliseconds Backoff::after(const Fault& fault, double dice) {
  using std::chrono::milliseconds;
  if (fault.kind == FaultKind::throttled && fault.retry_after.count() > 0) {
    // As the server asks, plus up to a tenth: not everybody at once.
    return fault.retry_after +
           milliseconds(static_cast<std::int64_t>(dice * 0.1 * static_cast<double>(fault.retry_after.count())));
  }
  const milliseconds ceiling = ceiling_;
  milliseconds pause = ceiling;
  // Wrong credentials don't mend by asking often, and may lock the account.
  if (fault.kind != FaultKind::auth && fault.kind != FaultKind::denied) {
    const auto doublings = std::min<std::uint32_t>(failures_, 20);
    pause = std::min<milliseconds>(ceiling, first_ * (std::int64_t{1} << doublings));
  }
  ++failures_;
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(pause.count()) * (0.5 + dice / 2)));
}

void DueScopes::add(View scope, bool live) {
  const auto found = std::ranges::find(entries_, scope, &Entry::scope);
  if (found == entries_.end()) {
    entries_.push_back({Bytes(scope), live});
  } else {
    found->live |= live;
  }
}

std::optional<DueScopes::Entry> DueScopes::take() {
  if (entries_.empty()) return std::nullopt;
  auto found = std::ranges::find(entries_, true, &Entry::live);
  if (found == entries_.end()) found = entries_.begin();
  auto entry = std::move(*found);
  entries_.erase(found);
  if (entries_.empty()) clear();
  return entry;
}

bool concerns_scope(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::denied:
    case FaultKind::not_found:
    case FaultKind::invalid:
    case FaultKind::unsupported:
    case FaultKind::too_large:
    case FaultKind::regressed:
    case FaultKind::exists:
      return true;
    default:
      return false;
  }
}

void Course::hinted(const Hint& hint) {
  for (const auto& scope : hint.scopes) due_.add(scope, true);
  if (!hint.all) return;
  if (!inbox_.empty()) due_.add(inbox_, true);
  round();
}

void Course::round() {
  due_.add({}, false);
  list_due_ = true;
  gave_way_ = false;
}

void Course::listed(const std::vector<Bytes>& scopes) {
  list_due_ = false;
  if (!inbox_.empty()) due_.add(inbox_, false);  // first of those that are not live
  for (const auto& scope : scopes) due_.add(scope, false);
  idle();
  if (looked_through_) return;
  unseen_ = scopes;
  std::erase_if(unseen_, [&](const Bytes& scope) { return std::ranges::find(seen_, scope) != seen_.end(); });
  all_seen();
}

bool Course::looked_at(View scope) {
  if (looked_through_ || scope.empty()) return false;
  if (std::ranges::find(seen_, scope) == seen_.end()) seen_.emplace_back(scope);
  if (std::erase(unseen_, scope) == 0) return false;
  return all_seen();
}

/// Of many users each: nothing of it stays in memory.
bool Course::all_seen() {
  looked_through_ = unseen_.empty();
  if (looked_through_) std::vector<Bytes>().swap(seen_);
  return looked_through_;
}

void Course::answered(View scope) {
  elsewhere_ = scope != inbox_ || inbox_.empty();
  if (!elsewhere_) inbox_unusable_ = false;
  backoff_.succeeded();
}

void Course::unusable(View scope) {
  if (scope == inbox_) inbox_unusable_ = true;
}

void Course::woken() {
  if (state_ == State::parked) woken_ = true;
}

bool Course::lend() {
  if (state_ != State::idle && state_ != State::parked) return false;
  state_ = State::working;
  elsewhere_ = true;
  woken_ = false;
  return true;
}

void Course::parked() {
  if (state_ == State::working) state_ = State::parked;
  woken_ = false;
}

bool Course::give_way() {
  if (state_ != State::parked) return false;
  state_ = State::idle;
  gave_way_ = elsewhere_ = true;
  woken_ = false;
  return true;
}

std::optional<sim::Instant> Course::failed(const Fault& fault, bool session, sim::Instant now, double dice) {
  if (state_ == State::stopped) return std::nullopt;
  if (!session && concerns_scope(fault)) {
    elsewhere_ = true;
    idle();
    return std::nullopt;
  }
  state_ = State::resting;
  elsewhere_ = true;
  woken_ = false;
  return now + backoff_.after(fault, dice);
}

Course::Action Course::sync_or(Action otherwise) {
  auto entry = due_.take();
  if (!entry) return otherwise;
  return {What::sync, std::move(entry->scope), entry->live};
}

Course::Action Course::next() {
  Action action;
  if (state_ == State::parked) {
    if (woken_ || list_due_ || !due_.empty()) action = {What::wake, {}, true};
  } else if (state_ == State::idle) {
    action = sync_or({});
    if (action.what == What::nothing && list_due_) action.what = What::list;
    // An inbox that cannot be looked at cannot be listened to: asking it again at once would never end.
    if (action.what == What::nothing && parks_ && !gave_way_ && !inbox_.empty() && !inbox_unusable_) {
      // It listens where it looked last, and must not listen elsewhere.
      action = elsewhere_ ? Action{What::sync, inbox_, true} : Action{What::park, {}, false};
    }
  }
  if (action.what != What::nothing) state_ = State::working;
  return action;
}

}  // namespace tidegate::account
