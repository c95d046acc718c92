// SPDX-License-Identifier: Apache-2.0
// Offers, openings and registrations. A gateway's requests: gateway_requests.cpp.
#include "relay/gateway_door.hpp"

#include <algorithm>
#include <utility>

#include "relay/crypto.hpp"
#include "relay/device_front.hpp"

namespace tidegate::relay {

using wire::Code;

struct GatewayDoor::Opening {
  wire::RtsConnection envelope;
  std::string key_id, key;
  std::unique_ptr<Reply> reply;
};

GatewayDoor::GatewayDoor(Hub& hub, sim::Files& files)
    : hub_(hub),
      backups_(std::make_shared<Backups>(files, hub.settings.backup_directory(), hub.settings.backup_quota)) {}
GatewayDoor::~GatewayDoor() = default;

GatewayChannel* GatewayDoor::find(std::uint64_t generation) {
  const auto found = channels_.find(generation);
  return found == channels_.end() || found->second->over() ? nullptr : found->second.get();
}

GatewayChannel* GatewayDoor::find(const Bytes& guid) {
  for (auto& [generation, channel] : channels_)
    if (!channel->over() && channel->who().guid == guid) return channel.get();
  return nullptr;
}

Bytes GatewayDoor::offer() {
  const auto pair = hub_.keys.make(hub_.random(16), hub_.unix_now());
  const auto& url = hub_.settings.public_url;
  return wire::encode(wire::Opened{pair.key_id, pair.key, url + "/rts/events", url + "/rts/data",
                                   static_cast<std::uint64_t>(hub_.settings.reply_time.count())});
}

// --- opening

void GatewayDoor::enter(View key_id, View key, View body, std::unique_ptr<Reply> reply) {
  if (auto fine = hub_.keys.open(key_id, key, hub_.unix_now()); !fine) return reply->fault(fine.error());
  auto envelope = wire::decode_rts_connection(body);
  if (!envelope) return reply->fault(envelope.error());
  auto opening =
      std::make_shared<Opening>(Opening{std::move(*envelope), std::string(key_id), std::string(key), std::move(reply)});
  const auto& said = opening->envelope;
  const auto wrong = [&](const char* text) { opening->reply->fault({FaultKind::invalid, "opening", text, {}, {}}); };
  if (std::ranges::find(said.versions, 1U) == said.versions.end())
    return wrong("the relay speaks version 1 of RTS, the gateway does not; update the older of the two");
  if (said.guid.size() != 16 || said.public_key.size() != 32 || sha256(said.public_key).substr(0, 16) != said.guid)
    return opening->reply->fault({FaultKind::auth, "opening", "the GUID does not belong to the public key", {}, {}});
  if (!hub_.is_our_name(said.relay_host))
    return wrong("the gateway knows this relay by another name; correct relay = in its configuration, or names = here");
  entered(std::move(opening));
}

void GatewayDoor::entered(std::shared_ptr<Opening> opening) {
  const bool taken = hub_.desk.ask(
      [guid = opening->envelope.guid](Accounts& accounts) { return accounts.gateway(guid); },
      [this, opening](Result<GatewayAccount> account) {
        if (!opening->reply->alive()) return;
        if (!account) return opening->reply->fault(account.error());
        if (auto fine = may_open(*opening, *account); !fine) {
          hub_.audit_stranger(opening->reply->peer(), "opening refused", account->label, fine.error().text);
          return opening->reply->fault(fine.error());
        }
        using Admitted = Result<wire::ActivateUsers>;
        const bool going = hub_.desk.ask(
            [guid = account->guid, instance = opening->envelope.instance](Accounts& accounts) -> Admitted {
              if (auto fine = accounts.gateway_admit(guid, instance); !fine)
                return std::unexpected(std::move(fine.error()));
              return accounts.activation(guid);
            },
            [this, opening, known = *account](Admitted users) {
              if (!users) {
                if (users.error().kind == FaultKind::conflict)
                  hub_.audit_stranger(opening->reply->peer(), "instance refused", known.label, users.error().text);
                return opening->reply->fault(users.error());
              }
              install(opening, known, std::move(*users));
            });
        if (!going)
          opening->reply->fault(
              {FaultKind::unavailable, "relay", "the relay is busy; try again shortly", {}, std::chrono::seconds(3)});
      });
  if (!taken)
    opening->reply->fault(
        {FaultKind::unavailable, "relay", "the relay is busy; try again shortly", {}, std::chrono::seconds(3)});
}

Result<void> GatewayDoor::may_open(const Opening& opening, const GatewayAccount& account) const {
  const auto& said = opening.envelope;
  const auto refused = [&](FaultKind kind, const char* text) { return fault(kind, account.label, text); };
  if (!equal(account.public_key, said.public_key) || !equal(account.token_hash, sha256(said.license_id)))
    return refused(FaultKind::auth, "the LicenseID is not the one of this gateway's last registration; register again");
  Bytes binding;
  if (said.tls_interception_allowed) {
    if (!account.interception)
      return refused(FaultKind::denied,
                     "the gateway allows a TLS-opening proxy, the relay does not for it; ask the relay's operator "
                     "(gateway allow-interception)");
  } else {
    binding = opening.reply->binding();
    if (binding.empty())
      return refused(FaultKind::denied,
                     "this connection is not bound to TLS; the relay stands behind a TLS proxy and needs "
                     "tls_interception = allow");
  }
  auto bare = said;
  bare.signature.clear();
  const auto input = wire::opening_signature_input(said, host_of(hub_.settings.public_url), opening.key_id, opening.key,
                                                   binding, sha256(wire::encode(bare)));
  if (!ed25519_verify(said.public_key, input, said.signature))
    return refused(
        FaultKind::auth,
        "the gateway's signature does not fit: either its state is damaged, or a proxy on the way opens TLS");
  return in_force(account.licence, hub_.unix_now());
}

void GatewayDoor::install(std::shared_ptr<Opening> opening, const GatewayAccount& account,
                          wire::ActivateUsers&& users) {
  const auto instance = opening->envelope.instance;
  auto* older = find(account.guid);
  // Two openings crossed in the database: the higher instance stays, whichever came last.
  if (older && older->who().instance != instance && older->who().instance.counter >= instance.counter)
    return opening->reply->fault(
        {FaultKind::conflict, account.label, "another gateway uses this identity; stop one of the two", {}, {}});
  auto stream = opening->reply->take();
  if (!stream) return;
  if (older && older->who().instance == instance)
    older->replaced();
  else if (older) {
    hub_.audit("relay", "instance superseded", account.label, "a newer start of this gateway took over");
    older->end({Code::conflict,
                "another gateway uses this identity; stop one of the two, then `tidegatectl resume` on the other", 0});
  }
  ProvenGateway who;
  who.guid = account.guid;
  who.label = account.label;
  who.licence = account.licence.id;
  who.instance = instance;
  who.key_id = opening->key_id;
  who.key = opening->key;
  who.users = std::move(users);
  // Wall-clock based: a session of before a restart of this relay can't be mistaken for one of after.
  const auto wall = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(hub_.reactor.wall().time_since_epoch()).count());
  last_generation_ = std::max(last_generation_ + 1, wall);
  auto& made = channels_[last_generation_];
  made = std::make_unique<GatewayChannel>(*this, hub_, std::move(who), last_generation_, std::move(stream));
  made->begin();
}

