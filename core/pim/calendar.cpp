// SPDX-License-Identifier: Apache-2.0
#include "core/pim/calendar.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "core/pim/rule.hpp"
#include "core/pim/zone_names.hpp"

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr std::array<std::pair<std::string_view, Kind>, 3> items{
    {{"VEVENT", Kind::event}, {"VTODO", Kind::task}, {"VJOURNAL", Kind::note}}};
constexpr std::array<std::string_view, 6> moments{"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "EXDATE", "RDATE"};
constexpr std::size_t rules_most = 32;  // of a component; two are rare

std::string_view bare(std::string_view tzid) {
  while (tzid.starts_with('"') || tzid.starts_with(' ')) tzid.remove_prefix(1);
  while (tzid.ends_with('"') || tzid.ends_with(' ')) tzid.remove_suffix(1);
  return tzid;
}

bool is_item(const Component& part) {
  return std::ranges::any_of(items, [&](const auto& each) { return part.is(each.first); });
}

struct Number {
  std::string_view name;
  std::int64_t low, high;
};
constexpr Number numbers[] = {{"SEQUENCE", 0, INT32_MAX}, {"PRIORITY", 0, 9}, {"PERCENT-COMPLETE", 0, 100}};

Result<void> look_at_values(const Component& item) {
  for (const auto& line : item.lines) {
    const auto is = [&](std::string_view name) { return line.is(name); };
    if (is("DTSTART") || is("DTEND") || is("DUE") || is("RECURRENCE-ID")) {
      if (auto moment = moment_of(line); !moment) return std::unexpected(std::move(moment.error()));
    } else if (is("RDATE") || is("EXDATE")) {
      if (auto all = moments_of(line); !all) return std::unexpected(std::move(all.error()));
    } else if (is("COMPLETED") || is("DTSTAMP") || is("CREATED") || is("LAST-MODIFIED")) {
      if (!parse_moment(line.value(), line.first("TZID")))
        return bad_line(line.number(), fmt::format("{} is no date or time.", upper(line.name())));
    } else if (is("DURATION")) {
      if (!parse_duration(line.value())) return bad_line(line.number(), "DURATION is none.");
    } else if (is("RRULE") || is("EXRULE")) {
      if (auto rule = parse_rule(line.value()); !rule && rule.error().kind != FaultKind::unsupported)
        return bad_line(line.number(), rule.error().text);
    }
    for (const auto& [name, low, high] : numbers) {
      if (!is(name)) continue;
      const auto value = parse_integer(line.value());
      if (!value || *value < low || *value > high)
        return bad_line(line.number(), fmt::format("{} is no number from {} to {}.", name, low, high));
    }
  }
  return {};
}

}  // namespace

Result<CalendarObject> CalendarObject::parse(View octets, const ZoneSource& zones, const Limits& limits) {
  auto whole = read_components(octets, Dialect::icalendar, limits);
  if (!whole) return std::unexpected(std::move(whole.error()));
  if (whole->empty()) return bad_line(1, "there is no VCALENDAR.");
  if (whole->size() > 1) return bad_line((*whole)[1].number(), "a second object begins here.");
  CalendarObject object;
  object.calendar_ = std::move(whole->front());
  if (!object.calendar_.is("VCALENDAR")) return bad_line(object.calendar_.number(), "this is no VCALENDAR.");
  if (object.calendar_.value("VERSION") == "1.0")
    return fault(FaultKind::unsupported, "line 1", "The object is a vCalendar 1.0; iCalendar 2.0 is needed.");
  if (auto fine = object.look_at_parts(); !fine) return std::unexpected(std::move(fine.error()));
  if (auto found = object.find_zones(object.calendar_, zones); !found) return std::unexpected(std::move(found.error()));
  // Overrides are told apart by the instant they name, which needs the zones.
  std::set<Utc> named;
  for (const auto* each : object.overrides()) {
    const auto id = *moment_of(*each->find("RECURRENCE-ID"));
    if (!named.insert(object.utc(id, *Zone::utc())).second)
      return bad_line(each->number(), "a second override of the same instance begins here.");
  }
  return object;
}

