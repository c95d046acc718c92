// SPDX-License-Identifier: Apache-2.0
// Gateways and users of the accounts database.
#include <utility>

#include "relay/accounts/accounts.hpp"

namespace tidegate::relay {
namespace {

constexpr std::size_t licence_columns = 5;  ///< id, name, seats, state, expires

Licence licence_at(const Rows& rows, int from) {
  Licence licence;
  licence.id = rows.number(from);
  licence.name = rows.octets(from + 1);
  licence.seats = static_cast<std::uint32_t>(rows.number(from + 2));
  licence.state = static_cast<Standing>(rows.number(from + 3));
  licence.expires = rows.number(from + 4);
  return licence;
}

GatewayAccount gateway_of(const Rows& rows) {
  GatewayAccount account;
  account.licence = licence_at(rows, 0);
  const int at = licence_columns;
  account.guid = rows.octets(at);
  account.public_key = rows.octets(at + 1);
  account.token_hash = rows.octets(at + 2);
  account.label = rows.octets(at + 3);
  account.interception = rows.number(at + 4) != 0;
  // Unsigned 64 bits are kept in SQLite's signed ones, octet for octet.
  account.instance = {static_cast<std::uint64_t>(rows.number(at + 5)), static_cast<std::uint64_t>(rows.number(at + 6))};
  account.users = static_cast<std::uint32_t>(rows.number(at + 7));
  return account;
}

UserAccount user_of(const Rows& rows) {
  UserAccount account;
  account.licence = licence_at(rows, 0);
  const int at = licence_columns;
  account.address = rows.octets(at);
  account.password = rows.octets(at + 1);
  account.guid = rows.octets(at + 2);
  account.state = static_cast<Standing>(rows.number(at + 3));
  return account;
}

std::unexpected<Fault> no_user(View address) {
  return fault(FaultKind::not_found, std::string(address),
               "no user has this address at the relay; `tidegatectl user add` makes one");
}

}  // namespace

// --- gateways

Result<void> Accounts::gateway_put(View guid, View public_key, std::int64_t licence, View token_hash, View label,
                                   std::int64_t now) {
  auto others = count("SELECT count(*) FROM user WHERE guid=? AND licence<>?", {Blob{guid}, licence});
  if (!others) return std::unexpected(std::move(others.error()));
  if (*others != 0)
    return fault(FaultKind::conflict, std::string(label),
                 "this gateway's users hold seats of another licence; register with that licence");
  auto done = db_->change(
      "INSERT INTO gateway(guid,public_key,licence,token_hash,label,registered) VALUES(?,?,?,?,?,?)"
      " ON CONFLICT(guid) DO UPDATE SET licence=excluded.licence,token_hash=excluded.token_hash,label=excluded.label",
      {Blob{guid}, Blob{public_key}, licence, Blob{token_hash}, label, now});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<GatewayAccount> Accounts::gateway(View guid) {
  auto rows = db_->ask(
      "SELECT l.id,l.name,l.seats,l.state,l.expires,g.guid,g.public_key,g.token_hash,g.label,g.interception,g.counter,"
      "g.random,0 FROM gateway g JOIN licence l ON l.id=g.licence WHERE g.guid=?",
      {Blob{guid}});
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto there = rows->next();
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there)
    return fault(FaultKind::auth, "gateway", "this gateway is not registered here; run `tidegatectl register` on it");
  return gateway_of(*rows);
}

Result<std::vector<GatewayAccount>> Accounts::gateways() {
  auto rows = db_->ask(
      "SELECT l.id,l.name,l.seats,l.state,l.expires,g.guid,g.public_key,g.token_hash,g.label,g.interception,g.counter,"
      "g.random,(SELECT count(*) FROM user u WHERE u.guid=g.guid) FROM gateway g JOIN licence l ON l.id=g.licence"
      " ORDER BY g.label,g.guid");
  if (!rows) return std::unexpected(std::move(rows.error()));
  std::vector<GatewayAccount> all;
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return all;
    all.push_back(gateway_of(*rows));
  }
}

Result<void> Accounts::gateway_interception(View guid, bool allowed) {
  auto done = db_->change("UPDATE gateway SET interception=? WHERE guid=?", {std::int64_t{allowed}, Blob{guid}});
  if (!done) return std::unexpected(std::move(done.error()));
  if (*done == 0)
    return fault(FaultKind::not_found, "gateway", "no gateway has this GUID; `tidegate-relay gateway list` shows all");
  return {};
}

Result<void> Accounts::gateway_admit(View guid, wire::Instance instance) {
  auto known = gateway(guid);
  if (!known) return std::unexpected(std::move(known.error()));
  if (known->instance == instance) return {};
  if (instance.counter <= known->instance.counter)
    return fault(FaultKind::conflict, known->label,
                 "another gateway uses this identity; stop one of the two, then `tidegatectl resume` on the other");
  auto done = db_->change(
      "UPDATE gateway SET counter=?,random=? WHERE guid=?",
      {static_cast<std::int64_t>(instance.counter), static_cast<std::int64_t>(instance.random), Blob{guid}});
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<wire::ActivateUsers> Accounts::seats(View guid) {
  auto account = gateway(guid);
  if (!account) return std::unexpected(std::move(account.error()));
  auto used = count("SELECT count(*) FROM user WHERE licence=?", {account->licence.id});
  if (!used) return std::unexpected(std::move(used.error()));
  wire::ActivateUsers activation;
  activation.seats = account->licence.seats;
  activation.seats_used = static_cast<std::uint32_t>(*used);
  return activation;
}

Result<wire::ActivateUsers> Accounts::activation(View guid) {
  auto made = seats(guid);
  if (!made) return made;
  auto activation = std::move(*made);
  auto rows = db_->ask("SELECT address,state FROM user WHERE guid=? ORDER BY address", {Blob{guid}});
  if (!rows) return std::unexpected(std::move(rows.error()));
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return activation;
    const bool suspended = rows->number(1) != 0;
    activation.users.push_back({rows->octets(0), suspended ? wire::UserState::suspended : wire::UserState::active,
                                suspended ? "suspended by the relay's operator" : ""});
  }
}

