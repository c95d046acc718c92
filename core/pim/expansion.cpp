// SPDX-License-Identifier: Apache-2.0
// RFC 5545 §3.3.10: a rule is a sequence of periods (its FREQ, every INTERVALth). Of a year, month, week or day all
// days are asked whether they fit the BY… parts; the times of those that do make the period's set, from which BYSETPOS
// picks.
#include <algorithm>

#include "core/pim/rule.hpp"

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr local_days calendar_end = local_days(year(9999) / December / 31);

unsigned weekday_of(local_days day) { return weekday(day).c_encoding(); }

local_days week_of(local_days day, unsigned week_start) { return day - days((weekday_of(day) + 7 - week_start) % 7); }

/// RFC 5545, BYWEEKNO: the first week of a year is the one that has at least four days in it.
local_days first_week(year of, unsigned week_start) { return week_of(local_days(of / January / 4), week_start); }

bool has(const std::vector<int>& values, std::int64_t value) {
  return std::ranges::binary_search(values, static_cast<int>(value));
}
/// `value` from 1, and the same counted from the end.
bool has_either(const std::vector<int>& values, std::int64_t value, std::int64_t most) {
  return has(values, value) || has(values, value - most - 1);
}

bool is_nth(int nth, std::int64_t place, std::int64_t most) {
  return nth > 0 ? (place - 1) / 7 + 1 == nth : (most - place) / 7 + 1 == -nth;
}

}  // namespace

Expansion::Expansion(Rule rule, Local start, Effort& effort, std::optional<Local> from, std::optional<Local> to)
    : rule_(std::move(rule)), effort_(&effort), start_(start), to_(to.value_or(calendar_end)) {
  complete_rule();
  if (from && *from > start && !rule_.count) skip_to(*from);
}

/// What a rule does not say comes from DTSTART.
void Expansion::complete_rule() {
  const auto day = floor<days>(start_);
  const year_month_day date(day);
  const hh_mm_ss time(start_ - day);
  auto& rule = rule_;
  const bool no_day = rule.month_days.empty() && rule.year_days.empty() && rule.weekdays.empty();
  if (no_day && rule.frequency == Frequency::weekly) rule.weekdays.push_back({0, weekday_of(day)});
  if (no_day && rule.frequency == Frequency::yearly && !rule.weeks.empty())
    rule.weekdays.push_back({0, weekday_of(day)});
  else if (no_day && rule.frequency <= Frequency::monthly)
    rule.month_days.push_back(static_cast<int>(static_cast<unsigned>(date.day())));
  if (no_day && rule.frequency == Frequency::yearly && rule.weeks.empty() && rule.months.empty())
    rule.months.push_back(static_cast<int>(static_cast<unsigned>(date.month())));
  if (rule.hours.empty() && rule.frequency < Frequency::hourly)
    rule.hours.push_back(static_cast<int>(time.hours().count()));
  if (rule.minutes.empty() && rule.frequency < Frequency::minutely)
    rule.minutes.push_back(static_cast<int>(time.minutes().count()));
  if (rule.seconds.empty() && rule.frequency < Frequency::secondly)
    rule.seconds.push_back(static_cast<int>(time.seconds().count()));
}

std::optional<Local> Expansion::next() {
  if (rule_.count && given_ >= *rule_.count) return std::nullopt;
  if (first_) {
    first_ = false;
    ++given_;
    return start_;
  }
  while (!ended_ && at_ == ready_.size()) {
    ready_.clear();
    at_ = 0;
    if (effort_->over) return std::nullopt;
    if (rule_.frequency < Frequency::hourly)
      fill_from_days();
    else
      fill_from_instants();
  }
  if (at_ == ready_.size()) return std::nullopt;
  const auto found = ready_[at_++];
  const bool over =
      found > to_ || (rule_.until && rule_.until->form != Moment::Form::utc &&
                      found > rule_.until->local + (rule_.until->all_day() ? seconds(86399) : seconds(0)));
  if (over) {
    ended_ = true;
    ready_.clear();
    at_ = 0;
    return std::nullopt;
  }
  ++given_;
  return found;
}