Result<void> CalendarObject::look_at_parts() {
  bool any = false, master = false;
  for (const auto& part : calendar_.parts) {
    if (!is_item(part)) continue;
    const auto* uid = part.find("UID");
    if (uid == nullptr || uid->value().empty())
      return bad_line(part.number(), fmt::format("this {} has no UID.", part.name()));
    const auto kind = std::ranges::find_if(items, [&](const auto& each) { return part.is(each.first); })->second;
    if (any && uid->value() != uid_) return bad_line(uid->number(), "this is a second UID; an object has one.");
    if (any && kind != kind_) return bad_line(part.number(), "components of different kinds share one UID.");
    uid_ = uid->value();
    kind_ = kind;
    any = true;
    if (part.find("RECURRENCE-ID") == nullptr) {
      if (master) return bad_line(part.number(), "this is a second component with this UID and no RECURRENCE-ID.");
      master = true;
    }
    if (auto fine = look_at(part); !fine) return fine;
  }
  if (!any) return bad_line(calendar_.number(), "there is no event, task or journal in it.");
  return {};
}

Result<void> CalendarObject::look_at(const Component& item) const {
  if (auto fine = look_at_values(item); !fine) return fine;
  const auto* start = item.find("DTSTART");
  if (start == nullptr && item.is("VEVENT") && calendar_.find("METHOD") == nullptr)
    return bad_line(item.number(), "this VEVENT has no DTSTART.");
  const auto rules = item.all("RRULE").size() + item.all("EXRULE").size();
  if (rules > rules_most) return bad_line(item.number(), "it has too many rules.");
  if (rules > 0 && !start_of(item)) return bad_line(item.number(), "it recurs, but has no DTSTART.");
  if (start == nullptr) return {};
  for (const auto* name : {"DTEND", "DUE"}) {
    const auto* end = item.find(name);
    if (end != nullptr && moment_of(*end)->all_day() != moment_of(*start)->all_day())
      return bad_line(end->number(), fmt::format("of DTSTART and {} one is a date, the other has a time.", name));
  }
  return {};
}

Result<void> CalendarObject::find_zones(const Component& part, const ZoneSource& source) {
  Effort effort;
  std::map<std::string, const Component*, std::less<>> own;
  for (const auto& each : calendar_.parts)
    if (each.is("VTIMEZONE")) own.emplace(bare(each.value("TZID")), &each);
  const auto look = [&](this const auto& self, const Component& in) -> Result<void> {
    for (const auto& line : in.lines) {
      const auto* parameter = line.parameter("TZID");
      if (parameter == nullptr || parameter->values.empty() || line.value().ends_with('Z')) continue;
      const std::string tzid(bare(parameter->values[0]));
      if (zones_.contains(tzid)) continue;
      std::optional<Fault> wrong;
      if (const auto defined = own.find(tzid); defined != own.end()) {
        if (auto zone = Zone::from_component(*defined->second, effort)) {
          zones_.emplace(tzid, std::move(*zone));
          continue;
        } else {
          wrong = std::move(zone.error());
        }
      }
      auto known = find_zone(tzid, source);
      if (!known && wrong) return std::unexpected(std::move(*wrong));
      if (!known && std::ranges::none_of(moments, [&](auto name) { return line.is(name); })) continue;
      if (!known)
        return bad_line(
            line.number(),
            fmt::format("the time zone \"{}\" is not known, and the object does not define it.", tzid.substr(0, 100)));
      zones_.emplace(tzid, std::move(known->zone));
    }
    for (const auto& below : in.parts)
      if (auto found = self(below); !found) return found;
    return {};
  };
  return look(part);
}

std::string CalendarObject::method() const { return upper(calendar_.value("METHOD")); }

std::string_view CalendarObject::item_name() const {
  return std::ranges::find(items, kind_, &std::pair<std::string_view, Kind>::second)->first;
}

const Component* CalendarObject::master() const {
  const auto found = std::ranges::find_if(calendar_.parts, [this](const Component& part) {
    return holds_items(part) && part.find("RECURRENCE-ID") == nullptr;
  });
  return found == calendar_.parts.end() ? nullptr : &*found;
}
Component* CalendarObject::master() { return const_cast<Component*>(std::as_const(*this).master()); }

std::vector<const Component*> CalendarObject::overrides() const {
  std::vector<const Component*> found;
  for (const auto& part : calendar_.parts)
    if (holds_items(part) && part.find("RECURRENCE-ID") != nullptr) found.push_back(&part);
  return found;
}

