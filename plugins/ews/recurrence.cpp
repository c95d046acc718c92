// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/recurrence.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"

namespace tidegate::ews {
namespace {

using Pattern = Recurrence::Pattern;
using Range = Recurrence::Range;

constexpr std::string_view week[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::string_view short_days[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
constexpr std::string_view year[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
constexpr std::string_view indexes[] = {"First", "Second", "Third", "Fourth", "Last"};

constexpr std::pair<std::string_view, Pattern> patterns[] = {{"DailyRecurrence", Pattern::daily},
                                                             {"WeeklyRecurrence", Pattern::weekly},
                                                             {"AbsoluteMonthlyRecurrence", Pattern::monthly},
                                                             {"RelativeMonthlyRecurrence", Pattern::monthly_relative},
                                                             {"AbsoluteYearlyRecurrence", Pattern::yearly},
                                                             {"RelativeYearlyRecurrence", Pattern::yearly_relative}};

template <class Number>
Number number(std::string_view text, Number otherwise) {
  Number made{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), made);
  return error == std::errc{} && end == text.data() + text.size() ? made : otherwise;
}

std::unexpected<Fault> unsupported(std::string text) { return fault(FaultKind::unsupported, {}, std::move(text)); }

/// In the week's order, whatever order they came in.
std::string ordered_days(std::string_view words_) {
  std::string made;
  for (const auto day : week)
    if ((" " + std::string(words_) + " ").contains(" " + std::string(day) + " "))
      made += (made.empty() ? "" : " ") + std::string(day);
  if (!made.empty()) return made;
  for (const std::string_view each : {"WeekendDay", "Weekday", "Day"})
    if (words_.contains(each)) return std::string(each);
  return made;
}

bool is_date(std::string_view text) {
  return text.size() == 10 && date_time(std::string(text) + "T00:00:00Z").has_value();
}

int place_in(std::span<const std::string_view> all, std::string_view word_) {
  return static_cast<int>(std::ranges::find(all, word_) - all.begin());
}

/// What a server sends is only taken if a rule can be made of it.
bool whole(const Recurrence& r) {
  const bool relative = r.pattern == Pattern::monthly_relative || r.pattern == Pattern::yearly_relative;
  const bool absolute = r.pattern == Pattern::monthly || r.pattern == Pattern::yearly;
  if (r.interval < 1 || (!r.first_day.empty() && place_in(week, r.first_day) == std::ssize(week))) return false;
  if (relative) return !r.days.empty() && place_in(indexes, r.index) < std::ssize(indexes);
  if (absolute) return r.day >= 1 && r.day <= 31;
  return r.pattern == Pattern::daily || !r.days.empty();
}

/// Sets of days that Exchange has a word for.
std::string word_for(const std::vector<pim::Rule::Weekday>& days) {
  unsigned bits = 0;
  for (const auto& day : days) bits |= 1U << day.weekday;
  if (bits == 0x7F) return "Day";
  if (bits == 0x3E) return "Weekday";
  if (bits == 0x41) return "WeekendDay";
  return days.size() == 1 ? std::string(week[days[0].weekday]) : std::string();
}

std::string index_for(int nth) {
  return nth == -1 ? "Last" : nth >= 1 && nth <= 4 ? std::string(indexes[nth - 1]) : std::string();
}

bool last_of_month(const pim::Rule& rule) { return rule.month_days.size() == 1 && rule.month_days[0] == -1; }

/// BYDAY=-1FR, or BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1.
bool relative(const pim::Rule& rule, Recurrence& made) {
  if (rule.weekdays.empty() || !rule.month_days.empty()) return false;
  int nth = rule.weekdays[0].nth;
  if (rule.positions.size() == 1 && nth == 0)
    nth = rule.positions[0];
  else if (!rule.positions.empty() || rule.weekdays.size() != 1)
    return false;
  if (std::ranges::any_of(rule.weekdays, [&](const auto& day) { return day.nth != rule.weekdays[0].nth; }))
    return false;
  made.days = word_for(rule.weekdays);
  made.index = index_for(nth);
  return !made.days.empty() && !made.index.empty();
}

/// What Exchange makes of the 29th, 30th and 31st in a shorter month is its last day.
bool clamped(const pim::Rule& rule, int& day) {
  if (rule.positions != std::vector{-1} || !rule.weekdays.empty() || rule.month_days.size() < 2) return false;
  auto days = rule.month_days;
  std::ranges::sort(days);
  if (days.front() != 28 || days.back() > 30 || days.back() - 28 != static_cast<int>(days.size()) - 1) return false;
  day = days.back();
  return true;
}

bool absolute(const pim::Rule& rule, pim::Local start, Recurrence& made) {
  if (clamped(rule, made.day)) return true;
  if (!rule.weekdays.empty() || !rule.positions.empty() || rule.month_days.size() > 1) return false;
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(start));
  made.day = rule.month_days.empty() ? static_cast<int>(static_cast<unsigned>(date.day())) : rule.month_days[0];
  if (made.day == -1) made.day = 31;
  if (made.day < 1) return false;
  return made.day <= 28 || last_of_month(rule) ||
         (made.month != 0 && made.month != 2 && made.day <= 30 + (made.month + made.month / 8) % 2);
}

}  // namespace

std::string date_text(pim::Local at) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(at));
  return fmt::format("{:04}-{:02}-{:02}", int(date.year()), unsigned(date.month()), unsigned(date.day()));
}

