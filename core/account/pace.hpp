// SPDX-License-Identifier: Apache-2.0
// How long until a back-end that tells of no changes is asked again: soon after something happened, since where one
// thing changes another does; ever more seldom while nothing does. Pure; one thread.
#pragma once
#include <algorithm>
#include <chrono>

namespace tidegate::account {

class Pace {
 public:
  struct Limits {
    std::chrono::milliseconds soon, quiet;
  };
  explicit Pace(Limits limits) : period_(limits.quiet) {}

  /// It was asked, and nothing had changed.
  void quiet(Limits limits) { period_ = std::clamp(period_ + period_ / 2, limits.soon, limits.quiet); }
  /// A change was found or made, or somebody came who wants to see one.
  void stirred(Limits limits) { period_ = limits.soon; }
  [[nodiscard]] std::chrono::milliseconds period() const { return period_; }

 private:
  std::chrono::milliseconds period_;  ///< the limits are the back-end's, one for all its users
};

}  // namespace tidegate::account
