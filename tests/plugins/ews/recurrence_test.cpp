// SPDX-License-Identifier: Apache-2.0
// Recurrences: rules as patterns, patterns as rules, and what Exchange does not have.
#include "plugins/ews/recurrence.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tidegate::ews {
namespace {

constexpr pim::Local start =
    std::chrono::local_days{std::chrono::year{2026} / 1 / 30} + std::chrono::hours(9);  // a Friday

Result<Recurrence> of_rule(std::string_view text, pim::Local at = start) {
  const auto rule = pim::parse_rule(text);
  EXPECT_TRUE(rule) << text;
  return recurrence_of(*rule, at, rule->until ? date_text(rule->until->local) : std::string());
}
Result<Recurrence> of_xml(const std::string& inside) {
  const auto tree = xml::tree("<t:Recurrence xmlns:t='t'>" + inside + "</t:Recurrence>");
  EXPECT_TRUE(tree);
  return recurrence_of(*tree);
}

TEST(Recurrences, RulesAreElements) {
  const std::string endless = "<t:NoEndRecurrence><t:StartDate>2026-01-30</t:StartDate></t:NoEndRecurrence>";
  const auto pattern = [](const std::string& name, const std::string& inside) {
    return "<t:" + name + ">" + inside + "</t:" + name + ">";
  };
  const std::pair<const char*, std::string> rows[] = {
      {"FREQ=DAILY", pattern("DailyRecurrence", "<t:Interval>1</t:Interval>")},
      {"FREQ=DAILY;INTERVAL=3", pattern("DailyRecurrence", "<t:Interval>3</t:Interval>")},
      {"FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
       pattern("WeeklyRecurrence",
               "<t:Interval>1</t:Interval><t:DaysOfWeek>Monday Tuesday Wednesday Thursday Friday</t:DaysOfWeek>")},
      {"FREQ=WEEKLY", pattern("WeeklyRecurrence", "<t:Interval>1</t:Interval><t:DaysOfWeek>Friday</t:DaysOfWeek>")},
      {"FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU",
       pattern("WeeklyRecurrence",
               "<t:Interval>2</t:Interval><t:DaysOfWeek>Sunday "
               "Tuesday</t:DaysOfWeek><t:FirstDayOfWeek>Sunday</t:FirstDayOfWeek>")},
      {"FREQ=MONTHLY;BYMONTHDAY=15",
       pattern("AbsoluteMonthlyRecurrence", "<t:Interval>1</t:Interval><t:DayOfMonth>15</t:DayOfMonth>")},
      {"FREQ=MONTHLY;BYMONTHDAY=-1",
       pattern("AbsoluteMonthlyRecurrence", "<t:Interval>1</t:Interval><t:DayOfMonth>31</t:DayOfMonth>")},
      {"FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1",
       pattern("AbsoluteMonthlyRecurrence", "<t:Interval>1</t:Interval><t:DayOfMonth>30</t:DayOfMonth>")},
      {"FREQ=MONTHLY;BYDAY=-1FR",
       pattern(
           "RelativeMonthlyRecurrence",
           "<t:Interval>1</t:Interval><t:DaysOfWeek>Friday</t:DaysOfWeek><t:DayOfWeekIndex>Last</t:DayOfWeekIndex>")},
      {"FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1",
       pattern(
           "RelativeMonthlyRecurrence",
           "<t:Interval>2</t:Interval><t:DaysOfWeek>Weekday</t:DaysOfWeek><t:DayOfWeekIndex>First</t:DayOfWeekIndex>")},
      {"FREQ=YEARLY", pattern("AbsoluteYearlyRecurrence", "<t:DayOfMonth>30</t:DayOfMonth><t:Month>January</t:Month>")},
      {"FREQ=YEARLY;INTERVAL=2",
       pattern("AbsoluteMonthlyRecurrence", "<t:Interval>24</t:Interval><t:DayOfMonth>30</t:DayOfMonth>")},
      {"FREQ=YEARLY;BYMONTH=3;BYDAY=2SU",
       pattern(
           "RelativeYearlyRecurrence",
           "<t:DaysOfWeek>Sunday</t:DaysOfWeek><t:DayOfWeekIndex>Second</t:DayOfWeekIndex><t:Month>March</t:Month>")}};
  for (const auto& [rule, wanted] : rows) {
    SCOPED_TRACE(rule);
    const auto made = of_rule(rule);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(xml_of(*made), wanted + endless);
    EXPECT_EQ(*of_xml(xml_of(*made)), *made);
  }
  const auto two_years = of_rule("FREQ=YEARLY;INTERVAL=2", start - std::chrono::days(10));
  ASSERT_TRUE(two_years);
  EXPECT_EQ(two_years->pattern, Recurrence::Pattern::monthly);
  EXPECT_EQ(two_years->interval, 24);
}

TEST(Recurrences, Ranges) {
  EXPECT_EQ(of_rule("FREQ=DAILY;COUNT=5")->count, 5);
  EXPECT_EQ(of_rule("FREQ=DAILY;UNTIL=20260301T080000Z")->end, "2026-03-01");
  const auto numbered = of_xml(
      "<t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence><t:NumberedRecurrence>"
      "<t:StartDate>2026-01-30+01:00</t:StartDate><t:NumberOfOccurrences>7</t:NumberOfOccurrences></"
      "t:NumberedRecurrence>");
  ASSERT_TRUE(numbered);
  EXPECT_EQ(numbered->start, "2026-01-30");
  EXPECT_EQ(rule_of(*numbered, {}), "FREQ=DAILY;COUNT=7");
}

TEST(Recurrences, WhatExchangeHasNotIsSaid) {
  for (const auto* rule :
       {"FREQ=HOURLY", "FREQ=DAILY;BYHOUR=1,2", "FREQ=MONTHLY;BYMONTHDAY=1,15", "FREQ=MONTHLY;BYDAY=1MO,3MO",
        "FREQ=MONTHLY;BYDAY=5MO", "FREQ=YEARLY;BYYEARDAY=100", "FREQ=YEARLY;BYMONTH=1,7", "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY", "FREQ=WEEKLY;BYSETPOS=1;BYDAY=MO,TU", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "FREQ=YEARLY;BYDAY=1MO", "FREQ=DAILY;INTERVAL=2;BYDAY=MO"}) {
    const auto made = of_rule(rule);
    ASSERT_FALSE(made) << rule;
    EXPECT_EQ(made.error().kind, FaultKind::unsupported);
  }
  EXPECT_EQ(of_xml("<t:DailyRegeneration><t:Interval>1</t:Interval></t:DailyRegeneration>").error().kind,
            FaultKind::unsupported);
  EXPECT_FALSE(of_xml(""));
  EXPECT_FALSE(of_xml("<t:DailyRecurrence><t:Interval>0</t:Interval></t:DailyRecurrence><t:NoEndRecurrence/>"));
}

TEST(Recurrences, HalfAPatternIsInvalid) {
  const std::string interval = "<t:Interval>1</t:Interval>";
  const std::string begin = "<t:NoEndRecurrence><t:StartDate>2026-01-30</t:StartDate></t:NoEndRecurrence>";
  const auto is_invalid = [](const std::string& inside) {
    const auto made = of_xml(inside);
    return !made && made.error().kind == FaultKind::invalid;
  };
  EXPECT_TRUE(of_xml("<t:DailyRecurrence>" + interval + "</t:DailyRecurrence>" + begin));
  for (const auto* pattern :
       {"<t:WeeklyRecurrence><t:Interval>1</t:Interval></t:WeeklyRecurrence>",
        "<t:WeeklyRecurrence><t:DaysOfWeek>Freitag</t:DaysOfWeek></t:WeeklyRecurrence>",
        "<t:WeeklyRecurrence><t:Interval>2</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek><t:FirstDayOfWeek>&lt;a</"
        "t:FirstDayOfWeek></t:WeeklyRecurrence>",
        "<t:AbsoluteMonthlyRecurrence><t:Interval>1</t:Interval></t:AbsoluteMonthlyRecurrence>",
        "<t:AbsoluteYearlyRecurrence><t:DayOfMonth>32</t:DayOfMonth><t:Month>May</t:Month></"
        "t:AbsoluteYearlyRecurrence>",
        "<t:RelativeMonthlyRecurrence><t:DaysOfWeek>Monday</t:DaysOfWeek><t:DayOfWeekIndex>Fifth</t:DayOfWeekIndex>"
        "</t:RelativeMonthlyRecurrence>",
        "<t:RelativeMonthlyRecurrence><t:DayOfWeekIndex>First</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>"})
    EXPECT_TRUE(is_invalid(pattern + begin)) << pattern;
  const auto daily = "<t:DailyRecurrence>" + interval + "</t:DailyRecurrence>";
  EXPECT_TRUE(is_invalid(daily + "<t:NoEndRecurrence><t:StartDate>2026-13-30</t:StartDate></t:NoEndRecurrence>"));
  EXPECT_TRUE(is_invalid(daily +
                         "<t:EndDateRecurrence><t:StartDate>2026-01-30</t:StartDate><t:EndDate>&lt;&lt;&lt;&lt;&lt;&lt;"
                         "&lt;&lt;&lt;&lt;</t:EndDate></t:EndDateRecurrence>"));
}

// Of each pattern any: as a rule, and back, it is itself; and the rule has the instances that Exchange has.
TEST(Recurrences, RandomPatternsComeBack) {
  using Pattern = Recurrence::Pattern;
  std::mt19937 dice(3);
  const char* days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  const char* sets[] = {"Day", "Weekday", "WeekendDay", "Monday", "Saturday"};
  const char* indexes[] = {"First", "Second", "Third", "Fourth", "Last"};
  for (int i = 0; i < 2000; ++i) {
    Recurrence r;
    r.pattern = static_cast<Pattern>(dice() % 6);
    r.start = "2026-01-30";
    const bool yearly = r.pattern == Pattern::yearly || r.pattern == Pattern::yearly_relative;
    r.interval = yearly ? 1 : 1 + static_cast<int>(dice() % 5);
    if (r.pattern == Pattern::weekly) {
      std::string all;
      for (const auto* day : days)
        if (dice() % 3 == 0) all += (all.empty() ? "" : " ") + std::string(day);
      r.days = all.empty() ? "Monday" : all;
      if (r.interval > 1) r.first_day = days[dice() % 7];
    }
    if (r.pattern == Pattern::monthly_relative || r.pattern == Pattern::yearly_relative) {
      r.days = sets[dice() % 5];
      r.index = indexes[dice() % 5];
    }
    if (yearly) r.month = 1 + static_cast<int>(dice() % 12);
    const int longest[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (r.pattern == Pattern::monthly) r.day = 1 + static_cast<int>(dice() % 31);
    if (r.pattern == Pattern::yearly)
      r.day = 1 + static_cast<int>(dice() % static_cast<unsigned>(longest[r.month - 1]));
    r.range = static_cast<Recurrence::Range>(dice() % 3);
    if (r.range == Recurrence::Range::count) r.count = 1 + dice() % 50;
    if (r.range == Recurrence::Range::until) r.end = "2027-05-0" + std::to_string(1 + dice() % 9);
    std::string until = r.end;
    std::erase(until, '-');
    const auto text = rule_of(r, until);
    const auto back = of_rule(text);
    ASSERT_TRUE(back) << text << ": " << back.error().text;
    EXPECT_EQ(*back, r) << text << "\n" << xml_of(r) << "\n" << xml_of(*back);
    EXPECT_EQ(*of_xml(xml_of(r)), r) << xml_of(r);
  }
}

}  // namespace
}  // namespace tidegate::ews
