// SPDX-License-Identifier: Apache-2.0
// Access tokens (OAuth 2.0, RFC 6750) from a command of the administrator: whoever knows how to get one prints it.
#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::imap {

struct Token {
  std::string text;
  std::chrono::seconds good_for{};  ///< 0: it didn't say
};
/// Runs `command` by /bin/sh with TIDEGATE_USER set, its standard input empty, its errors thrown away. First line of
/// what it prints: the token. Second, if any: for how many seconds it is good. Nothing of it is ever logged. Ends with
/// the Call: the command and its children are killed. Faults: cancelled, unavailable (it failed), auth (it printed
/// no token).
Result<Token> run_token_command(const std::string& command, const std::string& user, const Call&);
/// Pure: what the command printed.
Result<Token> token_in(std::string_view printed);

/// Any thread. Bounded: the oldest users' tokens are forgotten.
class Tokens {
 public:
  /// The known token while it is good, else a new one.
  Result<std::string> get(const std::string& command, const std::string& user, std::chrono::seconds usual,
                          Clock::time_point now, const Call&);
  /// The server refused it. False: it was not from the cache, so another would be refused as well.
  bool refused(const std::string& user, const std::string& token);

 private:
  struct Known {
    std::string text;
    Clock::time_point until;
    bool used = false;  ///< given out again after the run that brought it
  };
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace tidegate::imap
