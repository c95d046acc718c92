// SPDX-License-Identifier: Apache-2.0
#include "device/agenda.hpp"

#include "core/pim/system_zones.hpp"
#include "core/pim/zone_names.hpp"
#include "tests/device/objects_fixture.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono;

std::string object(const std::string& components) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\n" + components + "END:VCALENDAR\r\n";
}
std::string vevent(const std::string& lines) {
  return object("BEGIN:VEVENT\r\nUID:u\r\nSUMMARY:S\r\n" + lines + "END:VEVENT\r\n");
}

struct Looking : Objects {
  explicit Looking(std::uint64_t seed) : Objects(seed, 0) {}
  Result<Agenda> ask(const AgendaWish& wish, const char* local = "Europe/Berlin") {
    Result<Agenda> out;
    EXPECT_TRUE(shelf->with_index([&](Index& index) {
      out = agenda(files(), index, places, "alice@example.com", zones.source(), zones.find(local),
                   sys_days(2026y / March / 28) + hours(23) + minutes(30), wish);
    }));
    return out;
  }
  /// As text, without the trouble.
  std::string show(const AgendaWish& wish, const char* local = "Europe/Berlin") {
    const auto found = ask(wish, local);
    return found ? agenda_text(*found) : found.error().text;
  }
  /// `start/end` of each instance, as JSON has them.
  std::vector<std::string> times(const std::string& octets, const AgendaWish& wish,
                                 const char* local = "Europe/Berlin") {
    save(directory(home) + "/one.ics", octets);
    const auto found = ask(wish, local);
    if (!found) return {found.error().text};
    std::vector<std::string> out;
    const auto json = agenda_json(*found);
    for (auto at = json.find("\"start\":\""); at != std::string::npos; at = json.find("\"start\":\"", at + 1)) {
      const auto end = json.find("\"end\":\"", at);
      out.push_back(json.substr(at + 9, json.find('"', at + 9) - at - 9) + "/" +
                    json.substr(end + 7, json.find('"', end + 7) - end - 7));
    }
    for (const auto& each : found->trouble) out.push_back(each.text);
    return out;
  }
  pim::SystemZones zones;
};
using Times = std::vector<std::string>;

TEST(Agenda, TimesAreThoseOfTheZoneItIsLookedAtFrom) {
  struct Case {
    const char *lines, *local, *from;
    Times expected;
  };
  const std::vector<Case> cases{
      // 02:00 becomes 03:00 on 29 March 2026 in Berlin.
      {"DTSTART:20260329T003000Z\r\nDTEND:20260329T013000Z\r\n",
       "Europe/Berlin",
       "2026-03-29",
       {"2026-03-29T01:30:00+01:00/2026-03-29T03:30:00+02:00"}},
      {"DTSTART;TZID=America/New_York:20260330T220000\r\nDURATION:PT1H\r\n",
       "Europe/Berlin",
       "2026-03-31",
       {"2026-03-31T04:00:00+02:00/2026-03-31T05:00:00+02:00"}},
      // A Windows name, without a VTIMEZONE.
      {"DTSTART;TZID=Eastern Standard Time:20260330T220000\r\nDURATION:PT1H\r\n",
       "UTC",
       "2026-03-31",
       {"2026-03-31T02:00:00+00:00/2026-03-31T03:00:00+00:00"}},
      // Floating: nine o'clock wherever one is.
      {"DTSTART:20260330T090000\r\nDURATION:PT1H\r\n",
       "Asia/Tokyo",
       "2026-03-30",
       {"2026-03-30T09:00:00+09:00/2026-03-30T10:00:00+09:00"}},
      {"DTSTART:20260330T090000\r\nDURATION:PT1H\r\n",
       "America/Los_Angeles",
       "2026-03-30",
       {"2026-03-30T09:00:00-07:00/2026-03-30T10:00:00-07:00"}},
      // A date is that day everywhere, and not the next.
      {"DTSTART;VALUE=DATE:20260330\r\n", "Pacific/Kiritimati", "2026-03-30", {"2026-03-30/2026-03-31"}},
      {"DTSTART;VALUE=DATE:20260330\r\n", "Pacific/Pago_Pago", "2026-03-30", {"2026-03-30/2026-03-31"}},
      {"DTSTART;VALUE=DATE:20260330\r\n", "Europe/Berlin", "2026-03-31", {}},
      {"DTSTART;VALUE=DATE:20260328\r\nDTEND;VALUE=DATE:20260331\r\n",
       "Europe/Berlin",
       "2026-03-30",
       {"2026-03-28/2026-03-31"}},
      // A series keeps its wall clock over the change, and an all-day one its days.
      {"DTSTART;TZID=Europe/Berlin:20260326T090000\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY\r\nEXDATE;TZID=Europe/Berlin:"
       "20260330T090000\r\n",
       "UTC",
       "2026-03-28",
       {"2026-03-28T08:00:00+00:00/2026-03-28T09:00:00+00:00", "2026-03-29T07:00:00+00:00/2026-03-29T08:00:00+00:00",
        "2026-03-31T07:00:00+00:00/2026-03-31T08:00:00+00:00"}},
      {"DTSTART;VALUE=DATE:20260301\r\nRRULE:FREQ=WEEKLY\r\n",
       "America/Sao_Paulo",
       "2026-03-29",
       {"2026-03-29/2026-03-30"}},
  };
  Looking disk(1);
  for (const auto& each : cases) {
    const auto days = std::string_view(each.lines).contains("DAILY") ? "4" : "1";
    EXPECT_EQ(disk.times(vevent(each.lines), {.from = each.from, .days = days}, each.local), each.expected)
        << each.lines << " in " << each.local;
  }
}

