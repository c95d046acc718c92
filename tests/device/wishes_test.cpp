// SPDX-License-Identifier: Apache-2.0
// What this device wants: its policy as a person changes it, and what leaves the disk when a position covers less.
#include <gtest/gtest.h>

#include "core/e2e/windows.hpp"
#include "device/policy.hpp"
#include "tests/device/objects_fixture.hpp"
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

const Gid inbox = gid_of(1001), work = gid_of(1002), deep = gid_of(1003), calendar = gid_of(1004);

e2e::FolderChoice choice(const e2e::Settings& settings, const Gid& folder) {
  const auto found = std::ranges::find(settings.folders, folder, &e2e::FolderChoice::folder);
  return found == settings.folders.end() ? e2e::FolderChoice{} : *found;
}

struct PolicyTest : testing::Test {
  PolicyTest() { disk.catch_up(log); }
  Result<void> change(const PolicyChange& wish) {
    Result<void> done;
    EXPECT_TRUE(disk.shelf->with_index([&](Index& index) { done = change_policy(index, wish); }));
    return done;
  }
  e2e::Settings now() {
    e2e::Settings found;
    EXPECT_TRUE(disk.shelf->with_index([&](Index& index) { found = read_policy(index); }));
    return found;
  }
  std::string shown(bool json = false) {
    std::string found;
    EXPECT_TRUE(disk.shelf->with_index([&](Index& index) { found = json ? policy_json(index) : policy_text(index); }));
    return found;
  }
  DiskFixture disk{1};
  ScriptedLog log;
};

TEST_F(PolicyTest, NothingChosenIsEverything) {
  EXPECT_EQ(now(), e2e::Settings{});
  EXPECT_EQ(
      shown(true),
      R"({"all_folders":true,"days_back":0,"events_back":0,"events_ahead":0,"largest":0,"on_demand":false,"folders":[)"
      R"({"path":"INBOX","wanted":true,"days_back":0},{"path":"Home","wanted":true,"days_back":0},)"
      R"({"path":"People","wanted":true,"days_back":0},{"path":"Team","wanted":true,"days_back":0},)"
      R"({"path":"Work","wanted":true,"days_back":0},{"path":"Work/v1.2","wanted":true,"days_back":0}]})"
      "\n");
}

TEST_F(PolicyTest, FoldersAreChosenByPath) {
  ASSERT_TRUE(change({.only = {"inbox", "Work/v1.2"}}));
  EXPECT_FALSE(now().all_folders);
  EXPECT_EQ(now().folders.size(), 2U);
  EXPECT_TRUE(choice(now(), deep).wanted);
  ASSERT_TRUE(change({.with = {"Work"}, .without = {"INBOX"}}));
  EXPECT_EQ(now().folders.size(), 2U) << "what says nothing is not kept";
  EXPECT_TRUE(choice(now(), work).wanted);
  EXPECT_NE(shown().find("  - INBOX: not here\n"), std::string::npos) << shown();
  ASSERT_TRUE(change({.all_folders = true, .without = {"Home"}}));
  EXPECT_TRUE(now().all_folders);
  ASSERT_EQ(now().folders.size(), 1U);
  EXPECT_FALSE(choice(now(), calendar).wanted);
  ASSERT_TRUE(change({.all_folders = true}));
  EXPECT_EQ(now(), e2e::Settings{});
}

TEST_F(PolicyTest, DaysOfAllAndOfOne) {
  ASSERT_TRUE(change({.days = "30"}));
  ASSERT_TRUE(change({.days = "all", .folder = "Work"}));
  ASSERT_TRUE(change({.days = "7", .folder = "INBOX"}));
  EXPECT_EQ(now().days_back, 30U);
  EXPECT_EQ(choice(now(), work).days_back, e2e::all_days);
  EXPECT_NE(shown(true).find(R"({"path":"Work","wanted":true,"days_back":0})"), std::string::npos);
  EXPECT_NE(shown(true).find(R"({"path":"INBOX","wanted":true,"days_back":7})"), std::string::npos);
  ASSERT_TRUE(change({.only = {"Work"}}));
  EXPECT_EQ(choice(now(), work).days_back, e2e::all_days) << "kept";
  ASSERT_TRUE(change({.all_folders = true, .days = "usual", .folder = "Work"}));
  EXPECT_EQ(choice(now(), work), e2e::FolderChoice{});
  ASSERT_TRUE(change({.days = "all"}));
  EXPECT_EQ(now().days_back, 0U);
}

