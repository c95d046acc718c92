// SPDX-License-Identifier: Apache-2.0
// From fields of events to calendar objects: lines that differ are written anew, all others stay.
#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "plugins/ews/event_words.hpp"
#include "plugins/ews/events.hpp"
#include "plugins/ews/tasks.hpp"
#include "plugins/ews/zones.hpp"

namespace tidegate::ews {
namespace {

using pim::Component;
using pim::Line;
using pim::Moment;

Moment moment_at(std::string_view text, const Clock_& clock, const std::string& tzid) {
  if (const auto day = day_of(text)) return {Moment::Form::date, *day, {}};
  const auto when = date_time(text).value_or(std::chrono::sys_seconds{});
  if (tzid.empty()) return {Moment::Form::utc, pim::Local(when.time_since_epoch()), {}};
  return {Moment::Form::zoned, clock.zone->local(when), tzid};
}

void set_people(Component& event, const Fields& fields) {
  event.remove("ATTENDEE");
  event.remove("ORGANIZER");
  const auto line = [](const char* name, const std::string& who) {
    const auto tab = who.find('\t');
    Line made(name, "mailto:" + who.substr(0, tab));
    if (tab != std::string::npos) made.set_parameter("CN", who.substr(tab + 1));
    return made;
  };
  if (const auto who = text_at(fields, organizer_path); !who.empty()) event.add(line("ORGANIZER", std::string(who)));
  for (const auto& each : people) {
    for (const auto& who : lines_of(text_at(fields, each.path))) {
      auto made = line("ATTENDEE", who);
      if (*each.parameter != 0) made.set_parameter(each.parameter, each.value);
      const auto address = who.substr(0, who.find('\t'));
      for (const auto& answer : lines_of(text_at(fields, answers_path)))
        if (answer.starts_with(address + '\t')) made.set_parameter("PARTSTAT", answer.substr(address.size() + 1));
      event.add(std::move(made));
    }
  }
}

void set_alarm(Component& event, std::string_view minutes_) {
  std::erase_if(event.parts, [](const auto& part) { return part.is("VALARM"); });
  if (minutes_.empty()) return;
  auto alarm = Component::named("VALARM");
  alarm.add(Line("ACTION", "DISPLAY"));
  alarm.add(Line("DESCRIPTION", "Reminder"));
  alarm.add(Line("TRIGGER", fmt::format("-PT{}M", minutes_)));
  event.add_part(std::move(alarm));
}

/// Changes the lines whose fields differ from `said`.
void set_event(Component& event, const Fields& fields, const Fields& said, const Clock_& clock,
               const std::string& tzid) {
  const auto changed = [&](const char* path) { return text_at(fields, path) != text_at(said, path); };
  set_common(event, fields, said);
  if (changed(start_path) || changed(end_path) || changed(all_day_path) || changed(zone_path)) {
    event.set(pim::moment_line("DTSTART", moment_at(text_at(fields, start_path), clock, tzid)));
    event.remove("DURATION");
    event.set(pim::moment_line("DTEND", moment_at(text_at(fields, end_path), clock, tzid)));
  }
  set_text(event, "LOCATION", text_at(fields, "calendar:Location"), text_at(said, "calendar:Location"));
  if (changed(busy_path)) {
    const auto wanted = text_at(fields, busy_path);
    event.remove(busy_property);
    event.set(Line("TRANSP", wanted == "Free" ? "TRANSPARENT" : "OPAQUE"));
    for (const auto& [word_, text] : busy_words)
      if (wanted == word_) event.set(Line(busy_property, std::string(text)));
  }
  if (changed(reminder_path) || changed(minutes_path)) set_alarm(event, text_at(fields, minutes_path));
  if (changed(people[0].path) || changed(people[1].path) || changed(people[2].path) || changed(organizer_path) ||
      changed(answers_path))
    set_people(event, fields);
  if (changed(cancelled_path)) {
    if (fields.contains(cancelled_path))
      event.set(Line("STATUS", "CANCELLED"));
    else
      event.remove("STATUS");
  }
}

std::string original_of(const pim::CalendarObject& object, const Component& part) {
  const auto* line = part.find("RECURRENCE-ID");
  if (line == nullptr) return {};
  const auto moment = pim::moment_of(*line);
  if (!moment) return {};
  return moment->all_day() ? date_text(moment->local) : date_time(object.utc(*moment, *pim::Zone::utc()));
}

}  // namespace

Bytes event_object(const Event& event, const std::string& uid, const pim::CalendarObject* base,
                   const pim::ZoneSource& zones) {
  Event said;
  if (base != nullptr) {
    auto read = event_of(*base, event.zone, zones);
    if (read)
      said = std::move(*read);
    else
      base = nullptr;
  }
  const auto clock = clock_of(event.zone, zones);
  auto calendar = base != nullptr ? base->calendar() : Component::named("VCALENDAR");
  const bool all_day = text_at(event.master, all_day_path) == "true";
  // The zone's name as the object has it, where it is the same zone.
  std::string tzid = all_day ? std::string() : clock.olson;
  if (base != nullptr && text_at(said.master, zone_path) == text_at(event.master, zone_path))
    if (const auto start = pim::start_of(*base->master())) tzid = start->tzid;
  if (base == nullptr) {
    calendar.add(Line("VERSION", "2.0"));
    calendar.add(Line("PRODID", "-//Tidegate//EWS//EN"));
  }
  const auto has_zone = std::ranges::any_of(
      calendar.parts, [&](const auto& part) { return part.is("VTIMEZONE") && part.value("TZID") == tzid; });
  const bool new_zone = !tzid.empty() && tzid == clock.olson && !has_zone &&
                        (base == nullptr || pim::start_of(*base->master())->tzid != tzid);
  if (new_zone) {
    const auto year_ = std::atoi(std::string(text_at(event.master, start_path).substr(0, 4)).c_str());
    calendar.add_part(zone_component(tzid, *clock.zone, year_));
  }
  if (base == nullptr) {
    auto master = Component::named("VEVENT");
    master.add(Line("UID", pim::escaped(uid)));
    master.add(Line("DTSTAMP", "19700101T000000Z"));  // the same whenever it is made
    calendar.add_part(std::move(master));
    said.master = {
        {"item:Importance", "Normal"}, {"item:Sensitivity", "Normal"}, {busy_path, "Busy"}, {reminder_path, "false"}};
  }
  const auto is_master = [](const auto& part) { return part.is("VEVENT") && part.find("RECURRENCE-ID") == nullptr; };
  auto& master = *std::ranges::find_if(calendar.parts, is_master);
  set_event(master, event.master, said.master, clock, tzid);
  const auto moved = [&](const char* path) { return text_at(event.master, path) != text_at(said.master, path); };
  if (moved(rule_path) || (event.series() && (moved(start_path) || moved(zone_path)))) {
    master.remove("RRULE");
    if (const auto recurrence = recurrence_in(event.master))
      master.set(Line("RRULE", rule_of(*recurrence, until_text(*recurrence, event.master, clock))));
  }
  if (event.deleted != said.deleted || moved(zone_path) || moved(all_day_path)) {
    master.remove("EXDATE");
    for (const auto& each : event.deleted) master.add(pim::moment_line("EXDATE", moment_at(each, clock, tzid)));
  }
  // Overrides: those that are no more go, others are changed or made after the master.
  auto like = master;
  like.remove_if([](const Line& line) { return line.is("RRULE") || line.is("EXDATE") || line.is("RDATE"); });
  const auto original = [&](const Component& part) {
    return base != nullptr ? original_of(*base, part) : std::string();
  };
  std::erase_if(calendar.parts, [&](const auto& part) {
    return part.is("VEVENT") && part.find("RECURRENCE-ID") != nullptr && !event.changed.contains(original(part));
  });
  for (const auto& [at, fields] : event.changed) {
    const auto there = std::ranges::find_if(
        calendar.parts, [&](const auto& part) { return part.is("VEVENT") && original(part) == at; });
    if (there != calendar.parts.end() && said.changed.contains(at)) {
      set_event(*there, fields, said.changed.at(at), clock, tzid);
      continue;
    }
    auto part = like;
    part.set(pim::moment_line("RECURRENCE-ID", moment_at(at, clock, tzid)));
    set_event(part, fields, event.master, clock, tzid);
    // Start and end are its own even where they equal the master's.
    part.set(pim::moment_line("DTSTART", moment_at(text_at(fields, start_path), clock, tzid)));
    part.remove("DURATION");
    part.set(pim::moment_line("DTEND", moment_at(text_at(fields, end_path), clock, tzid)));
    calendar.add_part(std::move(part));
  }
  return calendar.octets();
}

}  // namespace tidegate::ews
