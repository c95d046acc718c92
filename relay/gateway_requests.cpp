// SPDX-License-Identifier: Apache-2.0
// What a gateway may ask of the relay: its users' accounts and devices, and a place for its sealed backup
// (gateway_backups.cpp); nothing else. Every request is idempotent,
// since a lane's POST may be repeated.
#include <utility>

#include "relay/crypto.hpp"
#include "relay/gateway_door.hpp"

namespace tidegate::relay {

using wire::Code;

template <class Work, class Then>
void GatewayDoor::ask(GatewayChannel& channel, std::uint64_t request, Work work, Then then) {
  const auto generation = channel.generation();
  const bool taken = hub_.desk.ask(std::move(work), [this, generation, then = std::move(then)](auto value) mutable {
    // The work is done whether or not the gateway is still there to hear of it.
    then(find(generation), std::move(value));
  });
  if (!taken) channel.tell(wire::Answer{request, Code::unavailable, "the relay is busy; try again shortly", 3000});
}

void GatewayDoor::answer(std::uint64_t generation, std::uint64_t request, const Result<void>& done) {
  auto* channel = find(generation);
  if (!channel) return;
  if (done) return channel->tell(wire::Answer{request, Code::ok, {}, 0});
  const auto code = code_of(done.error());
  const bool again = code == Code::unavailable || code == Code::too_many;
  channel->tell(wire::Answer{request, code, done.error().text, again ? 5000U : 0U});
}

void GatewayDoor::request(GatewayChannel& channel, wire::Control&& message) {
  if (auto* add = std::get_if<wire::UserAdd>(&message)) return user_add(channel, std::move(*add));
  if (auto* reset = std::get_if<wire::UserReset>(&message)) return user_reset(channel, std::move(*reset));
  if (auto* gone = std::get_if<wire::UserDelete>(&message)) return user_delete(channel, *gone);
  if (auto* open = std::get_if<wire::PairingOpen>(&message)) return pairing_open(channel, *open);
  if (auto* bind = std::get_if<wire::DeviceBind>(&message)) return device_bind(channel, std::move(*bind));
  if (auto* revoke = std::get_if<wire::DeviceRevoke>(&message)) return device_revoke(channel, *revoke);
  if (auto* begin = std::get_if<wire::BackupBegin>(&message)) return backup_begin(channel, std::move(*begin));
  if (auto* part = std::get_if<wire::BackupPart>(&message)) return backup_part(channel, std::move(*part));
  // Notices are for the operator's log; alerts wait for a push service of a later version; the rest is the relay's to
  // say.
  if (const auto* notice = std::get_if<wire::Notice>(&message))
    hub_.audit_stranger(channel.who().label, "notice", notice->user, notice->text.substr(0, 300));
}

// --- users

void GatewayDoor::user_add(GatewayChannel& channel, wire::UserAdd&& add) {
  const auto generation = channel.generation();
  const auto request = add.request;
  const auto user = normal_address(add.user);
  if (!user || add.password.empty())
    return answer(generation, request,
                  user ? Result<void>(fault(FaultKind::invalid, "user", "an account needs a password"))
                       : std::unexpected(user.error()));
  const auto guid = channel.who().guid;
  ask(
      channel, request, [guid, address = *user](Accounts& accounts) { return accounts.user_for(guid, address); },
      [this, generation, request, guid, address = *user, password = std::move(add.password)](
          GatewayChannel* there, Result<UserAccount> account) mutable {
        if (!there) return;
        if (!account && account.error().kind != FaultKind::not_found)
          return answer(generation, request, std::unexpected(account.error()));
        if (!account) return user_put(generation, request, guid, std::move(address), std::move(password), false);
        // There already, perhaps by this very request's first sending: only another password changes anything.
        const bool taken =
            hub_.desk.hash([password, hash = account->password](HashCost) { return verify_password(password, hash); },
                           [this, generation, request, guid, address, password](bool same) {
                             if (same) return answer(generation, request, {});
                             user_put(generation, request, guid, address, password, true);
                           });
        if (!taken)
          answer(generation, request, fault(FaultKind::throttled, "relay", "the relay is busy; try again shortly"));
      });
}

void GatewayDoor::user_put(std::uint64_t generation, std::uint64_t request, Bytes guid, std::string user,
                           std::string password, bool known) {
  const bool taken = hub_.desk.hash(
      [password = std::move(password), salt = hub_.random(16)](HashCost cost) {
        return hash_password(password, salt, cost);
      },
      [this, generation, request, guid, user, known](Result<std::string> hash) {
        auto* channel = find(generation);
        if (!channel) return;
        if (!hash) return answer(generation, request, std::unexpected(hash.error()));
        const auto who = channel->who().label;
        ask(
            *channel, request,
            [guid, user, hash = *hash, known, who, now = hub_.unix_now()](Accounts& accounts) -> Result<void> {
              if (auto fine = accounts.user_put(guid, user, hash, now); !fine) return fine;
              return accounts.audit({now, who, known ? "user password reset" : "user added", user, ""});
            },
            [this, generation, request, guid, user, known](GatewayChannel*, Result<void> done) {
              if (done && known)
                hub_.board.end_user(user, {Code::unauthorized,
                                           "the account's password was changed; enter the new one on this device", 0});
              answer(generation, request, done);
              if (done && !known) tell_change(guid, user, wire::UserState::active);
            });
      });
  if (!taken) answer(generation, request, fault(FaultKind::throttled, "relay", "the relay is busy; try again shortly"));
}

void GatewayDoor::user_reset(GatewayChannel& channel, wire::UserReset&& reset) {
  const auto generation = channel.generation();
  const auto request = reset.request;
  const auto user = normal_address(reset.user);
  if (!user || reset.password.empty())
    return answer(generation, request,
                  user ? Result<void>(fault(FaultKind::invalid, "user", "an account needs a password"))
                       : std::unexpected(user.error()));
  const auto guid = channel.who().guid;
  ask(
      channel, request, [guid, address = *user](Accounts& accounts) { return accounts.user_for(guid, address); },
      [this, generation, request, guid, address = *user, password = std::move(reset.password)](
          GatewayChannel* there, Result<UserAccount> account) mutable {
        if (!there) return;
        if (!account) return answer(generation, request, std::unexpected(account.error()));
        user_put(generation, request, guid, std::move(address), std::move(password), true);
      });
}

void GatewayDoor::user_delete(GatewayChannel& channel, const wire::UserDelete& gone) {
  const auto generation = channel.generation();
  const auto user = normal_address(gone.user);
  if (!user) return answer(generation, gone.request, std::unexpected(user.error()));
  const auto guid = channel.who().guid;
  ask(
      channel, gone.request,
      [guid, address = *user, who = channel.who().label, now = hub_.unix_now()](Accounts& accounts) -> Result<void> {
        auto known = accounts.user(address);
        if (!known && known.error().kind == FaultKind::not_found) return {};
        if (!known) return std::unexpected(known.error());
        if (auto own = accounts.user_for(guid, address); !own) return std::unexpected(own.error());
        if (auto done = accounts.user_remove(address); !done) return std::unexpected(done.error());
        return accounts.audit({now, who, "user removed", address, ""});
      },
      [this, generation, request = gone.request, guid, address = *user](GatewayChannel*, Result<void> done) {
        if (done) hub_.board.end_user(address, {Code::forbidden, "this account was removed", 0});
        answer(generation, request, done);
        if (done) tell_change(guid, address, wire::UserState::gone);
      });
}

// --- devices

void GatewayDoor::pairing_open(GatewayChannel& channel, const wire::PairingOpen& open) {
  const auto generation = channel.generation();
  const auto user = normal_address(open.user);
  if (!user || open.handle.empty() || open.handle.size() > 32)
    return answer(generation, open.request,
                  fault(FaultKind::invalid, "pairing", "a pairing names a user and a handle"));
  ask(
      channel, open.request,
      [guid = channel.who().guid, address = *user, open, now = hub_.unix_now()](Accounts& accounts) {
        return accounts.pairing_open(guid, address, open.handle, static_cast<std::int64_t>(open.expires_unix), now);
      },
      [this, generation, request = open.request](GatewayChannel*, Result<void> done) {
        answer(generation, request, done);
      });
}

void GatewayDoor::device_bind(GatewayChannel& channel, wire::DeviceBind&& bind) {
  const auto generation = channel.generation();
  const auto user = normal_address(bind.user);
  if (!user || bind.device_id.size() != 16 || bind.device_key.size() != 32)
    return answer(generation, bind.request,
                  fault(FaultKind::invalid, "device", "a device has an id of 16 and a key of 32 octets"));
  bind.user = *user;
  const auto request = bind.request;
  ask(
      channel, request,
      [guid = channel.who().guid, who = channel.who().label, bind,
       now = hub_.unix_now()](Accounts& accounts) -> Result<void> {
        auto done = accounts.bind(guid, bind);
        const auto audited =
            accounts.audit({now, who, done ? "device bound" : "device bind refused", bind.user,
                            hex(bind.device_id) + readable_note(bind.suite) + (done ? "" : ": " + done.error().text)});
        return done ? audited : done;
      },
      [this, generation, request, bind](GatewayChannel*, Result<void> done) {
        if (done) hub_.board.bound(bind.session, bind.user, bind.device_id);
        answer(generation, request, done);
      });
}

void GatewayDoor::device_revoke(GatewayChannel& channel, const wire::DeviceRevoke& revoke) {
  const auto generation = channel.generation();
  const auto user = normal_address(revoke.user);
  if (!user || revoke.device_id.size() != 16)
    return answer(generation, revoke.request, fault(FaultKind::invalid, "device", "a device has an id of 16 octets"));
  ask(
      channel, revoke.request,
      [guid = channel.who().guid, who = channel.who().label, address = *user, id = revoke.device_id,
       now = hub_.unix_now()](Accounts& accounts) -> Result<void> {
        if (auto own = accounts.user_for(guid, address); !own) return std::unexpected(own.error());
        if (auto done = accounts.revoke(address, id); !done) return done;
        return accounts.audit({now, who, "device revoked", address, hex(id)});
      },
      [this, generation, request = revoke.request, address = *user, id = revoke.device_id](GatewayChannel*,
                                                                                           Result<void> done) {
        if (done)
          hub_.board.end_device(address, id,
                                {Code::revoked, "this device was revoked; pair it again with a new pairing code", 0});
        answer(generation, request, done);
      });
}

}  // namespace tidegate::relay