TEST_F(PolicyTest, SizesAndDemand) {
  ASSERT_TRUE(change({.events_back = "30", .events_ahead = "365"}));
  EXPECT_EQ(now().events_back, 30U);
  EXPECT_EQ(now().days_ahead, 365U);
  EXPECT_NE(shown().find("events      those with an instance within 30 days back and 365 days ahead\n"),
            std::string::npos);
  EXPECT_NE(shown(true).find(R"("events_back":30,"events_ahead":365)"), std::string::npos);
  ASSERT_TRUE(change({.events_back = "all", .events_ahead = "all"}));
  EXPECT_NE(shown().find("events      all of them\n"), std::string::npos);
  ASSERT_TRUE(change({.largest = "200K", .on_demand = "yes"}));
  EXPECT_EQ(now().largest_inline, 200U * 1024);
  EXPECT_TRUE(now().attachments_on_demand);
  ASSERT_TRUE(change({.largest = "2M"}));
  EXPECT_EQ(now().largest_inline, 2U << 20);
  ASSERT_TRUE(change({.largest = "none", .on_demand = "no"}));
  EXPECT_EQ(now(), e2e::Settings{});
}

TEST_F(PolicyTest, WhatMakesNoSenseIsSaidAndChangesNothing) {
  const std::vector<PolicyChange> wrong = {
      {.all_folders = true, .only = {"INBOX"}},
      {.days = "0"},
      {.days = "00"},
      {.days = "-1"},
      {.days = "30 days"},
      {.days = "40000"},
      {.days = "usual"},
      {.folder = "INBOX"},
      {.days = "3", .folder = "Nowhere"},
      {.only = {"INBOX", "Nowhere"}},
      {.events_back = "0"},
      {.events_ahead = "36501"},
      {.events_ahead = "soon"},
      {.largest = "K"},
      {.largest = "10"},
      {.largest = "99999999999999G"},
      {.on_demand = "perhaps"},
      {.only = {"INBOX"}, .on_demand = "perhaps"},
  };
  for (std::size_t n = 0; n < wrong.size(); ++n) {
    const auto done = change(wrong[n]);
    EXPECT_FALSE(done) << n;
    if (!done) EXPECT_FALSE(done.error().text.empty());
    EXPECT_EQ(now(), e2e::Settings{}) << n;
  }
}

/// Six mails in the inbox, 20 days apart; those from the fourth on are wanted.
struct Window : Upward {
  explicit Window(std::uint64_t seed = 1) : Upward(seed) {
    log.move(6, 2);
    catch_up(log);
    settle();
    since = log.entries.at(4).received;
    wanted = log;
    for (std::uint64_t n = 1; n < 4; ++n) wanted.entries.erase(n);
  }
  void narrow() { log.windows = wanted.windows = {{.folder = {}, .since = since}}; }
  std::int64_t since = 0;
  ScriptedLog wanted;
};

TEST(Wishes, WhatThePositionCoversNoLongerGoesAndNoCommandTellsOfIt) {
  Window disk;
  disk.narrow();
  disk.catch_up(disk.log);
  disk.expect_equal(disk.wanted);
  EXPECT_EQ(disk.settle(), 0U);
  EXPECT_EQ(disk.waiting(), 0U);
  disk.end();
  disk.start();
  disk.catch_up(disk.log);
  disk.expect_equal(disk.wanted);
  EXPECT_EQ(disk.settle(), 0U) << "nor the next life";
}

TEST(Wishes, AFolderThatIsNotWantedGoesButNotWhatIsOnItsWayThere) {
  Window disk;
  disk.log.windows = {{.folder = {}, .since = INT64_MIN}, {work, e2e::nowhere}};
  disk.write("/mail/.Work/cur/7.draft:2,", mail(7));
  disk.settle();
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.path(6), "none");
  const auto there = disk.mails("cur");
  EXPECT_TRUE(std::ranges::any_of(there, [](const auto& path) { return path.starts_with("/mail/.Work/"); }))
      << "only this device has it";
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.log.entries.size(), 7U);
  const auto after = disk.mails("cur");
  EXPECT_FALSE(std::ranges::any_of(after, [](const auto& path) { return path.starts_with("/mail/.Work/"); }))
      << "the mailbox has it, and it is not wanted here";
  EXPECT_EQ(disk.settle(), 0U);
}

TEST(Wishes, WhatSomebodyMadeOfTheFileIsKept) {
  Window disk;
  const auto path = disk.path(1);
  ASSERT_TRUE(disk.host.files().remove(path));
  disk.write(path, mail(1) + "a note of one's own\r\n");
  disk.narrow();
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.mails("new").size() + disk.mails("cur").size(), 4U);
  EXPECT_EQ(*disk.host.files().read("/mail/.Conflicts/new/" + gid_text(gid_of(1)) + "-1"),
            mail(1) + "a note of one's own\r\n");
}

