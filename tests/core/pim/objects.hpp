// SPDX-License-Identifier: Apache-2.0
// Objects for tests, from lines; windows from words.
#pragma once
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "core/pim/instances.hpp"
#include "core/pim/system_zones.hpp"

namespace tidegate::pim::test {

inline ZoneSource zones() {
  static SystemZones system;
  return system.source();
}

inline std::string lines(std::initializer_list<std::string_view> all) {
  std::string out;
  for (const auto each : all) {
    out += each;
    out += "\r\n";
  }
  return out;
}

/// `inside`: lines between BEGIN:VCALENDAR and its end.
inline std::string calendar(std::initializer_list<std::string_view> inside) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n" + lines(inside) + "END:VCALENDAR\r\n";
}

inline CalendarObject parsed(View octets) {
  auto object = CalendarObject::parse(octets, zones());
  EXPECT_TRUE(object) << (object ? "" : object.error().text) << '\n' << octets;
  return object ? std::move(*object) : CalendarObject{};
}

inline Moment moment(std::string_view text, std::string_view tzid = {}) { return parse_moment(text, tzid).value(); }
inline Utc utc(std::string_view text) { return Utc(moment(text).local.time_since_epoch()); }
inline Window window(std::string_view from, std::string_view to) { return {utc(from), utc(to), Zone::utc()}; }

/// `20260102T030405Z SUMMARY` an instance, with blanks between.
inline std::string told(const CalendarObject& object, const Window& window) {
  const auto found = instances(object, window);
  if (!found) return "fault: " + found.error().text;
  std::string out;
  for (const auto& each : *found) {
    if (!out.empty()) out += ' ';
    out += stamp(each.begins) + ' ' + std::string(each.component->value("SUMMARY"));
  }
  return out;
}

}  // namespace tidegate::pim::test
