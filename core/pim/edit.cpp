// SPDX-License-Identifier: Apache-2.0
#include "core/pim/edit.hpp"

#include <algorithm>

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr days years_ahead(3660);  // in which the next instance of a series is looked for

bool of_the_series(const Line& line) {
  return line.is("RRULE") || line.is("RDATE") || line.is("EXDATE") || line.is("EXRULE") || line.is("RECURRENCE-ID");
}

bool recurs(const CalendarObject& object) {
  const auto* master = object.master();
  if (master == nullptr) return true;
  return master->find("RRULE") != nullptr || master->find("RDATE") != nullptr || !object.overrides().empty();
}

/// Of a component that is copied: it is written anew where it differs, and has no number of a line.
Component override_of(CalendarObject& object, const Instance& instance, const Zone& floating) {
  auto made = *instance.component;
  made.remove_if(of_the_series);
  move_to(object, made, instance.start, floating);
  // RFC 5545 §3.8.4.4: the same type of value as the master's DTSTART; another zone shows both instances (DAV-13).
  auto id = moment_line("RECURRENCE-ID", instance.id);
  const auto uid = std::ranges::find_if(made.lines, [](const Line& line) { return line.is("UID"); });
  made.lines.insert(uid == made.lines.end() ? made.lines.begin() : uid + 1, std::move(id));
  for (auto& part : made.parts) ++part.after;
  return made;
}

/// Behind the last component of the object.
void add_override(CalendarObject& object, Component made) {
  auto& parts = object.calendar().parts;
  auto behind = parts.size();
  while (behind > 0 && !object.holds_items(parts[behind - 1])) --behind;
  made.after = parts[behind - 1].after;
  parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(behind), std::move(made));
}

/// An override that rules what follows, too, hands that to the next instance, and is left with its own.
Result<void> hand_on(CalendarObject& object, const Instance& ruling, const Zone& floating) {
  const auto zone = std::make_shared<Zone>(floating);
  const auto at = object.utc(ruling.id, floating);
  const auto following = instances(object, {at, at + years_ahead, zone});
  if (!following) return std::unexpected(following.error());
  const Instance* next = nullptr;
  for (const auto& each : *following) {
    const bool ruled = each.component == ruling.component && !each.overridden;
    if (ruled && (next == nullptr || each.id.local < next->id.local)) next = &each;
  }
  const auto own = ruling.component - object.calendar().parts.data();
  if (next != nullptr) {
    auto made = override_of(object, *next, floating);
    made.find("RECURRENCE-ID")->set_parameter("RANGE", "THISANDFUTURE");
    add_override(object, std::move(made));
  }
  object.calendar().parts[static_cast<std::size_t>(own)].find("RECURRENCE-ID")->remove_parameter("RANGE");
  return {};
}

}  // namespace

void move_to(CalendarObject& object, Component& item, const Moment& start, const Zone& floating) {
  const auto* name = item.find("DTSTART") != nullptr ? "DTSTART" : "DUE";
  const auto* line = item.find(name);
  if (line == nullptr) return item.set(moment_line("DTSTART", start));
  const auto before = moment_of(*line);
  for (const auto* each : {"DTEND", "DUE"}) {
    const auto* end = item.find(each);
    if (end == nullptr || item.find("DTSTART") == nullptr || !before) continue;
    auto moment = moment_of(*end);
    if (!moment) continue;
    if (start.all_day() || moment->all_day()) {
      moment->local += floor<days>(start.local) - floor<days>(before->local);
    } else {
      // Exactly as long as before (RFC 5545 §3.8.5.3), told in the zone that the end was told in.
      const auto length = object.utc(*moment, floating) - object.utc(*before, floating);
      const auto at = object.utc(start, floating) + length;
      *moment = object.in_form_of({Moment::Form::utc, Local(at.time_since_epoch()), {}}, *moment, floating);
    }
    item.set(moment_line(each, *moment, end));
  }
  if (!before || *before != start) item.set(moment_line(name, start, item.find(name)));
}

Result<void> edit_instance(CalendarObject& object, const Moment& id, const Zone& floating, const Edit& edit) {
  if (!recurs(object)) {
    edit(*object.master());
    return {};
  }
  auto instance = instance_named(object, id, floating);
  if (!instance) return std::unexpected(std::move(instance.error()));
  if (instance->overridden) {
    const auto own = static_cast<std::size_t>(instance->component - object.calendar().parts.data());
    if (instance->component->find("RECURRENCE-ID")->parameter("RANGE") != nullptr)
      if (auto handed = hand_on(object, *instance, floating); !handed) return handed;
    edit(object.calendar().parts[own]);
    return {};
  }
  auto made = override_of(object, *instance, floating);
  edit(made);
  add_override(object, std::move(made));
  return {};
}

Result<void> remove_instance(CalendarObject& object, const Moment& id, const Zone& floating) {
  auto instance = instance_named(object, id, floating);
  if (!instance) return std::unexpected(std::move(instance.error()));
  auto* master = object.master();
  if (master == nullptr)
    return fault(FaultKind::not_found, object.uid(), "Of this series only single instances are there.");
  master->add(moment_line("EXDATE", instance->id));
  if (instance->overridden && instance->component->find("RECURRENCE-ID")->parameter("RANGE") == nullptr)
    std::erase_if(object.calendar().parts, [gone = instance->component](const auto& each) { return &each == gone; });
  return {};
}

void touch(Component& item, Utc now, bool significant) {
  item.set(Line("DTSTAMP", stamp(now)));
  item.set(Line("LAST-MODIFIED", stamp(now)));
  if (!significant) return;
  const auto before = parse_integer(item.value("SEQUENCE")).value_or(0);
  item.set(Line("SEQUENCE", std::to_string(before + 1)));
}

void set_completed(Component& todo, std::optional<Utc> when) {
  if (when) {
    todo.set(Line("STATUS", "COMPLETED"));
    todo.set(Line("PERCENT-COMPLETE", "100"));
    todo.set(Line("COMPLETED", stamp(*when)));
    return;
  }
  todo.remove("COMPLETED");
  todo.remove("PERCENT-COMPLETE");
  todo.set(Line("STATUS", "NEEDS-ACTION"));
}

}  // namespace tidegate::pim
