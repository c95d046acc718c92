// SPDX-License-Identifier: Apache-2.0
// A relay in one process: RTS server, device front, accounts and its administration's socket. Reactor thread. main()
// runs one; the simulation runs one in a VirtualWorld.
//
//   make ──start──▶ serving ──drain──▶ draining ──said good-bye to all, or drain_time──▶ done
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/sim/world.hpp"
#include "relay/settings.hpp"

namespace tidegate::relay {

struct RelayStatus {
  std::uint64_t gateways = 0, devices = 0, visitors = 0, requests = 0;
  std::uint64_t queued_octets = 0;
  std::uint64_t frames_up = 0, frames_down = 0, gaps = 0, over_credit = 0, moved = 0, out_of_memory = 0;
};

class Relay {
 public:
  /// No side effects. The world must outlive it.
  Relay(sim::World&, Settings);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Opens the accounts (a short block: nobody is served yet) and listens. Faults: denied (another relay runs on this
  /// state), unavailable, invalid.
  Result<void> start();
  std::uint16_t port() const;  ///< after start()
  /// Refuses what is new, tells gateways and devices to come back, then calls `done` once.
  void drain(std::function<void()> done);
  RelayStatus status() const;

  /// A subcommand, as over the socket: {"user", "list"} … `done` gets its answer (JSON, admin.hpp) on the reactor
  /// thread. `password` is what --password-file held.
  void administer(std::vector<std::string> words, std::string password, std::function<void(std::string)> done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::relay