TEST(Agenda, OverridesStandInTheirInstancesPlace) {
  Looking disk(2);
  disk.save(Objects::directory(Objects::team) + "/series.ics",
            object("BEGIN:VEVENT\r\nUID:s\r\nSUMMARY:Standup\r\nLOCATION:Room 1\r\n"
                   "DTSTART;TZID=Europe/Berlin:20260330T090000\r\n"
                   "DTEND;TZID=Europe/Berlin:20260330T091500\r\nRRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\n"
                   "BEGIN:VEVENT\r\nUID:s\r\nSUMMARY:Standup\\, late\r\nSTATUS:CANCELLED\r\n"
                   "RECURRENCE-ID;TZID=Europe/Berlin:20260331T090000\r\n"
                   "DTSTART;TZID=Europe/Berlin:20260402T235000\r\nDTEND;TZID=Europe/Berlin:20260403T001000\r\n"
                   "END:VEVENT\r\n"));
  EXPECT_EQ(disk.show({.from = "2026-03-30"}),
            "Mon 2026-03-30\n  09:00-09:15  Standup, Room 1  [Team]\n\n"
            "Wed 2026-04-01\n  09:00-09:15  Standup, Room 1  [Team]\n\n"
            "Thu 2026-04-02\n  23:50-2026-04-03 00:10  Standup, late  [Team]  (cancelled)\n");
  const auto found = disk.ask({.from = "2026-04-02", .days = "1"});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->entries.size(), 1U);
  EXPECT_EQ(found->entries[0].recurrence_id, "20260331T090000");
  EXPECT_EQ(found->entries[0].uid, "s");
  EXPECT_NE(agenda_json(*found).find(R"("status":"CANCELLED","answer":"","uid":"s","recurrence_id":"20260331T090000")"),
            std::string::npos)
      << agenda_json(*found);
}

TEST(Agenda, DaysFirstThenHoursAndWhatIsStillGoingOnStandsOnTheFirstDay) {
  Looking disk(3);
  const auto home = Objects::directory(Objects::home);
  disk.save(home + "/1.ics", object("BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Talk\r\nDTSTART:20260330T080000\r\n"
                                    "DURATION:PT90M\r\nATTENDEE;PARTSTAT=DECLINED:mailto:Alice@Example.com\r\n"
                                    "END:VEVENT\r\n"));
  disk.save(home + "/2.ics", object("BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Fair\r\nDTSTART;VALUE=DATE:20260329\r\n"
                                    "DTEND;VALUE=DATE:20260402\r\nEND:VEVENT\r\n"));
  disk.save(home + "/3.ics", object("BEGIN:VEVENT\r\nUID:3\r\nSUMMARY:Birthday\r\nDTSTART;VALUE=DATE:20260330\r\n"
                                    "END:VEVENT\r\n"));
  disk.save(home + "/4.ics", object("BEGIN:VEVENT\r\nUID:4\r\nSUMMARY:Night\x1b[2Jshift\r\nDTSTART:20260329T220000\r\n"
                                    "DTEND:20260330T060000\r\nATTENDEE:mailto:alice@example.com\r\nEND:VEVENT\r\n"));
  disk.save(home + "/5.ics", object("BEGIN:VTODO\r\nUID:5\r\nSUMMARY:Taxes\r\nDUE:20260330T120000\r\nEND:VTODO\r\n"));
  disk.save(home + "/6.ics",
            object("BEGIN:VTODO\r\nUID:6\r\nSUMMARY:Done\r\nDUE:20260330T120000\r\nSTATUS:COMPLETED\r\nEND:VTODO\r\n"));
  EXPECT_EQ(disk.show({.from = "2026-03-30", .to = "2026-03-30"}),
            "Mon 2026-03-30\n  until 2026-04-01  Fair  [Home]\n  all day      Birthday  [Home]\n"
            "  …-06:00      Night [2Jshift  [Home]  (not answered)\n"
            "  08:00-09:30  Talk  [Home]  (declined)\n  12:00        Taxes  [Home]  (task)\n");
}

