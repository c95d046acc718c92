// SPDX-License-Identifier: Apache-2.0
#include "core/pim/calendar.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/pim/canonical.hpp"
#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

std::string error(View octets) {
  const auto object = CalendarObject::parse(octets, zones());
  return object ? "fine" : object.error().text;
}

TEST(Calendar, WhatIsWrongIsSaidWithItsLine) {
  const std::pair<std::string, const char*> table[] = {
      {"", "Line 1: there is no VCALENDAR."},
      {"BEGIN:VCARD\r\nEND:VCARD\r\n", "Line 1: this is no VCALENDAR."},
      {calendar({}), "Line 1: there is no event, task or journal in it."},
      {calendar({"BEGIN:VEVENT", "DTSTART:20260101T000000Z", "END:VEVENT"}), "Line 4: this VEVENT has no UID."},
      {calendar({"BEGIN:VEVENT", "UID:u", "END:VEVENT"}), "Line 4: this VEVENT has no DTSTART."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:2026", "END:VEVENT"}),
       "Line 6: DTSTART has a value that is no date or time."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101", "DTEND:20260101T000000Z", "END:VEVENT"}),
       "Line 7: of DTSTART and DTEND one is a date, the other has a time."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101", "RRULE:FREQ=SOMETIMES", "END:VEVENT"}),
       "Line 7: The rule has a FREQ that is none."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101", "RRULE:FREQ=DAILY;COUNT=0", "END:VEVENT"}),
       "Line 7: The rule's COUNT makes no sense."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101", "SEQUENCE:x", "END:VEVENT"}),
       "Line 7: SEQUENCE is no number from 0 to 2147483647."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=Nowhere:20260101T000000", "END:VEVENT"}),
       "Line 6: the time zone \"Nowhere\" is not known, and the object does not define it."},
      {calendar({"BEGIN:VTIMEZONE", "TZID:Nowhere", "END:VTIMEZONE", "BEGIN:VEVENT", "UID:u",
                 "DTSTART;TZID=Nowhere:20260101T000000", "END:VEVENT"}),
       "Line 4: this VTIMEZONE has no STANDARD and no DAYLIGHT."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101", "END:VEVENT", "BEGIN:VEVENT", "UID:v", "DTSTART:20260101",
                 "END:VEVENT"}),
       "Line 9: this is a second UID; an object has one."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101", "END:VEVENT", "BEGIN:VEVENT", "UID:u", "DTSTART:20260101",
                 "END:VEVENT"}),
       "Line 8: this is a second component with this UID and no RECURRENCE-ID."},
      {calendar({"BEGIN:VEVENT", "UID:u", "RECURRENCE-ID:20260101T100000Z", "DTSTART:20260101T000000Z", "END:VEVENT",
                 "BEGIN:VEVENT", "UID:u", "RECURRENCE-ID;TZID=Europe/Berlin:20260101T110000",
                 "DTSTART:20260101T000000Z", "END:VEVENT"}),
       "Line 9: a second override of the same instance begins here."},
      {calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101"}),
       "Line 7: it does not end the VEVENT that begins in line 4."},
      {"BEGIN:VCALENDAR\r\nVERSION:1.0\r\nEND:VCALENDAR\r\n",
       "The object is a vCalendar 1.0; iCalendar 2.0 is needed."},
  };
  for (const auto& [octets, text] : table) EXPECT_EQ(error(octets), text) << octets;
}

TEST(Calendar, Dav15And16NoZoneBecomesGmtByItself) {
  const auto start = [](std::initializer_list<std::string_view> inside) {
    const auto object = parsed(calendar(inside));
    return stamp(object.utc(*start_of(object.first()), *Zone::utc()));
  };
  EXPECT_EQ(start({"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=W. Europe Standard Time:20260701T120000", "END:VEVENT"}),
            "20260701T100000Z");
  EXPECT_EQ(start({"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=\"(UTC+01:00) Amsterdam, Berlin, Bern\":20260701T120000",
                   "END:VEVENT"}),
            "20260701T100000Z");
  EXPECT_EQ(start({"BEGIN:VTIMEZONE", "TZID:Own", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:-0730",
                   "TZOFFSETTO:-0730", "END:STANDARD", "END:VTIMEZONE", "BEGIN:VEVENT", "UID:u",
                   "DTSTART;TZID=Own:20260701T120000", "END:VEVENT"}),
            "20260701T193000Z");
  EXPECT_EQ(start({"BEGIN:VTIMEZONE", "TZID:Europe/Berlin", "END:VTIMEZONE", "BEGIN:VEVENT", "UID:u",
                   "DTSTART;TZID=Europe/Berlin:20260701T120000", "END:VEVENT"}),
            "20260701T100000Z")
      << "its own definition says nothing; its name does";
}

