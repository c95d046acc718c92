// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/ghosts.hpp"

namespace tidegate::imap {
namespace {
// Beyond this many nothing is known of any: they are asked for again.
constexpr std::size_t folders_most = 1000;
}  // namespace

std::uint64_t Ghosts::count(std::string_view folder, Clock::time_point now) const {
  const auto at = folders_.find(folder);
  return at == folders_.end() || rests_.left(folder, now).count() == 0 ? 0 : at->second.count();
}

void Ghosts::asked(std::string_view folder, const UidSet& asked, const UidSet& missing, Clock::time_point now) {
  auto at = folders_.find(folder);
  if (at == folders_.end()) {
    if (missing.empty()) return;
    if (folders_.size() >= folders_most) folders_.clear();
    at = folders_.emplace(std::string(folder), UidSet()).first;
  }
  at->second.subtract(asked);
  at->second.add(missing);
  if (!missing.empty()) rests_.failed(folder, now);
  settle(folder);
}

void Ghosts::named(std::string_view folder, const UidSet& all) {
  const auto at = folders_.find(folder);
  if (at == folders_.end()) return;
  at->second = at->second.within(all);
  settle(folder);
}

void Ghosts::settle(std::string_view folder) {
  const auto at = folders_.find(folder);
  if (at == folders_.end() || !at->second.empty()) return;
  rests_.worked(folder);
  folders_.erase(at);
}

}  // namespace tidegate::imap
