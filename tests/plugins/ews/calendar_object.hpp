// SPDX-License-Identifier: Apache-2.0
// Calendar objects in tests: of octets, and with one component around its lines.
#pragma once
#include <string>

#include <gtest/gtest.h>

#include "core/pim/calendar.hpp"
#include "core/pim/system_zones.hpp"

namespace tidegate::ews {

inline pim::CalendarObject object(const Bytes& octets) {
  static pim::SystemZones zones;
  auto made = pim::CalendarObject::parse(octets, zones.source());
  EXPECT_TRUE(made) << made.error().text << octets;
  return *made;
}
inline std::string calendar_text(const std::string& component, const std::string& lines) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:" + component +
         "\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\n" + lines + "END:" + component + "\r\nEND:VCALENDAR\r\n";
}

}  // namespace tidegate::ews
