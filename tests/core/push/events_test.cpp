// SPDX-License-Identifier: Apache-2.0
// What a device wants to know of its calendars: events with an instance in a window that moves with the days.
#include <fmt/format.h>

#include "tests/core/push/sessions_fixture.hpp"

namespace tidegate::push {
namespace {

using namespace std::chrono;

constexpr std::int64_t a_day = 86400;
const Gid calendar = [] {
  Gid made = archive;
  made[1] = std::byte{7};
  return made;
}();

class EventsTest : public SessionsTest {
 protected:
  EventsTest() {
    log.tree.push_back({.gid = calendar, .backend = "b", .id = "C", .name = "Work", .kind = Kind::event});
  }
  std::int64_t now() { return duration_cast<seconds>(host.reactor().wall().time_since_epoch()).count(); }
  /// So many days from today, at noon.
  std::string at(std::int64_t days_from_now) {
    const auto noon = now() - now() % a_day + days_from_now * a_day + a_day / 2;
    const year_month_day date{sys_days(std::chrono::days(noon / a_day))};
    return fmt::format("DTSTART:{:04}{:02}{:02}T120000Z\r\n", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  }
  static Bytes object(unsigned number, const std::string& lines, const std::string& what = "VEVENT") {
    return fmt::format("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:{0}\r\nUID:u{1}\r\n{2}END:{0}\r\nEND:VCALENDAR\r\n",
                       what, number, lines);
  }
  void event(unsigned number, const std::string& lines, const std::string& what = "VEVENT") {
    content(number, calendar, now() - 1000 * a_day, object(number, lines, what));
    log.rows.at(gid(number)).kind = what == "VTODO" ? Kind::task : Kind::event;
  }
  std::set<Gid> gids(const std::vector<e2e::ToDevice>& heard) {
    std::set<Gid> found;
    for (const auto& item : only<e2e::Item>(heard)) EXPECT_TRUE(found.insert(item.gid).second) << "twice";
    return found;
  }
  void years() {
    event(1, at(-40));
    event(2, at(-3));
    event(3, at(0));
    event(4, at(5));
    event(5, at(40));
    event(6, at(-400) + "RRULE:FREQ=DAILY\r\n");
    event(7, at(-400) + "RRULE:FREQ=DAILY;COUNT=3\r\n");
    event(8, at(-40), "VTODO");
    event(9, at(-40) + "STATUS:COMPLETED\r\n", "VTODO");
    event(10, "DTSTART;TZID=Nowhere:20000101T000000\r\n");
    content(11, inbox, now() - 1000 * a_day, "a mail");
  }
  e2e::Settings week{.days_ahead = 7, .events_back = 7};
};

TEST_F(EventsTest, OnlyWhatHappensInTheWindowComesAndASeriesWithAnyInstance) {
  years();
  auto peer = connect(7, {}, week);
  auto heard = hear(*peer);
  EXPECT_EQ(gids(heard), (std::set{gid(2), gid(3), gid(4), gid(6), gid(8), gid(10), gid(11)}))
      << "open tasks, and what cannot be reckoned with, always";
  const auto windows = only<e2e::Mark>(heard).back().position.windows;
  ASSERT_EQ(windows.size(), 1U);
  const auto today = now() - now() % a_day;
  EXPECT_EQ(windows[0].events_from, today - 7 * a_day);
  EXPECT_EQ(windows[0].events_until, today + 8 * a_day);
  EXPECT_EQ(windows[0].since, INT64_MIN) << "mail is another matter";
}

TEST_F(EventsTest, OneSideMayBeOpen) {
  years();
  auto peer = connect(7, {}, {.days_ahead = 7});
  EXPECT_EQ(gids(hear(*peer)),
            (std::set{gid(1), gid(2), gid(3), gid(4), gid(6), gid(7), gid(8), gid(9), gid(10), gid(11)}));
  sessions->frame(peer->say(e2e::Settings{.events_back = 7}));
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(5)}) << "what was there is not sent again";
}

TEST_F(EventsTest, AtMidnightWhatEntersIsSentAndNothingElse) {
  years();
  event(20, at(8));
  event(21, at(9));
  auto peer = connect(7, {}, week);
  const auto before = gids(hear(*peer));
  EXPECT_FALSE(before.contains(gid(20)));
  world.skew_wall("gateway", 24h);
  world.run_for(20s);
  auto heard = hear(*peer);
  EXPECT_EQ(gids(heard), std::set{gid(20)});
  EXPECT_TRUE(only<e2e::DropHere>(heard).empty()) << "what leaves, the device drops by its own";
  EXPECT_TRUE(std::ranges::all_of(only<e2e::Mark>(heard).back().position.jobs, &e2e::Job::done));
}

TEST_F(EventsTest, AfterDaysOfAbsenceWhatEnteredMeanwhileIsSent) {
  years();
  event(20, at(10));
  auto peer = connect(7, {}, week);
  const auto position = only<e2e::Mark>(hear(*peer)).back().position;
  sessions->lost();
  world.skew_wall("gateway", 96h);
  sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  for (std::uint64_t session = 8; session < 10; ++session) {  // cut off before the device stored anything
    peer = connect(session, {position}, week);
    EXPECT_EQ(gids(hear(*peer)), std::set{gid(20)});
    sessions->lost();
    sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  }
}

TEST_F(EventsTest, ChangesThatMoveAnEventOutOrInAreTold) {
  years();
  auto peer = connect(7, {}, week);
  hear(*peer);
  accounts.contents[gid(3)] = object(3, at(300));
  log.body(3, accounts.contents[gid(3)].size());
  accounts.contents[gid(5)] = object(5, at(1));
  log.body(5, accounts.contents[gid(5)].size());
  event(30, at(2));
  event(31, at(200));
  changed();
  auto heard = hear(*peer);
  EXPECT_EQ(gids(heard), (std::set{gid(5), gid(30)}));
  std::set<Gid> dropped;
  for (const auto& each : only<e2e::DropHere>(heard)) dropped.insert(each.gid);
  EXPECT_EQ(dropped, (std::set{gid(3), gid(31)})) << "the device may have it; if not, no harm is done";
  EXPECT_EQ(only<e2e::Mark>(heard).back().position.live, log.now.head);
}

TEST_F(EventsTest, NewsOfAnEventThatTheDeviceHasNotIsNoNewsAlone) {
  years();
  auto peer = connect(7, {}, week);
  hear(*peer);
  log.flag(5, Flag::flagged);
  log.flag(4, Flag::flagged);
  changed();
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::Meta>(heard).empty()) << "it would ask for a compare";
  EXPECT_EQ(gids(heard), std::set{gid(4)});
}