Result<Recurrence> recurrence_of(const xml::Element& element) {
  Recurrence made;
  bool pattern = false, range = false;
  for (const auto& part : element.children) {
    if (const auto found = std::ranges::find(patterns, part.local, &std::pair<std::string_view, Pattern>::first);
        found != std::end(patterns)) {
      pattern = true;
      made.pattern = found->second;
      made.interval = number(words(part, "Interval"), 1);
      made.days = ordered_days(words(part, "DaysOfWeek"));
      made.first_day = words(part, "FirstDayOfWeek");
      made.day = number(words(part, "DayOfMonth"), 0);
      made.index = words(part, "DayOfWeekIndex");
      made.month = place_in(year, words(part, "Month")) % 12 + 1;
    } else if (part.local.ends_with("Regeneration")) {
      return unsupported("A task that comes anew when it is done has no rule of iCalendar.");
    } else if (part.local == "NoEndRecurrence" || part.local == "EndDateRecurrence" ||
               part.local == "NumberedRecurrence") {
      range = true;
      made.start = words(part, "StartDate").substr(0, 10);
      made.end = words(part, "EndDate").substr(0, 10);
      made.count = number<std::int64_t>(words(part, "NumberOfOccurrences"), 0);
      made.range = part.local[0] == 'E' ? Range::until : part.local[1] == 'u' ? Range::count : Range::endless;
    }
  }
  if (!pattern || !range || !whole(made) || !is_date(made.start) ||
      (made.range == Range::until && !is_date(made.end)) || (made.range == Range::count && made.count < 1))
    return fault(FaultKind::invalid, {}, "The Exchange server's recurrence is not readable.");
  const bool yearly = made.pattern == Pattern::yearly || made.pattern == Pattern::yearly_relative;
  if (!yearly) made.month = 0;
  if (made.pattern != Pattern::weekly || made.interval == 1) made.first_day.clear();
  if (made.pattern == Pattern::weekly && made.interval > 1 && made.first_day.empty()) made.first_day = "Monday";
  return made;
}

std::string xml_of(const Recurrence& r) {
  std::string inside;
  const bool yearly = r.pattern == Pattern::yearly || r.pattern == Pattern::yearly_relative;
  if (!yearly) inside += fmt::format("<t:Interval>{}</t:Interval>", r.interval);
  // The order of the schema: DaysOfWeek, DayOfWeekIndex, DayOfMonth, Month.
  if (!r.days.empty()) inside += fmt::format("<t:DaysOfWeek>{}</t:DaysOfWeek>", r.days);
  if (!r.first_day.empty()) inside += fmt::format("<t:FirstDayOfWeek>{}</t:FirstDayOfWeek>", r.first_day);
  if (!r.index.empty()) inside += fmt::format("<t:DayOfWeekIndex>{}</t:DayOfWeekIndex>", r.index);
  if (r.day != 0) inside += fmt::format("<t:DayOfMonth>{}</t:DayOfMonth>", r.day);
  if (yearly) inside += fmt::format("<t:Month>{}</t:Month>", year[r.month - 1]);
  const auto name = std::ranges::find(patterns, r.pattern, &std::pair<std::string_view, Pattern>::second)->first;
  auto made = fmt::format("<t:{0}>{1}</t:{0}>", name, inside);
  const auto start = fmt::format("<t:StartDate>{}</t:StartDate>", r.start);
  if (r.range == Range::endless) return made + "<t:NoEndRecurrence>" + start + "</t:NoEndRecurrence>";
  if (r.range == Range::until)
    return made + fmt::format("<t:EndDateRecurrence>{}<t:EndDate>{}</t:EndDate></t:EndDateRecurrence>", start, r.end);
  return made +
         fmt::format("<t:NumberedRecurrence>{}<t:NumberOfOccurrences>{}</t:NumberOfOccurrences></t:NumberedRecurrence>",
                     start, r.count);
}

