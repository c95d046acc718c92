// SPDX-License-Identifier: Apache-2.0
#include "core/pim/zone.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr std::size_t onsets_most = 4096;  // two a year, for a long time
const Local years_begin = local_days(year(1900) / January / 1);
const Local years_end = local_days(year(zone_years_end) / January / 1);

Result<seconds> offset_of(const Component& observance, std::string_view name) {
  const auto* line = observance.find(name);
  if (line == nullptr) return bad_line(observance.number(), fmt::format("this part of a VTIMEZONE has no {}.", name));
  const auto offset = parse_utc_offset(line->value());
  if (!offset) return bad_line(line->number(), fmt::format("{} is no offset from UTC.", name));
  return *offset;
}

/// When an observance begins, again and again, in the time before it.
Result<std::vector<Local>> onsets_of(const Component& observance, seconds before, Effort& effort) {
  const auto* line = observance.find("DTSTART");
  if (line == nullptr) return bad_line(observance.number(), "this part of a VTIMEZONE has no DTSTART.");
  auto start = moment_of(*line);
  if (!start) return std::unexpected(std::move(start.error()));
  std::vector<Local> onsets{start->local};
  for (const auto* dates : observance.all("RDATE")) {
    auto moments = moments_of(*dates);
    if (!moments) return std::unexpected(std::move(moments.error()));
    for (const auto& each : *moments)
      onsets.push_back(each.form == Moment::Form::utc ? each.local + before : each.local);
  }
  for (const auto* text : observance.all("RRULE")) {
    auto rule = parse_rule(text->value());
    if (!rule) return bad_line(text->number(), rule.error().text);
    if (rule->until && rule->until->form == Moment::Form::utc) {
      rule->until->local += before;
      rule->until->form = Moment::Form::floating;
    }
    // Years below 1900 (Outlook begins at 1601) say nothing that anybody asks for.
    Expansion expansion(std::move(*rule), start->local, effort, years_begin, years_end);
    while (const auto next = expansion.next()) {
      onsets.push_back(*next);
      if (onsets.size() > onsets_most) return bad_line(text->number(), "no zone changes that often.");
    }
    if (effort.over) return bad_line(text->number(), "the rule takes too long to be reckoned with.");
  }
  if (onsets.size() > onsets_most) return bad_line(observance.number(), "no zone changes that often.");
  return onsets;
}

}  // namespace

std::shared_ptr<const Zone> Zone::utc() {
  static const auto zone = std::make_shared<const Zone>();
  return zone;
}

std::shared_ptr<const Zone> Zone::fixed(seconds offset) {
  auto zone = std::make_shared<Zone>();
  zone->first_ = static_cast<std::int32_t>(offset.count());
  return zone;
}

Result<std::shared_ptr<const Zone>> Zone::from_component(const Component& component, Effort& effort) {
  auto zone = std::make_shared<Zone>();
  std::vector<std::pair<std::int64_t, std::int32_t>> onsets;
  std::optional<std::pair<Local, seconds>> earliest;
  for (const auto& part : component.parts) {
    if (!part.is("STANDARD") && !part.is("DAYLIGHT")) continue;
    const auto before = offset_of(part, "TZOFFSETFROM"), after = offset_of(part, "TZOFFSETTO");
    if (!before) return std::unexpected(before.error());
    if (!after) return std::unexpected(after.error());
    const auto begins = onsets_of(part, *before, effort);
    if (!begins) return std::unexpected(begins.error());
    for (const auto each : *begins) {
      onsets.emplace_back((each - *before).time_since_epoch().count(), static_cast<std::int32_t>(after->count()));
      if (!earliest || each < earliest->first) earliest = {each, *before};
    }
    if (onsets.size() > onsets_most) return bad_line(part.number(), "no zone changes that often.");
  }
  if (!earliest) return bad_line(component.number(), "this VTIMEZONE has no STANDARD and no DAYLIGHT.");
  zone->first_ = static_cast<std::int32_t>(earliest->second.count());
  zone->settle(std::move(onsets));
  return zone;
}

void Zone::settle(std::vector<std::pair<std::int64_t, std::int32_t>> onsets) {
  std::ranges::sort(onsets);
  auto before = first_;
  changes_.clear();
  for (const auto& [at, after] : onsets) {
    if (after == before) continue;
    changes_.push_back({at, before, after});
    before = after;
  }
}

seconds Zone::offset(Utc at) const {
  const auto next = std::ranges::upper_bound(changes_, at.time_since_epoch().count(), {}, &Change::at);
  return seconds(next == changes_.begin() ? first_ : std::prev(next)->after);
}

Local Zone::local(Utc at) const { return Local(at.time_since_epoch() + offset(at)); }

Utc Zone::utc(Local wall) const {
  const auto next = std::ranges::upper_bound(changes_, wall.time_since_epoch().count(), {}, &Change::wall);
  const seconds offset(next == changes_.begin() ? first_ : std::prev(next)->after);
  return Utc(wall.time_since_epoch() - offset);
}

}  // namespace tidegate::pim
