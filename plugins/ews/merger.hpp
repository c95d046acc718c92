// SPDX-License-Identifier: Apache-2.0
// Events are noisy, several for one thing a user does (EWS-10): the first of a mailbox is passed on at once, what comes
// within the next two seconds waits and is one. Pure.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::ews {

class Merger {
 public:
  /// What is to be passed on now; nullopt: it waits.
  std::optional<Hint> arrived(const std::string& mailbox, Hint, Clock::time_point now);
  /// What has waited long enough.
  std::vector<std::pair<std::string, Hint>> due(Clock::time_point now);
  /// When due() has something next; nullopt: nothing is known.
  std::optional<Clock::time_point> next() const;
  void forget(const std::string& mailbox) { waiting_.erase(mailbox); }

  static constexpr std::chrono::milliseconds quiet{2'000};

 private:
  struct Waiting {
    Clock::time_point until;
    Hint hint = {};
    bool any = false;
  };
  std::map<std::string, Waiting> waiting_;
};

}  // namespace tidegate::ews
