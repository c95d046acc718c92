// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/events.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/pim/itip.hpp"
#include "core/pim/zone_names.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/recurrence.hpp"
#include "plugins/ews/tasks.hpp"
#include "plugins/ews/zones.hpp"

namespace tidegate::ews {
namespace {

using pim::Component;
using pim::Line;
using pim::Moment;

constexpr const char *start_path = "calendar:Start", *end_path = "calendar:End",
                     *all_day_path = "calendar:IsAllDayEvent", *zone_path = "calendar:StartTimeZone",
                     *rule_path = "calendar:Recurrence", *busy_path = "calendar:LegacyFreeBusyStatus",
                     *reminder_path = "item:ReminderIsSet", *minutes_path = "item:ReminderMinutesBeforeStart",
                     *organizer_path = "read:Organizer", *answers_path = "read:Answers",
                     *cancelled_path = "read:IsCancelled";
constexpr const char* busy_property = "X-MICROSOFT-CDO-BUSYSTATUS";

struct People {
  const char *path, *element, *parameter, *value;  ///< parameter=value of the ATTENDEE
};
constexpr People people[] = {{"calendar:RequiredAttendees", "RequiredAttendees", "", ""},
                             {"calendar:OptionalAttendees", "OptionalAttendees", "ROLE", "OPT-PARTICIPANT"},
                             {"calendar:Resources", "Resources", "CUTYPE", "RESOURCE"}};
constexpr std::pair<std::string_view, std::string_view> answers[] = {
    {"Accept", "ACCEPTED"}, {"Tentative", "TENTATIVE"}, {"Decline", "DECLINED"}};
constexpr std::pair<std::string_view, std::string_view> busy_words[] = {
    {"Tentative", "TENTATIVE"}, {"OOF", "OOF"}, {"WorkingElsewhere", "WORKINGELSEWHERE"}};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> made;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    made.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return made;
}

std::shared_ptr<const pim::Zone> zone_named(const std::string& name, const pim::ZoneSource& zones) {
  if (name.empty() || name == "UTC") return pim::Zone::utc();
  const auto found = pim::find_zone(name, zones);
  return found ? found->zone : nullptr;
}

std::string instant_text(std::string_view text) {
  const auto when = date_time(text);
  return when ? date_time(*when) : std::string();
}

/// To the nearest midnight: servers name the day of an all-day event by that of some zone.
std::string day_text(std::string_view text, const pim::Zone& zone) {
  const auto when = date_time(text);
  return when ? date_text(zone.local(*when) + std::chrono::hours(12)) : std::string();
}

std::string moment_text(std::string_view text, bool all_day, const pim::Zone& zone) {
  return all_day ? day_text(text, zone) : instant_text(text);
}

std::optional<pim::Local> day_of(std::string_view text) {
  if (text.size() != 10) return std::nullopt;
  const auto when = date_time(std::string(text) + "T00:00:00Z");
  if (!when) return std::nullopt;
  return pim::Local(when->time_since_epoch());
}

std::string person(std::string_view address, std::string_view name) {
  std::string made(address);
  if (!name.empty() && name != address) made += '\t' + std::string(name);
  std::ranges::replace(made, '\n', ' ');
  return made;
}

std::string inner_of(std::string_view path, std::string_view text, const pim::Zone& zone) {
  if (path == rule_path) return std::string(text);
  if ((path == start_path || path == end_path) && text.size() == 10) {
    const auto day = day_of(text);
    return day ? date_time(zone.utc(*day)) : std::string(text);
  }
  if (std::ranges::any_of(people, [&](const auto& each) { return path == each.path; })) {
    std::string made;
    for (const auto& line : lines_of(text)) {
      const auto tab = line.find('\t');
      made += "<t:Attendee><t:Mailbox>";
      if (tab != std::string::npos) made += "<t:Name>" + xml::escaped(line.substr(tab + 1)) + "</t:Name>";
      made += "<t:EmailAddress>" + xml::escaped(line.substr(0, tab)) + "</t:EmailAddress></t:Mailbox></t:Attendee>";
    }
    return made;
  }
  return plain_inner(path, text);
}

/// Of a master or an occurrence.
Fields fields_of(const xml::Element& item, const pim::Zone& zone, const std::string& zone_id) {
  Fields made;
  common_fields(item, made);
  if (made["item:Sensitivity"] == "Personal") made["item:Sensitivity"] = "Private";
  const bool all_day = truth(words(item, "IsAllDayEvent"));
  made[all_day_path] = all_day ? "true" : "false";
  set(made, start_path, moment_text(words(item, "Start"), all_day, zone));
  set(made, end_path, moment_text(words(item, "End"), all_day, zone));
  if (!all_day) set(made, zone_path, zone_id);
  set(made, "calendar:Location", words(item, "Location"));
  const auto busy = words(item, "LegacyFreeBusyStatus");
  made[busy_path] = busy.empty() || busy == "NoData" ? "Busy" : busy;
  const bool reminds = truth(words(item, "ReminderIsSet"));
  made[reminder_path] = reminds ? "true" : "false";
  if (reminds)
    set(made, minutes_path,
        words(item, "ReminderMinutesBeforeStart").empty() ? "0" : words(item, "ReminderMinutesBeforeStart"));
  std::string said;
  for (const auto& each : people) {
    const auto* list = find(item, each.element);
    if (list == nullptr) continue;
    std::string all;
    for (const auto& attendee : list->children) {
      const auto* mailbox = find(attendee, "Mailbox");
      if (mailbox == nullptr || words(*mailbox, "EmailAddress").empty()) continue;
      all += (all.empty() ? "" : "\n") + person(words(*mailbox, "EmailAddress"), words(*mailbox, "Name"));
      for (const auto& [word_, partstat] : answers)
        if (words(attendee, "ResponseType") == word_)
          said +=
              (said.empty() ? "" : "\n") + std::string(words(*mailbox, "EmailAddress")) + '\t' + std::string(partstat);
    }
    set(made, each.path, all);
  }
  set(made, answers_path, said);
  // EWS-19: there may be none, and an event without guests needs none.
  if (const auto* organizer = find(item, {"Organizer", "Mailbox"}); organizer != nullptr && has_attendees(made))
    set(made, organizer_path, person(words(*organizer, "EmailAddress"), words(*organizer, "Name")));
  if (truth(words(item, "IsCancelled"))) made[cancelled_path] = "true";
  return made;
}

std::string alarm_minutes(const Component& event) {
  for (const auto& part : event.parts) {
    if (!part.is("VALARM")) continue;
    const auto* trigger = part.find("TRIGGER");
    if (trigger == nullptr || pim::same_word(trigger->first("RELATED"), "END")) continue;
    const auto length = pim::parse_duration(trigger->value());
    if (!length) continue;
    const auto before = -(length->days * 86400 + length->seconds);
    if (before >= 0) return fmt::to_string(before / 60);
  }
  return {};
}

struct Sight {
  const pim::CalendarObject& object;
  const std::shared_ptr<const pim::Zone> home;
  const std::string home_id;
  const pim::ZoneSource& zones;
  std::string text(const Moment& at) const {
    return at.all_day() ? date_text(at.local) : date_time(object.utc(at, *home));
  }
};

Result<std::string> zone_id(const Sight& sight, const Moment& start, bool series) {
  if (start.form == Moment::Form::utc) return "UTC";
  if (start.form != Moment::Form::zoned) return sight.home_id;
  const auto zone = sight.object.zone(start.tzid);
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(start.local));
  auto id = zone ? windows_zone(start.tzid, *zone, sight.zones, int(date.year())) : std::string();
  if (!id.empty()) return id;
  // One event is right in whatever zone its instant is named by.
  if (!series) return "UTC";
  return fault(FaultKind::unsupported, {},
               fmt::format("Exchange has no time zone that keeps the time of \"{}\".", start.tzid));
}

