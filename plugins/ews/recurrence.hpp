// SPDX-License-Identifier: Apache-2.0
// Recurrence: Exchange's patterns and ranges, and iCalendar's rules. [MS-OXWSCDATA] §2.2.4.60 ff., RFC 5545 §3.3.10.
// Pure.
#pragma once
#include <string>
#include <string_view>

#include "core/pim/rule.hpp"
#include "core/sdk/fault.hpp"
#include "core/xml/element.hpp"

namespace tidegate::ews {

struct Recurrence {
  enum class Pattern : std::uint8_t { daily, weekly, monthly, monthly_relative, yearly, yearly_relative };
  enum class Range : std::uint8_t { endless, until, count };
  Pattern pattern = Pattern::daily;
  int interval = 1;
  std::string days = {};       ///< "Monday Friday" in the week's order, Sunday first; or Day, Weekday, WeekendDay
  std::string first_day = {};  ///< only where the interval makes it matter
  int day = 0;                 ///< of the month
  std::string index = {};      ///< First … Fourth, Last
  int month = 0;
  Range range = Range::endless;
  std::string start = {}, end = {};  ///< dates, "2026-01-31"; both included
  std::int64_t count = 0;
  bool operator==(const Recurrence&) const = default;
};

/// Faults: unsupported (a pattern that no rule says: tasks that come anew when they are done), invalid.
Result<Recurrence> recurrence_of(const xml::Element& recurrence);
/// What stands in the element.
std::string xml_of(const Recurrence&);

/// `until`: the last day of a rule with UNTIL, where the event is. Fault unsupported: Exchange has no such pattern.
Result<Recurrence> recurrence_of(const pim::Rule&, pim::Local start, std::string_view until);
/// The value of an RRULE; `until`: what UNTIL is to say, if there is one.
std::string rule_of(const Recurrence&, std::string_view until);

/// "2026-01-31"
std::string date_text(pim::Local);

}  // namespace tidegate::ews
