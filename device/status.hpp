// SPDX-License-Identifier: Apache-2.0
// `tidegate-device status`: reads device.db and the status file beside a running device. Blocking; no other thread.
#pragma once
#include <string>
#include <vector>

#include "core/sim/world.hpp"
#include "device/identity.hpp"

namespace tidegate::device {

struct Status {
  Account account;
  Places places;
  std::string own_fingerprint, gateway_fingerprint;
  bool running = false;
  bool current = false;
  bool readable_by_relay = false;  ///< as the gateway said last: this or another device of the account
  std::int64_t connected_unix = 0, proven_unix = 0;
  std::string last_error;
  std::string way_out;  ///< the proxy on the way to the relay, as the running device says, or as it would be
  std::uint64_t waiting = 0, failed = 0,
                held = 0;  ///< commands without answer; those a person should see; items on hold
  struct View {
    std::string name;
    std::uint64_t items = 0, live = 0, jobs_left = 0;
    bool positioned = false;
  };
  std::vector<View> views;
};

/// Fault not_found: nothing was paired there.
Result<Status> read_status(sim::World&, const std::string& state, bool running,
                           const proxy::Environment& environment = {});
std::string to_text(const Status&);
std::string to_json(const Status&);

}  // namespace tidegate::device