Result<Fields> fields_of(const Sight& sight, const Component& event, bool series) {
  Fields made;
  common_fields(event, made);
  const auto start = pim::start_of(event);
  if (!start) return fault(FaultKind::invalid, {}, "An event without DTSTART has no place in a calendar.");
  const auto length = pim::length_of(sight.object, event);
  made[all_day_path] = start->all_day() ? "true" : "false";
  made[start_path] = sight.text(*start);
  auto end = *start;
  end.local += std::chrono::days(length.days);
  made[end_path] = start->all_day() ? date_text(end.local + length.exact)
                                    : date_time(sight.object.utc(end, *sight.home) + length.exact);
  if (!start->all_day()) {
    auto id = zone_id(sight, *start, series);
    if (!id) return std::unexpected(std::move(id.error()));
    made[zone_path] = *id;
  }
  set(made, "calendar:Location", without_cr(pim::text_value(event.value("LOCATION"))));
  const bool free = pim::same_word(event.value("TRANSP"), "TRANSPARENT");
  made[busy_path] = free ? "Free" : "Busy";
  for (const auto& [word_, said] : busy_words)
    if (!free && pim::same_word(event.value(busy_property), said)) made[busy_path] = word_;
  const auto minutes_ = alarm_minutes(event);
  made[reminder_path] = minutes_.empty() ? "false" : "true";
  set(made, minutes_path, minutes_);
  std::map<std::string, std::string> all;
  std::string said;
  for (const auto* line : event.all("ATTENDEE")) {
    const auto address = pim::address_of(line->value());
    const auto of = std::ranges::find_if(people, [&](const auto& each) {
      return *each.parameter != 0 && pim::same_word(line->first(each.parameter), each.value);
    });
    auto& list = all[of == std::end(people) ? people[0].path : of->path];
    list += (list.empty() ? "" : "\n") + person(address, line->first("CN"));
    for (const auto& [word_, partstat] : answers)
      if (pim::same_word(line->first("PARTSTAT"), partstat))
        said += (said.empty() ? "" : "\n") + address + '\t' + std::string(partstat);
  }
  for (const auto& [path, list] : all) set(made, path, list);
  set(made, answers_path, said);
  if (const auto* organizer = event.find("ORGANIZER"); organizer != nullptr && has_attendees(made))
    set(made, organizer_path, person(pim::address_of(organizer->value()), organizer->first("CN")));
  if (pim::same_word(event.value("STATUS"), "CANCELLED")) made[cancelled_path] = "true";
  return made;
}

