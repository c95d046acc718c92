// SPDX-License-Identifier: Apache-2.0
#include "core/pim/take_over.hpp"

#include <algorithm>
#include <array>

#include "core/mime/addresses.hpp"
#include "core/mime/parts.hpp"
#include "core/pim/edit.hpp"
#include "core/pim/itip.hpp"

namespace tidegate::pim {
namespace {

std::unexpected<Fault> denied(const CalendarObject& object, std::string why) {
  return fault(FaultKind::denied, object.uid(), std::move(why));
}

/// Whoever this line of ORGANIZER or ATTENDEE is of, or who sends for him.
bool is_of(const Line& line, const std::string& address) {
  if (address.empty()) return false;
  const std::array said{address_of(line.value()), address_of(line.first("EMAIL")), address_of(line.first("SENT-BY"))};
  return std::ranges::find(said, address) != said.end();
}

/// RFC 5546 §2.1.5: by SEQUENCE, then by DTSTAMP.
bool older(const Component& told, const Component& there) {
  if (sequence_of(told) != sequence_of(there)) return sequence_of(told) < sequence_of(there);
  const auto *said = told.find("DTSTAMP"), *known = there.find("DTSTAMP");
  if (said == nullptr || known == nullptr) return false;
  const auto told_at = moment_of(*said), known_at = moment_of(*known);
  return told_at && known_at && told_at->local < known_at->local;
}

Result<void> may_cancel(const CalendarObject& own, const Component& there, const Component& told,
                        const std::string& sender) {
  const auto* organizer = there.find("ORGANIZER");
  if (organizer == nullptr)
    return denied(own, "What the calendar has names no organizer: nobody can cancel it by a message.");
  const auto* claimed = told.find("ORGANIZER");
  if (claimed == nullptr || !is_of(*organizer, address_of(claimed->value())) || !is_of(*organizer, sender))
    return denied(own, "This cancellation does not come from who organizes it (" + address_of(organizer->value()) +
                           "): nothing was changed. Remove it by hand if you trust the message.");
  if (older(told, there))
    return denied(own, "This cancellation is older than what the calendar has: nothing was changed.");
  return {};
}

void cancel_in(Component& there, const Component& told) {
  if (upper(there.value("STATUS")) == "CANCELLED") return;
  there.set(Line("STATUS", "CANCELLED"));
  for (const auto* name : {"DTSTAMP", "SEQUENCE"})
    if (const auto* line = told.find(name)) there.set(Line(name, line->value()));
}

/// The whole: the master, and instances that are not newer; where there is no master, instances alone.
Result<void> cancel_whole(CalendarObject& own, const Component& told, const std::string& sender) {
  Result<void> first = fault(FaultKind::not_found, own.uid(), "Nothing of it is in the calendar.");
  bool any = false;
  if (auto* master = own.master()) {
    if (auto may = may_cancel(own, *master, told, sender); !may) return may;
    cancel_in(*master, told);
    any = true;
  }
  for (auto& part : own.calendar().parts) {
    if (!own.holds_items(part) || &part == own.master()) continue;
    auto may = may_cancel(own, part, told, sender);
    if (may)
      cancel_in(part, told);
    else if (!any)
      first = std::move(may);
    any |= upper(part.value("STATUS")) == "CANCELLED";
  }
  if (!any) return first;
  return {};
}

/// The component of its own that an instance has, else the master that rules it.
Component* ruling(CalendarObject& own, std::optional<Utc> instance) {
  for (auto& part : own.calendar().parts)
    if (own.holds_items(part) && instance_of(own, part) == instance) return &part;
  return own.master();
}

/// `may` looks at what rules the instance, before `edit` changes the instance alone.
Result<void> change(CalendarObject& own, const CalendarObject& message, const Component& told,
                    const std::function<Result<void>(const Component&)>& may, const Edit& edit) {
  const auto instance = instance_of(message, told);
  auto* there = ruling(own, instance);
  const auto none = [&] {
    return fault(FaultKind::not_found, own.uid(), "What the calendar has does not include what the message is about.");
  };
  if (there == nullptr || (!instance && told.find("RECURRENCE-ID") != nullptr)) return none();
  if (auto allowed = may(*there); !allowed) return allowed;
  if (instance_of(own, *there) == instance) {
    edit(*there);
    return {};
  }
  // The override gets its id in the form of the master's DTSTART.
  const Moment id{Moment::Form::utc, Local(instance->time_since_epoch()), {}};
  if (!instance_named(own, id, *Zone::utc())) return none();  // also of what does not recur
  auto made = edit_instance(own, id, *Zone::utc(), edit);
  return made;
}

}  // namespace

std::string sender_of(View mail) {
  const auto from = mime::addresses_of(mime::header_field(mail, "from"));
  return from.size() == 1 ? address_of(from.front()) : std::string();
}

Result<void> take_cancel(CalendarObject& own, const CalendarObject& cancel, const std::string& sender) {
  for (const auto& told : cancel.calendar().parts) {
    if (!cancel.holds_items(told)) continue;
    const auto* id = told.find("RECURRENCE-ID");
    if (id != nullptr && id->parameter("RANGE") != nullptr)
      return fault(FaultKind::unsupported, own.uid(),
                   "This cancels an instance and all that follow it; that cannot be taken over: change the calendar by "
                   "hand.");
    auto taken = id == nullptr ? cancel_whole(own, told, sender)
                               : change(
                                     own, cancel, told,
                                     [&](const Component& there) { return may_cancel(own, there, told, sender); },
                                     [&](Component& there) { cancel_in(there, told); });
    if (!taken) return taken;
  }
  return {};
}

Result<void> take_reply(CalendarObject& own, const CalendarObject& reply, const std::string& sender,
                        std::span<const std::string> organizer) {
  for (const auto& told : reply.calendar().parts) {
    if (!reply.holds_items(told)) continue;
    const auto answers = told.all("ATTENDEE");
    if (answers.size() != 1)
      return fault(FaultKind::invalid, own.uid(), "An answer is of one guest; this names none, or several.");
    const auto said = upper(answers.front()->first("PARTSTAT"));
    if (said != "ACCEPTED" && said != "DECLINED" && said != "TENTATIVE")
      return fault(FaultKind::unsupported, own.uid(),
                   "This answer neither accepts nor declines; it cannot be taken over.");
    const std::array guest{address_of(answers.front()->value())};
    const auto may = [&](const Component& there) -> Result<void> {
      const auto* by = there.find("ORGANIZER");
      if (by == nullptr || std::ranges::none_of(organizer, [&](const auto& own_one) { return is_of(*by, own_one); }))
        return denied(own, "You do not organize what this answers: nothing was changed.");
      const auto* asked = attendee_of(there, guest);
      if (asked == nullptr)
        return denied(own, guest.front() + " is not among those who are invited: nothing was changed.");
      if (!is_of(*asked, sender))
        return denied(own, "This answer does not come from " + guest.front() + ": nothing was changed.");
      if (sequence_of(told) < sequence_of(there))
        return denied(own, "This answers an earlier revision of the invitation: nothing was changed.");
      return {};
    };
    auto taken = change(own, reply, told, may, [&](Component& there) {
      const auto* asked = attendee_of(there, guest);
      if (asked == nullptr || upper(asked->first("PARTSTAT")) == said) return;
      there.lines[static_cast<std::size_t>(asked - there.lines.data())].set_parameter("PARTSTAT", said);
    });
    if (!taken) return taken;
  }
  return {};
}

}  // namespace tidegate::pim
