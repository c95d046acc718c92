// SPDX-License-Identifier: Apache-2.0
// Devices of the accounts database: enrolment, binding, login, revocation.
//   (none) ──enrol with handle──▶ pending ──DeviceBind, equal key──▶ in use ◀─┐
//   in use ──password reset──▶ locked ──enrol without handle, known key───────┘
//   any ──revoke──▶ revoked ──enrol with handle (paired anew)──▶ pending
#include <algorithm>
#include <utility>

#include "relay/accounts/accounts.hpp"

namespace tidegate::relay {
namespace {

constexpr std::size_t most_devices = 64;  ///< of one user; pending ones count
constexpr std::int64_t most_pairings = 16;

DeviceAccount device_of(const Rows& rows) {
  return {rows.octets(0),
          rows.octets(1),
          rows.octets(2),
          rows.octets(3),
          static_cast<wire::Suite>(rows.number(4)),
          static_cast<DeviceState>(rows.number(5))};
}

Result<std::optional<DeviceAccount>> find(Database& db, View user, View id) {
  auto rows = db.ask("SELECT user,id,key,pending_key,suite,state FROM device WHERE user=? AND id=?", {user, Blob{id}});
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto there = rows->next();
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there) return std::optional<DeviceAccount>();
  return device_of(*rows);
}

}  // namespace

Result<void> Accounts::pairing_open(View guid, View user, View handle, std::int64_t expires, std::int64_t now) {
  auto owner = user_for(guid, user);
  if (!owner) return std::unexpected(std::move(owner.error()));
  auto done = db_->change("DELETE FROM pairing WHERE expires<=?", {now});
  if (!done) return std::unexpected(std::move(done.error()));
  auto open = count("SELECT count(*) FROM pairing WHERE user=? AND handle<>?", {user, handle});
  if (!open) return std::unexpected(std::move(open.error()));
  if (*open >= most_pairings)
    return fault(FaultKind::throttled, std::string(user),
                 "the user has too many open pairing codes; let some expire first");
  done = db_->change(
      "INSERT INTO pairing(user,handle,expires) VALUES(?,?,?) ON CONFLICT DO UPDATE SET expires=excluded.expires",
      {user, handle, expires});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<void> Accounts::enrol(const Enrolment& enrolment, std::int64_t now) {
  auto known = find(*db_, enrolment.user, enrolment.device_id);
  if (!known) return std::unexpected(std::move(known.error()));
  Result<std::int64_t> done{0};
  if (enrolment.handle.empty()) {
    const bool same = *known && (*known)->key == enrolment.device_key && (*known)->suite == enrolment.suite;
    if (!same)
      return fault(FaultKind::not_found, "device", "this device was never paired here; pair it with a pairing code");
    if ((*known)->state == DeviceState::revoked)
      return fault(FaultKind::denied, "device", "this device was revoked; pair it again with a new pairing code");
    done = db_->change("UPDATE device SET state=0 WHERE user=? AND id=?",
                       {View(enrolment.user), Blob{enrolment.device_id}});
    if (!done) return std::unexpected(std::move(done.error()));
    return {};
  }
  auto open = count("SELECT count(*) FROM pairing WHERE user=? AND handle=? AND expires>?",
                    {View(enrolment.user), View(enrolment.handle), now});
  if (!open) return std::unexpected(std::move(open.error()));
  if (*open == 0)
    return fault(FaultKind::not_found, "pairing code",
                 "no open pairing code begins like this; check it, or ask for a new one");
  if (!*known) {
    auto devices = count("SELECT count(*) FROM device WHERE user=?", {View(enrolment.user)});
    if (!devices) return std::unexpected(std::move(devices.error()));
    if (static_cast<std::size_t>(*devices) >= most_devices) {
      // Pairings that were never finished make room first.
      done = db_->change("DELETE FROM device WHERE user=? AND (key IS NULL OR state=2)", {View(enrolment.user)});
      if (!done) return std::unexpected(std::move(done.error()));
      if (*done == 0)
        return fault(FaultKind::denied, "device", "the user has too many devices; revoke one that is no longer used");
    }
  }
  done = db_->change(
      "INSERT INTO device(user,id,pending_key,suite,created) VALUES(?,?,?,?,?)"
      " ON CONFLICT DO UPDATE SET pending_key=excluded.pending_key,suite=excluded.suite",
      {View(enrolment.user), Blob{enrolment.device_id}, Blob{enrolment.device_key},
       static_cast<std::int64_t>(enrolment.suite), now});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<DeviceAccount> Accounts::device_for_login(View user, View device_id) {
  auto known = find(*db_, user, device_id);
  if (!known) return std::unexpected(std::move(known.error()));
  if (*known && (*known)->state == DeviceState::revoked)
    return fault(FaultKind::denied, "device", "this device was revoked; pair it again with a new pairing code");
  if (*known && (*known)->state == DeviceState::locked && !(*known)->key.empty())
    return fault(FaultKind::auth, "device", "the account's password was changed; enter the new one on this device");
  if (!*known || (*known)->key.empty())
    return fault(FaultKind::auth, "device", "this device is not paired here; pair it with a pairing code");
  return std::move(**known);
}

Result<void> Accounts::bind(View guid, const wire::DeviceBind& bind) {
  auto owner = user_for(guid, bind.user);
  if (!owner) return std::unexpected(std::move(owner.error()));
  auto known = find(*db_, bind.user, bind.device_id);
  if (!known) return std::unexpected(std::move(known.error()));
  if (!*known) return fault(FaultKind::not_found, "device", "this device never enrolled at the relay; pair it again");
  const auto& device = **known;
  if (device.suite != bind.suite)
    return fault(FaultKind::denied, "device", "the device enrolled with another suite; pair it again");
  // Repeated after its answer was lost: nothing left to do.
  if (device.pending_key.empty() && device.key == bind.device_key && device.state == DeviceState::in_use) return {};
  if (device.pending_key != bind.device_key)
    return fault(FaultKind::conflict, "device",
                 "the key the device sealed differs from the one it enrolled with: somebody stands between; pair again "
                 "elsewhere");
  auto done = db_->change("UPDATE device SET key=pending_key,pending_key=NULL,state=0 WHERE user=? AND id=?",
                          {View(bind.user), Blob{bind.device_id}});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<void> Accounts::revoke(View user, View device_id) {
  auto done = db_->change("UPDATE device SET state=2,pending_key=NULL WHERE user=? AND id=?", {user, Blob{device_id}});
  if (!done) return std::unexpected(std::move(done.error()));
  if (*done == 0)
    return fault(FaultKind::not_found, "device", "the user has no such device; `tidegate-relay device list` shows all");
  return {};
}

Result<std::vector<DeviceAccount>> Accounts::devices() {
  auto rows = db_->ask("SELECT user,id,key,pending_key,suite,state FROM device ORDER BY user,id");
  if (!rows) return std::unexpected(std::move(rows.error()));
  std::vector<DeviceAccount> all;
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return all;
    all.push_back(device_of(*rows));
  }
}

}  // namespace tidegate::relay
