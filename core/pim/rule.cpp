// SPDX-License-Identifier: Apache-2.0
#include "core/pim/rule.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::pim {
namespace {

constexpr std::array<std::string_view, 7> frequencies{"YEARLY", "MONTHLY",  "WEEKLY",  "DAILY",
                                                      "HOURLY", "MINUTELY", "SECONDLY"};
constexpr std::array<std::string_view, 7> day_names{"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
constexpr std::size_t list_most = 400;  // values of a BY… part; 366 days are the most that make sense

std::unexpected<Fault> bad(std::string text) { return fault(FaultKind::invalid, "RRULE", std::move(text)); }

std::optional<unsigned> weekday_named(std::string_view text) {
  const auto found = std::ranges::find_if(day_names, [&](auto each) { return same_word(each, text); });
  if (found == day_names.end()) return std::nullopt;
  return static_cast<unsigned>(found - day_names.begin());
}

bool read_numbers(std::string_view value, int low, int high, bool negative, std::vector<int>& out) {
  for (const auto piece : split_escaped(value, ',')) {
    const auto number = parse_integer(piece);
    if (!number || out.size() >= list_most) return false;
    const auto size = *number < 0 ? -*number : *number;
    if ((*number < 0 && !negative) || size < low || size > high) return false;
    out.push_back(static_cast<int>(*number));
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return true;
}

bool read_weekdays(std::string_view value, std::vector<Rule::Weekday>& out) {
  for (auto piece : split_escaped(value, ',')) {
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    if (piece.size() < 2 || out.size() >= list_most) return false;
    const auto weekday = weekday_named(piece.substr(piece.size() - 2));
    piece.remove_suffix(2);
    const auto nth = piece.empty() ? std::optional<std::int64_t>(0) : parse_integer(piece);
    if (!weekday || !nth || *nth < -53 || *nth > 53 || (*nth == 0 && !piece.empty())) return false;
    out.push_back({static_cast<int>(*nth), *weekday});
  }
  return true;
}

bool read_part(std::string_view name, std::string_view value, Rule& rule) {
  const auto is = [&](std::string_view word) { return same_word(name, word); };
  if (is("INTERVAL") || is("COUNT")) {
    const auto number = parse_integer(value);
    if (!number || *number < 1) return false;
    if (is("COUNT"))
      rule.count = *number;
    else
      rule.interval = *number;
    return true;
  }
  if (is("UNTIL")) return (rule.until = parse_moment(value)).has_value();
  if (is("WKST")) {
    const auto weekday = weekday_named(value);
    if (weekday) rule.week_start = *weekday;
    return weekday.has_value();
  }
  if (is("BYDAY")) return read_weekdays(value, rule.weekdays);
  if (is("BYSECOND")) return read_numbers(value, 0, 60, false, rule.seconds);
  if (is("BYMINUTE")) return read_numbers(value, 0, 59, false, rule.minutes);
  if (is("BYHOUR")) return read_numbers(value, 0, 23, false, rule.hours);
  if (is("BYMONTHDAY")) return read_numbers(value, 1, 31, true, rule.month_days);
  if (is("BYYEARDAY")) return read_numbers(value, 1, 366, true, rule.year_days);
  if (is("BYWEEKNO")) return read_numbers(value, 1, 53, true, rule.weeks);
  if (is("BYMONTH")) return read_numbers(value, 1, 12, false, rule.months);
  if (is("BYSETPOS")) return read_numbers(value, 1, 366, true, rule.positions);
  return name.size() > 2 && same_word(name.substr(0, 2), "X-");
}

}  // namespace

Result<Rule> parse_rule(std::string_view text) {
  Rule rule;
  bool frequency = false;
  for (auto part : split_escaped(text, ';')) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.empty()) continue;
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return bad("The rule has a part without a value.");
    const auto name = part.substr(0, equals), value = part.substr(equals + 1);
    if (same_word(name, "FREQ")) {
      const auto found = std::ranges::find_if(frequencies, [&](auto each) { return same_word(each, value); });
      if (found == frequencies.end()) return bad("The rule has a FREQ that is none.");
      rule.frequency = static_cast<Frequency>(found - frequencies.begin());
      frequency = true;
    } else if (same_word(name, "RSCALE") || same_word(name, "SKIP")) {
      if (!same_word(value, "GREGORIAN") && !same_word(value, "OMIT"))
        return fault(FaultKind::unsupported, "RRULE", "The rule is of a calendar that Tidegate cannot reckon with.");
    } else if (!read_part(name, value, rule)) {
      return bad(fmt::format("The rule's {} makes no sense.", upper(name.substr(0, 20))));
    }
  }
  if (!frequency) return bad("The rule has no FREQ.");
  return rule;
}

}  // namespace tidegate::pim