// --- registration

void GatewayDoor::registers(View body, std::unique_ptr<Reply> reply) {
  auto said = wire::decode_register(body);
  if (!said) return reply->fault(said.error());
  if (said->public_key.size() != 32 || said->license.empty() || !hub_.is_our_name(said->relay_host))
    return reply->fault(
        {FaultKind::invalid,
         "registration",
         "the registration names no key, licence or relay of ours; check relay = in the gateway's configuration",
         {},
         {}});
  const auto now = hub_.reactor.now();
  const auto shut =
      std::max(hub_.lockout.shut("l:" + said->license, now), hub_.lockout.shut("a:" + address_of(reply->peer()), now));
  if (shut.count() > 0)
    return reply->fault(
        {FaultKind::throttled, "registration", "too many wrong passwords; wait before you try again", {}, shut});
  if (!ed25519_verify(said->public_key, wire::registration_signature_input(*said, reply->binding()), said->signature))
    return reply->fault({FaultKind::auth,
                         "registration",
                         "the gateway's signature does not fit; a proxy on the way may be opening TLS",
                         {},
                         {}});
  const auto guid = sha256(said->public_key).substr(0, 16);
  check_licence(std::move(*said), guid, std::move(reply));
}

void GatewayDoor::check_licence(wire::Register&& said, const Bytes& guid, std::unique_ptr<Reply> taken_reply) {
  const auto busy = [](Reply& reply) {
    reply.fault({FaultKind::throttled,
                 "relay",
                 "the relay is busy with other registrations; try again shortly",
                 {},
                 std::chrono::seconds(3)});
  };
  std::shared_ptr<Reply> reply = std::move(taken_reply);
  auto name = said.license;
  const bool taken = hub_.desk.ask(
      [name](Accounts& accounts) { return accounts.licence(name); },
      [this, reply, said, guid, busy](Result<Licence> licence) {
        if (!licence && licence.error().kind != FaultKind::not_found) return reply->fault(licence.error());
        const auto hash = licence ? licence->password : std::string();
        const bool hashing = hub_.desk.hash(
            [hash, password = said.password](HashCost cost) {
              if (!hash.empty()) return verify_password(password, hash);
              refuse_slowly(password, cost);
              return false;
            },
            [this, reply, said, guid, busy, licence](bool right) {
              if (!right) {
                const auto now = hub_.reactor.now();
                const auto address = address_of(reply->peer());
                if (hub_.lockout.failed("l:" + said.license, now))
                  hub_.audit_stranger(address, "lockout", said.license, "too many wrong passwords for the licence");
                if (hub_.lockout.failed("a:" + address, now))
                  hub_.audit_stranger(address, "lockout", address, "too many wrong passwords from the address");
                return reply->fault({FaultKind::auth,
                                     "registration",
                                     "licence or password is wrong; both come from the relay's operator",
                                     {},
                                     {}});
              }
              hub_.lockout.succeeded("l:" + said.license);
              if (auto fine = in_force(*licence, hub_.unix_now()); !fine) return reply->fault(fine.error());
              const auto token = hex(hub_.random(32));
              const bool putting = hub_.desk.ask(
                  [said, guid, token, id = licence->id, now = hub_.unix_now(),
                   peer = reply->peer()](Accounts& accounts) -> Result<void> {
                    if (auto fine = accounts.gateway_put(guid, said.public_key, id, sha256(token), said.label, now);
                        !fine)
                      return fine;
                    return accounts.audit(
                        {now, peer, "gateway registered", said.label, hex(guid) + " with licence " + said.license});
                  },
                  [reply, guid, token, seats = licence->seats](Result<void> done) {
                    if (!done) return reply->fault(done.error());
                    reply->body(wire::encode(wire::Registered{guid, token, seats}));
                  });
              if (!putting) busy(*reply);
            });
        if (!hashing) busy(*reply);
      });
  if (!taken) busy(*reply);
}

// --- by decree

void GatewayDoor::end_licence(std::int64_t licence, const wire::Refused& why) {
  for (auto& [generation, channel] : channels_)
    if (channel->who().licence == licence) channel->end(why);
}

void GatewayDoor::end_all(const wire::Refused& why) {
  for (auto& [generation, channel] : channels_) channel->end(why);
}

void GatewayDoor::tell_change(const Bytes& guid, std::string user, wire::UserState state) {
  // Not the whole list: adding many users one by one would cost the square of their number.
  (void)hub_.desk.ask([guid](Accounts& accounts) { return accounts.seats(guid); },
                      [this, guid, user = std::move(user), state](Result<wire::ActivateUsers> change) {
                        auto* channel = find(guid);
                        if (!channel || !change) return;
                        change->whole = false;
                        change->users.push_back({user, state, {}});
                        channel->activate(std::move(*change));
                      });
}

void GatewayDoor::refresh(const Bytes& guid) {
  (void)hub_.desk.ask([guid](Accounts& accounts) { return accounts.activation(guid); },
                      [this, guid](Result<wire::ActivateUsers> users) {
                        auto* channel = find(guid);
                        if (channel && users) channel->activate(std::move(*users));
                      });
}

}  // namespace tidegate::relay
