// SPDX-License-Identifier: Apache-2.0
// What all connections of a relay share: the switchboard, the desk, one clock wheel, one reading buffer, and the rule
// that what was queued during an event is written at its end, so that many frames leave in few TLS records.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/sim/world.hpp"
#include "relay/accounts/lockout.hpp"
#include "relay/connect_keys.hpp"
#include "relay/desk.hpp"
#include "relay/routing/switchboard.hpp"
#include "relay/routing/wheel.hpp"
#include "relay/settings.hpp"

namespace tidegate::relay {

/// A connection that may have something to write.
class Flushable {
 public:
  virtual void flush() = 0;  ///< must not destroy any Flushable

 protected:
  ~Flushable() = default;

 private:
  friend class Hub;
  bool wanted_ = false;
};

/// A connection with a due time on the wheel.
class Sleeper : public WheelHook {
 public:
  virtual void due() = 0;

 protected:
  ~Sleeper() = default;
};

/// Lets at most so many through in a period; the rest are told when to come back. Pure.
class Gate {
 public:
  Gate(std::uint32_t most, std::chrono::milliseconds period) : most_(most), period_(period) {}
  bool pass(sim::Instant now) {
    if (now - began_ >= period_) {
      began_ = now;
      passed_ = 0;
    }
    return passed_++ < most_;
  }

 private:
  std::uint32_t most_, passed_ = 0;
  std::chrono::milliseconds period_;
  sim::Instant began_{};
};

class Hub {
 public:
  Hub(sim::World&, const Settings&, std::unique_ptr<Accounts>, Bytes secret);
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  const Settings& settings;
  sim::Reactor& reactor;
  Switchboard board;
  Desk desk;
  ConnectKeys keys;
  Lockout lockout;
  Wheel wheel;
  Gate newcomers, audit_gate;
  std::array<std::byte, 32 * 1024> reading{};  ///< one reading at a time: nobody keeps it over a return
  bool draining = false;

  std::int64_t unix_now() const;
  Bytes random(std::size_t) const;
  bool is_our_name(View host) const;
  /// Posts a task that is dropped if the hub is gone by then.
  void post(sim::Task);

  void want_flush(Flushable&);
  void forget(Flushable&);
  void flush();

  /// An entry caused by the administrator or a gateway.
  void audit(std::string who, std::string act, std::string subject, std::string text);
  /// One that a stranger can cause: at most Settings::audit_per_minute.
  void audit_stranger(std::string who, std::string act, std::string subject, std::string text);

 private:
  std::vector<Flushable*> flushing_;
  bool flush_posted_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace tidegate::relay
