// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/zones.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/pim/zone_names.hpp"

namespace tidegate::ews {
namespace {

using namespace std::chrono;

sys_seconds begin_of(int year_) { return sys_days(year(year_) / 1 / 1); }

bool alike(const pim::Zone& a, const pim::Zone& b, int year_) {
  for (auto at = begin_of(year_); at < begin_of(year_ + 3); at += hours(6))
    if (a.offset(at) != b.offset(at)) return false;
  return true;
}

/// The instants within the year at which its offset changes, to the minute.
std::vector<sys_seconds> changes_in(const pim::Zone& zone, int year_) {
  std::vector<sys_seconds> made;
  for (auto at = begin_of(year_); at < begin_of(year_ + 1); at += days(1)) {
    auto low = at, high = at + days(1);
    if (zone.offset(low) == zone.offset(high)) continue;
    while (high - low > minutes(1)) {
      const auto middle = floor<minutes>(low + (high - low) / 2);
      (zone.offset(middle) == zone.offset(low) ? low : high) = middle;
    }
    made.push_back(high);
  }
  return made;
}

std::string offset_text(seconds offset) {
  const auto all = duration_cast<minutes>(abs(offset)).count();
  return fmt::format("{}{:02}{:02}", offset < seconds(0) ? '-' : '+', all / 60, all % 60);
}

}  // namespace

std::string windows_zone(std::string_view tzid, const pim::Zone& zone, const pim::ZoneSource& source, int year_) {
  const auto named = pim::find_zone(tzid, source);
  std::string same;
  for (const auto& [name, olson] : pim::windows_zones()) {
    if (name == tzid) return std::string(name);
    if (same.empty() && named && named->olson == olson) same = name;
  }
  if (!same.empty()) return same;
  for (const auto& [name, olson] : pim::windows_zones())
    if (const auto other = source(std::string(olson)); other && alike(zone, *other, year_)) return std::string(name);
  return {};
}

pim::Component zone_component(const std::string& tzid, const pim::Zone& zone, int year_) {
  auto made = pim::Component::named("VTIMEZONE");
  made.add(pim::Line("TZID", tzid));
  const auto changes = changes_in(zone, year_);
  const auto add = [&](bool daylight, pim::Local onset, seconds from, seconds to, const std::string& rule) {
    auto part = pim::Component::named(daylight ? "DAYLIGHT" : "STANDARD");
    part.add(pim::Line("DTSTART", pim::to_text({pim::Moment::Form::floating, onset, {}})));
    part.add(pim::Line("TZOFFSETFROM", offset_text(from)));
    part.add(pim::Line("TZOFFSETTO", offset_text(to)));
    if (!rule.empty()) part.add(pim::Line("RRULE", rule));
    made.add_part(std::move(part));
  };
  if (changes.size() != 2) {
    const auto offset = zone.offset(begin_of(year_));
    add(false, pim::Local(local_days(year(1970) / 1 / 1)), offset, offset, {});
    return made;
  }
  for (const auto at : changes) {
    const auto from = zone.offset(at - minutes(1)), to = zone.offset(at);
    const pim::Local wall{at.time_since_epoch() + from};
    const year_month_day date(floor<days>(wall));
    const auto weekday_ = weekday(floor<days>(wall)).c_encoding();
    constexpr std::string_view names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
    const auto day_ = static_cast<unsigned>(date.day());
    const bool last = year_month_day(floor<days>(wall) + days(7)).month() != date.month();
    add(to > from, wall, from, to,
        fmt::format("FREQ=YEARLY;BYMONTH={};BYDAY={}{}", static_cast<unsigned>(date.month()),
                    last ? -1 : static_cast<int>((day_ - 1) / 7 + 1), names[weekday_]));
  }
  return made;
}

}  // namespace tidegate::ews
