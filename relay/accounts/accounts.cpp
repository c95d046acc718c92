// SPDX-License-Identifier: Apache-2.0
// Opening, licences and the audit log. Gateways and users: members.cpp; devices: devices.cpp.
#include "relay/accounts/accounts.hpp"

#include <utility>

#include "core/wire/suite.hpp"
#include "relay/accounts/schema.hpp"

namespace tidegate::relay {

Result<std::string> normal_address(View given) {
  std::string address;
  for (const char c : given) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      return fault(FaultKind::invalid, "user", "a user's address holds no blanks; write it like alice@example.com");
    address += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  if (address.empty() || address.size() > 320)
    return fault(FaultKind::invalid, "user",
                 "a user's address has 1 to 320 characters; write it like alice@example.com");
  return address;
}

Result<void> in_force(const Licence& licence, std::int64_t now) {
  if (licence.state == Standing::suspended)
    return fault(FaultKind::denied, licence.name, "the licence is suspended; ask the relay's operator");
  if (licence.expires != 0 && licence.expires <= now)
    return fault(FaultKind::denied, licence.name, "the licence has expired; ask the relay's operator to renew it");
  return {};
}

std::string readable_note(wire::Suite suite) {
  if (suite == wire::Suite::noise_1) return {};
  return ", suite " + std::string(wire::to_string(suite)) + ": readable by the relay";
}

wire::Code code_of(const Fault& fault) noexcept {
  switch (fault.kind) {
    case FaultKind::auth:
      return wire::Code::unauthorized;
    case FaultKind::denied:
      return wire::Code::forbidden;
    case FaultKind::not_found:
      return wire::Code::not_found;
    case FaultKind::conflict:
    case FaultKind::exists:
      return wire::Code::conflict;
    case FaultKind::too_large:
      return wire::Code::too_large;
    case FaultKind::throttled:
      return wire::Code::too_many;
    case FaultKind::invalid:
    case FaultKind::unsupported:
      return wire::Code::invalid;
    default:
      return wire::Code::unavailable;
  }
}

Result<std::unique_ptr<Accounts>> Accounts::open(const std::string& path, const char* vfs) {
  auto db = Database::open(path, vfs);
  if (!db) return std::unexpected(std::move(db.error()));
  std::unique_ptr<Accounts> made(new Accounts(std::move(*db)));
  auto version = made->count("PRAGMA user_version", {});
  if (!version) return std::unexpected(std::move(version.error()));
  if (*version > schema_version)
    return fault(FaultKind::unsupported, path,
                 "the accounts database was written by a newer relay; install that version");
  if (*version < schema_version) {
    auto transaction = Transaction::begin(*made->db_);
    if (!transaction) return std::unexpected(std::move(transaction.error()));
    if (*version < 1)
      if (auto fine = made->db_->script(schema); !fine) return std::unexpected(std::move(fine.error()));
    if (auto fine = made->db_->script(schema_2); !fine) return std::unexpected(std::move(fine.error()));
    if (auto fine = transaction->commit(); !fine) return std::unexpected(std::move(fine.error()));
  }
  return made;
}

Result<std::int64_t> Accounts::count(const char* sql, std::initializer_list<Bound> values) {
  auto rows = db_->ask(sql, values);
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto there = rows->next();
  if (!there) return std::unexpected(std::move(there.error()));
  return *there ? rows->number(0) : 0;
}

// --- licences

Result<void> Accounts::licence_add(View name, View password_hash, std::uint32_t seats, std::int64_t expires,
                                   std::int64_t now) {
  if (name.empty() || name.size() > 200)
    return fault(FaultKind::invalid, "licence", "a licence's name has 1 to 200 characters");
  auto added = db_->change("INSERT INTO licence(name,password,seats,expires,created) VALUES(?,?,?,?,?)",
                           {name, password_hash, std::int64_t{seats}, expires, now});
  if (added) return {};
  if (added.error().kind == FaultKind::exists)
    return fault(FaultKind::exists, std::string(name), "a licence of this name is there already; choose another name");
  return std::unexpected(std::move(added.error()));
}

namespace {
Licence licence_of(const Rows& rows) {
  return {rows.number(0),
          rows.octets(1),
          rows.octets(2),
          static_cast<std::uint32_t>(rows.number(3)),
          static_cast<std::uint32_t>(rows.number(6)),
          static_cast<Standing>(rows.number(4)),
          rows.number(5)};
}
}  // namespace

Result<std::vector<Licence>> Accounts::licences() {
  auto rows = db_->ask(
      "SELECT id,name,password,seats,state,expires,(SELECT count(*) FROM user WHERE licence=licence.id) FROM licence"
      " ORDER BY name");
  if (!rows) return std::unexpected(std::move(rows.error()));
  std::vector<Licence> all;
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return all;
    all.push_back(licence_of(*rows));
  }
}

Result<Licence> Accounts::licence(View name) {
  auto rows = db_->ask(
      "SELECT id,name,password,seats,state,expires,(SELECT count(*) FROM user WHERE licence=licence.id) FROM licence"
      " WHERE name=?",
      {name});
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto there = rows->next();
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there)
    return fault(FaultKind::not_found, std::string(name),
                 "no licence has this name; `tidegate-relay licence list` shows all");
  return licence_of(*rows);
}

Result<Licence> Accounts::licence_state(View name, Standing state) {
  auto found = licence(name);
  if (!found) return found;
  auto done = db_->change("UPDATE licence SET state=? WHERE id=?", {static_cast<std::int64_t>(state), found->id});
  if (!done) return std::unexpected(std::move(done.error()));
  found->state = state;
  return found;
}

Result<Licence> Accounts::licence_remove(View name) {
  auto found = licence(name);
  if (!found) return found;
  auto gateways = count("SELECT count(*) FROM gateway WHERE licence=?", {found->id});
  if (!gateways) return std::unexpected(std::move(gateways.error()));
  if (found->used != 0)
    return fault(FaultKind::conflict, found->name,
                 "the licence still has users; remove them first, or suspend the licence");
  auto transaction = Transaction::begin(*db_);
  if (!transaction) return std::unexpected(std::move(transaction.error()));
  for (const char* sql : {"DELETE FROM gateway WHERE licence=?", "DELETE FROM licence WHERE id=?"})
    if (auto done = db_->change(sql, {found->id}); !done) return std::unexpected(std::move(done.error()));
  if (auto done = transaction->commit(); !done) return std::unexpected(std::move(done.error()));
  return found;
}

// --- audit log

Result<void> Accounts::audit(const AuditEntry& entry) {
  auto done = db_->change("INSERT INTO audit(at,who,act,subject,text) VALUES(?,?,?,?,?)",
                          {entry.at, View(entry.who), View(entry.act), View(entry.subject), View(entry.text)});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<std::vector<AuditEntry>> Accounts::audit_log(std::size_t newest) {
  auto rows = db_->ask("SELECT at,who,act,subject,text FROM (SELECT * FROM audit ORDER BY id DESC LIMIT ?) ORDER BY id",
                       {static_cast<std::int64_t>(newest)});
  if (!rows) return std::unexpected(std::move(rows.error()));
  std::vector<AuditEntry> all;
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return all;
    all.push_back({rows->number(0), rows->octets(1), rows->octets(2), rows->octets(3), rows->octets(4)});
  }
}

}  // namespace tidegate::relay
