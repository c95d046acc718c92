// SPDX-License-Identifier: Apache-2.0
// Licences, gateways, users, devices and the audit log of a relay (design: RTS). Blocking SQLite: every call on the
// relay's `db` pool (one thread), or in a subcommand. Times are unix seconds given by the caller. Passwords come in as
// argon2id hashes only. Faults by kind: not_found, exists, denied (403: suspended, expired, no seats, revoked), auth
// (401), conflict (409: belongs to another gateway), invalid, unavailable (database).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/fault.hpp"
#include "core/wire/control.hpp"
#include "relay/accounts/database.hpp"

namespace tidegate::relay {

enum class Standing : std::uint8_t { active = 0, suspended = 1 };

struct Licence {
  std::int64_t id = 0;
  std::string name, password;
  std::uint32_t seats = 0, used = 0;
  Standing state = Standing::active;
  std::int64_t expires = 0;
};
struct GatewayAccount {
  Bytes guid, public_key, token_hash;
  std::string label;
  Licence licence;
  bool interception = false;
  wire::Instance instance;  ///< the highest that was let in
  std::uint32_t users = 0;  ///< filled by gateways() only
};
struct UserAccount {
  std::string address, password;
  Bytes guid;
  Licence licence;
  Standing state = Standing::active;
};
enum class DeviceState : std::uint8_t { in_use = 0, locked = 1, revoked = 2 };
struct DeviceAccount {
  std::string user;
  Bytes id, key, pending_key;
  wire::Suite suite = wire::Suite::noise_1;
  DeviceState state = DeviceState::in_use;
};
struct BackupRecord {  ///< the sealed backup of a gateway that is whole here
  Bytes guid;
  std::string label;  ///< of the gateway; not needed for backup_put()
  std::uint64_t version = 0, size = 0;
  Bytes sha256;       ///< 32
  Bytes restore_key;  ///< Ed25519, 32: whoever has it may fetch the backup
  std::int64_t at = 0;
};
struct AuditEntry {
  std::int64_t at = 0;
  std::string who, act, subject, text;
};
/// What a device brought to its enrolment, its password already proven.
struct Enrolment {
  std::string user;
  Bytes device_id, device_key;
  wire::Suite suite = wire::Suite::noise_1;
  std::string handle;  ///< empty: enrolled again after the account's password was reset
};

/// Lower case, no blanks or controls, 1 to 320 octets; else fault invalid.
Result<std::string> normal_address(View);
/// denied when the licence is suspended or past its end.
Result<void> in_force(const Licence&, std::int64_t now);
wire::Code code_of(const Fault&) noexcept;
/// What an audit entry says behind a device of a suite that this relay can read; else nothing.
std::string readable_note(wire::Suite);

class Accounts {
 public:
  /// Opens or creates. Fault denied: another process has it open.
  static Result<std::unique_ptr<Accounts>> open(const std::string& path, const char* vfs);

  Result<void> licence_add(View name, View password_hash, std::uint32_t seats, std::int64_t expires, std::int64_t now);
  Result<std::vector<Licence>> licences();
  Result<Licence> licence(View name);
  Result<Licence> licence_state(View name, Standing);
  Result<Licence> licence_remove(View name);  ///< conflict while users or gateways are left

  /// A gateway registers or registers again (a new token replaces the old one). Conflict: users under another licence.
  Result<void> gateway_put(View guid, View public_key, std::int64_t licence, View token_hash, View label,
                           std::int64_t now);
  Result<GatewayAccount> gateway(View guid);
  Result<std::vector<GatewayAccount>> gateways();
  Result<void> gateway_interception(View guid, bool);
  /// Keeps the instance if it is the same or has a higher counter than the highest so far; else conflict.
  Result<void> gateway_admit(View guid, wire::Instance);
  Result<wire::ActivateUsers> activation(View guid);
  Result<wire::ActivateUsers> seats(View guid);  ///< of its licence, with no user named

  /// The account as seen by this gateway. not_found with seats left; conflict: another gateway's; denied: no seats.
  Result<UserAccount> user_for(View guid, View address);
  /// Creates, or gives a new password hash, which locks the account's devices. Faults as user_for().
  Result<void> user_put(View guid, View address, View password_hash, std::int64_t now);
  Result<UserAccount> user(View address);
  Result<std::vector<UserAccount>> users();
  Result<UserAccount> user_state(View address, Standing);
  Result<UserAccount> user_transfer(View address, View guid);  ///< to a gateway; the account as it was before
  Result<UserAccount> user_remove(View address);

  Result<void> pairing_open(View guid, View user, View handle, std::int64_t expires, std::int64_t now);
  /// Key becomes pending (with handle), or a known key's lock is lifted (without). Fault not_found: no such handle.
  Result<void> enrol(const Enrolment&, std::int64_t now);
  /// For a login: fault auth when not bound or locked, denied (retry never) when revoked.
  Result<DeviceAccount> device_for_login(View user, View device_id);
  Result<void> bind(View guid, const wire::DeviceBind&);
  Result<void> revoke(View user, View device_id);
  Result<std::vector<DeviceAccount>> devices();

  Result<std::optional<BackupRecord>> backup(View guid);
  Result<std::optional<BackupRecord>> backup_for(View restore_key);
  Result<std::vector<BackupRecord>> backups();
  Result<void> backup_put(const BackupRecord&);  ///< in the place of the one before

  Result<void> audit(const AuditEntry&);
  Result<std::vector<AuditEntry>> audit_log(std::size_t newest);

 private:
  explicit Accounts(std::unique_ptr<Database> db) : db_(std::move(db)) {}
  Result<void> seat_free(std::int64_t licence);
  Result<std::int64_t> count(const char* sql, std::initializer_list<Bound>);
  std::unique_ptr<Database> db_;
};

}  // namespace tidegate::relay
