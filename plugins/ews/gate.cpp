// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/gate.hpp"

namespace tidegate::ews {
namespace {

constexpr unsigned well_for_one_more = 50;
constexpr std::size_t budgets_most = 100'000;

}  // namespace

Result<void> Gate::enter(const Call& call, const std::string& budget, Clock::time_point now, const std::string& where) {
  std::unique_lock lock(mutex_);
  for (const auto& key : {std::string(), budget}) {
    const auto found = resting_.find(key);
    if (found == resting_.end()) continue;
    if (found->second > now) {
      Fault later{FaultKind::throttled,
                  where,
                  "The Exchange server asked to be left alone for a while; it is tried again then.",
                  {},
                  std::chrono::ceil<std::chrono::milliseconds>(found->second - now)};
      return std::unexpected(std::move(later));
    }
    resting_.erase(found);
  }
  const bool in = free_.wait_until(lock, call.stop, call.deadline, [this] { return inside_ < may_; });
  if (!in)
    return fault(FaultKind::cancelled, where, "The call's time was over before the Exchange server had room for it.");
  ++inside_;
  return {};
}

void Gate::leave() {
  {
    const std::lock_guard lock(mutex_);
    --inside_;
  }
  free_.notify_one();
}

void Gate::rest(const std::string& budget, Clock::time_point now, std::chrono::milliseconds time) {
  const std::lock_guard lock(mutex_);
  if (resting_.size() >= budgets_most) std::erase_if(resting_, [now](const auto& each) { return each.second <= now; });
  auto& until = resting_[budget];
  until = std::max(until, now + time);
}

void Gate::too_many() {
  const std::lock_guard lock(mutex_);
  may_ = std::max(1U, may_ / 2);
  well_ = 0;
}

void Gate::went_well() {
  const std::lock_guard lock(mutex_);
  if (may_ < most_ && ++well_ >= well_for_one_more) {
    ++may_;
    well_ = 0;
  }
}

unsigned Gate::allowed() const {
  const std::lock_guard lock(mutex_);
  return may_;
}

unsigned Batch::size() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void Batch::expired() {
  const std::lock_guard lock(mutex_);
  now_ = std::max(1U, now_ / 2);
}

void Batch::went_well() {
  const std::lock_guard lock(mutex_);
  now_ = std::min(most_, now_ + 1);
}

}  // namespace tidegate::ews
