// SPDX-License-Identifier: Apache-2.0
#include "core/pim/system_zones.hpp"

#include <fstream>
#include <iterator>

namespace tidegate::pim {
namespace {

constexpr std::size_t file_most = std::size_t{256} << 10;

}  // namespace

std::shared_ptr<const Zone> SystemZones::find(const std::string& olson) {
  // Below right/ the tz database counts leap seconds.
  if (olson.empty() || olson.starts_with("right/") || olson.starts_with('/') || olson.contains("..") ||
      olson.contains('\0'))
    return nullptr;
  const std::lock_guard lock(mutex_);
  if (const auto known = found_.find(olson); known != found_.end()) return known->second;
  std::shared_ptr<const Zone> zone;
  if (std::ifstream file(folder_ + '/' + olson, std::ios::binary); file) {
    Bytes octets(file_most, '\0');
    file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
    octets.resize(static_cast<std::size_t>(file.gcount()));  // of a folder: nothing
    zone = Zone::from_tzif(octets).value_or(nullptr);
  }
  if (found_.size() >= cached_most) std::erase_if(found_, [](const auto& each) { return each.second == nullptr; });
  if (found_.size() < cached_most) found_.emplace(olson, zone);
  return zone;
}

}  // namespace tidegate::pim
