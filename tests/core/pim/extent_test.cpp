// SPDX-License-Identifier: Apache-2.0
#include "core/pim/extent.hpp"

#include <gtest/gtest.h>

#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

struct Sample {
  const char* name;
  std::string lines, override{};
  bool known = true, single = false;
};
std::string object(const Sample& sample, const std::string& kind = "VEVENT") {
  const auto part = [&](const std::string& lines) {
    return "BEGIN:" + kind + "\r\nUID:u\r\n" + lines + "END:" + kind + "\r\n";
  };
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + part(sample.lines) +
         (sample.override.empty() ? "" : part(sample.override)) + "END:VCALENDAR\r\n";
}

const std::string at = "DTSTART:20260110T100000Z\r\nDTEND:20260110T110000Z\r\n";
const Sample samples[] = {
    {.name = "once", .lines = at, .single = true},
    {.name = "all day", .lines = "DTSTART;VALUE=DATE:20260110\r\n", .single = true},
    {.name = "no time at all", .lines = "DTSTART:20260110T100000\r\n", .single = true},
    {.name = "for days", .lines = "DTSTART:20260110T100000Z\r\nDURATION:P5D\r\n", .single = true},
    {.name = "zoned", .lines = "DTSTART;TZID=Pacific/Kiritimati:20260110T100000\r\nDURATION:PT1H\r\n", .single = true},
    {.name = "an end before its beginning",
     .lines = "DTSTART:20260110T100000Z\r\nDTEND:20260109T100000Z\r\n",
     .single = true},
    {.name = "without an end", .lines = at + "RRULE:FREQ=WEEKLY\r\n"},
    {.name = "counted", .lines = at + "RRULE:FREQ=DAILY;COUNT=3\r\n"},
    {.name = "until", .lines = at + "RRULE:FREQ=DAILY;UNTIL=20260115T100000Z\r\n"},
    {.name = "until a date", .lines = "DTSTART;VALUE=DATE:20260110\r\nRRULE:FREQ=DAILY;UNTIL=20260115\r\n"},
    {.name = "long ones, until",
     .lines = "DTSTART:20260110T100000Z\r\nDURATION:P9D\r\nRRULE:FREQ=DAILY;UNTIL=20260115T100000Z\r\n"},
    {.name = "with an exception", .lines = at + "EXDATE:20260110T100000Z\r\n"},
    {.name = "one moved far away",
     .lines = at + "RRULE:FREQ=DAILY;UNTIL=20260115T100000Z\r\n",
     .override = "RECURRENCE-ID:20260112T100000Z\r\nDTSTART:20260312T100000Z\r\nDURATION:P2D\r\n"},
    {.name = "one moved before all",
     .lines = at + "RRULE:FREQ=DAILY;UNTIL=20260115T100000Z\r\n",
     .override = "RECURRENCE-ID:20260112T100000Z\r\nDTSTART:20250912T100000Z\r\n"},
    {.name = "all that follow are moved",
     .lines = at + "RRULE:FREQ=DAILY;UNTIL=20260115T100000Z\r\n",
     .override = "RECURRENCE-ID;RANGE=THISANDFUTURE:20260112T100000Z\r\nDTSTART:20260312T100000Z\r\n",
     .known = false},
    {.name = "dates of its own", .lines = at + "RDATE:20260401T100000Z\r\n", .known = false},
    {.name = "a rule that nobody knows", .lines = at + "RRULE:RSCALE=HEBREW;FREQ=YEARLY\r\n", .known = false},
    {.name = "a zone that nobody knows", .lines = "DTSTART;TZID=Nowhere:20260110T100000\r\n", .known = false},
};

/// Whatever it says, the octets say the same; and it says something wherever that is simple.
TEST(Extent, SaysWhatTheOctetsSay) {
  for (const auto& sample : samples) {
    const auto octets = object(sample);
    const auto extent = extent_of(octets, zones());
    ASSERT_EQ(extent.has_value(), sample.known) << sample.name;
    if (!extent) continue;
    EXPECT_EQ(extent->single, sample.single) << sample.name;
    const auto day = utc("20260110T000000Z").time_since_epoch().count();
    int told = 0, windows = 0;
    for (std::int64_t from = day - 200 * 86400L; from < day + 200 * 86400L; from += 29 * 3600L)
      for (const std::int64_t length : {1L, 3600L, 86400L, 30 * 86400L}) {
        ++windows;
        const auto said = extent->wanted(from, from + length);
        if (!said) continue;
        ++told;
        ASSERT_EQ(*said, wanted_between(octets, zones(), from, from + length)) << sample.name << ' ' << from - day;
      }
    EXPECT_TRUE(!sample.single || told == windows) << sample.name;
    EXPECT_GT(told, windows / 4) << sample.name << ": what lies before is told, too";
  }
}

TEST(Extent, WhatIsWantedAlwaysHasNone) {
  EXPECT_FALSE(extent_of(object({.name = "", .lines = at}, "VTODO"), zones())) << "tasks that are not done";
  EXPECT_FALSE(extent_of("nothing", zones()));
  EXPECT_FALSE(extent_of("BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nBEGIN:VEVENT\r\nUID:u\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
                         zones()))
      << "it has no time";
}

}  // namespace
}  // namespace tidegate::pim