TEST(Calendar, ManyObjectsOfAStreamAreTakenApart) {
  const std::string one = calendar({"BEGIN:VEVENT", "UID:a", "DTSTART:20260101T000000Z", "END:VEVENT"});
  EXPECT_EQ(split_by_uid(one)->front(), one);
  const auto objects = split_by_uid(calendar({"BEGIN:VTIMEZONE",
                                              "TZID:Used",
                                              "BEGIN:STANDARD",
                                              "DTSTART:19700101T000000",
                                              "TZOFFSETFROM:+0100",
                                              "TZOFFSETTO:+0100",
                                              "END:STANDARD",
                                              "END:VTIMEZONE",
                                              "BEGIN:VEVENT",
                                              "UID:a",
                                              "DTSTART;TZID=Used:20260101T000000",
                                              "END:VEVENT",
                                              "BEGIN:VTODO",
                                              "UID:b",
                                              "END:VTODO",
                                              "BEGIN:VEVENT",
                                              "UID:a",
                                              "RECURRENCE-ID;TZID=Used:20260101T000000",
                                              "DTSTART:20260102T000000Z",
                                              "END:VEVENT"}));
  ASSERT_TRUE(objects);
  ASSERT_EQ(objects->size(), 2U);
  EXPECT_EQ(parsed((*objects)[0]).overrides().size(), 1U);
  EXPECT_EQ(parsed((*objects)[1]).kind(), Kind::task);
  EXPECT_FALSE((*objects)[1].contains("VTIMEZONE"));
}

TEST(Calendar, TheSameMeaningWhateverTheSpelling) {
  const auto one = parsed(
      calendar({"BEGIN:VEVENT", "UID:u", "DTSTAMP:20260101T000000Z", "SUMMARY:a\\, b",
                "DTSTART;TZID=Europe/Berlin:20260701T120000",
                "EXDATE;TZID=Europe/Berlin:20260703T120000,20260702T120000", "RRULE:FREQ=DAILY;INTERVAL=1;BYDAY=MO",
                "CATEGORIES:x,y", "ATTENDEE;CN=A;PARTSTAT=ACCEPTED:mailto:a@x", "END:VEVENT"}));
  const auto other =
      parsed(calendar({"BEGIN:vevent", "dtstart;TZID=W. Europe Standard Time:20260701T120000", "UID:u", "CATEGORIES:y",
                       "CATEGORIES:x", "attendee;PARTSTAT=ACCEPTED;cn=\"A\":mailto:a@x", "DTSTAMP:20270101T000000Z",
                       "SUMM", " ARY:a\\, b", "EXDATE;TZID=Europe/Berlin:20260702T120000",
                       "EXDATE;TZID=Europe/Berlin:20260703T120000", "RRULE:BYDAY=MO;FREQ=DAILY", "END:vevent"}));
  EXPECT_EQ(canonical(one), canonical(other));
  for (const auto& [from, to] :
       {std::pair("a\\, b", "a"), std::pair("120000,", "120001,"), std::pair("ACCEPTED", "DECLINED"),
        std::pair("x,y", "x"), std::pair("Berlin:20260701", "London:20260701"), std::pair("BYDAY=MO", "BYDAY=TU")}) {
    auto changed = one.octets();
    changed.replace(changed.find(from), std::string_view(from).size(), to);
    EXPECT_FALSE(same_meaning(one, parsed(changed))) << to;
  }
}

TEST(Calendar, FingerprintsAreOfTheUid) {
  EXPECT_EQ(uid_fingerprint("a"), uid_fingerprint("a"));
  EXPECT_NE(uid_fingerprint("a"), uid_fingerprint("b"));
}

/// TIDEGATE_CORPUS: a folder with ical/, of objects as they are found in the world. Not part of this project.
TEST(Calendar, ObjectsOfTheWorldComeBackOrAreRefusedWithTheirLine) {
  const char* corpus = std::getenv("TIDEGATE_CORPUS");
  if (corpus == nullptr) GTEST_SKIP() << "no TIDEGATE_CORPUS";
  int taken = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(std::string(corpus) + "/ical")) {
    if (file.path().extension() != ".ics") continue;
    std::ostringstream text;
    text << std::ifstream(file.path(), std::ios::binary).rdbuf();
    const auto octets = text.str();
    const auto object = CalendarObject::parse(octets, zones());
    if (!object) {
      EXPECT_TRUE(object.error().text.starts_with("Line ")) << file.path() << object.error().text;
      std::cout << file.path().filename() << ": " << object.error().text << '\n';
      continue;
    }
    ++taken;
    EXPECT_EQ(object->octets(), octets) << file.path();
    const auto again = parsed(object->octets());
    EXPECT_TRUE(same_meaning(*object, again));
    (void)instances(*object, window("20000101T000000Z", "20300101T000000Z"));
  }
  EXPECT_GE(taken, 12);
}

}  // namespace
}  // namespace tidegate::pim
