// SPDX-License-Identifier: Apache-2.0
// Tables; random series are compared with other implementations by series_test.py.
#include "core/pim/instances.hpp"

#include <gtest/gtest.h>

#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

struct Case {
  const char* name;
  std::initializer_list<std::string_view> inside;
  const char* from;
  const char* to;
  const char* expected;
};

void run(const std::initializer_list<Case>& table) {
  for (const auto& row : table)
    EXPECT_EQ(told(parsed(calendar(row.inside)), window(row.from, row.to)), row.expected) << row.name;
}

TEST(Instances, WindowsAreHalfOpen) {
  run({{"ends where it begins",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T100000Z", "DTEND:20260101T110000Z", "END:VEVENT"},
        "20260101T110000Z",
        "20260101T120000Z",
        ""},
       {"reaches into it",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T100000Z", "DTEND:20260101T110001Z", "END:VEVENT"},
        "20260101T110000Z",
        "20260101T120000Z",
        "20260101T100000Z "},
       {"without length",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T110000Z", "END:VEVENT"},
        "20260101T110000Z",
        "20260101T120000Z",
        "20260101T110000Z "},
       {"a day without DTEND",
        {"BEGIN:VEVENT", "UID:u", "DTSTART;VALUE=DATE:20260101", "END:VEVENT"},
        "20260101T230000Z",
        "20260102T120000Z",
        "20260101T000000Z "}});
}

