// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/memory.hpp"

#include <algorithm>

namespace tidegate::caldav {
namespace {

constexpr std::size_t writes_most = 256;
constexpr std::chrono::minutes writes_kept{5};

}  // namespace

std::size_t Contents::cost(const Entry& entry) { return entry.key.size() + entry.octets.size() + 128; }

void Contents::erase(const std::string& key) {
  const auto at = places_.find(key);
  if (at == places_.end()) return;
  held_ -= cost(*at->second);
  entries_.erase(at->second);
  places_.erase(at);
}

void Contents::drop(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  erase(key);
}

void Contents::put(const std::string& key, std::string octets) {
  const std::scoped_lock lock(mutex_);
  erase(key);
  entries_.push_front({key, std::move(octets)});
  held_ += cost(entries_.front());
  places_[key] = entries_.begin();
  while (held_ > most_ && !entries_.empty()) {
    held_ -= cost(entries_.back());
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

std::optional<std::string> Contents::get(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto at = places_.find(key);
  if (at == places_.end()) return std::nullopt;
  return at->second->octets;
}

void Wrote::note(const std::string& id, Entry entry, Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(entries_, [&](const Dated& each) { return each.id == id; });
  entries_.push_front({id, std::move(entry), now});
  while (entries_.size() > writes_most || entries_.back().when + writes_kept < now) entries_.pop_back();
}

std::optional<Wrote::Entry> Wrote::find(const std::string& id, Clock::time_point now) {
  const std::scoped_lock lock(mutex_);
  const auto at = std::ranges::find(entries_, id, &Dated::id);
  if (at == entries_.end() || at->when + writes_kept < now) return std::nullopt;
  return at->entry;
}

}  // namespace tidegate::caldav