TEST_F(EventsTest, WhoWantsAllGetsTheRest) {
  years();
  auto peer = connect(7, {}, week);
  hear(*peer);
  sessions->frame(peer->say(e2e::Settings{}));
  auto heard = hear(*peer);
  for (const unsigned number : {1U, 5U, 7U, 9U}) EXPECT_TRUE(gids(heard).contains(gid(number))) << number;
  EXPECT_TRUE(only<e2e::Mark>(heard).back().position.windows.empty());
}

TEST_F(EventsTest, ACompareSendsNothingThatIsNotWanted) {
  years();
  auto peer = connect(7, {{.view = 1, .epoch = {std::byte{99}}, .live = 1}}, week);
  hear(*peer);
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .items = {gid(3), gid(5)}, .last = true}));
  auto heard = hear(*peer);
  EXPECT_EQ(gids(heard), std::set{gid(3)});
  EXPECT_EQ(only<e2e::CompareEnd>(heard).size(), 1U);
}

/// A calendar of thousands is not read each day, by each compare and for each device because of what happened long ago.
TEST_F(EventsTest, WhatIsKnownOfAnEventNeedNotBeReadAgain) {
  years();
  event(12, at(-400) + "RRULE:FREQ=DAILY;UNTIL=" + at(-390).substr(8, 16) + "\r\n");
  auto peer = connect(7, {}, week);
  EXPECT_FALSE(gids(hear(*peer)).contains(gid(12)));
  accounts.reads.clear();
  world.skew_wall("gateway", 24h);
  world.run_for(20s);
  EXPECT_TRUE(gids(hear(*peer)).empty());
  const auto read = [&](unsigned number) { return std::ranges::count(accounts.reads, gid(number)); };
  for (const unsigned number : {1U, 3U, 4U, 5U, 12U}) EXPECT_EQ(read(number), 0) << number;
  EXPECT_EQ(read(6), 1) << "of a series its octets tell";
  sessions->lost();
  sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  accounts.reads.clear();
  peer = connect(8, {{.view = 1, .epoch = {std::byte{99}}, .live = 1}}, week);
  hear(*peer);
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .items = {gid(1), gid(3), gid(5)}, .last = true}));
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(3)});
  EXPECT_EQ(accounts.reads, std::vector{gid(3)}) << "what goes";
  // In another revision it is another event.
  accounts.contents[gid(5)] = object(5, at(1));
  log.body(5, accounts.contents[gid(5)].size());
  changed();
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(5)});
}

}  // namespace
}  // namespace tidegate::push
