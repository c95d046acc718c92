// SPDX-License-Identifier: Apache-2.0
// The requests that wait for the relay's Answer. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/link/link.hpp"

namespace tidegate::link {

class Requests {
 public:
  static constexpr std::size_t most = 1024;
  static constexpr std::chrono::seconds answered_within{60};  ///< argon2id queues at the relay included

  /// Numbers the message if it is a request; 0: it is one that has no answer. Faults: throttled, invalid.
  Result<std::uint64_t> number(wire::Control&, sim::Instant now);
  /// True: that one was waited for.
  bool answered(std::uint64_t request) { return waiting_.erase(request) > 0; }
  /// Gives up those whose time is over.
  std::vector<wire::Answer> overdue(sim::Instant now);
  /// Gives up all of them: the session is void.
  std::vector<wire::Answer> lost();
  std::optional<sim::Instant> next_due() const;

 private:
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, sim::Instant> waiting_;  ///< by number, so by age
};

/// A StartupReport cut into such as fit into a frame and a batch.
std::vector<wire::StartupReport> cut(wire::StartupReport);

}  // namespace tidegate::link
