// SPDX-License-Identifier: Apache-2.0
// Access tokens by identity: kept until shortly before their end, brought by one caller while the others wait for it.
#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/token/token.hpp"

namespace tidegate::token {

/// Any thread. Bounded: of too many identities some are forgotten.
class Tokens {
 public:
  /// `usual`: how long one is good that doesn't say.
  Tokens(Fetch fetch, std::chrono::seconds usual) : fetch_(std::move(fetch)), usual_(usual) {}

  /// The known token while it is good, else a new one. Faults: cancelled, and what `fetch` says: the same for all who
  /// waited.
  Result<std::string> get(const std::string& identity, Clock::time_point now, const Call&);
  /// The server refused it: it is not given again. False: it was brought for this very use, so another would be refused
  /// as well.
  bool refused(const std::string& identity, const std::string& token);

 private:
  struct Known {
    std::string text;
    Clock::time_point until;
    bool used = false;      ///< given out again after the call that brought it
    bool fetching = false;  ///< somebody brings one
    std::uint64_t fetched = 0;
    std::optional<Fault> fault{};  ///< of the last time
  };
  void make_room(Clock::time_point now);

  const Fetch fetch_;
  const std::chrono::seconds usual_;
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::map<std::string, Known> known_;
};

}  // namespace tidegate::token
