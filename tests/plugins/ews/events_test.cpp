// SPDX-License-Identifier: Apache-2.0
// Events: what the server says as an object, what an object says as fields, series, exceptions, zones.
#include "plugins/ews/events.hpp"

#include <random>

#include <gtest/gtest.h>

#include "core/pim/system_zones.hpp"
#include "plugins/ews/zones.hpp"

namespace tidegate::ews {
namespace {

pim::ZoneSource zones() {
  static pim::SystemZones known;
  return known.source();
}
xml::Element tree(const std::string& inside) {
  auto made = xml::tree("<t:CalendarItem xmlns:t='t'>" + inside + "</t:CalendarItem>");
  EXPECT_TRUE(made);
  return *made;
}
Event of_element(const std::string& inside, const std::vector<xml::Element>& exceptions = {}) {
  auto made = event_of(tree(inside), exceptions, zones());
  EXPECT_TRUE(made) << made.error().text;
  return made ? *made : Event{};
}
pim::CalendarObject object(const Bytes& octets) {
  auto made = pim::CalendarObject::parse(octets, zones());
  EXPECT_TRUE(made) << made.error().text << "\n" << octets;
  return *made;
}
pim::CalendarObject vevent(const std::string& lines, const std::string& more = "") {
  return object("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\n" +
                lines + "END:VEVENT\r\n" + more + "END:VCALENDAR\r\n");
}
Event of_object(const pim::CalendarObject& of, const std::string& home = "UTC") {
  auto made = event_of(of, home, zones());
  EXPECT_TRUE(made) << made.error().text;
  return made ? *made : Event{};
}
void expect_lines(const Bytes& octets, std::initializer_list<const char*> lines) {
  for (const auto* line : lines)
    EXPECT_TRUE(octets.contains(std::string("\r\n") + line + "\r\n")) << line << " in\n" << octets;
}

const std::string berlin = "<t:StartTimeZone Id='W. Europe Standard Time' Name='x'/>";
const std::string weekly =
    "<t:Subject>Round</t:Subject><t:Start>2026-03-02T08:00:00Z</t:Start><t:End>2026-03-02T09:00:00Z</"
    "t:End><t:Recurrence><t:WeeklyRecurrence>"
    "<t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek></"
    "t:WeeklyRecurrence><t:EndDateRecurrence><t:StartDate>2026-03-02</t:StartDate>"
    "<t:EndDate>2026-04-27</t:EndDate></t:EndDateRecurrence></t:Recurrence>";

TEST(Events, OneEventOfTheServer) {
  const auto event = of_element(
      "<t:Subject>Tea</t:Subject><t:ReminderIsSet>true</t:ReminderIsSet><t:ReminderMinutesBeforeStart>15</"
      "t:ReminderMinutesBeforeStart>"
      "<t:Start>2026-07-01T10:00:00Z</t:Start><t:End>2026-07-01T11:30:00Z</t:End><t:LegacyFreeBusyStatus>Tentative</"
      "t:LegacyFreeBusyStatus>"
      "<t:Location>Room, "
      "1</t:Location><t:Organizer><t:Mailbox><t:Name>Bob</t:Name><t:EmailAddress>bob@x.org</t:EmailAddress></t:Mailbox>"
      "</t:Organizer><t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>ann@x.org</t:EmailAddress></t:Mailbox>"
      "<t:ResponseType>Accept</t:ResponseType></t:Attendee></t:RequiredAttendees>" +
      berlin);
  const auto made = event_object(event, "u-1", nullptr, zones());
  expect_lines(made, {"UID:u-1", "SUMMARY:Tea", "DTSTART;TZID=Europe/Berlin:20260701T120000",
                      "DTEND;TZID=Europe/Berlin:20260701T133000", "LOCATION:Room\\, 1", "TRANSP:OPAQUE",
                      "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE", "TRIGGER:-PT15M", "ORGANIZER;CN=Bob:mailto:bob@x.org",
                      "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@x.org", "TZID:Europe/Berlin",
                      "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "TZOFFSETTO:+0200"});
  EXPECT_EQ(of_object(object(made)), event);
}

TEST(Events, ASeriesWithExceptions) {
  const auto exception = tree(
      "<t:ItemId Id='o1'/><t:Subject>Round, "
      "later</t:Subject><t:Start>2026-04-06T10:00:00Z</t:Start><t:End>2026-04-06T11:00:00Z</t:End>");
  const auto event =
      of_element(weekly +
                     "<t:ModifiedOccurrences><t:Occurrence><t:ItemId Id='o1'/><t:Start>2026-04-06T10:00:00Z</t:Start>"
                     "<t:End>2026-04-06T11:00:00Z</t:End><t:OriginalStart>2026-04-06T07:00:00Z</t:OriginalStart></"
                     "t:Occurrence></t:ModifiedOccurrences>"
                     "<t:DeletedOccurrences><t:DeletedOccurrence><t:Start>2026-03-16T08:00:00Z</t:Start></"
                     "t:DeletedOccurrence></t:DeletedOccurrences>" +
                     berlin,
                 {exception});
  const auto made = event_object(event, "u", nullptr, zones());
  expect_lines(made, {"DTSTART;TZID=Europe/Berlin:20260302T090000", "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20260427T070000Z",
                      "EXDATE;TZID=Europe/Berlin:20260316T090000", "RECURRENCE-ID;TZID=Europe/Berlin:20260406T090000",
                      "DTSTART;TZID=Europe/Berlin:20260406T120000", "SUMMARY:Round\\, later"});
  EXPECT_EQ(of_object(object(made)), event);
  EXPECT_EQ(occurrence_index(event, "2026-03-02T08:00:00Z", zones()), 1);
  EXPECT_EQ(occurrence_index(event, "2026-04-06T07:00:00Z", zones()), 6) << "the clock on the wall counts";
  EXPECT_EQ(occurrence_index(event, "2026-03-03T08:00:00Z", zones()), std::nullopt);
}

// Midnight in Tokyo; a server that names another zone; what is shifted is shifted everywhere.
TEST(Events, ews18AnAllDaySeriesOfAnotherZoneKeepsItsDays) {
  for (const std::string zone : {"Tokyo Standard Time", "UTC"}) {
    SCOPED_TRACE(zone);
    const auto event = of_element(
        "<t:Start>2026-03-01T15:00:00Z</t:Start><t:End>2026-03-02T15:00:00Z</t:End><t:IsAllDayEvent>true</"
        "t:IsAllDayEvent><t:Recurrence><t:DailyRecurrence>"
        "<t:Interval>1</t:Interval></t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-03-02</t:StartDate></"
        "t:NoEndRecurrence></t:Recurrence>"
        "<t:ModifiedOccurrences><t:Occurrence><t:ItemId "
        "Id='o'/><t:Start>2026-03-04T15:00:00Z</t:Start><t:End>2026-03-05T15:00:00Z</t:End>"
        "<t:OriginalStart>2026-03-03T15:00:00Z</t:OriginalStart></t:Occurrence></"
        "t:ModifiedOccurrences><t:DeletedOccurrences><t:DeletedOccurrence>"
        "<t:Start>2026-03-05T15:00:00Z</t:Start></t:DeletedOccurrence></t:DeletedOccurrences><t:StartTimeZone Id='" +
        zone + "'/>");
    expect_lines(event_object(event, "u", nullptr, zones()),
                 {"DTSTART;VALUE=DATE:20260302", "DTEND;VALUE=DATE:20260303", "EXDATE;VALUE=DATE:20260306",
                  "RECURRENCE-ID;VALUE=DATE:20260304", "DTSTART;VALUE=DATE:20260305"});
  }
}

TEST(Events, ews19AnEventWithoutOrganizerIsAnEvent) {
  const auto event = of_element(
      "<t:Start>2026-07-01T10:00:00Z</t:Start><t:End>2026-07-01T11:00:00Z</"
      "t:End><t:RequiredAttendees><t:Attendee><t:Mailbox>"
      "<t:EmailAddress>ann@x.org</t:EmailAddress></t:Mailbox></t:Attendee></t:RequiredAttendees>");
  const auto made = event_object(event, "u", nullptr, zones());
  EXPECT_FALSE(made.contains("ORGANIZER"));
  EXPECT_EQ(of_object(object(made)), event);
  EXPECT_FALSE(event_children(event, zones()).contains("Organizer")) << "it is the server's to say";
}

TEST(Events, ews22OddZones) {
  const auto start = [&](const std::string& zone) {
    const auto made = event_object(
        of_element("<t:Start>2026-07-01T10:00:00Z</t:Start><t:End>2026-07-01T11:00:00Z</t:End><t:StartTimeZone Id='" +
                   zone + "'/>"),
        "u", nullptr, zones());
    return made.substr(made.find("DTSTART;TZID") == made.npos ? made.find("DTSTART:2026") : made.find("DTSTART;TZID"),
                       40);
  };
  EXPECT_TRUE(start("tzone://Microsoft/Utc").starts_with("DTSTART:20260701T100000Z")) << start("tzone://Microsoft/Utc");
  EXPECT_TRUE(start("Europe/Kyiv").contains("T130000")) << start("Europe/Kyiv");
  EXPECT_TRUE(start("Nowhere Standard Time").starts_with("DTSTART:20260701T100000Z"))
      << "one event is right by its instant";
  const auto series = event_of(tree(weekly + "<t:StartTimeZone Id='Nowhere Standard Time'/>"), {}, zones());
  ASSERT_FALSE(series);
  EXPECT_NE(series.error().text.find("Nowhere"), std::string::npos) << "a series is not, and is never taken for GMT";
  // To the server: renamed, no Windows zone's own, an offset of nobody.
  const auto id = [&](const std::string& tzid, const std::string& rule = "RRULE:FREQ=DAILY\r\n") {
    const auto event = event_of(vevent("DTSTART;TZID=" + tzid + ":20260701T100000\r\n" + rule), "UTC", zones());
    return event ? event->zone : event.error().text;
  };
  EXPECT_EQ(id("Europe/Berlin"), "W. Europe Standard Time");
  EXPECT_EQ(id("Europe/Kyiv"), "FLE Standard Time");
  EXPECT_FALSE(id("Europe/Vienna").empty());
  EXPECT_EQ(zones()("Europe/Vienna")->offset(std::chrono::sys_days{std::chrono::year{2026} / 7 / 1}),
            std::chrono::hours(2));
  EXPECT_NE(windows_zone("x", *pim::Zone::fixed(std::chrono::minutes(47)), zones(), 2026), "UTC");
}

TEST(Events, WhatIsUnchangedIsTheOldObjectToTheOctet) {
  const auto base = vevent(
      "DTSTART;TZID=Europe/Vienna:20260302T090000\r\nDURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=9\r\nEXDATE;TZID=Europe/"
      "Vienna:20260309T090000\r\n"
      "SUMMARY:Round\r\nX-ONLINE-MEETING;P=1:https://"
      "meet\r\nTRANSP:OPAQUE\r\nBEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:-PT10M\r\nX-A:1\r\nEND:VALARM\r\n",
      "BEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID;TZID=Europe/"
      "Vienna:20260316T090000\r\nDTSTART;TZID=Europe/Vienna:20260316T110000\r\n"
      "DURATION:PT1H\r\nSUMMARY:Later\r\nX-B:2\r\nEND:VEVENT\r\n");
  const auto event = of_object(base);
  EXPECT_EQ(event.changed.size(), 1U);
  EXPECT_EQ(event.deleted.size(), 1U);
  EXPECT_EQ(event_object(event, "other", &base, zones()), base.octets());
}

TEST(Events, AChangeOnTheServerChangesItsLinesAlone) {
  const auto base = vevent(
      "DTSTART;TZID=Europe/Berlin:20260302T090000\r\nDTEND;TZID=Europe/"
      "Berlin:20260302T100000\r\nRRULE:FREQ=WEEKLY;BYDAY=MO\r\nSUMMARY:Round\r\n"
      "X-ONLINE-MEETING;P=1:https://meet\r\n");
  auto event = of_object(base);
  event.master["item:Subject"] = "Square";
  event.deleted.insert("2026-03-09T08:00:00Z");
  auto other = occurrence_fields(event.master, "2026-03-16T08:00:00Z");
  other["calendar:Location"] = "Elsewhere";
  event.changed["2026-03-16T08:00:00Z"] = other;
  const auto made = event_object(event, "u", &base, zones());
  expect_lines(made, {"SUMMARY:Square", "X-ONLINE-MEETING;P=1:https://meet",
                      "DTSTART;TZID=Europe/Berlin:20260302T090000", "EXDATE;TZID=Europe/Berlin:20260309T090000",
                      "RECURRENCE-ID;TZID=Europe/Berlin:20260316T090000", "LOCATION:Elsewhere"});
  EXPECT_EQ(of_object(object(made)), event) << made;
  // And it goes back.
  event.changed.clear();
  event.deleted.clear();
  event.master["item:Subject"] = "Round";
  const auto again = object(made);
  EXPECT_EQ(event_object(event, "u", &again, zones()), base.octets());
}

TEST(Events, OnlyWhatChangedIsSent) {
  const auto before = of_element(weekly + berlin).master;
  auto after = before;
  after["item:Subject"] = "Square";
  EXPECT_EQ(
      event_updates(before, after, "W. Europe Standard Time", zones()),
      "<t:SetItemField><t:FieldURI "
      "FieldURI=\"item:Subject\"/><t:CalendarItem><t:Subject>Square</t:Subject></t:CalendarItem></t:SetItemField>");
  Fields day{{"calendar:Start", "2026-03-02"}};
  EXPECT_TRUE(
      event_updates({}, day, "Tokyo Standard Time", zones()).contains("<t:Start>2026-03-01T15:00:00Z</t:Start>"));
}

TEST(Events, WhatExchangeHasNotIsSaid) {
  const std::string start = "DTSTART:20260302T090000Z\r\n";
  for (const auto& object_ :
       {vevent(start + "RRULE:FREQ=HOURLY\r\n"), vevent(start + "RRULE:FREQ=DAILY\r\nRDATE:20260303T100000Z\r\n"),
        vevent("RECURRENCE-ID:20260302T090000Z\r\n" + start)}) {
    const auto made = event_of(object_, "UTC", zones());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, FaultKind::unsupported);
  }
}

TEST(Events, RandomSeriesComeBack) {
  std::mt19937 dice(11);
  const char* ids[] = {"UTC", "W. Europe Standard Time", "Tokyo Standard Time", "Pacific Standard Time",
                       "India Standard Time"};
  const auto base = vevent(
      "DTSTART:20260101T090000Z\r\nDTEND:20260101T100000Z\r\nSUMMARY:B\r\nX-K:1\r\nRRULE:FREQ=DAILY\r\nEXDATE:"
      "20260102T090000Z\r\n");
  for (int i = 0; i < 200; ++i) {
    const bool all_day = dice() % 3 == 0;
    const auto day = [&](unsigned n) { return "2026-03-" + std::string(n < 10 ? "0" : "") + std::to_string(n); };
    const auto at = [&](unsigned n, unsigned hour) {
      return all_day ? day(n) : day(n) + "T" + std::to_string(hour) + ":00:00Z";
    };
    Event event;
    event.zone = all_day ? "UTC" : ids[dice() % 5];
    event.master = {{"item:Importance", "Normal"},
                    {"item:Sensitivity", "Normal"},
                    {"calendar:LegacyFreeBusyStatus", dice() % 2 ? "Busy" : "OOF"},
                    {"item:ReminderIsSet", "false"},
                    {"calendar:IsAllDayEvent", all_day ? "true" : "false"},
                    {"calendar:Start", at(2, 10)},
                    {"calendar:End", all_day ? day(4) : at(2, 12)}};
    if (!all_day) event.master["calendar:StartTimeZone"] = event.zone;
    if (dice() % 2) event.master["item:Subject"] = "a;b";
    if (dice() % 2) event.master["item:ReminderIsSet"] = "true", event.master["item:ReminderMinutesBeforeStart"] = "20";
    if (dice() % 2)
      event.master["calendar:RequiredAttendees"] = "a@x.org\tAnn\nb@x.org", event.master["read:Organizer"] = "o@x.org";
    if (dice() % 4) {
      event.master["calendar:Recurrence"] =
          "<t:DailyRecurrence><t:Interval>1</t:Interval></"
          "t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-03-02</t:StartDate></t:NoEndRecurrence>";
      for (unsigned n = 3; n < 8; ++n) {
        if (dice() % 3 == 0)
          event.deleted.insert(at(n, 10));
        else if (dice() % 3 == 0) {
          auto fields = occurrence_fields(event.master, at(n, 10));
          fields["item:Subject"] = "other";
          if (dice() % 2) fields["calendar:Start"] = all_day ? day(n + 1) : at(n, 11);
          if (all_day && fields["calendar:Start"] != at(n, 10)) fields["calendar:End"] = day(n + 2);
          event.changed[at(n, 10)] = fields;
        }
      }
    }
    const auto made = event_object(event, "u", nullptr, zones());
    EXPECT_EQ(of_object(object(made)), event) << made;
    const auto merged = event_object(event, "u", &base, zones());
    EXPECT_EQ(of_object(object(merged)), event) << merged;
    EXPECT_TRUE(merged.contains("X-K:1"));
  }
}

}  // namespace
}  // namespace tidegate::ews
