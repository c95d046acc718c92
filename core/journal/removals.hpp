// SPDX-License-Identifier: Apache-2.0
// How many items a device may remove (design: state, commands: above the rate, held and asked; decision 0040): a device
// that went mad, or is in the wrong hands, empties no mailbox. So many at once, and so many an hour. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "core/sdk/store.hpp"
#include "core/sim/reactor.hpp"

namespace tidegate::journal {

class RemovalRate {
 public:
  explicit RemovalRate(std::uint64_t per_hour) : per_hour_(static_cast<double>(per_hour)) {}  ///< 0: no limit
  /// Whether it may remove one more now; that one is counted.
  bool allows(const std::string& user, View device, sim::Instant now);

 private:
  struct Bucket {
    double left;
    sim::Instant at;
  };
  double per_hour_;
  std::map<std::pair<std::string, Bytes>, Bucket> buckets_;
};

}  // namespace tidegate::journal