TEST(Wishes, ARemovalByAPersonIsStillSent) {
  Window disk;
  ASSERT_TRUE(disk.host.files().remove(disk.path(2)));
  disk.narrow();
  disk.catch_up(disk.log);
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.verbs(), Verbs{e2e::Verb::remove});
  EXPECT_NE(disk.log.entries.at(2).seq_gone, 0U);
  EXPECT_EQ(disk.log.entries.at(1).seq_gone, 0U);
}

/// Events whose window moves on: what it leaves goes, but not what somebody is at work on.
TEST(Wishes, WhatHappensNoMoreInTheWindowGoes) {
  Objects disk(3, 0);
  const auto at = [](const std::string& uid, const std::string& lines) {
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:" + uid + "\r\n" + lines +
           "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
  };
  const std::map<std::uint64_t, std::string> all{{1, at("past", "DTSTART:20260101T100000Z")},
                                                 {2, at("series", "DTSTART:20260101T100000Z\r\nRRULE:FREQ=WEEKLY")},
                                                 {3, at("edited", "DTSTART:20260101T100000Z")},
                                                 {4, at("inside", "DTSTART:20260310T100000Z")},
                                                 {5, at("odd", "DTSTART;TZID=Nowhere:20260101T100000")}};
  for (const auto& [number, octets] : all) disk.log.add(number, octets, 0, Objects::home, Kind::event);
  disk.catch_up(disk.log);
  disk.look();
  const auto path = [&](const std::string& uid) { return Objects::directory(Objects::home) + "/" + uid + ".ics"; };
  disk.save(path("edited"), at("edited", "DTSTART:20260101T100000Z\r\nSUMMARY:mine"));
  constexpr std::int64_t march = 1'772'323'200, day = 86400;
  disk.log.windows = {{.folder = {}, .events_from = march, .events_until = march + 31 * day}};
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.read(path("past")), "nothing");
  EXPECT_EQ(disk.read(path("edited")), "nothing");
  for (const auto* uid : {"series", "inside", "odd"}) EXPECT_NE(disk.read(path(uid)), "nothing") << uid;
  EXPECT_EQ(disk.aside().size(), 1U) << "what was not sent yet is kept";
  EXPECT_EQ(disk.settle(), 0U) << "and is no removal";
  EXPECT_EQ(disk.waiting(), 0U);
  // Made here, for another year: it goes up, and then from here.
  disk.save(path("far"), at("far", "DTSTART:20270310T100000Z"));
  disk.save(path("near"), at("near", "DTSTART:20260311T100000Z"));
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_NE(disk.in_store("far"), nullptr);
  EXPECT_EQ(disk.read(path("far")), "nothing");
  EXPECT_NE(disk.read(path("near")), "nothing");
}

TEST(Wishes, WhatIsWantedAgainComesAgain) {
  Window disk;
  disk.narrow();
  disk.catch_up(disk.log);
  disk.log.windows.clear();
  std::vector<e2e::ToDevice> again;
  for (std::uint64_t n = 1; n < 4; ++n) again.emplace_back(disk.log.item(disk.log.entries.at(n), 1));
  again.emplace_back(disk.log.mark(disk.log.head));
  ASSERT_TRUE(disk.shelf->apply(std::move(again)));
  disk.expect_equal(disk.log);
}

class DyingWishes : public testing::TestWithParam<bool> {};

TEST_P(DyingWishes, AtEveryStep) {
  const bool power = GetParam();
  bool whole = false;
  for (std::uint64_t step = 0; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 200U);
    Window disk(300 + step);
    disk.narrow();
    disk.cutter->cutting().until = step;
    try {
      disk.catch_up(disk.log);
      whole = true;
    } catch (const Cut&) {
      const auto drop = [&] { disk.end(); };
      power ? disk.host.power_cut(drop) : disk.host.kill(drop);
      disk.start();
    }
    disk.cutter->cutting().until = UINT64_MAX;
    EXPECT_EQ(disk.settle(), 0U) << "what is on its way out is not somebody's removal";
    disk.catch_up(disk.log);
    disk.expect_equal(disk.wanted);
    EXPECT_EQ(disk.settle(), 0U);
    if (testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Wishes, DyingWishes, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "PowerCut" : "Kill"; });

}  // namespace
}  // namespace tidegate::device
