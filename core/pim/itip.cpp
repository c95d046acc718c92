// SPDX-License-Identifier: Apache-2.0
#include "core/pim/itip.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/mime/parts.hpp"

namespace tidegate::pim {
namespace {

constexpr std::string_view product = "-//Tidegate//Tidegate//EN";

std::string unquoted(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('"')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('"')) text.remove_suffix(1);
  return std::string(text);
}

/// The components of a request that ask this attendee.
std::vector<const Component*> asking(const CalendarObject& object, const std::string& attendee) {
  std::vector<const Component*> found;
  const std::array addresses{attendee};
  for (const auto& part : object.calendar().parts)
    if (object.holds_items(part) && attendee_of(part, addresses) != nullptr) found.push_back(&part);
  return found;
}

std::unexpected<Fault> not_invited(const CalendarObject& object) {
  return fault(FaultKind::denied, object.uid(), "You are not among those who are invited; there is nothing to answer.");
}

Component answer_to(const Component& asked, std::string_view name, const Reply& reply) {
  auto answer = Component::named(name);
  answer.add(Line("UID", std::string(asked.value("UID"))));
  answer.add(Line("DTSTAMP", stamp(reply.now)));
  answer.add(Line("SEQUENCE", std::to_string(sequence_of(asked))));
  for (const auto* copied : {"RECURRENCE-ID", "ORGANIZER", "DTSTART", "DTEND", "DUE", "DURATION", "SUMMARY"})
    if (const auto* line = asked.find(copied)) answer.add(*line);
  const std::array addresses{reply.attendee};
  auto attendee = *attendee_of(asked, addresses);
  for (const auto* gone : {"RSVP", "SCHEDULE-STATUS", "SCHEDULE-AGENT", "SCHEDULE-FORCE-SEND"})
    attendee.remove_parameter(gone);
  attendee.set_parameter("PARTSTAT", std::string(partstat(reply.answer)));
  answer.add(std::move(attendee));
  if (!reply.comment.empty()) answer.add(Line("COMMENT", escaped(reply.comment)));
  answer.add(Line("REQUEST-STATUS", "2.0;Success"));
  return answer;
}

/// The answer in one component; false: he is not asked there.
bool note_in(Component& part, const Reply& reply, bool by_mail) {
  const std::array addresses{reply.attendee};
  const auto* asked = attendee_of(part, addresses);
  if (asked == nullptr) return false;
  auto& line = part.lines[static_cast<std::size_t>(asked - part.lines.data())];
  line.set_parameter("PARTSTAT", std::string(partstat(reply.answer)));
  line.remove_parameter("RSVP");
  auto* organizer = part.find("ORGANIZER");
  if (organizer != nullptr && by_mail) organizer->set_parameter("SCHEDULE-AGENT", "CLIENT");
  return true;
}

/// Index among the parts.
std::optional<std::size_t> counterpart(const CalendarObject& object, std::optional<Utc> instance) {
  const auto& parts = object.calendar().parts;
  for (std::size_t at = 0; at < parts.size(); ++at)
    if (object.holds_items(parts[at]) && instance_of(object, parts[at]) == instance) return at;
  return std::nullopt;
}

/// Addresses stand in header fields: nothing that ends one.
std::string header_safe(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= ' ' && c != '\x7F') out += c;
  return out;
}