// --- to objects ---

struct Clock_ {
  std::string olson;  ///< empty: UTC
  std::shared_ptr<const pim::Zone> zone;
};

Clock_ clock_of(const std::string& id, const pim::ZoneSource& zones) {
  if (id.empty() || id == "UTC") return {{}, pim::Zone::utc()};
  const auto found = pim::find_zone(id, zones);
  if (!found) return {{}, pim::Zone::utc()};
  return {found->olson, found->zone};
}

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

std::string until_text(const Recurrence& recurrence, const Fields& fields, const Clock_& clock) {
  auto end = day_of(recurrence.end);
  if (!end) return {};
  const auto start = text_at(fields, start_path);
  if (start.size() == 10) return pim::to_text({Moment::Form::date, *end, {}});
  const auto local = clock.zone->local(date_time(start).value_or(std::chrono::sys_seconds{}));
  return pim::stamp(clock.zone->utc(*end + (local - std::chrono::floor<std::chrono::days>(local))));
}

std::optional<Recurrence> recurrence_in(const Fields& fields) {
  const auto text = text_at(fields, rule_path);
  if (text.empty()) return std::nullopt;
  const auto tree = xml::tree("<r xmlns:t='t'>" + std::string(text) + "</r>");
  if (!tree) return std::nullopt;
  auto read = recurrence_of(*tree);
  return read ? std::optional(std::move(*read)) : std::nullopt;
}

std::string original_of(const pim::CalendarObject& object, const Component& part) {
  const auto* line = part.find("RECURRENCE-ID");
  if (line == nullptr) return {};
  const auto moment = pim::moment_of(*line);
  if (!moment) return {};
  return moment->all_day() ? date_text(moment->local) : date_time(object.utc(*moment, *pim::Zone::utc()));
}

constexpr std::string_view order[] = {"Subject",
                                      "Sensitivity",
                                      "Body",
                                      "Categories",
                                      "Importance",
                                      "ReminderIsSet",
                                      "ReminderMinutesBeforeStart",
                                      "ExtendedProperty",
                                      "UID",
                                      "Start",
                                      "End",
                                      "IsAllDayEvent",
                                      "LegacyFreeBusyStatus",
                                      "Location",
                                      "RequiredAttendees",
                                      "OptionalAttendees",
                                      "Resources",
                                      "Recurrence",
                                      "StartTimeZone",
                                      "EndTimeZone"};

/// The zone goes with the times, and both ends have it.
Fields with_zones(Fields fields) {
  if (const auto found = fields.find(zone_path); found != fields.end()) fields["calendar:EndTimeZone"] = found->second;
  return fields;
}

}  // namespace

bool has_attendees(const Fields& fields) {
  return std::ranges::any_of(people, [&](const auto& each) { return fields.contains(each.path); });
}

