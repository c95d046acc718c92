// SPDX-License-Identifier: Apache-2.0
// Pairing's rules that outlive a session: failures are rate-limited a handle, and burn nothing. Reactor thread.
#pragma once
#include <map>
#include <string>

#include "core/push/wiring.hpp"

namespace tidegate::push {

class PairingGuard {
 public:
  explicit PairingGuard(std::uint32_t failures_a_minute) : limit_(failures_a_minute) {}
  bool allows(const std::string& user, const std::string& handle, sim::Instant now);
  void failed(const std::string& user, const std::string& handle, sim::Instant now);

 private:
  struct Count {
    std::uint32_t failures = 0;
    sim::Instant window_ends;
  };
  std::uint32_t limit_;
  std::map<std::pair<std::string, std::string>, Count> counts_;  // bounded: forgotten with their minute
};

}  // namespace tidegate::push
