// SPDX-License-Identifier: Apache-2.0
#include "core/pim/zone_names.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;
using namespace std::chrono;

std::string olson(std::string_view tzid) {
  const auto found = find_zone(tzid, zones());
  return found ? found->olson : "?";
}

TEST(ZoneNames, EveryNameOnTheRightIsAZone) {
  for (const auto table : {windows_zones(), displayed_zones()})
    for (const auto& [name, zone] : table) {
      EXPECT_EQ(olson(zone), zone) << name;
      EXPECT_EQ(olson(name), zone) << name;
    }
  for (const auto& [present, former] : renamed_zones())
    EXPECT_TRUE(zones()(std::string(present)) || zones()(std::string(former))) << present;
  EXPECT_GE(windows_zones().size(), 144U) << "all of CLDR's windowsZones, and five that Windows has no more";
  EXPECT_TRUE(std::ranges::is_sorted(windows_zones(), {}, [](const auto& row) { return upper(row.name); }));
}

TEST(ZoneNames, OddMakesAreUnderstood) {
  const std::pair<const char*, const char*> table[] = {
      {"Europe/Berlin", "Europe/Berlin"},
      {"W. Europe Standard Time", "Europe/Berlin"},
      {"w. europe standard time", "Europe/Berlin"},
      {"W. Europe Daylight Time", "Europe/Berlin"},
      {"W. Europe Standard Time 1", "Europe/Berlin"},
      {"W. Europe", "Europe/Berlin"},
      {"\"W. Europe Standard Time\"", "Europe/Berlin"},
      {"/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"},
      {"/freeassociation.sourceforge.net/Tzfile/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"},
      {"/citadel.org/20210210_1/Europe/Berlin", "Europe/Berlin"},
      {"/mozilla.org/20070129_1/America/Indiana/Indianapolis", "America/Indiana/Indianapolis"},
      {"/softwarestudio.org/Olson_20011030_5/America/New_York", "America/New_York"},
      {"(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"},
      {"(GMT+01.00) Sarajevo/Warsaw/Zagreb", "Europe/Sarajevo"},
      {"(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"},
      {"(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"},
      {"(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "Asia/Kolkata"},
      {"(UTC) Coordinated Universal Time", "Etc/UTC"},
      {"(UTC) Dublin, Edinburgh, Lisbon, London", "Europe/Dublin"},
      {"Pacific Time (US & Canada)", "America/Los_Angeles"},
      {"America/New York", "America/New_York"},
      {"Europe/Kyiv", "Europe/Kyiv"},
      {"tzone://Microsoft/Utc", "Etc/UTC"},
      {"UTC", "Etc/UTC"},
      {"UTC-11", "Etc/GMT+11"},
      {"UTC+1", "Etc/GMT-1"},
      {"GMT+0200", "Etc/GMT-2"},
      {"Etc/GMT+1", "Etc/GMT+1"},
      // Never GMT:
      {"Nowhere/At_All", "?"},
      {"Customized Time Zone", "?"},
      {"tzone://Microsoft/Custom", "?"},
      {"(UTC+07:00) Amsterdam, Berlin", "?"},
      {"(UTC+01:00) Atlantis", "?"},
      {"Berlin", "?"},
      {"../../etc/passwd", "?"},
      {"/etc/passwd", "?"},
      {"(UTC+25:00) Berlin", "?"},
      {"", "?"},
      {"/", "?"},
      {"UTC+25", "?"},
  };
  for (const auto& [tzid, expected] : table) EXPECT_EQ(olson(tzid), expected) << tzid;
}

TEST(ZoneNames, AnOffsetThatNoZoneHasIsKept) {
  const auto found = find_zone("UTC+03:17", zones());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->zone->offset(utc("20260101T000000Z")), hours(3) + minutes(17));
}

TEST(ZoneNames, ZonesThatWereRenamedAreFoundUnderEitherName) {
  const auto old_only = [](const std::string& name) {
    return name == "Europe/Kiev" ? Zone::fixed(hours(2)) : std::shared_ptr<const Zone>();
  };
  EXPECT_EQ(find_zone("Europe/Kyiv", old_only)->olson, "Europe/Kiev");
  EXPECT_EQ(find_zone("FLE Standard Time", old_only)->olson, "Europe/Kiev");
}

Component vtimezone(std::initializer_list<std::string_view> inside) {
  return read_components("BEGIN:VTIMEZONE\r\nTZID:x\r\n" + lines(inside) + "END:VTIMEZONE\r\n", Dialect::icalendar)
      ->front();
}

TEST(Zone, ARuleFrom1601IsTheOneThatHolds) {
  // DAV-15: Outlook's way.
  Effort effort;
  const auto zone = Zone::from_component(
      vtimezone({"BEGIN:STANDARD", "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100",
                 "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "END:STANDARD", "BEGIN:DAYLIGHT", "DTSTART:16010101T020000",
                 "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT"}),
      effort);
  ASSERT_TRUE(zone) << zone.error().text;
  const auto berlin = zones()("Europe/Berlin");
  for (auto at = utc("20000101T000000Z"); at < utc("21400101T000000Z"); at += hours(13))
    ASSERT_EQ((*zone)->offset(at), berlin->offset(at)) << stamp(at);
}

TEST(Zone, WhatIsBrokenIsNamed) {
  struct Row {  // an aggregate: a pair's lists would be gone
    std::initializer_list<std::string_view> inside;
    const char* text;
  };
  const Row table[] = {
      {{}, "Line 1: this VTIMEZONE has no STANDARD and no DAYLIGHT."},
      {{"BEGIN:STANDARD", "DTSTART:20000101T000000", "TZOFFSETTO:+0100", "END:STANDARD"},
       "Line 3: this part of a VTIMEZONE has no TZOFFSETFROM."},
      {{"BEGIN:STANDARD", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0100", "END:STANDARD"},
       "Line 3: this part of a VTIMEZONE has no DTSTART."},
      {{"BEGIN:STANDARD", "DTSTART:x", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0100", "END:STANDARD"},
       "Line 4: DTSTART has a value that is no date or time."},
      {{"BEGIN:STANDARD", "DTSTART:20000101T000000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "RRULE:FREQ=SECONDLY",
        "END:STANDARD"},
       "Line 7: no zone changes that often."},
      {{"BEGIN:STANDARD", "DTSTART:20000101T000000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200",
        "RRULE:FREQ=SECONDLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1", "END:STANDARD"},
       nullptr},
  };
  for (const auto& [inside, text] : table) {
    Effort effort;
    const auto zone = Zone::from_component(vtimezone(inside), effort);
    if (text == nullptr) continue;  // ends, whatever it says
    ASSERT_FALSE(zone);
    EXPECT_EQ(zone.error().text, text);
  }
}

TEST(Zone, FilesThatAreNoneAreRefused) {
  EXPECT_FALSE(Zone::from_tzif(""));
  EXPECT_FALSE(Zone::from_tzif("TZif2"));
  std::string huge(44, '\0');
  huge.replace(0, 5, "TZif2");
  huge.replace(32, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_FALSE(Zone::from_tzif(huge));
}

}  // namespace
}  // namespace tidegate::pim
