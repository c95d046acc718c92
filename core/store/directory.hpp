// SPDX-License-Identifier: Apache-2.0
// Who is who at this gateway: its own identity, its users with their static keys, their devices, pairing codes.
// Same database as the log, same threads (reactor thread in, reactor thread out); what is written here is durable
// (synchronous=FULL) when its callback runs. Reads are answered from memory: everything here is loaded at open.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/store/log.hpp"

namespace tidegate::store {

struct Identity {
  Bytes secret;            ///< Ed25519 seed, 32
  Bytes public_key;        ///< 32
  Bytes guid;              ///< SHA-256(public_key), first 16 octets
  std::string license_id;  ///< empty: not registered
  std::string relay;       ///< the relay it is registered at
};

enum class DeviceState : std::uint8_t { pairing = 0, active = 1, wiping = 2, revoked = 3 };

struct UserRow {
  std::string user;
  std::string site;
  Bytes static_secret;  ///< X25519, 32, this user's own
  Bytes static_public;
  std::int64_t added = 0;  ///< unix seconds
};
struct DeviceRow {
  std::string user;
  Bytes id;  ///< 16
  std::string name;
  std::uint32_t suite = 1;
  DeviceState state = DeviceState::pairing;
  Bytes static_public;             ///< X25519 of the device
  Bytes device_key;                ///< Ed25519 towards the relay
  Bytes last_hash, previous_hash;  ///< handshake hashes of the last two sessions
  std::int64_t paired = 0, seen = 0;
  std::int64_t expires = 0;  ///< unix seconds; 0: never. Of a device admitted by hand
  /// What it gets the relay can read: its suite does not authenticate the two ends, and it may still come.
  bool readable_by_relay(std::int64_t now) const {
    return suite != 1 && state != DeviceState::revoked && expires > now;
  }
};
struct CodeRow {  ///< a pairing code that is open
  std::string user, handle;
  Bytes secret;  ///< 16
  std::int64_t expires = 0;
  Bytes bound_static;  ///< set at message 3: only this device key may go on with the code
  Bytes bound_device;
};

class Directory {
 public:
  /// Loads everything; makes the identity at the first start. Blocking; before the reactor runs.
  static Result<std::unique_ptr<Directory>> open(sim::World&, Log&);
  virtual ~Directory() = default;

  virtual const Identity& identity() const = 0;
  virtual void registered(std::string license_id, std::string relay, Done<void>) = 0;

  virtual std::vector<UserRow> users() const = 0;
  virtual const UserRow* user(std::string_view) const = 0;  ///< valid until the next write
  virtual void add_user(UserRow, Done<void>) = 0;           ///< fault exists
  virtual void remove_user(const std::string& user, Done<void>) = 0;

  virtual std::vector<DeviceRow> devices(std::string_view user) const = 0;
  virtual const DeviceRow* device(std::string_view user, View id) const = 0;
  bool readable_by_relay(std::string_view user, std::int64_t now) const;  ///< some device of his is
  /// Fault denied: the device was revoked meanwhile, and this is no new pairing.
  virtual void put_device(DeviceRow, Done<void>) = 0;
  /// Closes nothing by itself: forgets the device's keys and marks it revoked in one transaction.
  virtual void revoke_device(const std::string& user, View id, Done<void>) = 0;

  virtual std::vector<CodeRow> codes() const = 0;
  virtual const CodeRow* code(std::string_view user, std::string_view handle) const = 0;
  virtual void put_code(CodeRow, Done<void>) = 0;
  virtual void drop_code(const std::string& user, const std::string& handle, Done<void>) = 0;
};

}  // namespace tidegate::store
