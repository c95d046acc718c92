// SPDX-License-Identifier: Apache-2.0
// Words and times that events.cpp and event_objects.cpp both read and write: internal to the two.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pim/values.hpp"
#include "core/pim/zone_names.hpp"
#include "plugins/ews/fields.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/recurrence.hpp"

namespace tidegate::ews {

inline constexpr const char *start_path = "calendar:Start", *end_path = "calendar:End",
                            *all_day_path = "calendar:IsAllDayEvent", *zone_path = "calendar:StartTimeZone",
                            *rule_path = "calendar:Recurrence", *busy_path = "calendar:LegacyFreeBusyStatus",
                            *reminder_path = "item:ReminderIsSet", *minutes_path = "item:ReminderMinutesBeforeStart",
                            *organizer_path = "read:Organizer", *answers_path = "read:Answers",
                            *cancelled_path = "read:IsCancelled";
inline constexpr const char* busy_property = "X-MICROSOFT-CDO-BUSYSTATUS";

struct People {
  const char *path, *element, *parameter, *value;  ///< parameter=value of the ATTENDEE
};
inline constexpr People people[] = {{"calendar:RequiredAttendees", "RequiredAttendees", "", ""},
                                    {"calendar:OptionalAttendees", "OptionalAttendees", "ROLE", "OPT-PARTICIPANT"},
                                    {"calendar:Resources", "Resources", "CUTYPE", "RESOURCE"}};
inline constexpr std::pair<std::string_view, std::string_view> answers[] = {
    {"Accept", "ACCEPTED"}, {"Tentative", "TENTATIVE"}, {"Decline", "DECLINED"}};
inline constexpr std::pair<std::string_view, std::string_view> busy_words[] = {
    {"Tentative", "TENTATIVE"}, {"OOF", "OOF"}, {"WorkingElsewhere", "WORKINGELSEWHERE"}};

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> made;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    made.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return made;
}

inline std::optional<pim::Local> day_of(std::string_view text) {
  if (text.size() != 10) return std::nullopt;
  const auto when = date_time(std::string(text) + "T00:00:00Z");
  if (!when) return std::nullopt;
  return pim::Local(when->time_since_epoch());
}

struct Clock_ {
  std::string olson;  ///< empty: UTC
  std::shared_ptr<const pim::Zone> zone;
};

inline Clock_ clock_of(const std::string& id, const pim::ZoneSource& zones) {
  if (id.empty() || id == "UTC") return {{}, pim::Zone::utc()};
  const auto found = pim::find_zone(id, zones);
  if (!found) return {{}, pim::Zone::utc()};
  return {found->olson, found->zone};
}

inline std::string until_text(const Recurrence& recurrence, const Fields& fields, const Clock_& clock) {
  auto end = day_of(recurrence.end);
  if (!end) return {};
  const auto start = text_at(fields, start_path);
  if (start.size() == 10) return pim::to_text({pim::Moment::Form::date, *end, {}});
  const auto local = clock.zone->local(date_time(start).value_or(std::chrono::sys_seconds{}));
  return pim::stamp(clock.zone->utc(*end + (local - std::chrono::floor<std::chrono::days>(local))));
}

inline std::optional<Recurrence> recurrence_in(const Fields& fields) {
  const auto text = text_at(fields, rule_path);
  if (text.empty()) return std::nullopt;
  const auto tree = xml::tree("<r xmlns:t='t'>" + std::string(text) + "</r>");
  if (!tree) return std::nullopt;
  auto read = recurrence_of(*tree);
  return read ? std::optional(std::move(*read)) : std::nullopt;
}

}  // namespace tidegate::ews
