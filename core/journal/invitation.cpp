// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "core/e2e/digest.hpp"
#include "core/e2e/gid_text.hpp"
#include "core/journal/answering.hpp"

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
  if (method == "CANCEL") return cannot("This is a cancellation; it needs no answer.");
  if (method == "COUNTER" || method == "DECLINECOUNTER")
    return cannot("This proposes another time; that cannot be answered here yet.");
  return cannot(fmt::format("This is no invitation, but a scheduling message of another kind ({}).", method));
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
  reply.attendee = pim::address_of(command.name.empty() ? by.user : command.name);
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
