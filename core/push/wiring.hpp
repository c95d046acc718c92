// SPDX-License-Identifier: Apache-2.0
// What the rooms of core/push share: their neighbours, their limits, and the way out.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/account/account.hpp"
#include "core/e2e/noise.hpp"
#include "core/journal/commands.hpp"
#include "core/push/chooser.hpp"
#include "core/sim/world.hpp"
#include "core/store/directory.hpp"
#include "core/store/log.hpp"
#include "core/wire/control.hpp"

namespace tidegate::push {

/// Towards the relay; core/gateway puts the link behind it. Reactor thread.
class Outlet {
 public:
  /// A frame of a device session; the link numbers it. Only as much as credit_available() says, close apart.
  virtual void send(wire::Frame) = 0;
  virtual std::uint64_t credit_available(std::uint64_t session, std::uint64_t generation) const = 0;
  /// Octets of a device's frames that are off our hands: the device may send as many more.
  virtual void consumed(std::uint64_t session, std::uint64_t generation, std::uint64_t octets) = 0;
  /// Asks the relay; the answer comes once (with Code::unavailable if the link is lost first).
  virtual void request(wire::Control, std::move_only_function<void(wire::Answer)>) = 0;

 protected:
  ~Outlet() = default;
};

struct Settings {
  std::string gateway_name = "tidegate";
  std::size_t prepared = 256 * 1024;  ///< octets of messages made ready and not yet sealed, a session
  std::size_t unwritten = 1 << 20;  ///< octets of a device's commands that are not durable yet; then it gets no credit
  std::size_t reads_ahead = 32;     ///< contents asked for before their turn, a view
  std::uint64_t reads_ahead_octets = std::uint64_t{768} << 10;  ///< of all of them but one
  std::chrono::seconds alive{240};  ///< a sealed alive at least this often; silence of twice that ends a session
  std::chrono::seconds sweep{15};   ///< one timer for all sessions
  std::chrono::seconds handshake_deadline{30};
  std::chrono::seconds alive_after_data{30};  ///< and so long after data that nobody acknowledged
  unsigned tries_refused = 4;                 ///< of an item that the back-end refuses, then it is left out
  unsigned tries_broken = 10;                 ///< of an item at which the connection breaks, all else being well
  std::uint32_t pairing_failures = 10;        ///< a minute and handle, then refused for a minute
  bool vmes_1 = false, none = false;          ///< whether devices of these suites may be admitted and come
  std::uint32_t agreements = 20;              ///< of vmes-1, a minute and device

  bool allows(wire::Suite suite) const {
    return suite == wire::Suite::noise_1 || (suite == wire::Suite::vmes_1 && vmes_1) ||
           (suite == wire::Suite::none && none);
  }
};

class Quarantine;

struct Wiring {
  sim::World& world;
  store::Log& log;
  store::Directory& directory;
  account::Accounts& accounts;
  journal::Commands& commands;
  Quarantine& quarantine;
  Outlet& outlet;
  Settings settings;
  std::function<void(int level, const std::string&)> note;  ///< one line for the log; never content
  /// An alarm that concerns a user: for status and for all his devices.
  std::function<void(const std::string& user, const std::string& text)> alarm;
  /// A device finished pairing (its first session opened).
  std::function<void(const store::DeviceRow&)> paired;
  /// Version of the newest sealed backup that is whole at the relay, for devices to remember; 0: none. May be empty.
  std::function<std::uint64_t()> backup_version;
  /// The highest that a device was told. May be empty.
  std::function<void(std::uint64_t)> backup_heard;
  /// The log was restored from a backup and may lack what came after it. May be empty: no.
  std::function<bool()> set_back;
  std::shared_ptr<Chooser> chooser = std::make_shared<Chooser>(world);

  e2e::Random random() const {
    return [&reactor = world.reactor()](std::span<std::byte> into) { reactor.random(into); };
  }
  std::int64_t unix_now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(world.reactor().wall().time_since_epoch()).count();
  }
};

}  // namespace tidegate::push
