// SPDX-License-Identifier: Apache-2.0
// Recurrence rules (RFC 5545 §3.3.10) and their expansion in local time, without zones. Pure. Bounded: what would take
// too long says so instead of taking it.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/pim/values.hpp"

namespace tidegate::pim {

enum class Frequency : std::uint8_t { yearly, monthly, weekly, daily, hourly, minutely, secondly };

struct Rule {
  struct Weekday {
    int nth = 0;           ///< 0: every one
    unsigned weekday = 0;  ///< 0: Sunday
    bool operator==(const Weekday&) const = default;
  };
  Frequency frequency = Frequency::daily;
  std::int64_t interval = 1;
  std::optional<std::int64_t> count{};
  std::optional<Moment> until{};
  std::vector<int> seconds{}, minutes{}, hours{}, month_days{}, year_days{}, weeks{}, months{}, positions{};
  std::vector<Weekday> weekdays{};
  unsigned week_start = 1;  ///< Monday
  bool operator==(const Rule&) const = default;
};

/// Faults: invalid (what is wrong, without the line); unsupported (calendars other than Gregory's, RFC 7529).
Result<Rule> parse_rule(std::string_view);

/// What may be spent on rules in one call, over all of them: days and instants that are looked at. Well below a second.
struct Effort {
  std::uint64_t left = 1'000'000;
  bool over = false;
  void spend(std::uint64_t steps) {
    over = over || steps > left;
    left -= std::min(left, steps);
  }
};

/// The local times of a rule, ascending, none twice. DTSTART is always the first of them, whether it fits the rule or
/// not, and counts (RFC 5545 §3.8.5.3). COUNT is obeyed here; UNTIL where it is local or a date, else it is the
/// caller's who knows the zone.
class Expansion {
 public:
  /// What lies before `from` need not be given (it is where COUNT must be counted from the start); what lies behind
  /// `to` is not looked for. It ends early when the effort is over. Borrows that.
  Expansion(Rule, Local start, Effort&, std::optional<Local> from = {}, std::optional<Local> to = {});

  std::optional<Local> next();

 private:
  using Day = std::chrono::local_days;
  struct Days {
    Day begin, end;
  };
  void complete_rule();
  std::optional<Days> period() const;  ///< of a yearly, monthly, weekly or daily rule; none: behind all calendars
  void fill_from_days();
  void fill_from_instants();
  bool day_fits(Day) const;
  bool weekday_fits(Day) const;
  void add_times(Day, std::vector<Local>& set) const;
  void take(std::vector<Local> set);
  void skip_to(Local from);
  void go_to(Local instant);  ///< of an hourly rule or below: the first period that does not begin before
  std::int64_t unit() const;

  Rule rule_;
  Effort* effort_;
  Local start_;
  Local to_;
  std::int64_t index_ = 0;  ///< of the next period
  std::vector<Local> ready_;
  std::size_t at_ = 0;
  std::int64_t given_ = 0;
  bool ended_ = false, first_ = true;
};

}  // namespace tidegate::pim
