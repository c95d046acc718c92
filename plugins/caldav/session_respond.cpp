// SPDX-License-Identifier: Apache-2.0
// Answers to invitations where the server schedules (RFC 6638): the attendee's PARTSTAT is changed in his own copy, and
// the server tells the organizer. Where it does not, the core does it by mail.
#include <algorithm>

#include "core/pim/itip.hpp"
#include "core/pim/system_zones.hpp"
#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr int tries_most = 3;

std::unexpected<Fault> unsupported(const std::string& where, std::string why) {
  return fault(FaultKind::unsupported, where, std::move(why));
}

pim::Answer answer_of(const Reply& reply) {
  switch (reply.answer) {
    case Reply::accept:
      return pim::Answer::accepted;
    case Reply::tentative:
      return pim::Answer::tentative;
    case Reply::decline:
      break;
  }
  return pim::Answer::declined;
}

/// RFC 6638 §7.1: the organizer, or a client before us, wants the server to keep out of it.
bool left_to_clients(const pim::CalendarObject& object) {
  const auto* organizer = object.first().find("ORGANIZER");
  const auto agent = organizer == nullptr ? std::string() : pim::upper(organizer->first("SCHEDULE-AGENT"));
  return !agent.empty() && agent != "SERVER";
}

/// None: he is not asked anywhere. `open`: in some component the answer is another one.
std::optional<std::string> asked(const pim::CalendarObject& object, std::span<const std::string> addresses,
                                 pim::Answer answer, bool& open) {
  std::optional<std::string> found;
  for (const auto& part : object.calendar().parts) {
    if (!object.holds_items(part)) continue;
    const auto* line = pim::attendee_of(part, addresses);
    if (line == nullptr) continue;
    if (!found) {
      const auto email = pim::address_of(line->first("EMAIL"));
      found = email.empty() ? pim::address_of(line->value()) : email;
    }
    open |= pim::upper(line->first("PARTSTAT")) != pim::partstat(answer);
  }
  return found;
}

void comment(pim::CalendarObject& object, const std::string& text) {
  if (text.empty()) return;
  for (auto& part : object.calendar().parts)
    if (object.holds_items(part)) part.set(pim::Line("COMMENT", pim::escaped(text)));
}

}  // namespace

/// RFC 6638 §2: it says so in the DAV field of an OPTIONS. Asked once a session, when there is something to answer.
Result<bool> CaldavSession::schedules(const Call& call) {
  if (schedules_) return *schedules_;
  auto asking = request("OPTIONS", id_of(homes_->homes.front()));
  if (!asking) return std::unexpected(std::move(asking.error()));
  auto answer = ask(call, std::move(*asking));
  if (!answer) return std::unexpected(std::move(answer.error()));
  bool does = false;
  for (const auto& [name, value] : answer->fields.all())
    if (pim::same_word(name, "DAV")) does |= value.contains("calendar-auto-schedule");
  schedules_ = does;
  return does;
}

/// By which the owner of the home is invited; his own name, where the server does not say.
Result<std::vector<std::string>> CaldavSession::addresses(const Call& call) {
  std::vector<std::string> found{whose(box_)};
  std::string principal;
  const auto home = id_of(homes_->homes.front());
  auto owner = multistatus(call, home, {"PROPFIND", propfind_owner(), "0"}, "Looking for the owner",
                           [&](std::string, Resource&& each) {
                             if (principal.empty()) principal = each.owner.empty() ? each.principal : each.owner;
                           });
  if (!owner) return std::unexpected(std::move(owner.error()));
  if (principal.empty()) return found;
  auto said = multistatus(call, principal, {"PROPFIND", propfind_addresses(), "0"}, "Looking for addresses",
                          [&](std::string, Resource&& each) {
                            for (auto& address : each.addresses)
                              if (address.contains('@')) found.push_back(std::move(address));
                          });
  // Its owner may be nobody whom we may look at.
  const bool hidden = !said && (said.error().kind == FaultKind::denied || said.error().kind == FaultKind::not_found);
  if (!said && !hidden) return std::unexpected(std::move(said.error()));
  return found;
}

Result<Written> CaldavSession::respond(const Call& call, View item, const Reply& reply, Attempt& attempt) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  const auto where = homes_->server.place();
  const auto does = schedules(call);
  if (!does) return std::unexpected(does.error());
  if (!*does) return unsupported(where, "This calendar server does not answer invitations itself.");
  const auto own = addresses(call);
  if (!own) return std::unexpected(own.error());
  pim::SystemZones zones;
  const auto answer = answer_of(reply);
  for (int tries = 0;; ++tries) {
    auto there = get(call, item, false);
    if (!there) return std::unexpected(std::move(there.error()));
    auto object = pim::CalendarObject::parse(there->octets, zones.source());
    if (!object) return std::unexpected(std::move(object.error()));
    if (left_to_clients(*object)) return unsupported(where, "The server leaves the answer to this one to its clients.");
    bool open = false;
    const auto attendee = asked(*object, *own, answer, open);
    if (!attendee)
      return fault(FaultKind::denied, where, "You are not among those who are invited; there is nothing to answer.");
    // What an earlier attempt did, or another client.
    if (!open) return Written{Bytes(item), encode(Revision{there->etag, there->schedule_tag}), {}, true};
    if (auto noted = pim::note_answer(*object, {*attendee, answer, reply.comment, {}}, false); !noted)
      return std::unexpected(std::move(noted.error()));
    comment(*object, reply.comment);
    if (tries == 0 && attempt.before)
      if (auto noted = attempt.before(there->etag); !noted) return std::unexpected(std::move(noted.error()));
    // RFC 6638 §3.2.10: what others answered meanwhile is no conflict with what we answer.
    auto changed = object->octets();
    const auto looked = look_at(changed);
    if (!looked) return unsupported(where, "This is no calendar object.");
    const Put what{Bytes(item), std::move(changed), *looked, there->etag, there->schedule_tag};
    auto said = put(call, what);
    if (!said) return std::unexpected(std::move(said.error()));
    if (said->status >= 200 && said->status < 300) return written(call, what, *said);
    if (said->status != 412 || tries + 1 == tries_most) return std::unexpected(web::fault_of(*said, "Answering"));
  }
}

}  // namespace tidegate::caldav
