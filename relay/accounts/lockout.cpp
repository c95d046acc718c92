// SPDX-License-Identifier: Apache-2.0
#include "relay/accounts/lockout.hpp"

#include <algorithm>

namespace tidegate::relay {

Lockout::Place Lockout::find(std::string_view key, Instant now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return entries_.end();
  const auto entry = found->second;
  if (now < entry->until || now - entry->last < limits_.forget) return entry;
  by_key_.erase(found);
  entries_.erase(entry);
  return entries_.end();
}

Lockout::Delay Lockout::shut(std::string_view key, Instant now) {
  const auto entry = find(key, now);
  if (entry == entries_.end() || now >= entry->until) return Delay(0);
  return std::chrono::ceil<Delay>(entry->until - now);
}

bool Lockout::failed(std::string_view key, Instant now) {
  auto entry = find(key, now);
  if (entry == entries_.end()) {
    if (entries_.size() >= limits_.most) {
      by_key_.erase(entries_.front().key);
      entries_.pop_front();
    }
    entry = entries_.insert(entries_.end(), Entry{std::string(key), 0, {}, {}});
    by_key_.emplace(entry->key, entry);
  } else {
    entries_.splice(entries_.end(), entries_, entry);
  }
  entry->last = now;
  if (++entry->failures <= limits_.free_tries) return false;
  const auto doublings = std::min(entry->failures - limits_.free_tries - 1, 30U);
  entry->until = now + std::min(limits_.longest, Delay(limits_.first.count() << doublings));
  return true;
}

void Lockout::succeeded(std::string_view key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return;
  const auto entry = found->second;
  by_key_.erase(found);
  entries_.erase(entry);
}

}  // namespace tidegate::relay
