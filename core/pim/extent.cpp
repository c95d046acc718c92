// SPDX-License-Identifier: Apache-2.0
#include "core/pim/extent.hpp"

#include <algorithm>

#include "core/pim/rule.hpp"

namespace tidegate::pim {
namespace {

constexpr std::int64_t margin = std::int64_t{2} * 86400;  // between what clocks on walls show at one instant
constexpr std::int64_t without_end = INT64_MAX;

std::int64_t local_seconds(const Moment& moment) { return moment.local.time_since_epoch().count(); }

std::int64_t longest(const CalendarObject& object, const Component& item) {
  const auto length = length_of(object, item);
  return length.days * 86400 + length.exact.count();
}

/// Where the instances of a component begin, by clocks on walls. None: rules that are not read here.
std::optional<std::pair<std::int64_t, std::int64_t>> beginnings(const Component& item) {
  const auto start = start_of(item);
  if (!start) return std::nullopt;
  std::pair<std::int64_t, std::int64_t> found{local_seconds(*start), local_seconds(*start)};
  if (item.find("RDATE") != nullptr) return std::nullopt;  // their periods have lengths of their own
  for (const auto* line : item.all("RRULE")) {
    const auto rule = parse_rule(line->value());
    if (!rule) return std::nullopt;
    if (!rule->until)
      found.second = without_end;
    else
      found.second = std::max(found.second, local_seconds(*rule->until) + 86400);  // a date: that day, too
  }
  return found;
}

std::optional<Extent> of_single(const CalendarObject& object) {
  const auto all = instances(object, {Utc(std::chrono::sys_days(std::chrono::year(1) / 1 / 1)),
                                      Utc(std::chrono::sys_days(std::chrono::year(9999) / 12 / 31))});
  if (!all || all->size() != 1) return std::nullopt;
  return Extent{all->front().begins.time_since_epoch().count(), all->front().ends.time_since_epoch().count(), true};
}

}  // namespace

std::optional<bool> Extent::wanted(std::int64_t from, std::int64_t until) const {
  const auto at = [](std::int64_t unix) {
    constexpr std::int64_t most = std::int64_t{1} << 40;
    return Utc(std::chrono::seconds(std::clamp(unix, -most, most)));
  };
  if (single) return Window{at(from), at(until)}.holds(at(begins), at(ends));
  if (begins >= until || ends <= from) return false;
  return std::nullopt;
}

std::optional<Extent> extent_of(View octets, const ZoneSource& zones) {
  const auto object = CalendarObject::parse(octets, zones);
  if (!object || object->kind() != Kind::event) return std::nullopt;
  const auto* master = object->master();
  const auto recurs = [](const Component& item) {
    return std::ranges::any_of(item.lines, [](const Line& line) {
      return line.is("RRULE") || line.is("RDATE") || line.is("EXDATE") || line.is("EXRULE");
    });
  };
  if (master != nullptr && object->overrides().empty() && !recurs(*master) && start_of(*master))
    return of_single(*object);
  Extent made{INT64_MAX, INT64_MIN, false};
  std::vector<const Component*> all = object->overrides();
  if (master != nullptr) all.push_back(master);
  std::int64_t lasts = 0;
  for (const auto* each : all) {
    const auto* id = each->find("RECURRENCE-ID");
    if (id != nullptr && id->parameter("RANGE") != nullptr) return std::nullopt;  // moves what follows, too
    const auto begin = beginnings(*each);
    if (!begin) return std::nullopt;
    lasts = std::max(lasts, longest(*object, *each));
    made.begins = std::min(made.begins, begin->first);
    made.ends = std::max(made.ends, begin->second);
  }
  made.begins -= margin;
  if (made.ends != without_end) made.ends += lasts + margin;
  return made;
}

}  // namespace tidegate::pim
