// SPDX-License-Identifier: Apache-2.0
// A calendar object (RFC 4791 §4.1): one UID with its master, its overrides and its time zones; events, tasks,
// journals. What is not touched is written back to the octet. Pure.
#pragma once
#include <map>
#include <memory>

#include "core/pim/component.hpp"
#include "core/pim/values.hpp"
#include "core/pim/zone.hpp"
#include "core/sdk/store.hpp"

namespace tidegate::pim {

class CalendarObject {
 public:
  /// Faults: invalid, naming the line (not iCalendar, several UIDs, no DTSTART, a TZID that neither a VTIMEZONE nor
  /// `zones` explains …); too_large; unsupported (vCalendar 1.0).
  static Result<CalendarObject> parse(View octets, const ZoneSource& zones, const Limits& = {});

  const std::string& uid() const { return uid_; }
  Kind kind() const { return kind_; }
  std::string method() const;  ///< of iTIP, upper case; empty: none
  const Component& calendar() const { return calendar_; }
  Component& calendar() { return calendar_; }

  /// None: only instances are there (an invitation to one of a series).
  const Component* master() const;
  Component* master();
  std::vector<const Component*> overrides() const;
  bool holds_items(const Component& part) const { return part.is(item_name()); }
  std::string_view item_name() const;  ///< VEVENT, VTODO, VJOURNAL
  const Component& first() const;      ///< the master, else the first override

  /// Of the object's own VTIMEZONE, else the one that name means; null only for names that parse() never saw.
  std::shared_ptr<const Zone> zone(std::string_view tzid) const;
  /// Dates and floating times are read in `floating`.
  Utc utc(const Moment&, const Zone& floating) const;
  /// The same instant as a time of that form and zone.
  Moment in_form_of(const Moment&, const Moment& like, const Zone& floating) const;

  Bytes octets() const { return calendar_.octets(); }

 private:
  Result<void> look_at_parts();
  Result<void> look_at(const Component& item) const;
  Result<void> find_zones(const Component&, const ZoneSource&);

  Component calendar_;
  std::string uid_;
  Kind kind_ = Kind::event;
  std::map<std::string, std::shared_ptr<const Zone>, std::less<>> zones_;
};

/// Objects of a stream with many UIDs, each with the time zones it names; in the order of their first lines. What is
/// one object already comes back to the octet. Each is still to be parsed. Faults: invalid, too_large.
Result<std::vector<Bytes>> split_by_uid(View octets, const Limits& = {});

/// How long a component lasts: DTEND or DUE or DURATION; without them a day, or nothing (RFC 5545 §3.6.1).
struct Length {
  std::int64_t days = 0;         ///< of the calendar
  std::chrono::seconds exact{};  ///< beside them
};
Length length_of(const CalendarObject&, const Component&);
/// DTSTART, else DUE (tasks), else none.
std::optional<Moment> start_of(const Component&);

}  // namespace tidegate::pim
