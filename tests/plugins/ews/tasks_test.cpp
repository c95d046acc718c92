// SPDX-License-Identifier: Apache-2.0
// Tasks as VTODO and back.
#include "plugins/ews/tasks.hpp"

#include <random>

#include <gtest/gtest.h>

#include "tests/plugins/ews/calendar_object.hpp"

namespace tidegate::ews {
namespace {

pim::CalendarObject todo(const std::string& lines) { return object(calendar_text("VTODO", lines)); }
Fields of_element(const std::string& inside) {
  return task_fields(*xml::tree("<t:Task xmlns:t='t'>" + inside + "</t:Task>"));
}

const std::string whole =
    "<t:Subject>Mow</t:Subject><t:Sensitivity>Private</t:Sensitivity><t:Body BodyType='Text'>the "
    "lawn\r\n</t:Body><t:Importance>High</t:Importance>"
    "<t:DueDate>2026-05-01T22:00:00Z</t:DueDate><t:PercentComplete>50</"
    "t:PercentComplete><t:Recurrence><t:DailyRecurrence>"
    "<t:Interval>2</t:Interval></t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-05-02</t:StartDate></"
    "t:NoEndRecurrence></t:Recurrence>"
    "<t:StartDate>2026-05-02T00:00:00+02:00</t:StartDate><t:Status>InProgress</t:Status>";

TEST(Tasks, WhatTheServerSaysIsATodo) {
  const auto made = task_of(of_element(whole), "u-1", nullptr);
  for (const auto* line :
       {"UID:u-1", "SUMMARY:Mow", "DESCRIPTION:the lawn", "PRIORITY:1", "CLASS:PRIVATE", "DUE;VALUE=DATE:20260502",
        "DTSTART;VALUE=DATE:20260502", "PERCENT-COMPLETE:50", "STATUS:IN-PROCESS", "RRULE:FREQ=DAILY;INTERVAL=2"})
    EXPECT_TRUE(made.contains(std::string("\r\n") + line + "\r\n")) << line << " in\n" << made;
  EXPECT_EQ(*task_fields(object(made)), of_element(whole));
}

TEST(Tasks, WhatIsUnchangedIsTheOldOneToTheOctet) {
  const auto base = todo(
      "SUMMARY:Mow\r\nDUE:20260502T150000Z\r\nX-A;P=1:kept?\r\nPRIORITY:2\r\nSTATUS:NEEDS-ACTION\r\nBEGIN:"
      "VALARM\r\nACTION:DISPLAY\r\n"
      "TRIGGER:-PT5M\r\nDESCRIPTION:x\r\nEND:VALARM\r\n");
  EXPECT_EQ(task_of(*task_fields(base), "other", &base), base.octets());
}

TEST(Tasks, ATaskDoneOnTheServerIsDone) {
  const auto base = todo("SUMMARY:Mow\r\nDTSTART:20260502T080000Z\r\nX-A:kept\r\n");
  auto fields = *task_fields(base);
  fields["task:Status"] = "Completed";
  fields["task:PercentComplete"] = "100";
  fields["task:CompleteDate"] = "2026-05-03";
  fields["task:DueDate"] = "2026-05-04";
  const auto made = task_of(fields, "u", &base);
  EXPECT_TRUE(made.contains("SUMMARY:Mow\r\nDTSTART;VALUE=DATE:20260502\r\nX-A:kept\r\n")) << made;
  EXPECT_TRUE(made.contains("STATUS:COMPLETED")) << made;
  EXPECT_TRUE(made.contains("COMPLETED:20260503T120000Z")) << made;
  EXPECT_EQ(*task_fields(object(made)), fields);
}

TEST(Tasks, OnlyWhatChangedIsSent) {
  const auto before = of_element(whole);
  auto after = before;
  after["task:Status"] = "Completed";
  after.erase("item:Body");
  EXPECT_EQ(task_updates(before, after),
            "<t:SetItemField><t:FieldURI "
            "FieldURI=\"task:Status\"/><t:Task><t:Status>Completed</t:Status></t:Task></t:SetItemField>"
            "<t:DeleteItemField><t:FieldURI FieldURI=\"item:Body\"/></t:DeleteItemField>");
}

TEST(Tasks, ARuleThatExchangeHasNotIsRefused) {
  const auto made = task_fields(todo("DTSTART:20260502T080000Z\r\nRRULE:FREQ=HOURLY\r\n"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, FaultKind::unsupported);
}

TEST(Tasks, RandomFieldsComeBack) {
  std::mt19937 dice(5);
  const char* statuses[] = {"NotStarted", "InProgress", "WaitingOnOthers", "Deferred"};
  const char* sensitivities[] = {"Normal", "Private", "Confidential"};
  const char* importances[] = {"Low", "Normal", "High"};
  const auto base = todo(
      "SUMMARY:B\r\nDUE;VALUE=DATE:20260101\r\nSTATUS:IN-PROCESS\r\nCATEGORIES:q\r\nX-K:1\r\nPERCENT-COMPLETE:3\r\n");
  for (int i = 0; i < 500; ++i) {
    Fields fields{{"item:Sensitivity", sensitivities[dice() % 3]},
                  {"item:Importance", importances[dice() % 3]},
                  {"task:Status", statuses[dice() % 4]}};
    if (dice() % 2) fields["item:Subject"] = "a;b,c\\d";
    if (dice() % 2) fields["item:Body"] = "one\ntwo";
    if (dice() % 2) fields["item:Categories"] = "x,y\nz";
    if (dice() % 2) fields["task:DueDate"] = "2026-05-0" + std::to_string(1 + dice() % 9);
    if (dice() % 2) fields["task:StartDate"] = "2026-04-0" + std::to_string(1 + dice() % 9);
    if (dice() % 2) fields["task:PercentComplete"] = std::to_string(1 + dice() % 99);
    EXPECT_EQ(*task_fields(object(task_of(fields, "u", nullptr))), fields);
    const auto merged = task_of(fields, "u", &base);
    EXPECT_EQ(*task_fields(object(merged)), fields) << merged;
    EXPECT_TRUE(merged.contains("X-K:1"));
  }
}

}  // namespace
}  // namespace tidegate::ews