std::string event_shape() {
  return shape_of({"item:Subject",
                   "item:Body",
                   "item:Categories",
                   "item:Importance",
                   "item:Sensitivity",
                   reminder_path,
                   minutes_path,
                   "calendar:UID",
                   start_path,
                   end_path,
                   all_day_path,
                   busy_path,
                   "calendar:Location",
                   "calendar:IsCancelled",
                   "calendar:CalendarItemType",
                   "calendar:MyResponseType",
                   "calendar:Organizer",
                   people[0].path,
                   people[1].path,
                   people[2].path,
                   rule_path,
                   "calendar:ModifiedOccurrences",
                   "calendar:DeletedOccurrences",
                   zone_path});
}

std::vector<Bytes> occurrences_of(const xml::Element& event) {
  std::vector<Bytes> made;
  if (const auto* list = find(event, "ModifiedOccurrences"))
    for (const auto& each : list->children)
      if (!id_of(each).empty()) made.push_back(id_of(each));
  return made;
}

Result<Event> event_of(const xml::Element& item, std::span<const xml::Element> exceptions,
                       const pim::ZoneSource& zones) {
  Event made;
  const auto* said = find(item, "StartTimeZone");
  std::string name(said == nullptr ? std::string_view{} : said->attribute("Id"));
  auto zone = zone_named(name, zones);
  if (!zone && said != nullptr) {
    name = said->attribute("Name");
    zone = name.empty() ? nullptr : zone_named(name, zones);
  }
  const auto* recurrence = find(item, "Recurrence");
  if (!zone && recurrence != nullptr)
    return fault(
        FaultKind::invalid, {},
        fmt::format("A series is in a time zone that nobody knows: \"{}\".", said->attribute("Id").substr(0, 80)));
  if (!zone) name = "UTC", zone = pim::Zone::utc();
  if (name.empty()) name = "UTC";
  made.zone = name == "UTC" ? name : windows_zone(name, *zone, zones, 2026);
  if (made.zone.empty()) made.zone = "UTC";
  made.master = fields_of(item, *zone, made.zone);
  if (recurrence == nullptr) return made;
  auto read = recurrence_of(*recurrence);
  if (!read) return std::unexpected(std::move(read.error()));
  made.master[rule_path] = xml_of(*read);
  const bool all_day = text_at(made.master, all_day_path) == "true";
  if (const auto* list = find(item, "ModifiedOccurrences")) {
    for (const auto& each : list->children) {
      const auto original = moment_text(words(each, "OriginalStart"), all_day, *zone);
      if (original.empty()) continue;
      const auto found = std::ranges::find_if(exceptions, [&](const auto& one) { return id_of(one) == id_of(each); });
      auto fields = occurrence_fields(made.master, original);
      if (found != exceptions.end()) {
        fields = fields_of(*found, *zone, made.zone);
      } else {
        set(fields, start_path, moment_text(words(each, "Start"), all_day, *zone));
        set(fields, end_path, moment_text(words(each, "End"), all_day, *zone));
      }
      made.changed[original] = std::move(fields);
    }
  }
  if (const auto* list = find(item, "DeletedOccurrences"))
    for (const auto& each : list->children)
      if (auto original = moment_text(words(each, "Start"), all_day, *zone); !original.empty())
        made.deleted.insert(std::move(original));
  return made;
}

