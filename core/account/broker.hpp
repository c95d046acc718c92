// SPDX-License-Identifier: Apache-2.0
// Who may connect to a back-end's server next (decision 0038). Pure: no clock, no session; connections.hpp is the loop
// around it. Connects are paced, connections are capped, and while the server itself is in trouble only one tries.
//
//   open     + wait             -> granted in its turn: at most so many a second, and while the cap leaves room
//   open     + throttled by two users, or unreachable to three, nobody let in between -> paused
//   paused   + time over, or retry -> probing
//   probing  + wait             -> one is granted, the others stay
//   probing  + let in           -> open
//   probing  + the same trouble -> paused, twice as long (or as long as the server asks)
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/account/course.hpp"

namespace tidegate::account {

class Broker {
 public:
  struct Limits {
    unsigned per_second = 100;    ///< connects; 0: as many as want to
    std::size_t connections = 0;  ///< at once; 0: as many as want to
    std::chrono::seconds retry_first{1}, retry_ceiling{300};
  };
  explicit Broker(Limits limits) : limits_(limits), backoff_(limits.retry_first, limits.retry_ceiling) {}

  /// Stands in line. `counts`: it will hold a connection until closed(); else it only waits for the server's trouble to
  /// end. Live ones go first, but every fourth turn is one of the others'.
  void wait(std::uint64_t ticket, bool live, bool counts);
  /// Whose turn it is, if anybody's; he is taken out of the line. Each grant that counts ends in one of: let_in,
  /// failed, given_up; and after let_in, or at once, in closed.
  std::optional<std::uint64_t> next(sim::Instant now);
  /// When next() may have somebody although nothing happens; nullopt: something must.
  std::optional<sim::Instant> when() const;
  /// Somebody waits for a connection that another must give back.
  bool wanting() const;
  void retry() { until_ = sim::Instant::min(); }  ///< a pause ends now
  bool paused() const { return state_ != State::open; }

  void let_in();
  void failed(const std::string& user, const Fault&, sim::Instant now, double dice);
  void given_up();  ///< not even tried
  void closed();

 private:
  enum class State : std::uint8_t { open, paused, probing };
  struct Waiting {
    std::uint64_t ticket = 0;
    bool counts = false;
  };
  struct Trouble {
    std::string user;
    sim::Instant at;
  };
  std::deque<Waiting>* line();
  const std::deque<Waiting>* line() const { return const_cast<Broker*>(this)->line(); }
  bool fits(const Waiting& waiting) const {
    return !waiting.counts || limits_.connections == 0 || held_ < limits_.connections;
  }
  bool of_server(const std::string& user, FaultKind, sim::Instant now);

  const Limits limits_;
  State state_ = State::open;
  std::deque<Waiting> live_, rest_;
  unsigned turn_ = 0;
  std::size_t held_ = 0;  ///< granted and not closed
  bool probe_out_ = false;
  sim::Instant free_at_ = sim::Instant::min();    ///< the pace's next moment
  sim::Instant until_ = sim::Instant::min();      ///< of the pause
  std::vector<Trouble> throttled_, unreachable_;  ///< different users since somebody was let in; few
  Backoff backoff_;
};

}  // namespace tidegate::account