// --- users

Result<void> Accounts::seat_free(std::int64_t licence) {
  auto free = count("SELECT seats-(SELECT count(*) FROM user WHERE licence=l.id) FROM licence l WHERE id=?", {licence});
  if (!free) return std::unexpected(std::move(free.error()));
  if (*free <= 0)
    return fault(FaultKind::denied, "licence",
                 "the licence has no seat left; remove a user or ask the relay's operator for more");
  return {};
}

Result<UserAccount> Accounts::user(View address) {
  auto rows = db_->ask(
      "SELECT l.id,l.name,l.seats,l.state,l.expires,u.address,u.password,u.guid,u.state FROM user u JOIN licence l"
      " ON l.id=u.licence WHERE u.address=?",
      {address});
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto there = rows->next();
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there) return no_user(address);
  return user_of(*rows);
}

Result<UserAccount> Accounts::user_for(View guid, View address) {
  auto found = user(address);
  if (found) {
    if (found->guid == guid) return found;
    return fault(
        FaultKind::conflict, found->address,
        "the user belongs to another gateway; the licence holder can move him with `tidegate-relay user transfer`");
  }
  if (found.error().kind != FaultKind::not_found) return found;
  auto owner = gateway(guid);
  if (!owner) return std::unexpected(std::move(owner.error()));
  if (auto seat = seat_free(owner->licence.id); !seat) return std::unexpected(std::move(seat.error()));
  return found;
}

Result<void> Accounts::user_put(View guid, View address, View password_hash, std::int64_t now) {
  auto transaction = Transaction::begin(*db_);
  if (!transaction) return std::unexpected(std::move(transaction.error()));
  auto found = user_for(guid, address);
  Result<std::int64_t> done{0};
  if (found) {
    done = db_->change("UPDATE user SET password=? WHERE address=?", {password_hash, address});
    if (done) done = db_->change("UPDATE device SET state=1 WHERE user=? AND state=0", {address});
  } else if (found.error().kind == FaultKind::not_found) {
    done = db_->change(
        "INSERT INTO user(address,guid,licence,password,created) SELECT ?,guid,licence,?,? FROM gateway WHERE guid=?",
        {address, password_hash, now, Blob{guid}});
  } else {
    return std::unexpected(std::move(found.error()));
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return transaction->commit();
}

Result<std::vector<UserAccount>> Accounts::users() {
  auto rows = db_->ask(
      "SELECT l.id,l.name,l.seats,l.state,l.expires,u.address,'',u.guid,u.state FROM user u JOIN licence l"
      " ON l.id=u.licence ORDER BY u.address");
  if (!rows) return std::unexpected(std::move(rows.error()));
  std::vector<UserAccount> all;
  for (;;) {
    auto there = rows->next();
    if (!there) return std::unexpected(std::move(there.error()));
    if (!*there) return all;
    all.push_back(user_of(*rows));
  }
}

Result<UserAccount> Accounts::user_state(View address, Standing state) {
  auto found = user(address);
  if (!found) return found;
  auto done = db_->change("UPDATE user SET state=? WHERE address=?", {static_cast<std::int64_t>(state), address});
  if (!done) return std::unexpected(std::move(done.error()));
  found->state = state;
  return found;
}

Result<UserAccount> Accounts::user_transfer(View address, View guid) {
  auto transaction = Transaction::begin(*db_);
  if (!transaction) return std::unexpected(std::move(transaction.error()));
  auto found = user(address);
  if (!found) return found;
  auto to = gateway(guid);
  if (!to)
    return fault(FaultKind::not_found, "gateway", "no gateway has this GUID; `tidegate-relay gateway list` shows all");
  if (to->licence.id != found->licence.id)
    if (auto seat = seat_free(to->licence.id); !seat) return std::unexpected(std::move(seat.error()));
  auto done = db_->change("UPDATE user SET guid=?,licence=? WHERE address=?", {Blob{guid}, to->licence.id, address});
  if (done) done = db_->change("DELETE FROM pairing WHERE user=?", {address});
  if (!done) return std::unexpected(std::move(done.error()));
  if (auto fine = transaction->commit(); !fine) return std::unexpected(std::move(fine.error()));
  return found;
}

Result<UserAccount> Accounts::user_remove(View address) {
  auto found = user(address);
  if (!found) return found;
  auto done = db_->change("DELETE FROM user WHERE address=?", {address});
  if (!done) return std::unexpected(std::move(done.error()));
  return found;
}

}  // namespace tidegate::relay
