// SPDX-License-Identifier: Apache-2.0
#include "core/pim/edit.hpp"

#include <random>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

const std::string series = calendar({"X-WR-CALNAME:kept",
                                     "BEGIN:VTIMEZONE",
                                     "TZID:Europe/Berlin",
                                     "X-LIC:kept",
                                     "BEGIN:STANDARD",
                                     "DTSTART:19701025T030000",
                                     "TZOFFSETFROM:+0200",
                                     "TZOFFSETTO:+0100",
                                     "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
                                     "END:STANDARD",
                                     "BEGIN:DAYLIGHT",
                                     "DTSTART:19700329T020000",
                                     "TZOFFSETFROM:+0100",
                                     "TZOFFSETTO:+0200",
                                     "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
                                     "END:DAYLIGHT",
                                     "END:VTIMEZONE",
                                     "BEGIN:VEVENT",
                                     "UID:u",
                                     "DTSTAMP:20260101T000000Z",
                                     "DTSTART;TZID=Europe/Berlin:20260101T100000",
                                     "DTEND;TZID=Europe/Berlin:20260101T113000",
                                     "RRULE:FREQ=WEEKLY",
                                     "EXDATE;TZID=Europe/Berlin:20260108T100000",
                                     "SUMMARY:a line that is so long that it was folded by somebody at an unusu",
                                     " al place",
                                     "X-UNKNOWN;P=\"q:r\":kept",
                                     "BEGIN:VALARM",
                                     "ACTION:DISPLAY",
                                     "TRIGGER:-PT15M",
                                     "END:VALARM",
                                     "END:VEVENT"});

/// Lines of `after` that `before` has not, and the other way round.
std::pair<std::string, std::string> difference(const std::string& before, const std::string& after) {
  std::string added, gone;
  auto rest = before;
  std::istringstream lines_after(after), lines_before(before);
  std::multiset<std::string> had;
  for (std::string line; std::getline(lines_before, line);) had.insert(line);
  for (std::string line; std::getline(lines_after, line);) {
    if (const auto found = had.find(line); found != had.end())
      had.erase(found);
    else
      added += line + '\n';
  }
  for (const auto& line : had) gone += line + '\n';
  return {added, gone};
}

