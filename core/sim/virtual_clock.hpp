// SPDX-License-Identifier: Apache-2.0
// The heart of a VirtualWorld: what will happen, in order of virtual time, and the seeded dice. Only the parts of
// the virtual world see it.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include "core/sim/reactor.hpp"

namespace tidegate::sim {

/// One process on a host, from its start to its death. What belonged to a dead one does nothing any more.
struct Life {
  std::uint32_t host = 0;
  bool dead = false;
};

class VirtualClock {
 public:
  using Key = std::pair<Instant, std::uint64_t>;

  explicit VirtualClock(std::uint64_t seed) : dice_(seed) {}
  VirtualClock(const VirtualClock&) = delete;
  VirtualClock& operator=(const VirtualClock&) = delete;
  ~VirtualClock() { clear(); }

  Instant now() const { return now_; }
  /// `host` (a number from 1) is whose memory the task lives in: it vanishes when that host dies. 0: the world's own.
  Key add(Instant when, std::uint32_t host, Task);
  void cancel(Key);
  void cancel_all(std::uint32_t host);
  void clear();              ///< destroys all that waits; also what that adds
  bool step(Instant until);  ///< the next event not later than that; false: there is none

  std::uint64_t dice() { return dice_(); }
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : dice_() % n; }
  bool chance(double probability) { return static_cast<double>(dice_() >> 11) * 0x1p-53 < probability; }
  std::chrono::nanoseconds between(std::chrono::nanoseconds least, std::chrono::nanoseconds most);
  void fill(std::span<std::byte>);

  void note(std::uint64_t what);                  ///< folds it into the trace
  std::uint64_t trace() const { return trace_; }  ///< equal traces: the same things happened at the same instants
  std::uint64_t events() const { return events_; }

 private:
  struct Event {
    std::uint32_t host;
    Task task;
  };
  Instant now_{std::chrono::hours(1)};  // not the epoch: "now - something" stays positive
  std::uint64_t next_ = 0;
  std::map<Key, Event> queue_;
  std::mt19937_64 dice_;
  std::uint64_t trace_ = 0xcbf29ce484222325ULL;
  std::uint64_t events_ = 0;
};

}  // namespace tidegate::sim
