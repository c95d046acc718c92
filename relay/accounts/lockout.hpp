// SPDX-License-Identifier: Apache-2.0
// Who may try a password again, and when: exponential per account and per address. Pure: the clock comes in. Reactor
// thread. Bounded: above `most` entries the one that was quiet longest is forgotten.
#pragma once
#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tidegate::relay {

class Lockout {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Delay = std::chrono::milliseconds;
  struct Limits {
    unsigned free_tries = 5;  ///< failures that cost nothing
    Delay first{1000};        ///< after one more; doubles with each further failure
    Delay longest{std::chrono::minutes(15)};
    Delay forget{std::chrono::hours(1)};  ///< after the last failure (and not while locked)
    std::size_t most = 10'000;
  };

  explicit Lockout(Limits limits) : limits_(limits) {}

  /// How long the key is still shut; zero: try.
  Delay shut(std::string_view key, Instant now);
  /// One more failure. True: this one shut the key (worth an audit entry).
  bool failed(std::string_view key, Instant now);
  void succeeded(std::string_view key);
  std::size_t size() const noexcept { return by_key_.size(); }

 private:
  struct Entry {
    std::string key;
    unsigned failures = 0;
    Instant until{}, last{};
  };
  using Place = std::list<Entry>::iterator;
  Place find(std::string_view key, Instant now);

  Limits limits_;
  std::list<Entry> entries_;  ///< quiet longest first
  std::unordered_map<std::string_view, Place> by_key_;
};

}  // namespace tidegate::relay