TEST(Instances, RulesThatOthersReadOtherwise) {
  run({{"DTSTART is there though it does not fit, and counts",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T100000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260101T100000Z  20260105T100000Z  20260112T100000Z "},
       {"BYWEEKNO alone is DTSTART's day of those weeks",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260513T100000Z", "RRULE:FREQ=YEARLY;BYWEEKNO=20", "END:VEVENT"},
        "20260101T000000Z",
        "20280101T000000Z",
        "20260513T100000Z  20270519T100000Z "},
       {"BYSETPOS counts the whole first week",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260107T100000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2",
         "END:VEVENT"},
        "20260101T000000Z",
        "20260120T000000Z",
        "20260107T100000Z  20260114T100000Z "},
       {"UNTIL as a date counts its whole day",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T220000Z", "RRULE:FREQ=DAILY;UNTIL=20260102", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260101T220000Z  20260102T220000Z "},
       {"EXDATE as a date of a timed series takes that day",
        {"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=Europe/Berlin:20260101T000000", "RRULE:FREQ=DAILY;COUNT=3",
         "EXDATE;VALUE=DATE:20260102", "END:VEVENT"},
        "20250101T000000Z",
        "20270101T000000Z",
        "20251231T230000Z  20260102T230000Z "},
       {"a number that a weekly BYDAY can't have is none",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY;BYDAY=1MO;COUNT=2", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260105T100000Z  20260112T100000Z "},
       {"EXRULE (RFC 2445)",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY;COUNT=4",
         "EXRULE:FREQ=DAILY;INTERVAL=2", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260102T100000Z  20260104T100000Z "},
       {"RDATE as a period has its own length",
        {"BEGIN:VEVENT", "UID:u", "DTSTART:20260101T100000Z", "DTEND:20260101T110000Z",
         "RDATE;VALUE=PERIOD:20260103T100000Z/PT48H", "END:VEVENT"},
        "20260105T090000Z",
        "20260106T000000Z",
        "20260103T100000Z "}});
}

TEST(Instances, ClocksThatChange) {
  run({{"in the gap: the offset before it, RFC 5545 §3.3.5",
        {"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=Europe/Berlin:20260328T023000", "RRULE:FREQ=DAILY;COUNT=3",
         "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260328T013000Z  20260329T013000Z  20260330T003000Z "},
       {"twice there: the first",
        {"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=Europe/Berlin:20261024T023000", "RRULE:FREQ=DAILY;COUNT=3",
         "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20261024T003000Z  20261025T003000Z  20261026T013000Z "},
       {"far ahead, by the rule at the end of the zone's file",
        {"BEGIN:VEVENT", "UID:u", "DTSTART;TZID=Europe/Berlin:20260701T120000", "RRULE:FREQ=YEARLY", "END:VEVENT"},
        "20900101T000000Z",
        "20910101T000000Z",
        "20900701T100000Z "}});
}

TEST(Instances, OverridesAreMerged) {
  run({{"DAV-13: an id told in another zone is the same instance",
        {"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART;TZID=Europe/Berlin:20260101T100000", "RRULE:FREQ=DAILY;COUNT=3",
         "END:VEVENT", "BEGIN:VEVENT", "UID:u", "SUMMARY:o", "RECURRENCE-ID;TZID=America/New_York:20260102T040000",
         "DTSTART;TZID=America/New_York:20260102T050000", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260101T090000Z m 20260102T100000Z o 20260103T090000Z m"},
       {"an id as a date of a timed series",
        {"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY;COUNT=3", "END:VEVENT",
         "BEGIN:VEVENT", "UID:u", "SUMMARY:o", "RECURRENCE-ID;VALUE=DATE:20260102", "DTSTART:20260102T150000Z",
         "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260101T100000Z m 20260102T150000Z o 20260103T100000Z m"},
       {"moved into the window from outside",
        {"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY;COUNT=3", "END:VEVENT",
         "BEGIN:VEVENT", "UID:u", "SUMMARY:o", "RECURRENCE-ID:20260102T100000Z", "DTSTART:20300102T150000Z",
         "END:VEVENT"},
        "20300101T000000Z",
        "20310101T000000Z",
        "20300102T150000Z o"},
       {"excluded, though an override is left behind",
        {"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY;COUNT=2",
         "EXDATE:20260102T100000Z", "END:VEVENT", "BEGIN:VEVENT", "UID:u", "SUMMARY:o",
         "RECURRENCE-ID:20260102T100000Z", "DTSTART:20260102T150000Z", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260101T100000Z m"},
       {"without a master",
        {"BEGIN:VEVENT", "UID:u", "SUMMARY:o", "RECURRENCE-ID:20260102T100000Z", "DTSTART:20260102T150000Z",
         "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260102T150000Z o"},
       {"this and what follows",
        {"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART:20260101T100000Z", "RRULE:FREQ=DAILY;COUNT=4", "END:VEVENT",
         "BEGIN:VEVENT", "UID:u", "SUMMARY:o", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260102T100000Z",
         "DTSTART:20260102T130000Z", "END:VEVENT", "BEGIN:VEVENT", "UID:u", "SUMMARY:p",
         "RECURRENCE-ID:20260103T100000Z", "DTSTART:20260103T080000Z", "END:VEVENT"},
        "20260101T000000Z",
        "20270101T000000Z",
        "20260101T100000Z m 20260102T130000Z o 20260103T080000Z p 20260104T130000Z o"}});
}

TEST(Instances, FloatingAndAllDayAreOfThePlaceOneLooksFrom) {
  const auto day = parsed(calendar({"BEGIN:VEVENT", "UID:u", "DTSTART;VALUE=DATE:20260101", "END:VEVENT"}));
  auto from = window("20251201T000000Z", "20261201T000000Z");
  from.floating = zones()("Asia/Tokyo");
  EXPECT_EQ(told(day, from), "20251231T150000Z ");
  EXPECT_TRUE(instances(day, from)->front().start.all_day()) << "it stays a date";
}

TEST(Instances, RulesThatNeverComeOrComeTooOftenEnd) {
  const char* table[] = {
      "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
      "FREQ=SECONDLY;BYHOUR=3;BYMINUTE=7;BYSECOND=11;BYYEARDAY=366;COUNT=50",
      "FREQ=SECONDLY",
      "FREQ=MINUTELY;BYHOUR=25",
      "FREQ=SECONDLY;COUNT=2147483647",
      "FREQ=DAILY;INTERVAL=2147483647",
      "FREQ=YEARLY;INTERVAL=2147483647",
      "FREQ=HOURLY;INTERVAL=2147483647;BYMONTH=1",
      "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
      "FREQ=YEARLY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMINUTE=0,1,2,3,4,5,6,7,8,9;"
      "BYDAY="
      "MO,TU,WE,TH,FR;BYSECOND=0,1,2,3,4,5,6,7,8,9",
  };
  for (const auto* rule : table) {
    const auto octets =
        calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20000101T000000Z", std::string("RRULE:") + rule, "END:VEVENT"});
    const auto object = CalendarObject::parse(octets, zones());
    if (!object) continue;
    for (const auto* to : {"20260201T000000Z", "99981231T000000Z"}) {
      const auto found = instances(*object, window("20260101T000000Z", to));
      if (!found) EXPECT_EQ(found.error().kind, FaultKind::too_large) << rule;
      (void)any_inside(*object, window("20260101T000000Z", to));
    }
  }
}

TEST(Instances, ManyRulesShareOneEffort) {
  std::string many;
  for (int i = 0; i < 32; ++i) many += "RRULE:FREQ=SECONDLY;COUNT=2147483647\r\n";
  many.resize(many.size() - 2);
  const auto object = parsed(calendar({"BEGIN:VEVENT", "UID:u", "DTSTART:20000101T000000Z", many, "END:VEVENT"}));
  EXPECT_EQ(instances(object, window("20260101T000000Z", "20260201T000000Z")).error().kind, FaultKind::too_large);
  EXPECT_TRUE(wanted(object, window("20260101T000000Z", "20260201T000000Z")))
      << "what can't be reckoned is not kept back";
}

TEST(Instances, ADeviceIsGivenWhatIsInItsWindowAndWhatIsOpen) {
  struct Row {
    const char* name;
    std::initializer_list<std::string_view> inside;
    bool wanted;
  };
  const Row table[] = {
      {"long ago", {"BEGIN:VEVENT", "UID:u", "DTSTART:20000101T000000Z", "END:VEVENT"}, false},
      {"a series from long ago",
       {"BEGIN:VEVENT", "UID:u", "DTSTART:20000101T000000Z", "RRULE:FREQ=YEARLY", "END:VEVENT"},
       true},
      {"one that ended",
       {"BEGIN:VEVENT", "UID:u", "DTSTART:20000101T000000Z", "RRULE:FREQ=YEARLY;COUNT=3", "END:VEVENT"},
       false},
      {"a task that was never done", {"BEGIN:VTODO", "UID:u", "DUE:20000101T000000Z", "END:VTODO"}, true},
      {"one that was", {"BEGIN:VTODO", "UID:u", "DUE:20000101T000000Z", "STATUS:COMPLETED", "END:VTODO"}, false},
      {"a task without dates", {"BEGIN:VTODO", "UID:u", "STATUS:COMPLETED", "END:VTODO"}, true},
      {"a calendar nobody reckons",
       {"BEGIN:VEVENT", "UID:u", "DTSTART:20000101T000000Z", "RRULE:RSCALE=CHINESE;FREQ=YEARLY", "END:VEVENT"},
       true},
  };
  for (const auto& row : table)
    EXPECT_EQ(wanted(parsed(calendar(row.inside)), window("20260101T000000Z", "20270101T000000Z")), row.wanted)
        << row.name;
}

TEST(Instances, OctetsAreWantedUnlessItIsCertainThatNothingHappens) {
  const auto event = [](std::initializer_list<std::string_view> inside) {
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:u\r\n" + lines(inside) +
           "END:VEVENT\r\nEND:VCALENDAR\r\n";
  };
  constexpr std::int64_t january = 1'767'225'600, february = january + std::int64_t{31} * 86'400;  // of 2026
  const auto wanted = [&](View octets, std::int64_t from = january, std::int64_t until = february) {
    return wanted_between(octets, zones(), from, until);
  };
  EXPECT_TRUE(wanted(event({"DTSTART:20260115T000000Z"})));
  EXPECT_FALSE(wanted(event({"DTSTART:20260201T000000Z"})));
  EXPECT_TRUE(wanted(event({"DTSTART:20260201T000000Z"}), january, INT64_MAX));
  EXPECT_FALSE(wanted(event({"DTSTART:20251231T000000Z"}), january, INT64_MAX));
  EXPECT_TRUE(wanted(event({"DTSTART:20251231T000000Z"}), INT64_MIN, february));
  EXPECT_TRUE(wanted(event({"DTSTART:19900101T000000Z", "RRULE:FREQ=DAILY"}))) << "a long way to go";
  EXPECT_FALSE(wanted(event({"DTSTART:19900101T000000Z", "RRULE:FREQ=DAILY;UNTIL=20251231T000000Z"})));
  EXPECT_TRUE(wanted(event({"DTSTART:19000101T000000Z", "RRULE:FREQ=HOURLY;COUNT=1000000"})))
      << "it ends in 2014, but to count so far takes too long";
  EXPECT_TRUE(wanted(event({"DTSTART;TZID=Nowhere:20200101T000000"})));
  EXPECT_TRUE(wanted("nothing of the kind"));
}

TEST(Instances, AnInstanceIsFoundByItsIdWhereverItWasMoved) {
  const auto object = parsed(calendar(
      {"BEGIN:VEVENT", "UID:u", "SUMMARY:m", "DTSTART;TZID=Europe/Berlin:20260101T100000", "RRULE:FREQ=DAILY;COUNT=30",
       "EXDATE:20260105T090000Z", "END:VEVENT", "BEGIN:VEVENT", "UID:u", "SUMMARY:o",
       "RECURRENCE-ID;TZID=Europe/Berlin:20260102T100000", "DTSTART:20400101T000000Z", "END:VEVENT"}));
  const auto found = [&](std::string_view id) { return instance_named(object, moment(id), *Zone::utc()); };
  EXPECT_EQ(stamp(found("20260102T090000Z")->begins), "20400101T000000Z");
  EXPECT_EQ(to_text(found("20260103T090000Z")->id), "20260103T100000");
  EXPECT_EQ(found("20260103T090000Z")->id.tzid, "Europe/Berlin");
  for (const auto* id : {"20260103T090001Z", "20260105T090000Z", "20260301T090000Z", "20251231T090000Z"})
    EXPECT_FALSE(found(id)) << id;
}

}  // namespace
}  // namespace tidegate::pim
