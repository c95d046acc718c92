// SPDX-License-Identifier: Apache-2.0
// The zones of this machine (package tzdata), each read once. The only file here that reads anything. Any thread.
#pragma once
#include <map>
#include <mutex>
#include <string>

#include "core/pim/zone.hpp"

namespace tidegate::pim {

class SystemZones {
 public:
  explicit SystemZones(std::string folder = "/usr/share/zoneinfo") : folder_(std::move(folder)) {}
  std::shared_ptr<const Zone> find(const std::string& olson);
  /// Of this machine's clock on the wall, as libc has it: what TZ of the environment says (null: it is not set), else
  /// /etc/localtime, else UTC. Null: TZ says what is no name of a zone (POSIX's own rules, `CET-1CEST`, are none).
  std::shared_ptr<const Zone> local(const char* tz);
  /// For calls that outlive nothing: borrowed from here.
  ZoneSource source() {
    return [this](const std::string& olson) { return find(olson); };
  }

  static constexpr std::size_t cached_most = 2000;  ///< names, known or not: senders choose them

 private:
  std::string folder_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Zone>> found_;
};

}  // namespace tidegate::pim