std::optional<Expansion::Days> Expansion::period() const {
  const auto day = floor<days>(start_);
  const year_month_day date(day);
  const auto step = index_ * rule_.interval;
  if (step > 4'000'000) return std::nullopt;  // days: more than there are to the year 9999
  Days found{};
  if (rule_.frequency == Frequency::yearly) {
    const auto y = static_cast<int>(date.year()) + step;
    if (y > 9999) return std::nullopt;
    found = {local_days(year(static_cast<int>(y)) / January / 1),
             local_days(year(static_cast<int>(y) + 1) / January / 1)};
  } else if (rule_.frequency == Frequency::monthly) {
    if (step > 12 * 10'000) return std::nullopt;
    const auto month_of = year_month(date.year(), date.month()) + months(step);
    found = {local_days(month_of / 1), local_days((month_of + months(1)) / 1)};
  } else if (rule_.frequency == Frequency::weekly) {
    const auto begin = week_of(day, rule_.week_start) + days(7 * step);
    found = {begin, begin + days(7)};
  } else {
    found = {day + days(step), day + days(step + 1)};
  }
  if (found.begin > calendar_end || Local(found.begin) > to_) return std::nullopt;
  return found;
}

void Expansion::fill_from_days() {
  const auto now = period();
  if (!now) {
    ended_ = true;
    return;
  }
  ++index_;
  std::vector<Local> set;
  for (auto day = now->begin; day < now->end; day += days(1)) {
    if (day_fits(day)) add_times(day, set);
  }
  effort_->spend(set.size() + static_cast<std::uint64_t>((now->end - now->begin).count()));
  take(std::move(set));
}

std::int64_t Expansion::unit() const {
  return rule_.interval * (rule_.frequency == Frequency::hourly     ? 3600
                           : rule_.frequency == Frequency::minutely ? 60
                                                                    : 1);
}

void Expansion::go_to(Local instant) {
  const auto length = rule_.frequency == Frequency::hourly ? 3600 : rule_.frequency == Frequency::minutely ? 60 : 1;
  const auto base = floor<days>(start_) + ((start_ - floor<days>(start_)) / length) * length;
  const auto ahead = (instant - base).count();
  index_ = std::max(index_, (ahead + unit() - 1) / unit());
}

void Expansion::fill_from_instants() {
  effort_->spend(1);
  const auto length = rule_.frequency == Frequency::hourly ? 3600 : rule_.frequency == Frequency::minutely ? 60 : 1;
  const auto base = floor<days>(start_) + ((start_ - floor<days>(start_)) / length) * length;
  const Local instant = base + seconds(index_ * unit());
  if (instant > to_) {
    ended_ = true;
    return;
  }
  const auto day = floor<days>(instant);
  const hh_mm_ss time(instant - day);
  if (!day_fits(day)) return go_to(day + days(1));
  if (!rule_.hours.empty() && !has(rule_.hours, time.hours().count())) return go_to(floor<hours>(instant) + hours(1));
  const bool minute = rule_.frequency >= Frequency::minutely && !rule_.minutes.empty();
  if (minute && !has(rule_.minutes, time.minutes().count())) return go_to(floor<minutes>(instant) + minutes(1));
  ++index_;
  std::vector<Local> set;
  if (rule_.frequency == Frequency::hourly) {
    for (const int m : rule_.minutes)
      for (const int s : rule_.seconds) set.push_back(instant + minutes(m) + seconds(s));
  } else if (rule_.frequency == Frequency::minutely) {
    for (const int s : rule_.seconds) set.push_back(instant + seconds(s));
  } else if (rule_.seconds.empty() || has(rule_.seconds, time.seconds().count())) {
    set.push_back(instant);
  }
  effort_->spend(set.size());
  take(std::move(set));
}

bool Expansion::day_fits(Day day) const {
  const year_month_day date(day);
  if (!rule_.months.empty() && !has(rule_.months, static_cast<unsigned>(date.month()))) return false;
  if (!rule_.weeks.empty()) {
    const auto week = week_of(day, rule_.week_start);
    const auto of = year_month_day(week + days(3)).year();
    const auto first = first_week(of, rule_.week_start);
    const auto weeks_of_it = (first_week(of + years(1), rule_.week_start) - first).count() / 7;
    if (!has_either(rule_.weeks, (week - first).count() / 7 + 1, weeks_of_it)) return false;
  }
  if (!rule_.year_days.empty()) {
    const auto first = local_days(date.year() / January / 1);
    if (!has_either(rule_.year_days, (day - first).count() + 1, date.year().is_leap() ? 366 : 365)) return false;
  }
  if (!rule_.month_days.empty()) {
    const auto last = static_cast<unsigned>(year_month_day_last(date.year() / date.month() / std::chrono::last).day());
    if (!has_either(rule_.month_days, static_cast<unsigned>(date.day()), last)) return false;
  }
  return rule_.weekdays.empty() || weekday_fits(day);
}

bool Expansion::weekday_fits(Day day) const {
  const auto weekday = weekday_of(day);
  const year_month_day date(day);
  const bool of_month =
      rule_.frequency == Frequency::monthly || (rule_.frequency == Frequency::yearly && !rule_.months.empty());
  const bool of_year = rule_.frequency == Frequency::yearly && rule_.weeks.empty() && !of_month;
  for (const auto& each : rule_.weekdays) {
    if (each.weekday != weekday) continue;
    // A number that RFC 5545 gives no meaning here (a weekly 1MO) is as if it were not there.
    if (each.nth == 0 || (!of_month && !of_year)) return true;
    if (of_month) {
      const auto last =
          static_cast<unsigned>(year_month_day_last(date.year() / date.month() / std::chrono::last).day());
      if (is_nth(each.nth, static_cast<unsigned>(date.day()), last)) return true;
    } else {
      const auto first = local_days(date.year() / January / 1);
      if (is_nth(each.nth, (day - first).count() + 1, date.year().is_leap() ? 366 : 365)) return true;
    }
  }
  return false;
}

void Expansion::add_times(Day day, std::vector<Local>& set) const {
  for (const int h : rule_.hours)
    for (const int m : rule_.minutes)
      for (const int s : rule_.seconds) set.push_back(day + hours(h) + minutes(m) + seconds(s));
}

void Expansion::take(std::vector<Local> set) {
  if (!rule_.positions.empty()) {
    std::vector<Local> picked;
    const auto size = static_cast<std::int64_t>(set.size());
    for (std::int64_t place = 1; place <= size; ++place)
      if (has_either(rule_.positions, place, size)) picked.push_back(set[static_cast<std::size_t>(place - 1)]);
    set = std::move(picked);
  }
  std::erase_if(set, [this](Local each) { return each <= start_; });
  ready_ = std::move(set);
}

void Expansion::skip_to(Local from) {
  first_ = false;
  const auto begin = floor<days>(start_), end = floor<days>(from);
  const year_month_day first(begin), last(end);
  const auto years_ahead = static_cast<int>(last.year()) - static_cast<int>(first.year());
  std::int64_t ahead = 0;
  switch (rule_.frequency) {
    case Frequency::yearly:
      ahead = years_ahead;
      break;
    case Frequency::monthly:
      ahead = years_ahead * 12 + static_cast<int>(static_cast<unsigned>(last.month())) -
              static_cast<int>(static_cast<unsigned>(first.month()));
      break;
    case Frequency::weekly:
      ahead = (end - begin).count() / 7;
      break;
    case Frequency::daily:
      ahead = (end - begin).count();
      break;
    default:
      return go_to(from - hours(1));
  }
  index_ = std::max<std::int64_t>(0, ahead / rule_.interval - 1);
}

}  // namespace tidegate::pim
