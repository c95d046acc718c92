// SPDX-License-Identifier: Apache-2.0
#include "core/pim/system_zones.hpp"

#include <fstream>
#include <iterator>
#include <string_view>

#include "core/pim/zone_names.hpp"

namespace tidegate::pim {
namespace {

constexpr std::size_t file_most = std::size_t{256} << 10;

std::shared_ptr<const Zone> read_zone(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return nullptr;
  Bytes octets(file_most, '\0');
  file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
  octets.resize(static_cast<std::size_t>(file.gcount()));  // of a folder: nothing
  return Zone::from_tzif(octets).value_or(nullptr);
}

}  // namespace

std::shared_ptr<const Zone> SystemZones::find(const std::string& olson) {
  // Below right/ the tz database counts leap seconds.
  if (olson.empty() || olson.starts_with("right/") || olson.starts_with('/') || olson.contains("..") ||
      olson.contains('\0'))
    return nullptr;
  const std::lock_guard lock(mutex_);
  if (const auto known = found_.find(olson); known != found_.end()) return known->second;
  auto zone = read_zone(folder_ + '/' + olson);
  if (found_.size() >= cached_most) std::erase_if(found_, [](const auto& each) { return each.second == nullptr; });
  if (found_.size() < cached_most) found_.emplace(olson, zone);
  return zone;
}

std::shared_ptr<const Zone> SystemZones::local(const char* tz) {
  if (tz == nullptr) {
    auto zone = read_zone("/etc/localtime");
    return zone ? zone : Zone::utc();
  }
  std::string_view name = tz;
  if (name.starts_with(':')) name.remove_prefix(1);
  if (name.empty()) return Zone::utc();
  if (name.starts_with('/')) return read_zone(std::string(name));
  auto known = find_zone(name, source());
  return known ? std::move(known->zone) : nullptr;
}

}  // namespace tidegate::pim
