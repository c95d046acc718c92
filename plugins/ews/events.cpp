// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/events.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/pim/itip.hpp"
#include "core/pim/zone_names.hpp"
#include "plugins/ews/event_words.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/recurrence.hpp"
#include "plugins/ews/tasks.hpp"
#include "plugins/ews/zones.hpp"

namespace tidegate::ews {
namespace {

using pim::Component;
using pim::Moment;

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

constexpr std::string_view order[] = {"Subject",
                                      "Sensitivity",
                                      "Body",
                                      "Attachments",
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

std::string organizer_of(const Fields& fields) {
  const auto text = text_at(fields, organizer_path);
  return std::string(text.substr(0, text.find('\t')));
}

bool organizes(std::string_view my_response, std::string_view organizer, std::string_view owner) {
  if (my_response == "Organizer") return true;
  for (const auto* guest : {"Accept", "Tentative", "Decline", "NoResponseReceived"})
    if (my_response == guest) return false;
  return organizer.empty() || pim::same_word(organizer, owner);
}

bool calls_off(const xml::Element& event, std::string_view owner, std::chrono::sys_seconds now) {
  const bool guests = std::ranges::any_of(people, [&](const auto& each) {
    const auto* list = find(event, each.element);
    return list != nullptr && !list->children.empty();
  });
  if (!guests || truth(words(event, "IsCancelled"))) return false;
  const auto end = date_time(words(event, "End"));
  if (find(event, "Recurrence") == nullptr && end && *end < now) return false;
  const auto* organizer = find(event, {"Organizer", "Mailbox"});
  return organizes(words(event, "MyResponseType"),
                   organizer == nullptr ? std::string_view{} : words(*organizer, "EmailAddress"), owner);
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
