// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/merger.hpp"

#include <algorithm>

namespace tidegate::ews {
namespace {

constexpr std::size_t scopes_most = 64;

void merge(Hint& into, Hint&& more) {
  into.all |= more.all;
  for (auto& scope : more.scopes)
    if (std::ranges::find(into.scopes, scope) == into.scopes.end()) into.scopes.push_back(std::move(scope));
  if (into.scopes.size() > scopes_most) into.all = true;
  if (into.all) into.scopes.clear();
}

}  // namespace

std::optional<Hint> Merger::arrived(const std::string& mailbox, Hint hint, Clock::time_point now) {
  const auto [at, first] = waiting_.try_emplace(mailbox, Waiting{.until = now + quiet});
  if (first) return hint;
  merge(at->second.hint, std::move(hint));
  at->second.any = true;
  return std::nullopt;
}

std::vector<std::pair<std::string, Hint>> Merger::due(Clock::time_point now) {
  std::vector<std::pair<std::string, Hint>> found;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    auto& [mailbox, waiting] = *at;
    if (waiting.until > now) {
      ++at;
    } else if (waiting.any) {
      found.emplace_back(mailbox, std::exchange(waiting.hint, {}));
      waiting.any = false;
      waiting.until = now + quiet;
      ++at;
    } else {
      at = waiting_.erase(at);
    }
  }
  return found;
}

std::optional<Clock::time_point> Merger::next() const {
  std::optional<Clock::time_point> first;
  for (const auto& [mailbox, waiting] : waiting_)
    if (!first || waiting.until < *first) first = waiting.until;
  return first;
}

}  // namespace tidegate::ews
