// SPDX-License-Identifier: Apache-2.0
// The life of the RTS session as a pure state machine: when to ask, to open, to give up, to wait, to stop. No socket,
// no clock: instants come in, an action comes out; the driver (link.cpp) does it.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>

#include "core/link/link.hpp"

namespace tidegate::link {

/// Pauses between attempts: none, then 1 s doubling up to the ceiling, each shortened by up to half at random, so
/// that gateways which lost their relay together do not come back together.
class Backoff {
 public:
  Backoff(std::uint64_t seed, std::chrono::milliseconds first, std::chrono::milliseconds most, bool at_once)
      : first_(first), most_(most), at_once_(at_once), dice_(seed) {}
  std::chrono::milliseconds next();
  void reset() { tries_ = 0; }
  double dice();  ///< [0, 1)

 private:
  std::chrono::milliseconds first_, most_;
  bool at_once_;
  std::uint64_t dice_;
  unsigned tries_ = 0;
};

/// What a failure means for the next attempt.
enum class Trouble : std::uint8_t {
  passing,     ///< network, server error, broken protocol: back-off
  refused,     ///< 401, 403: somebody must change something; long back-off
  busy,        ///< 429, 503: as long as asked, at least the back-off
  superseded,  ///< 409: another instance; stop
};

struct Event {
  enum class What : std::uint8_t {
    start,
    stop,
    resume,
    due,        ///< the instant wake_at() is reached
    offered,    ///< answer to GET; `span` = ReplyTime
    sent,       ///< the POST to EventUrl is written
    heard,      ///< octets came on the command channel
    users,      ///< the first ActivateUsers came
    heartbeat,  ///< `span` = until the next at most
    failed,     ///< `trouble`, `span` = Retry-After
  } what = What::due;
  std::chrono::milliseconds span{};
  Trouble trouble = Trouble::passing;
};

enum class Action : std::uint8_t {
  none,
  ask,   ///< GET /rts/connect on a new connection
  open,  ///< POST EventUrl
  rise,  ///< the session is open: tell the owner
  rest,  ///< drop every connection; the session, if there was one, is void
};

/// Why the machine itself gave up (after Action::rest on a `due`).
enum class Silence : std::uint8_t { none, no_answer, held_back, no_heartbeat };

//  stopped    --start---> connecting           ask
//  connecting --offered-> opening              open
//  opening    --users---> open                 rise
//  connecting --due-----> waiting              rest (no_answer)
//  opening    --due-----> waiting              rest (no_answer before `sent`, then held_back: nothing within ReplyTime)
//  open       --due-----> waiting              rest (no_heartbeat: past next + 50 % + 5 s)
//  connecting, opening, open --failed--> waiting | superseded   rest
//  waiting    --due-----> connecting           ask
//  waiting, superseded --resume--> connecting  ask
//  any        --stop----> stopped              rest
class Life {
 public:
  struct Limits {
    std::chrono::milliseconds connect_within, answer_within, retry_most;
  };
  Life(const Limits&, std::uint64_t seed);

  Action resume(const Event&, sim::Instant now);
  LinkState state() const { return state_; }
  /// When to come with `due`; nullopt: never. A `due` that is too early does no harm.
  std::optional<sim::Instant> wake_at() const { return wake_at_; }
  Silence silence() const { return silence_; }  ///< why of the last rest; none: it was not a silence

  static constexpr std::chrono::seconds steady{30};  ///< open that long: the next failure retries at once again

 private:
  Action rest(sim::Instant now, const Event& failure);
  Action ask(sim::Instant now);
  Action opened(sim::Instant now);
  Action due(sim::Instant now);

  Limits limits_;
  Backoff passing_;
  Backoff refused_;
  LinkState state_ = LinkState::stopped;
  Silence silence_ = Silence::none;
  std::optional<sim::Instant> wake_at_;
  sim::Instant open_since_{};
  sim::Instant heard_{};
  bool sent_ = false;
  std::chrono::milliseconds reply_within_{};  ///< ReplyTime of the offer
  std::chrono::milliseconds patience_{};      ///< longest silence on the command channel
};

}  // namespace tidegate::link