const Component& CalendarObject::first() const {
  const auto* found = master();
  return found != nullptr ? *found : *overrides().front();
}

std::shared_ptr<const Zone> CalendarObject::zone(std::string_view tzid) const {
  const auto found = zones_.find(bare(tzid));
  return found == zones_.end() ? nullptr : found->second;
}

Utc CalendarObject::utc(const Moment& moment, const Zone& floating) const {
  switch (moment.form) {
    case Moment::Form::utc:
      return Utc(moment.local.time_since_epoch());
    case Moment::Form::zoned:
      if (const auto known = zone(moment.tzid)) return known->utc(moment.local);
      break;
    case Moment::Form::date:
    case Moment::Form::floating:
      break;
  }
  return floating.utc(moment.local);
}

Moment CalendarObject::in_form_of(const Moment& moment, const Moment& like, const Zone& floating) const {
  if (moment.form == like.form && moment.tzid == like.tzid) return moment;
  Moment made = like;
  // A date is a date wherever it is looked at from.
  if (moment.all_day() || like.all_day()) {
    made.local = floor<days>(moment.local);
    return made;
  }
  const auto at = utc(moment, floating);
  const auto known = like.form == Moment::Form::zoned ? zone(like.tzid) : nullptr;
  made.local = like.form == Moment::Form::utc ? Local(at.time_since_epoch()) : (known ? *known : floating).local(at);
  return made;
}

std::optional<Moment> start_of(const Component& item) {
  for (const auto* name : {"DTSTART", "DUE"})
    if (const auto* line = item.find(name))
      if (auto moment = moment_of(*line)) return std::move(*moment);
  return std::nullopt;
}

Length length_of(const CalendarObject& object, const Component& item) {
  const auto start = start_of(item);
  if (!start) return {};
  for (const auto* name : {"DTEND", "DUE"}) {
    const auto* line = item.find(name);
    if (line == nullptr || item.find("DTSTART") == nullptr) continue;
    const auto end = moment_of(*line);
    if (!end) continue;
    if (start->all_day())
      return {std::max<std::int64_t>(0, (floor<days>(end->local) - floor<days>(start->local)).count()), {}};
    const auto zone = Zone::utc();
    return {0, std::max(seconds(0), object.utc(*end, *zone) - object.utc(*start, *zone))};
  }
  if (const auto* line = item.find("DURATION"))
    if (const auto length = parse_duration(line->value()))
      return {std::max<std::int64_t>(0, length->days), seconds(std::max<std::int64_t>(0, length->seconds))};
  return {start->all_day() ? 1 : 0, {}};
}

Result<std::vector<Bytes>> split_by_uid(View octets, const Limits& limits) {
  auto whole = read_components(octets, Dialect::icalendar, limits);
  if (!whole) return std::unexpected(std::move(whole.error()));
  std::vector<std::string> order;
  std::map<std::string, Component> objects;
  for (const auto& calendar : *whole) {
    auto frame = calendar;
    std::erase_if(frame.parts, [](const Component& each) { return !each.is("VTIMEZONE"); });
    for (const auto& part : calendar.parts) {
      if (!is_item(part)) continue;
      const auto uid = std::string(part.value("UID"));
      if (uid.empty()) return bad_line(part.number(), fmt::format("this {} has no UID.", part.name()));
      auto [at, made] = objects.try_emplace(uid);
      if (made) {
        order.push_back(uid);
        at->second = frame;
      }
      at->second.add_part(part);
    }
  }
  if (order.size() == 1 && whole->size() == 1) return std::vector{Bytes(octets)};
  std::vector<Bytes> out;
  for (const auto& uid : order) {
    auto& object = objects[uid];
    std::set<std::string> used;
    const auto look = [&](this const auto& self, const Component& in) -> void {
      for (const auto& line : in.lines)
        if (const auto tzid = bare(line.first("TZID")); !tzid.empty()) used.emplace(tzid);
      for (const auto& below : in.parts) self(below);
    };
    for (const auto& part : object.parts) look(part);
    std::erase_if(object.parts, [&](const Component& each) {
      return each.is("VTIMEZONE") && !used.contains(std::string(bare(each.value("TZID"))));
    });
    out.push_back(object.octets());
  }
  return out;
}

}  // namespace tidegate::pim