Result<Recurrence> recurrence_of(const pim::Rule& rule, pim::Local start, std::string_view until) {
  using pim::Frequency;
  const auto no_such = [] {
    return unsupported(
        "Exchange has no recurrence like this one: only every so many days, weeks, months or a year, on one day of "
        "them.");
  };
  if (!rule.seconds.empty() || !rule.minutes.empty() || !rule.hours.empty() || !rule.year_days.empty() ||
      !rule.weeks.empty() || rule.months.size() > 1 || rule.interval > 999)
    return no_such();
  Recurrence made;
  made.interval = static_cast<int>(rule.interval);
  made.start = date_text(start);
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(start));
  const auto weekday = std::chrono::weekday(std::chrono::floor<std::chrono::days>(start)).c_encoding();
  auto days = rule.weekdays;
  const bool plain_days = std::ranges::all_of(days, [](const auto& day) { return day.nth == 0; });
  if (rule.frequency == Frequency::weekly || (rule.frequency == Frequency::daily && !days.empty())) {
    if (!plain_days || !rule.positions.empty() || !rule.months.empty() || !rule.month_days.empty()) return no_such();
    if (rule.frequency == Frequency::daily && made.interval != 1) return no_such();
    made.pattern = Pattern::weekly;
    if (days.empty()) days.push_back({0, weekday});
    std::string all;
    for (const auto& day : days) all += std::string(week[day.weekday]) + ' ';
    made.days = ordered_days(all);
    if (made.interval > 1) made.first_day = week[rule.week_start];
  } else if (rule.frequency == Frequency::daily) {
    if (!rule.positions.empty() || !rule.months.empty() || !rule.month_days.empty()) return no_such();
  } else if (rule.frequency == Frequency::monthly || rule.frequency == Frequency::yearly) {
    const bool yearly = rule.frequency == Frequency::yearly;
    if (!yearly && !rule.months.empty()) return no_such();
    // Weekdays of a whole year are none of its month's.
    if (yearly && rule.months.empty() && (!rule.weekdays.empty() || !rule.month_days.empty())) return no_such();
    made.month =
        yearly ? (rule.months.empty() ? static_cast<int>(static_cast<unsigned>(date.month())) : rule.months[0]) : 0;
    const bool by_day = relative(rule, made);
    if (!by_day && !absolute(rule, start, made)) return no_such();
    const bool several_years = yearly && made.interval > 1;
    if (several_years) {  // every 12 · n months, from the month of the first
      if (made.month != static_cast<int>(static_cast<unsigned>(date.month())) || made.interval > 83) return no_such();
      made.interval *= 12;
      made.month = 0;
    }
    made.pattern = yearly && !several_years ? (by_day ? Pattern::yearly_relative : Pattern::yearly)
                                            : (by_day ? Pattern::monthly_relative : Pattern::monthly);
  } else {
    return no_such();
  }
  if (rule.count) {
    made.range = Range::count;
    made.count = *rule.count;
  } else if (rule.until) {
    made.range = Range::until;
    made.end = until;
  }
  return made;
}

std::string rule_of(const Recurrence& r, std::string_view until) {
  std::string made;
  const auto add = [&made](std::string_view text) { made += (made.empty() ? "" : ";") + std::string(text); };
  const auto interval = [&](int one) {
    if (r.interval / one > 1) add(fmt::format("INTERVAL={}", r.interval / one));
  };
  const auto by_days = [&] {
    std::string list;
    for (unsigned i = 0; i < 7; ++i) {
      const bool in = r.days == "Day" || (r.days == "Weekday" && i >= 1 && i <= 5) ||
                      (r.days == "WeekendDay" && (i == 0 || i == 6)) ||
                      (" " + r.days + " ").contains(" " + std::string(week[i]) + " ");
      if (in) list += (list.empty() ? "" : ",") + std::string(short_days[i]);
    }
    return list;
  };
  const auto on_days = [&] {
    const int nth = r.index == "Last" ? -1 : place_in(indexes, r.index) + 1;
    const auto list = by_days();
    if (list.size() == 2)
      add(fmt::format("BYDAY={}{}", nth, list));
    else
      add(fmt::format("BYDAY={};BYSETPOS={}", list, nth));
  };
  const auto on_day = [&](int month) {
    const int most = month == 0 ? 28 : month == 2 ? 28 : 30 + (month + month / 8) % 2;
    if (r.day <= most)
      add(fmt::format("BYMONTHDAY={}", r.day));
    else if (r.day == 31)
      add("BYMONTHDAY=-1");
    else
      add(r.day == 29 ? "BYMONTHDAY=28,29;BYSETPOS=-1" : "BYMONTHDAY=28,29,30;BYSETPOS=-1");
  };
  switch (r.pattern) {
    case Pattern::daily:
      add("FREQ=DAILY");
      interval(1);
      break;
    case Pattern::weekly:
      add("FREQ=WEEKLY");
      interval(1);
      add("BYDAY=" + by_days());
      if (!r.first_day.empty() && r.first_day != "Monday")
        add(fmt::format("WKST={}", short_days[place_in(week, r.first_day) % 7]));
      break;
    case Pattern::monthly:
    case Pattern::monthly_relative:
      add("FREQ=MONTHLY");
      interval(1);
      if (r.pattern == Pattern::monthly)
        on_day(0);
      else
        on_days();
      break;
    case Pattern::yearly:
    case Pattern::yearly_relative:
      add(fmt::format("FREQ=YEARLY;BYMONTH={}", r.month));
      if (r.pattern == Pattern::yearly)
        on_day(r.month);
      else
        on_days();
      break;
  }
  if (r.range == Range::count) add(fmt::format("COUNT={}", r.count));
  if (r.range == Range::until) add(fmt::format("UNTIL={}", until));
  return made;
}

}  // namespace tidegate::ews
