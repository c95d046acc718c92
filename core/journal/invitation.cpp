// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <fmt/format.h>

#include "core/e2e/digest.hpp"
#include "core/e2e/gid_text.hpp"
#include "core/journal/answering.hpp"
#include "core/pim/take_over.hpp"

namespace tidegate::journal {
namespace {

pim::Answer answer_of(const e2e::Command& command) {
  switch (command.reply) {
    case 1:
      return pim::Answer::tentative;
    case 2:
      return pim::Answer::declined;
    default:
      return pim::Answer::accepted;
  }
}

Fault cannot(std::string why) { return {FaultKind::unsupported, "invitation", std::move(why), {}, {}}; }

std::optional<Fault> wrong_method(std::string_view method) {
  if (method == "REQUEST") return std::nullopt;
  if (method == "CANCEL") return cannot("This is a cancellation: acknowledge it, and the calendar says so, too.");
  if (method == "REPLY") return cannot("This is somebody's answer: acknowledge it, and the calendar says so, too.");
  if (method == "COUNTER" || method == "DECLINECOUNTER")
    return cannot("This proposes another time; that cannot be answered here yet.");
  return cannot(fmt::format("This is no invitation, but a scheduling message of another kind ({}).", method));
}

/// Of a message, as 16 characters that compare as time does.
std::string stamp_of(const pim::Component& item) {
  const auto* line = item.find("DTSTAMP");
  const auto said = line == nullptr ? std::nullopt : pim::parse_moment(line->value());
  return pim::stamp(said ? pim::Utc(said->local.time_since_epoch()) : pim::Utc());
}

std::string attendee_named(const e2e::Command& command, const Answering& by) {
  return pim::address_of(command.name.empty() ? by.user : command.name);
}

/// The same command, the same Message-ID: what may have been sent can be looked for.
std::string message_id(const e2e::Command& command, const std::string& attendee) {
  e2e::Gid id{};
  std::ranges::copy(std::as_bytes(std::span(command.id)).first(std::min(command.id.size(), id.size())), id.begin());
  return fmt::format("<{}.answer@{}>", e2e::gid_text(id), attendee.substr(attendee.find('@') + 1));
}

}  // namespace

std::optional<Fault> read_invitation(View content, const Answering& by, const e2e::Command& command,
                                     const pim::ZoneSource& zones, Answer& into) {
  Bytes object(content);
  if (by.mail) {
    auto part = pim::scheduling_part(content);
    if (!part) return cannot("There is no invitation in this message.");
    if (auto wrong = wrong_method(part->method)) return wrong;
    object = std::move(part->octets);
  }
  auto request = pim::CalendarObject::parse(object, zones);
  if (!request) return std::move(request.error());
  auto& reply = into.reply;
  reply.attendee = attendee_named(command, by);
  reply.answer = answer_of(command);
  reply.comment = command.comment;
  // Of the device's clock, so that it is the same however often it is made.
  reply.now = command.received != 0 ? pim::Utc(std::chrono::seconds(command.received)) : by.now;
  auto octets = pim::reply_to(*request, reply);
  if (!octets) return std::move(octets.error());
  into.reply_octets = std::move(*octets);
  into.organizer = pim::organizer_of(*request);
  into.summary = pim::text_value(request->first().value("SUMMARY"));
  e2e::Digest digest;
  digest.add(pim::partstat(reply.answer));
  digest.add("\n");
  digest.add(reply.comment);
  into.row = {.user = by.user,
              .key = pim::scheduling_key(*request).octets(),
              .answer = digest.finish(),
              .message_id = message_id(command, reply.attendee),
              .at = by.now.time_since_epoch().count()};
  into.request = std::make_shared<const pim::CalendarObject>(std::move(*request));
  return std::nullopt;
}

std::optional<Fault> read_told(View content, const Answering& by, const e2e::Command& command,
                               const pim::ZoneSource& zones, Answer& into) {
  auto part = by.mail ? pim::scheduling_part(content) : std::nullopt;
  if (!part) return cannot("There is no message about a meeting here that could be taken over.");
  const bool cancels = part->method == "CANCEL";
  if (part->method == "REQUEST") return cannot("This is an invitation: accept it, decline it, or do so tentatively.");
  if (!cancels && part->method != "REPLY") return wrong_method(part->method);
  auto told = pim::CalendarObject::parse(part->octets, zones);
  if (!told) return std::move(told.error());
  into.reply.attendee = attendee_named(command, by);
  into.sender = pim::sender_of(content);
  // Nothing leaves, so that nobody is its recipient: whose word it is takes that place.
  auto key = pim::scheduling_key(*told);
  const auto* guest = told->first().find("ATTENDEE");
  key.recipient = cancels || guest == nullptr ? "cancelled" : "answered by " + pim::address_of(guest->value());
  e2e::Digest digest;
  digest.add(part->octets);
  into.row = {.user = by.user,
              .key = key.octets(),
              .answer = stamp_of(told->first()) + digest.finish(),
              .message_id = {},
              .at = by.now.time_since_epoch().count()};
  into.request = std::make_shared<const pim::CalendarObject>(std::move(*told));
  return std::nullopt;
}

Result<std::optional<Bytes>> told_object(const Answer& answer, View there, const pim::ZoneSource& zones) {
  auto own = pim::CalendarObject::parse(there, zones);
  if (!own) return std::unexpected(std::move(own.error()));
  const std::array organizer{answer.reply.attendee};
  const auto& told = *answer.request;
  auto taken = told.method() == "CANCEL" ? pim::take_cancel(*own, told, answer.sender)
                                         : pim::take_reply(*own, told, answer.sender, organizer);
  if (!taken) return std::unexpected(std::move(taken.error()));
  auto octets = own->octets();
  if (octets == there) return std::nullopt;
  return std::optional(std::move(octets));
}

Bytes mail_of(const Answer& answer) {
  return pim::imip_mail({.from = answer.reply.attendee,
                         .to = answer.organizer,
                         .summary = answer.summary,
                         .message_id = answer.row.message_id,
                         .now = answer.reply.now,
                         .answer = answer.reply.answer,
                         .comment = answer.reply.comment},
                        answer.reply_octets);
}

Result<std::optional<Bytes>> calendar_object(const Answer& answer, View there, const pim::ZoneSource& zones) {
  if (there.empty()) {
    auto made = *answer.request;
    if (auto noted = pim::note_answer(made, answer.reply, true); !noted) return std::unexpected(noted.error());
    return std::optional(made.octets());
  }
  auto own = pim::CalendarObject::parse(there, zones);
  if (!own) return std::unexpected(std::move(own.error()));
  if (auto taken = pim::take_answered(*own, *answer.request, answer.reply, true); !taken)
    return std::unexpected(taken.error());
  auto octets = own->octets();
  if (octets == there) return std::nullopt;
  return std::optional(std::move(octets));
}

}  // namespace tidegate::journal
