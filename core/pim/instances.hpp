// SPDX-License-Identifier: Apache-2.0
// The instances of a calendar object within a window of time: rules, RDATE and EXDATE, overrides merged, also those for
// THISANDFUTURE. Pure; bounded in time and number.
#pragma once
#include <functional>
#include <vector>

#include "core/pim/calendar.hpp"

namespace tidegate::pim {

struct Instance {
  Moment id;         ///< what a RECURRENCE-ID would name it by: in the form and zone of the master's DTSTART
  Moment start;      ///< as the component that rules it says it, moved there
  Utc begins, ends;  ///< `ends` is the first instant behind it
  const Component* component = nullptr;  ///< the master or the override that says what it is
  bool overridden = false;               ///< by an override of its own
};

struct Window {
  Utc from, to;                                        ///< [from, to)
  std::shared_ptr<const Zone> floating = Zone::utc();  ///< where dates and floating times are looked at from
  bool holds(Utc begins, Utc ends) const {             ///< what has no length is inside if it begins there
    return begins < to && (ends > from || (begins == ends && begins >= from));
  }
};

inline constexpr std::size_t instances_most = 20'000;

/// In order of their beginnings. What has no time at all (a task without dates) has no instance.
/// Faults: too_large (more than `most`, or rules that take too long), unsupported (calendars other than Gregory's).
Result<std::vector<Instance>> instances(const CalendarObject&, const Window&, std::size_t most = instances_most);

/// Whether any is; the faults are those of instances(). Cheaper: it ends with the first.
Result<bool> any_inside(const CalendarObject&, const Window&);

/// Whether a device with that window is to have it: any instance is inside; a task that is not completed, and what has
/// no time, always; and whatever cannot be reckoned with, since nothing may get lost.
bool wanted(const CalendarObject&, const Window&, std::uint64_t effort = Effort{}.left);

/// The same of an object's octets and of Unix seconds, dates and floating times seen from UTC; what cannot be read is
/// wanted. With less effort: for whoever asks this of all that a calendar has. Both ends ask this very function.
bool wanted_between(View octets, const ZoneSource&, std::int64_t from, std::int64_t until);

/// The instance of that id, wherever it has been moved to. Fault not_found.
Result<Instance> instance_named(const CalendarObject&, const Moment& id, const Zone& floating);

}  // namespace tidegate::pim
