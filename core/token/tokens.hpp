// SPDX-License-Identifier: Apache-2.0
// Access tokens by identity: kept until shortly before their end, brought once however many ask.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "core/token/token.hpp"

namespace tidegate::token {

/// Any thread. Bounded: of too many identities some are forgotten. Its end stops what is being brought and waits for
/// that.
class Tokens {
 public:
  enum class For : std::uint8_t { one, all };  ///< who logs in with the token of an identity
  /// `usual`: how long one is good that doesn't say.
  Tokens(Fetch fetch, std::chrono::seconds usual, For whom = For::one)
      : fetch_(std::move(fetch)), usual_(usual), for_(whom) {}
  ~Tokens();
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  /// The known token while it is good at `now`, else a new one; blocks until the Call's end. A new one is brought on a
  /// thread of its own, with a deadline of its own: whoever stops waiting takes it from nobody, and a refresh token
  /// that the endpoint has used up already finds its successor kept. Faults: cancelled (this caller's own end), and
  /// what `fetch` says, the same for all who waited.
  Result<std::string> get(const std::string& identity, Clock::time_point now, const Call&);
  /// The server refused it: it is not given again. False: it was brought for this very use, so another would be refused
  /// as well. One that serves all is not dropped for one user's sake: it stays where it was accepted within the last
  /// minute, and for five minutes after it was brought (false).
  bool refused(const std::string& identity, const std::string& token, Clock::time_point now);
  /// The server let somebody in by it.
  void accepted(const std::string& identity, const std::string& token, Clock::time_point now);

 private:
  struct Flight {
    std::optional<Result<Token>> answer{};
  };
  struct Flying {
    std::shared_ptr<Flight> flight;
    std::jthread thread;
  };
  struct Known {
    std::string text;
    Clock::time_point until, brought, accepted = Clock::time_point::min();
    bool used = false;                 ///< given out again after the call that brought it
    std::shared_ptr<Flight> flight{};  ///< somebody brings one
  };
  void make_room(Clock::time_point now);
  Result<std::shared_ptr<Flight>> start(const std::string& identity, Clock::time_point now);
  void fly(const std::string& identity, Clock::time_point now, const std::shared_ptr<Flight>&);

  const Fetch fetch_;
  const std::chrono::seconds usual_;
  const For for_;
  std::mutex mutex_;
  std::condition_variable_any came_;
  std::map<std::string, Known> known_;
  std::stop_source stop_;
  std::list<Flying> flights_;  ///< those that have landed are joined at the next start
};

}  // namespace tidegate::token
