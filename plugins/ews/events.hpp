// SPDX-License-Identifier: Apache-2.0
// Events: CalendarItems with their changed and deleted occurrences, and calendar objects with overrides and EXDATEs.
// [MS-OXWSMTGS], RFC 5545 §3.6.1. Pure.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "core/pim/calendar.hpp"
#include "plugins/ews/fields.hpp"

namespace tidegate::ews {

/// Times are instants ("2026-01-30T08:00:00Z"), of all-day events dates ("2026-01-30", whatever the zone they were made
/// in: EWS-18). Occurrences are named by their original start.
struct Event {
  Fields master;
  std::map<std::string, Fields> changed;
  std::set<std::string> deleted;
  std::string zone;  ///< Windows' id; of all-day events, where their midnight is
  bool operator==(const Event&) const = default;
  bool series() const { return master.contains("calendar:Recurrence"); }
};

std::string event_shape();
/// ItemIds of the changed occurrences of a series.
std::vector<Bytes> occurrences_of(const xml::Element& event);

/// Fault invalid: a series in a time zone that nobody knows.
Result<Event> event_of(const xml::Element& event, std::span<const xml::Element> exceptions, const pim::ZoneSource&);
/// `home`: the zone of floating times and all-day events, by any name. Faults: unsupported (what Exchange has no like
/// of), invalid.
Result<Event> event_of(const pim::CalendarObject&, const std::string& home, const pim::ZoneSource&);
/// The object that says what the event says and, beside that, all that `base` says.
Bytes event_object(const Event&, const std::string& uid, const pim::CalendarObject* base, const pim::ZoneSource&);

/// `zone`: where the midnights of all-day events are.
std::string event_updates(const Fields& before, const Fields& after, const std::string& zone, const pim::ZoneSource&);
std::string event_children(const Event&, const pim::ZoneSource&);
/// What an occurrence says that was never changed.
Fields occurrence_fields(const Fields& master, const std::string& original);
/// Its place in the series, from 1; nullopt: the series has none there.
std::optional<int> occurrence_index(const Event&, const std::string& original, const pim::ZoneSource&);
bool has_attendees(const Fields&);
std::string organizer_of(const Fields&);  ///< an address; empty: none is named
/// Whether the owner of the mailbox is who invites: as the server has it (MyResponseType), or else by whom it names.
bool organizes(std::string_view my_response, std::string_view organizer, std::string_view owner);
/// Whether guests are to hear that the event, as the server has it, is off.
bool calls_off(const xml::Element& event, std::string_view owner, std::chrono::sys_seconds now);

}  // namespace tidegate::ews
