// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/shunned.hpp"

#include <algorithm>

namespace tidegate::imap {
namespace {
// Beyond this many nothing new is remembered; who comes later is tried as ever.
constexpr std::size_t entries_most = 10'000;
}  // namespace

std::chrono::milliseconds Shunned::left(std::string_view what, Clock::time_point now) const {
  const auto at = entries_.find(what);
  if (at == entries_.end() || at->second.until <= now) return std::chrono::milliseconds(0);
  return std::chrono::ceil<std::chrono::milliseconds>(at->second.until - now);
}

void Shunned::failed(std::string_view what, Clock::time_point now) {
  auto at = entries_.find(what);
  if (at == entries_.end()) {
    if (entries_.size() >= entries_most) return;
    at = entries_.emplace(std::string(what), Entry{}).first;
  }
  Entry& entry = at->second;
  ++entry.failures;
  if (entry.failures <= free_) return;
  const auto doublings = std::min(entry.failures - free_ - 1, 20U);
  entry.until = now + std::min<std::chrono::seconds>(most_, first_ * (std::int64_t{1} << doublings));
}

void Shunned::worked(std::string_view what) {
  if (const auto at = entries_.find(what); at != entries_.end()) entries_.erase(at);
}

}  // namespace tidegate::imap