TEST(Edit, OneInstanceIsChangedAndEveryOtherOctetStays) {
  auto object = parsed(series);
  const auto before = told(object, window("20260101T000000Z", "20260401T000000Z"));
  ASSERT_TRUE(edit_instance(object, moment("20260401T080000Z"), *Zone::utc(), [](Component&) {}).error().kind ==
              FaultKind::not_found);
  ASSERT_TRUE(edit_instance(object, moment("20260402T100000", "Europe/Berlin"), *Zone::utc(),
                            [](Component& item) { item.set(Line("SUMMARY", "changed")); }));
  const auto octets = object.octets();
  const auto split = octets.rfind("BEGIN:VEVENT");
  EXPECT_EQ(octets.substr(0, split) + octets.substr(octets.find("END:VEVENT\r\n", split) + 12), series);
  EXPECT_EQ(octets.substr(split, octets.find("END:VEVENT\r\n", split) - split),
            lines({"BEGIN:VEVENT", "UID:u", "RECURRENCE-ID;TZID=Europe/Berlin:20260402T100000",
                   "DTSTAMP:20260101T000000Z", "DTSTART;TZID=Europe/Berlin:20260402T100000",
                   "DTEND;TZID=Europe/Berlin:20260402T113000", "SUMMARY:changed", "X-UNKNOWN;P=\"q:r\":kept",
                   "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "END:VALARM"}));
  EXPECT_EQ(told(object, window("20260101T000000Z", "20260401T000000Z")), before);
  EXPECT_EQ(told(parsed(octets), window("20260402T000000Z", "20260403T000000Z")), "20260402T080000Z changed");
}

TEST(Edit, AnOverrideThatIsThereIsChangedInItsPlace) {
  auto object = parsed(series);
  const auto id = moment("20260402T080000Z");
  ASSERT_TRUE(edit_instance(object, id, *Zone::utc(), [](Component& item) { item.set(Line("SUMMARY", "one")); }));
  const auto once = object.octets();
  ASSERT_TRUE(edit_instance(object, id, *Zone::utc(), [](Component& item) { item.set(Line("SUMMARY", "two")); }));
  EXPECT_EQ(difference(once, object.octets()),
            std::pair(std::string("SUMMARY:two\r\n"), std::string("SUMMARY:one\r\n")));
}

TEST(Edit, MovingKeepsTheLengthAndTheZone) {
  auto object = parsed(series);
  ASSERT_TRUE(edit_instance(object, moment("20260326T090000Z"), *Zone::utc(), [&](Component& item) {
    move_to(object, item, moment("20260329T010000", "Europe/Berlin"), *Zone::utc());
  }));
  EXPECT_TRUE(object.octets().contains(
      "DTSTART;TZID=Europe/Berlin:20260329T010000\r\nDTEND;TZID=Europe/Berlin:20260329T033000\r\n"))
      << "an hour and a half, over the gap\n"
      << object.octets();
}

TEST(Edit, RemovingAnInstanceIsAnExdateInTheZoneOfTheSeries) {
  auto object = parsed(series);
  ASSERT_TRUE(remove_instance(object, moment("20260402T080000Z"), *Zone::utc()));
  EXPECT_EQ(difference(series, object.octets()),
            std::pair(std::string("EXDATE;TZID=Europe/Berlin:20260402T100000\r\n"), std::string()));
  EXPECT_FALSE(remove_instance(object, moment("20260402T080000Z"), *Zone::utc())) << "it is not there any more";
  EXPECT_EQ(told(object, window("20260402T000000Z", "20260403T000000Z")), "");
}

TEST(Edit, ARemovedInstanceTakesItsOverrideAlong) {
  auto object = parsed(series);
  const auto id = moment("20260402T080000Z");
  ASSERT_TRUE(edit_instance(object, id, *Zone::utc(), [](Component& item) { item.set(Line("SUMMARY", "one")); }));
  ASSERT_TRUE(remove_instance(object, id, *Zone::utc()));
  EXPECT_EQ(difference(series, object.octets()),
            std::pair(std::string("EXDATE;TZID=Europe/Berlin:20260402T100000\r\n"), std::string()));
}

TEST(Edit, OneInstanceOfThisAndWhatFollows) {
  auto object = parsed(
      calendar({"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY;COUNT=4",
                "END:VEVENT", "BEGIN:VEVENT", "UID:u", "SUMMARY:o",
                "RECURRENCE-ID;RANGE=THISANDFUTURE:20260102T100000Z", "DTSTART:20260102T130000Z", "END:VEVENT"}));
  ASSERT_TRUE(edit_instance(object, moment("20260102T100000Z"), *Zone::utc(),
                            [](Component& item) { item.set(Line("SUMMARY", "x")); }));
  EXPECT_EQ(told(parsed(object.octets()), window("20260101T000000Z", "20270101T000000Z")),
            "20260101T100000Z m 20260102T130000Z x 20260103T130000Z o 20260104T130000Z o");
}

TEST(Edit, AllDayAndFloatingStayWhatTheyAre) {
  auto days = parsed(calendar({"BEGIN:VEVENT", "UID:u", "DTSTART;VALUE=DATE:20260101", "DTEND;VALUE=DATE:20260103",
                               "RRULE:FREQ=WEEKLY", "END:VEVENT"}));
  const auto tokyo = zones()("Asia/Tokyo");
  ASSERT_TRUE(edit_instance(days, moment("20260108"), *tokyo, [](Component& item) { item.set(Line("SUMMARY", "x")); }));
  EXPECT_TRUE(days.octets().contains(
      "RECURRENCE-ID;VALUE=DATE:20260108\r\nDTSTART;VALUE=DATE:20260108\r\nDTEND;VALUE=DATE:20260110\r\n"))
      << days.octets();
  auto floating =
      parsed(calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T100000", "RRULE:FREQ=WEEKLY", "END:VEVENT"}));
  ASSERT_TRUE(edit_instance(floating, moment("20260108T100000"), *tokyo,
                            [](Component& item) { item.set(Line("SUMMARY", "x")); }));
  EXPECT_TRUE(floating.octets().contains("RECURRENCE-ID:20260108T100000\r\nDTSTART:20260108T100000\r\n"))
      << floating.octets();
}

TEST(Edit, AnyInstanceEditedLeavesAllOthersWhereTheyWere) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    auto object = parsed(series);
    const auto year = window("20260101T000000Z", "20270101T000000Z");
    for (int edits = 0; edits < 6; ++edits) {
      const auto before = *instances(object, year);
      const auto& chosen = before[random() % before.size()];
      const auto id = chosen.id;
      std::vector<std::tuple<Utc, Utc, std::string>> others, now;
      for (const auto& each : before)
        if (each.id != id) others.emplace_back(each.begins, each.ends, each.component->value("SUMMARY"));
      ASSERT_TRUE(edit_instance(object, id, *Zone::utc(),
                                [&](Component& item) { item.set(Line("SUMMARY", std::to_string(random()))); }));
      object = parsed(object.octets());
      for (const auto& each : *instances(object, year))
        if (each.id != id) now.emplace_back(each.begins, each.ends, each.component->value("SUMMARY"));
      ASSERT_EQ(now, others);
    }
  }
}

TEST(Edit, TasksAreCompletedAndReopened) {
  auto object = parsed(calendar({"BEGIN:VTODO", "UID:u", "SUMMARY:x", "X-KEPT:1", "SEQUENCE:3", "END:VTODO"}));
  const auto before = object.octets();
  set_completed(*object.master(), utc("20260102T030405Z"));
  touch(*object.master(), utc("20260102T030405Z"), true);
  EXPECT_EQ(object.master()->value("COMPLETED"), "20260102T030405Z");
  EXPECT_EQ(object.master()->value("SEQUENCE"), "4");
  EXPECT_TRUE(parsed(object.octets()).master()->find("X-KEPT"));
  set_completed(*object.master(), std::nullopt);
  EXPECT_EQ(object.master()->find("PERCENT-COMPLETE"), nullptr);
  EXPECT_EQ(object.master()->value("STATUS"), "NEEDS-ACTION");
}

TEST(Edit, ARecurringTaskIsDoneInstanceByInstance) {
  auto object = parsed(calendar({"BEGIN:VTODO", "UID:u", "DTSTART;TZID=Europe/Berlin:20260101T100000",
                                 "DUE;TZID=Europe/Berlin:20260101T120000", "RRULE:FREQ=DAILY;COUNT=3", "END:VTODO"}));
  ASSERT_TRUE(edit_instance(object, moment("20260102T090000Z"), *Zone::utc(),
                            [](Component& item) { set_completed(item, utc("20260102T100000Z")); }));
  EXPECT_TRUE(object.octets().contains("DUE;TZID=Europe/Berlin:20260102T120000\r\n")) << object.octets();
  EXPECT_EQ(object.master()->find("COMPLETED"), nullptr);
}

}  // namespace
}  // namespace tidegate::pim
