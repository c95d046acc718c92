// SPDX-License-Identifier: Apache-2.0
// Who is connected, and where each frame goes: devices by connection number, gateways by GUID. Pure but for the ports
// it is given: no socket, no clock, no database. Reactor thread.
//
// A device's connection number is the frames' `id` towards the gateway; the generation counts the connection's WakeUps.
// Which of two connections of one device is the right one is the gateway's to say (it sees the first sealed message
// that opens): it closes the older session with `superseded`, and then the relay ends that connection. The relay itself
// only keeps a device from holding more than a few connections.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/wire/control.hpp"
#include "relay/routing/budget.hpp"
#include "relay/routing/device_session.hpp"
#include "relay/routing/outbox.hpp"

namespace tidegate::relay {

/// A device that has proved who it is. Only the door makes one, so nothing routes for a device that proved nothing.
class ProvenDevice {
 public:
  std::string user;  ///< normal address
  wire::Id128 device{};
  Bytes guid;  ///< of the gateway that serves the user
  std::int64_t licence = 0;
  std::string handle;  ///< non-empty: enrolled for pairing, not bound yet

 private:
  friend class DeviceDoor;
  friend struct ProvenForTests;
  ProvenDevice() = default;
};

/// A device's connection. No call destroys it or calls back into the switchboard.
class DevicePort {
 public:
  virtual void queue(const wire::Frame&, Mark) = 0;
  virtual void urgent(const wire::Frame&) = 0;
  virtual void purge() = 0;                    ///< what was queued and is not on its way
  virtual void end(const wire::Refused&) = 0;  ///< say it and close, soon

 protected:
  ~DevicePort() = default;
};

/// A gateway's command channel. As above.
class GatewayPort {
 public:
  virtual void queue(const wire::Frame&, Mark) = 0;
  virtual void urgent(const wire::Frame&) = 0;
  /// Credit waits: ask take_credits() and send them, with the answer of a lane or on the command channel.
  virtual void credits_wait() = 0;
  virtual void end(const wire::Refused&) = 0;

 protected:
  ~GatewayPort() = default;
};

struct Counters {
  std::uint64_t frames_up = 0, frames_down = 0, gaps = 0, over_credit = 0, moved = 0, out_of_memory = 0;
};

class Switchboard {
 public:
  struct Limits {
    std::uint64_t window_down = std::uint64_t{256} << 10;  ///< octets a device beyond what its socket took
    std::uint64_t window_up = std::uint64_t{256} << 10;    ///< octets a device beyond what the command channel took
    std::uint64_t memory = std::uint64_t{256} << 20;       ///< of all queues together
    unsigned connections_a_device = 4;
  };
  explicit Switchboard(Limits limits) : limits_(limits), budget_(limits.memory) {}

  // --- gateways
  /// A session begins; one that was there must have gone. Its user's devices hear of it.
  void gateway_came(const Bytes& guid, GatewayPort&);
  /// Ends every device session on it; with a text, its devices hear that the gateway is away.
  void gateway_went(const Bytes& guid, GatewayPort&, std::string_view text);
  bool gateway_present(const Bytes& guid) const { return gateways_.contains(guid); }
  GatewayPort* gateway(const Bytes& guid) const;
  /// A frame with target device from a lane.
  void gateway_frame(const Bytes& guid, wire::Frame&&);
  /// Credit frames that wait for this gateway; with `heartbeat` also those of the last interval again.
  std::vector<wire::Frame> take_credits(const Bytes& guid, bool heartbeat);

  // --- devices
  /// Its connection number. The port hears Closed, GatewayState and frames from now on.
  std::uint64_t device_came(ProvenDevice&&, DevicePort&);
  void device_went(std::uint64_t id, wire::Code, std::string_view text);
  void device_frame(std::uint64_t id, wire::Frame&&);
  /// Pairing on that session succeeded: it is an ordinary device from now on.
  void bound(std::uint64_t id, std::string_view user, View device_id);

  // --- from the sockets
  void handed_to_device(const Mark&);
  void handed_to_gateway(const Mark&);

  // --- by decree
  void end_user(std::string_view user, const wire::Refused&);
  void end_device(std::string_view user, View device_id, const wire::Refused&);
  void end_licence(std::int64_t licence, const wire::Refused&);  ///< its devices
  void end_devices(const wire::Refused&);

  Budget& budget() noexcept { return budget_; }
  const Counters& counters() const noexcept { return counters_; }
  std::size_t devices() const noexcept { return devices_.size(); }
  std::size_t gateways() const noexcept { return gateways_.size(); }

 private:
  struct User {
    std::string address;
    Bytes guid;
    std::int64_t licence = 0;
    std::vector<std::uint64_t> connections;
  };
  struct Device {
    DevicePort* port = nullptr;
    User* user = nullptr;
    wire::Id128 device{};
    DeviceSession session;
    std::uint64_t told_up = wire::initial_credit;     ///< limit told to the device
    std::uint64_t granted_up = wire::initial_credit;  ///< by the gateway
    std::uint64_t told_number_up = 0, told_number_down = 0;
    unsigned wakes = 0;                   ///< WakeUps sent on since the command channel took anything of this device
    std::unique_ptr<std::string> handle;  ///< pairing only
  };
  struct Gateway {
    GatewayPort* port = nullptr;
    std::unordered_set<std::uint64_t> sessions;        ///< connections with an open session
    std::unordered_set<std::uint64_t> due;             ///< whose Credit waits
    std::unordered_set<std::uint64_t> lately;          ///< whose Credit was sent since the last heartbeat
    bool asked = false;                                ///< credits_wait() was called
    std::uint64_t moved_id = 0, moved_generation = 0;  ///< told last: once is enough
  };

  void wake_up(std::uint64_t id, Device&, wire::Frame&&);
  const char* wake_up_refused(const Device&, const wire::Frame&) const;
  void close(std::uint64_t id, Device&, wire::Code, std::string_view text, bool tell_device = true);
  void apply(std::uint64_t id, Device&, Gateway&, wire::Frame&&, Verdict);
  void granted(std::uint64_t id, Device&, const wire::Frame&);
  void tell_device_credit(std::uint64_t id, Device&);
  void credit_due(const Bytes& guid, std::uint64_t id);
  void moved(Gateway&, const wire::Frame&);
  void drop_oldest(const User&, const wire::Id128&);
  Gateway* gateway_of(const Device&);
  Device* device(std::uint64_t id);

  Limits limits_;
  Budget budget_;
  Counters counters_;
  std::unordered_map<Bytes, Gateway> gateways_;
  std::unordered_map<std::string, std::unique_ptr<User>> users_;
  std::unordered_map<std::uint64_t, Device> devices_;
  std::uint64_t next_id_ = 1;
};

}  // namespace tidegate::relay
