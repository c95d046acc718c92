// SPDX-License-Identifier: Apache-2.0
#include "core/journal/removals.hpp"

#include <algorithm>

namespace tidegate::journal {

bool RemovalRate::allows(const std::string& user, View device, sim::Instant now) {
  if (per_hour_ <= 0) return true;
  std::erase_if(buckets_,
                [&](const auto& each) { return now - each.second.at > std::chrono::hours(1); });  // full again
  auto& bucket = buckets_.try_emplace({user, Bytes(device)}, Bucket{per_hour_, now}).first->second;
  const auto hours = std::chrono::duration<double, std::ratio<3600>>(now - bucket.at).count();
  bucket.left = std::min(per_hour_, bucket.left + hours * per_hour_);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

}  // namespace tidegate::journal
