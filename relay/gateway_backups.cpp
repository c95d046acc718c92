// SPDX-License-Identifier: Apache-2.0
// A gateway's sealed backup comes over its lanes, and is fetched by a gateway that lost all but its recovery key.
#include <utility>

#include <fmt/format.h>

#include "relay/crypto.hpp"
#include "relay/gateway_door.hpp"

namespace tidegate::relay {

using wire::Code;

namespace {
constexpr const char* busy = "the relay is busy; try again shortly";
}

void GatewayDoor::backup_begin(GatewayChannel& channel, wire::BackupBegin&& begin) {
  const auto request = begin.request;
  const bool taken = hub_.desk.ask([backups = backups_, guid = channel.who().guid, begin = std::move(begin)](
                                       Accounts& accounts) { return backups->begin(accounts, guid, begin); },
                                   [this, generation = channel.generation(), request](wire::Answer answer) {
                                     answer.request = request;
                                     if (auto* there = find(generation)) there->tell(answer);
                                   });
  if (!taken) channel.tell(wire::Answer{request, Code::unavailable, busy, 3000});
}

void GatewayDoor::backup_part(GatewayChannel& channel, wire::BackupPart&& part) {
  const auto request = part.request;
  if (!channel.take_backup_part())
    return channel.tell(wire::Answer{request, Code::too_many, "too many parts at once; wait for the answers", 1000});
  const bool taken =
      hub_.desk.ask([backups = backups_, guid = channel.who().guid, part = std::move(part),
                     now = hub_.unix_now()](Accounts& accounts) { return backups->append(accounts, guid, part, now); },
                    [this, generation = channel.generation(), request](wire::Answer answer) {
                      answer.request = request;
                      auto* there = find(generation);
                      if (!there) return;
                      there->backup_part_done();
                      there->tell(answer);
                    });
  if (taken) return;
  channel.backup_part_done();
  channel.tell(wire::Answer{request, Code::unavailable, busy, 3000});
}

void GatewayDoor::restores(View key_id, View key, View body, std::unique_ptr<Reply> given) {
  std::shared_ptr<Reply> reply = std::move(given);
  if (auto fine = hub_.keys.open(key_id, key, hub_.unix_now()); !fine) return reply->fault(fine.error());
  auto said = wire::decode_retrieve(body);
  if (!said) return reply->fault(said.error());
  if (!hub_.is_our_name(said->relay_host))
    return reply->fault({FaultKind::invalid,
                         "restore",
                         "the gateway knows this relay by another name; correct relay = in its configuration, or names "
                         "= here",
                         {},
                         {}});
  if (!ed25519_verify(said->restore_key, wire::restore_signature_input(*said, key_id, key, reply->binding()),
                      said->signature)) {
    hub_.audit_stranger(reply->peer(), "restore refused", "backup", "the signature does not fit");
    return reply->fault({FaultKind::auth,
                         "restore",
                         "the signature of the recovery key does not fit; a proxy on the way may be opening TLS",
                         {},
                         {}});
  }
  const auto peer = reply->peer();
  const bool taken = hub_.desk.ask(
      [backups = backups_, key = said->restore_key, from = said->from](Accounts& accounts) {
        return backups->read(accounts, key, from);
      },
      [this, reply, peer, from = said->from](Result<wire::Retrieved> piece) {
        if (piece && from == 0)
          hub_.audit_stranger(peer, "backup fetched", "backup", fmt::format("version {}", piece->version));
        if (!piece) hub_.audit_stranger(peer, "restore refused", "backup", piece.error().text);
        if (!piece) return reply->fault(piece.error());
        reply->body(wire::encode(*piece));
      });
  if (!taken) reply->fault({FaultKind::unavailable, "relay", busy, {}, std::chrono::seconds(3)});
}

}  // namespace tidegate::relay
