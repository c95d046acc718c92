// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/suspects.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::imap {
namespace {

// A page of 500 is narrowed down in two steps, by no more than 50 commands.
constexpr std::uint64_t pieces = 25;
// Beyond this many nothing is known of any; who breaks is found again.
constexpr std::size_t folders_most = 1000;

std::string name_of(std::string_view folder, Uid uid) { return fmt::format("{}.{}", folder, uid); }

}  // namespace

bool Suspects::any(std::string_view folder, std::uint64_t from) const {
  const auto at = folders_.find(folder);
  return at != folders_.end() && std::max(at->second.several.highest(), at->second.alone.highest()) >= from;
}

std::vector<UidSet> Suspects::parts(std::string_view folder, const UidSet& wanted, Clock::time_point now) const {
  const auto at = folders_.find(folder);
  if (at == folders_.end()) return {wanted};
  std::vector<UidSet> out;
  for (const Uid uid : wanted.within(at->second.alone).newest_first())
    if (left_out_.left(name_of(folder, uid), now).count() == 0) out.push_back(UidSet::of({uid}));
  UidSet rest = wanted;
  rest.subtract(at->second.alone);
  UidSet several = rest.within(at->second.several);
  rest.subtract(several);
  const auto size = (several.count() + pieces - 1) / pieces;
  while (!several.empty()) {
    out.push_back(several.newest(size));
    several.subtract(out.back());
  }
  if (!rest.empty()) out.push_back(std::move(rest));
  return out;
}

void Suspects::came(std::string_view folder, const UidSet& asked) {
  const auto at = folders_.find(folder);
  if (at == folders_.end()) return;
  for (const Uid uid : asked.within(at->second.alone).newest_first()) left_out_.worked(name_of(folder, uid));
  at->second.several.subtract(asked);
  at->second.alone.subtract(asked);
  if (at->second.several.empty() && at->second.alone.empty()) folders_.erase(at);
}

std::optional<std::chrono::milliseconds> Suspects::broke(std::string_view folder, const UidSet& asked,
                                                         Clock::time_point now) {
  if (asked.empty()) return std::nullopt;
  if (folders_.size() >= folders_most && !folders_.contains(folder)) folders_.clear();
  Folder& here = folders_[std::string(folder)];
  if (asked.count() > 1) {
    here.several = asked;
    return std::nullopt;
  }
  const std::string name = name_of(folder, asked.lowest());
  here.alone.add(asked);
  here.several.subtract(asked);
  left_out_.failed(name, now);
  const auto left = left_out_.left(name, now);
  return left.count() > 0 ? std::optional(left) : std::nullopt;
}

}  // namespace tidegate::imap
