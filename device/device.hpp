// SPDX-License-Identifier: Apache-2.0
// A device: pairs with a gateway through the relay, then keeps a Maildir and vdir like the mailbox (design: end to end,
// state). Made by tidegate-device's main() and by tests on a VirtualWorld. Reactor thread, all of it; files and SQLite
// are on a pool of one thread.
//
//   Device device(world, {.state = "/home/me/.local/state/tidegate-device"}, events);
//   device.pair({...}, [](Result<Pairing>) {...});      once
//   device.run();                                       until stop() or a Stopped event
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/e2e/sync.hpp"
#include "core/sim/world.hpp"
#include "core/wire/control.hpp"
#include "device/shelf.hpp"
#include "device/way_out.hpp"

namespace tidegate::device {

struct Settings {
  std::string state;    ///< directory: device.db, device.key, status
  std::string maildir;  ///< empty: as chosen at pairing, else STATE/mail
  std::string vdir;     ///< empty: as chosen at pairing, else STATE/pim
  std::string ca_file;  ///< empty: as given at pairing
  WayOut way_out;       ///< what is given of it is kept from now on
  proxy::Environment environment = {};
  std::string name = "tidegate-device";
  std::uint64_t queue_limit = std::uint64_t{8} << 20;  ///< octets waiting for the disk before reading stops
  /// What the gateway may choose from, best first.
  std::vector<e2e::Compression> compressions = {e2e::Compression::zstd, e2e::Compression::deflate,
                                                e2e::Compression::none};
};

struct PairRequest {
  std::string relay;     ///< https://host[:port]
  std::string user;      ///< address
  std::string password;  ///< of the account at the relay
  std::string code;      ///< as printed, or the tidegate: link (which may stand in for relay and user)
  /// Another than noise-1: the code is the id that the administrator admitted (tidegatectl device add).
  wire::Suite suite = wire::Suite::noise_1;
};
struct Pairing {
  std::string relay, user, gateway_name;
  /// To be compared with what the gateway's mail says; empty where the suite has no keys that last.
  std::string own_fingerprint, gateway_fingerprint;
};

// What happens, for people and programs.
struct Connected {
  std::string relay, gateway;
};
struct GatewayMissing {
  std::string text;
};
struct Current {};  ///< everything that was there when the session began is on disk; from now on pushes come live
struct NotCurrent {
  std::int64_t since_unix = 0;  ///< last proof that we were
  Fault why;
  std::chrono::milliseconds retry_in{};
};
struct Progress {
  std::string folder;
  std::uint64_t done = 0, total = 0;
};
struct Alarmed {
  std::string text;
};
struct DiskTrouble {
  Fault why;
};
struct DiskFine {};
struct Idle {};  ///< no back-fill left, everything acknowledged
struct Wiped {};
struct Stopped {
  Fault why;  ///< a person must do something; run() has ended
};
using Event = std::variant<Arrival, Connected, GatewayMissing, Current, NotCurrent, Progress, Alarmed, DiskTrouble,
                           DiskFine, Idle, Wiped, Stopped>;

class Events {
 public:
  virtual void event(const Event&) = 0;  ///< must not destroy the Device

 protected:
  ~Events() = default;
};

class Device {
 public:
  Device(sim::World&, Settings, Events&);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Once, and not together with run(). The same state directory and code may be used again after a pairing that was
  /// cut short. Faults: auth, denied, conflict, not_found, invalid (code mistyped), unavailable …; text says what to
  /// do.
  void pair(PairRequest, std::move_only_function<void(Result<Pairing>)>);
  void run();
  /// Says goodbye and lets the disk finish; then the callback.
  void stop(std::move_only_function<void()> done);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tidegate::device
