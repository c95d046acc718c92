// SPDX-License-Identifier: Apache-2.0
// How often something may be tried with a user's name on it: failed pairings by handle (they burn nothing), key
// agreements by device. Reactor thread.
#pragma once
#include <map>
#include <string>

#include "core/push/wiring.hpp"

namespace tidegate::push {

class AttemptGuard {
 public:
  explicit AttemptGuard(std::uint32_t a_minute) : limit_(a_minute) {}
  bool allows(const std::string& user, const std::string& what, sim::Instant now);
  void count(const std::string& user, const std::string& what, sim::Instant now);

 private:
  struct Count {
    std::uint32_t attempts = 0;
    sim::Instant window_ends;
  };
  std::uint32_t limit_;
  std::map<std::pair<std::string, std::string>, Count> counts_;  // bounded: forgotten with their minute
};

}  // namespace tidegate::push