TEST(Agenda, WhatCannotBeShownIsNamedWithItsLineAndNeverTakenForGmt) {
  Looking disk(4);
  const auto home = Objects::directory(Objects::home);
  disk.save(home + "/fine.ics", event("fine", "as it was"));
  disk.save(home + "/odd.ics", object("BEGIN:VEVENT\r\nUID:odd\r\nSUMMARY:Odd\r\n"
                                      "DTSTART;TZID=Nowhere/Atlantis:20260101T100000\r\nEND:VEVENT\r\n"));
  disk.save(home + "/often.ics", vevent("DTSTART:20260101T000000Z\r\nRRULE:FREQ=SECONDLY\r\n"));
  disk.save(home + "/torn.ics", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n");
  const auto found = disk.ask({.from = "2026-01-01", .days = "2"});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->entries.size(), 1U);
  EXPECT_EQ(found->entries[0].uid, "fine");
  ASSERT_EQ(found->trouble.size(), 3U);
  EXPECT_EQ(found->trouble[0].path, home + "/odd.ics");
  EXPECT_EQ(found->trouble[0].text,
            "Line 7: the time zone \"Nowhere/Atlantis\" is not known, and the object does not define it.");
  EXPECT_EQ(found->trouble[1].path, home + "/often.ics");
  EXPECT_EQ(found->trouble[2].path, home + "/torn.ics");
  EXPECT_NE(agenda_text(*found).find("not shown: " + home + "/odd.ics: Line 7: the time zone \"Nowhere/Atlantis\""),
            std::string::npos);
}

TEST(Agenda, SaysWhatIsWrongWithAWish) {
  Looking disk(5);
  EXPECT_EQ(disk.show({}), "nothing\n");
  for (const auto& wish : std::vector<AgendaWish>{{.from = "2026-02-30"}, {.from = "tomorrow"}, {.to = "2026-3-1"}})
    EXPECT_NE(disk.show(wish).find("takes a date, YYYY-MM-DD"), std::string::npos);
  for (const auto* days : {"0", "-1", "3661", "x", "1x"})
    EXPECT_EQ(disk.show({.days = days}), "--days takes a number from 1 to 3660.");
  EXPECT_EQ(disk.show({.to = "2026-03-28"}), "--to is before --from.") << "it is the 29th in Berlin already";
  EXPECT_EQ(disk.show({.to = "2026-03-28"}, "UTC"), "nothing\n");
  EXPECT_EQ(disk.show({.to = "2026-03-30", .days = "1"}), "--to and --days contradict each other.");
  EXPECT_EQ(disk.show({.from = "2000-01-01", .to = "2026-03-30"}), "That is more than 3660 days.");
  EXPECT_EQ(disk.show({.zone = "Europe/Atlantis"}),
            "There is no time zone Europe/Atlantis; they are called like Europe/Berlin.");
  EXPECT_EQ(disk.show({}, "Europe/Atlantis"),
            "The time zone that TZ names is not known; --zone names one, like Europe/Berlin.");
  EXPECT_EQ(disk.show({.zone = "Asia/Tokyo"}, "Europe/Atlantis"), "nothing\n");
  EXPECT_NE(disk.show({.folder = "Nowhere"}).find("There is no folder Nowhere"), std::string::npos);
  disk.save(Objects::directory(Objects::home) + "/one.ics", vevent("DTSTART:20260330T080000\r\n"));
  EXPECT_EQ(disk.show({.folder = "Team"}), "nothing\n");
  EXPECT_EQ(disk.show({.folder = "Home"}), "Mon 2026-03-30\n  08:00        S  [Home]\n");
}

}  // namespace
}  // namespace tidegate::device