std::string date_field(Utc now) {
  constexpr std::array names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(now - day);
  return fmt::format("{}, {} {} {} {:02}:{:02}:{:02} +0000", names[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

std::string_view said(Answer answer) {
  return answer == Answer::accepted ? "Accepted" : answer == Answer::declined ? "Declined" : "Tentative";
}

}  // namespace

std::string address_of(std::string_view uri) {
  auto text = unquoted(uri);
  if (text.size() >= 7 && same_word(std::string_view(text).substr(0, 7), "mailto:")) text.erase(0, 7);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return unquoted(text);
}

const Line* attendee_of(const Component& item, std::span<const std::string> addresses) {
  for (const auto* line : item.all("ATTENDEE")) {
    // Some servers write an internal URI as the value and the address beside it.
    for (const auto& said : {address_of(line->value()), address_of(line->first("EMAIL"))})
      if (!said.empty() && std::ranges::any_of(addresses, [&](const auto& own) { return address_of(own) == said; }))
        return line;
  }
  return nullptr;
}

std::string organizer_of(const CalendarObject& object) {
  const auto* line = object.first().find("ORGANIZER");
  if (line == nullptr) return {};
  const auto email = address_of(line->first("EMAIL"));
  const auto value = address_of(line->value());
  return value.contains('@') || email.empty() ? value : email;
}

std::int64_t sequence_of(const Component& item) { return parse_integer(item.value("SEQUENCE")).value_or(0); }

std::optional<Utc> instance_of(const CalendarObject& object, const Component& item) {
  const auto* line = item.find("RECURRENCE-ID");
  if (line == nullptr) return std::nullopt;
  const auto id = moment_of(*line);
  return id ? std::optional(object.utc(*id, *Zone::utc())) : std::nullopt;
}

std::string_view partstat(Answer answer) {
  return answer == Answer::accepted ? "ACCEPTED" : answer == Answer::declined ? "DECLINED" : "TENTATIVE";
}

Bytes SchedulingKey::octets() const {
  const auto text = fmt::format("{}:{}{}:{}{}:{}{}", uid.size(), uid, recurrence.size(), recurrence, recipient.size(),
                                recipient, sequence);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return Bytes(reinterpret_cast<const char*>(digest.data()), size);
}

SchedulingKey scheduling_key(const CalendarObject& request) {
  const auto& item = request.first();
  return {request.uid(), std::string(item.value("RECURRENCE-ID")), sequence_of(item), organizer_of(request)};
}

Result<Bytes> reply_to(const CalendarObject& request, const Reply& reply) {
  if (!request.method().empty() && request.method() != "REQUEST")
    return fault(FaultKind::unsupported, request.uid(), "Only an invitation can be answered, and this is none.");
  const auto organizer = organizer_of(request);
  if (!organizer.contains('@'))
    return fault(FaultKind::unsupported, request.uid(),
                 "The invitation does not say who organizes it; it can't be answered.");
  if (organizer == address_of(reply.attendee))
    return fault(FaultKind::denied, request.uid(), "You organize this yourself; there is nothing to answer.");
  const auto asked = asking(request, reply.attendee);
  if (asked.empty()) return not_invited(request);
  auto calendar = Component::named("VCALENDAR");
  calendar.add(Line("PRODID", std::string(product)));
  calendar.add(Line("VERSION", "2.0"));
  calendar.add(Line("METHOD", "REPLY"));
  std::set<std::string, std::less<>> zones;
  std::vector<Component> answers;
  for (const auto* each : asked) {
    answers.push_back(answer_to(*each, request.item_name(), reply));
    for (const auto& line : answers.back().lines) zones.emplace(line.first("TZID"));
  }
  for (const auto& part : request.calendar().parts)
    if (part.is("VTIMEZONE") && zones.contains(unquoted(part.value("TZID")))) calendar.add_part(part);
  for (auto& each : answers) calendar.add_part(std::move(each));
  return calendar.octets();
}

Result<void> note_answer(CalendarObject& object, const Reply& reply, bool by_mail) {
  bool any = false;
  for (auto& part : object.calendar().parts)
    if (object.holds_items(part)) any |= note_in(part, reply, by_mail);
  if (!any) return not_invited(object);
  object.calendar().remove("METHOD");  // RFC 4791 §4.1: not in what is stored
  return {};
}

Result<void> take_answered(CalendarObject& own, const CalendarObject& request, const Reply& reply, bool by_mail) {
  auto asked = request;
  if (auto noted = note_answer(asked, reply, by_mail); !noted) return noted;
  auto& parts = own.calendar().parts;
  if (const auto* whole = asked.master()) {
    const auto revision = sequence_of(*whole);
    std::erase_if(parts, [&](const Component& part) {
      return own.holds_items(part) && part.find("RECURRENCE-ID") != nullptr && sequence_of(part) < revision &&
             !counterpart(asked, instance_of(own, part));
    });
  }
  bool replaced = false;
  for (auto& item : asked.calendar().parts) {
    if (!asked.holds_items(item)) continue;
    const auto at = counterpart(own, instance_of(asked, item));
    if (at && sequence_of(parts[*at]) >= sequence_of(item) && note_in(parts[*at], reply, by_mail)) continue;
    replaced = true;
    if (!at) {
      own.calendar().add_part(item);
      continue;
    }
    if (item.part("VALARM") == nullptr)
      for (const auto& alarm : parts[*at].parts)
        if (alarm.is("VALARM")) item.add_part(alarm);
    item.after = parts[*at].after;
    parts[*at] = item;
  }
  if (!replaced) return {};
  // What came is reckoned with by the zones that came along.
  for (const auto& zone : asked.calendar().parts) {
    if (!zone.is("VTIMEZONE")) continue;
    const auto same = std::ranges::find_if(parts, [&](const Component& part) {
      return part.is("VTIMEZONE") && unquoted(part.value("TZID")) == unquoted(zone.value("TZID"));
    });
    if (same == parts.end())
      own.calendar().add_part(zone);
    else
      same->parts = zone.parts, same->lines = zone.lines;
  }
  return {};
}

std::optional<SchedulingPart> scheduling_part(View mail) {
  std::optional<SchedulingPart> found;
  mime::each_part(mail, [&](const mime::Part& part) {
    const auto& head = part.header;
    const bool calendar = head.type == "text" && head.subtype == "calendar";
    const bool file =
        calendar || (head.type == "application" && (head.subtype == "ics" || head.subtype == "octet-stream") &&
                     (head.name.ends_with(".ics") || head.subtype == "ics"));
    if (!file || (found && (!calendar || head.attachment))) return true;
    auto text = mime::decoded_text(part);
    const auto whole = text ? read_components(*text, Dialect::icalendar) : Result<std::vector<Component>>{};
    if (!whole || whole->size() != 1 || !whole->front().is("VCALENDAR")) return true;
    auto method = upper(whole->front().value("METHOD"));
    if (method.empty()) return true;
    found = {std::move(*text), std::move(method)};
    return !calendar || head.attachment;  // an alternative of the text itself is the one
  });
  return found;
}

Bytes imip_mail(const ReplyMail& mail, View reply) {
  std::string text = fmt::format("{}: {}\n", said(mail.answer), mail.summary);
  if (!mail.comment.empty()) text += "\n" + mail.comment + "\n";
  // Of the Message-ID: a mail that is made again is the same one. It stands in neither base64 part.
  std::string boundary = "=_tidegate_";
  for (const char c : mail.message_id.substr(0, 40))
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) boundary += c;
  Bytes out;
  const auto field = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}: {}\r\n", name, value);
  };
  field("From", header_safe(mail.from));
  field("To", header_safe(mail.to));
  field("Subject",
        mime::encoded_words(header_safe(fmt::format("{}: {}", said(mail.answer), mail.summary.substr(0, 500)))));
  field("Date", date_field(mail.now));
  field("Message-ID", header_safe(mail.message_id));
  field("MIME-Version", "1.0");
  field("Content-Type", fmt::format("multipart/alternative; boundary=\"{}\"", boundary));
  const auto part = [&](std::string_view type, View octets) {
    out += fmt::format("\r\n--{}\r\n", boundary);
    field("Content-Type", type);
    field("Content-Transfer-Encoding", "base64");
    out += "\r\n" + mime::base64_encoded(octets);
  };
  part("text/plain; charset=UTF-8", text);
  part("text/calendar; charset=UTF-8; method=REPLY", reply);
  out += fmt::format("\r\n--{}--\r\n", boundary);
  return out;
}

}  // namespace tidegate::pim
