// SPDX-License-Identifier: Apache-2.0
// What an agent does next: pure, no clock, no session. The agent's loop (agent.cpp) is one switch over it.
//
//   idle     + something due        -> sync (working), scopes hinted live before the others
//   idle     + list of scopes stale -> list (working)
//   idle     + nothing due, parks   -> park (working), on the inbox
//   parked   + hint, due or wake    -> wake (working): unpark and sync in one call
//   parked   + others in need       -> idle: it lets its connection go, and polls
//   working  + answer               -> idle
//   working  + fault of one scope   -> idle, the scope waits for the next round (the inbox: and does not park)
//   working  + fault of the session -> resting until the back-off is over
//   resting  + time over            -> idle
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/sim/reactor.hpp"

namespace tidegate::account {

/// Doubling, with jitter, up to a ceiling; a success begins anew.
class Backoff {
 public:
  Backoff(std::chrono::seconds first, std::chrono::seconds ceiling) : first_(first), ceiling_(ceiling) {}
  /// How long to rest after this fault. `dice`: uniform in [0, 1).
  std::chrono::milliseconds after(const Fault&, double dice);
  void succeeded() { failures_ = 0; }

 private:
  std::chrono::seconds first_, ceiling_;
  std::uint32_t failures_ = 0;
};

/// Scopes that are to be asked for. A scope is in it once; live ones come first, else first come first served.
class DueScopes {
 public:
  struct Entry {
    Bytes scope;
    bool live = false;
  };
  void add(View scope, bool live);
  std::optional<Entry> take();
  bool empty() const { return entries_.empty(); }
  void clear() { std::vector<Entry>().swap(entries_); }

 private:
  std::vector<Entry> entries_;  ///< no octet on the heap while nothing is due
};

class Course {
 public:
  enum class State : std::uint8_t { idle, working, parked, resting, stopped };
  enum class What : std::uint8_t { nothing, sync, list, park, wake };
  struct Action {
    What what = What::nothing;
    Bytes scope;
    bool live = false;
  };

  Course(std::chrono::seconds retry_first, std::chrono::seconds retry_ceiling) : backoff_(retry_first, retry_ceiling) {}

  // --- what is known
  void parks(bool yes) { parks_ = yes; }
  bool parks() const { return parks_; }
  void inbox(View scope) { inbox_ = scope, inbox_unusable_ = false; }
  const Bytes& inbox() const { return inbox_; }

  // --- what happens
  void hinted(const Hint&);
  void due(View scope, bool live) { due_.add(scope, live); }
  void round();  ///< time to look at everything: the tree, then all scopes
  void listed(const std::vector<Bytes>& scopes);
  /// All of this scope is known as it stands now, or it is unusable. True: with it, for the first time, every scope.
  bool looked_at(View scope);
  bool looked_through() const { return looked_through_; }  ///< every scope was looked at once
  void list_again() { list_due_ = true; }
  void answered(View scope);  ///< a page of it was asked for and came
  void unusable(View scope);  ///< a fault of this scope alone: it waits for the next round
  void woken();               ///< the descriptor is readable, or wake_by has come
  void parked();
  /// Others wait for the connection it listens on: it does not listen again before the next round.
  bool give_way();
  /// A fault of this scope (empty, or `session`: of the session). Returns until when it rests, if it does.
  std::optional<sim::Instant> failed(const Fault&, bool session, sim::Instant now, double dice);
  void rested() {
    if (state_ == State::resting) state_ = State::idle;
  }
  void idle() {
    if (state_ == State::working) state_ = State::idle;
  }
  void stop() { state_ = State::stopped; }
  /// Somebody else uses the session for a call (a back-end that allows one only); idle() gives it back.
  bool lend();

  /// What to do now; the state moves with it.
  Action next();
  State state() const { return state_; }
  bool nothing_due() const { return due_.empty() && !list_due_; }

 private:
  Action sync_or(Action otherwise);
  bool all_seen();

  State state_ = State::idle;
  bool parks_ = false, list_due_ = false, woken_ = false, inbox_unusable_ = false;
  bool gave_way_ = false;
  bool looked_through_ = false;
  bool elsewhere_ = true;  ///< the session last looked at another scope than the inbox
  Bytes inbox_;
  std::vector<Bytes> unseen_;  ///< of the last list, until all were looked at
  std::vector<Bytes> seen_;    ///< until then
  DueScopes due_;
  Backoff backoff_;
};

/// Whether a fault speaks of the one scope that was asked for rather than of the session.
bool concerns_scope(const Fault&);

}  // namespace tidegate::account