Result<Event> event_of(const pim::CalendarObject& object, const std::string& home, const pim::ZoneSource& zones) {
  auto home_zone = zone_named(home, zones);
  if (!home_zone) home_zone = pim::Zone::utc();
  const Sight sight{object, home_zone,
                    home.empty() || home == "UTC" ? "UTC" : windows_zone(home, *home_zone, zones, 2026), zones};
  const auto* master = object.master();
  if (master == nullptr)
    return fault(FaultKind::unsupported, {},
                 "An object with single instances of a series can't be kept by Exchange without the series.");
  for (const auto* property : {"RDATE", "EXRULE"})
    if (master->find(property) != nullptr)
      return fault(FaultKind::unsupported, {},
                   fmt::format("Exchange has no series with additional dates ({}).", property));
  if (master->all("RRULE").size() > 1)
    return fault(FaultKind::unsupported, {}, "Exchange has no series with two rules.");
  const auto* line = master->find("RRULE");
  Event made;
  auto fields = fields_of(sight, *master, line != nullptr);
  if (!fields) return std::unexpected(std::move(fields.error()));
  made.master = std::move(*fields);
  made.zone = made.master.contains(zone_path) ? made.master[zone_path] : sight.home_id;
  if (line == nullptr) return made;
  const auto rule = pim::parse_rule(line->value());
  if (!rule) return std::unexpected(rule.error());
  const auto start = *pim::start_of(*master);
  std::string until;
  if (rule->until) {
    const auto& at = *rule->until;
    until = at.form == Moment::Form::utc && start.form == Moment::Form::zoned
                ? date_text(object.zone(start.tzid)->local(object.utc(at, *sight.home)))
                : date_text(at.local);
  }
  auto recurrence = recurrence_of(*rule, start.local, until);
  if (!recurrence) return std::unexpected(std::move(recurrence.error()));
  made.master[rule_path] = xml_of(*recurrence);
  for (const auto* exdate : master->all("EXDATE")) {
    auto moments = pim::moments_of(*exdate);
    if (!moments) return std::unexpected(std::move(moments.error()));
    for (const auto& at : *moments) made.deleted.insert(start.all_day() ? date_text(at.local) : sight.text(at));
  }
  for (const auto* part : object.overrides()) {
    if (!part->find("RECURRENCE-ID")->first("RANGE").empty())
      return fault(FaultKind::unsupported, {},
                   "Exchange changes no instances for this and the future ones: end the series and begin another.");
    const auto id = pim::moment_of(*part->find("RECURRENCE-ID"));
    if (!id) return std::unexpected(id.error());
    auto own = fields_of(sight, *part, true);
    if (!own) return std::unexpected(std::move(own.error()));
    made.changed[start.all_day() ? date_text(id->local) : sight.text(*id)] = std::move(*own);
  }
  return made;
}

Fields occurrence_fields(const Fields& master, const std::string& original) {
  Fields made = master;
  made.erase(rule_path);
  made[start_path] = original;
  const auto length = [&](const auto& begin, const auto& end) { return end - begin; };
  if (original.size() == 10) {
    const auto begin = day_of(text_at(master, start_path)), end = day_of(text_at(master, end_path)),
               own = day_of(original);
    if (begin && end && own) made[end_path] = date_text(*own + length(*begin, *end));
  } else {
    const auto begin = date_time(text_at(master, start_path)), end = date_time(text_at(master, end_path)),
               own = date_time(original);
    if (begin && end && own) made[end_path] = date_time(*own + length(*begin, *end));
  }
  return made;
}

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

std::string event_updates(const Fields& before, const Fields& after, const std::string& zone_,
                          const pim::ZoneSource& zones) {
  auto zone = zone_named(zone_, zones);
  if (!zone) zone = pim::Zone::utc();
  return updates_between("CalendarItem", with_zones(before), with_zones(after),
                         [&](std::string_view path, std::string_view text) { return inner_of(path, text, *zone); });
}

std::string event_children(const Event& event, const pim::ZoneSource& zones) {
  auto zone = zone_named(event.zone, zones);
  if (!zone) zone = pim::Zone::utc();
  auto fields = event.master;
  fields[zone_path] = event.zone;
  return children_of(with_zones(std::move(fields)), order,
                     [&](std::string_view path, std::string_view text) { return inner_of(path, text, *zone); });
}

std::optional<int> occurrence_index(const Event& event, const std::string& original, const pim::ZoneSource& zones) {
  const auto recurrence = recurrence_in(event.master);
  const auto clock = clock_of(event.zone, zones);
  if (!recurrence) return std::nullopt;
  const auto rule = pim::parse_rule(rule_of(*recurrence, until_text(*recurrence, event.master, clock)));
  const auto local = [&](std::string_view text) -> std::optional<pim::Local> {
    if (const auto day = day_of(text)) return day;
    const auto when = date_time(text);
    return when ? std::optional(clock.zone->local(*when)) : std::nullopt;
  };
  const auto start = local(text_at(event.master, start_path)), wanted = local(original);
  if (!rule || !start || !wanted) return std::nullopt;
  pim::Effort effort;
  pim::Expansion expansion(*rule, *start, effort, {}, *wanted + std::chrono::hours(1));
  int index = 0;
  while (const auto at = expansion.next()) {
    ++index;
    if (*at == *wanted) return index;
    if (*at > *wanted) break;
  }
  return std::nullopt;
}

}  // namespace tidegate::ews
