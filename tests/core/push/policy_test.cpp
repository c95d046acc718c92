// SPDX-License-Identifier: Apache-2.0
#include "core/push/policy.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "core/e2e/windows.hpp"

namespace tidegate::push {
namespace {

using e2e::nowhere;
using store::FolderRow;
using store::Gid;

constexpr std::int64_t day = 86400, now = 20'000 * day + 5'000;

Gid gid(unsigned number) {
  Gid made{};
  made[0] = std::byte{1};
  made[15] = static_cast<std::byte>(number);
  return made;
}
const Gid inbox = gid(1), work = gid(2), spam = gid(3), people = gid(4);
const std::vector<FolderRow> tree = {{.gid = work, .name = "Work"},
                                     {.gid = spam, .name = "Spam", .role = Role::junk},
                                     {.gid = inbox, .name = "INBOX", .role = Role::inbox},
                                     {.gid = people, .name = "People", .kind = Kind::contact, .role = Role::contacts}};

struct Wish {
  const char* name;
  e2e::Settings settings;
  std::int64_t inbox, work, spam, people;  ///< since when each folder is wanted
};

TEST(Policy, WindowsByTable) {
  const std::vector<Wish> table = {
      {"everything", {}, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN},
      {"days", {.days_back = 3}, 19'997 * day, 19'997 * day, 19'997 * day, INT64_MIN},
      {"more days than there were", {.days_back = 4'000'000}, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN},
      {"all but one", {.folders = {{.folder = spam, .wanted = false}}}, INT64_MIN, INT64_MIN, nowhere, INT64_MIN},
      {"one only", {.all_folders = false, .folders = {{.folder = inbox}}}, INT64_MIN, nowhere, nowhere, nowhere},
      {"none", {.all_folders = false}, nowhere, nowhere, nowhere, nowhere},
      {"days of one", {.folders = {{.folder = work, .days_back = 1}}}, INT64_MIN, 19'999 * day, INT64_MIN, INT64_MIN},
      {"all of one",
       {.folders = {{.folder = work, .days_back = e2e::all_days}}, .days_back = 2},
       19'998 * day,
       INT64_MIN,
       19'998 * day,
       INT64_MIN},
      {"contacts alone",
       {.all_folders = false, .folders = {{.folder = people}}, .days_back = 1},
       nowhere,
       nowhere,
       nowhere,
       INT64_MIN},
      {"the first choice counts",
       {.all_folders = false, .folders = {{.folder = work}, {.folder = work, .days_back = 1}}},
       nowhere,
       INT64_MIN,
       nowhere,
       nowhere},
      {"another view's folder",
       {.folders = {{.folder = gid(99), .wanted = false}}},
       INT64_MIN,
       INT64_MIN,
       INT64_MIN,
       INT64_MIN},
  };
  for (const auto& wish : table) {
    const auto windows = windows_of(wish.settings, tree, now);
    EXPECT_EQ(e2e::since(windows, inbox, Kind::mail), wish.inbox) << wish.name;
    EXPECT_EQ(e2e::since(windows, work, Kind::mail), wish.work) << wish.name;
    EXPECT_EQ(e2e::since(windows, spam, Kind::mail), wish.spam) << wish.name;
    EXPECT_EQ(e2e::since(windows, people, Kind::contact), wish.people) << wish.name;
  }
  EXPECT_TRUE(windows_of({}, tree, now).empty()) << "who wants everything says nothing";
  EXPECT_EQ(windows_of({.days_back = 3}, tree, now), windows_of({.days_back = 3}, tree, now + day - 5'001))
      << "it stands still for a day";
  EXPECT_NE(windows_of({.days_back = 3}, tree, now), windows_of({.days_back = 3}, tree, now + day - 5'000));
}

TEST(Policy, ANewDeviceGetsAJobAFolderInboxFirst) {
  e2e::Position position{.view = 1, .live = 70, .windows = no_windows()};
  cover(position, windows_of({.folders = {{.folder = work, .wanted = false}}, .days_back = 3}, tree, now), tree);
  ASSERT_EQ(position.jobs.size(), 3U);
  EXPECT_EQ(position.jobs[0], (e2e::Job{.id = 1, .folder = inbox, .snapshot = 70, .until = 19'997 * day}));
  EXPECT_EQ(position.jobs[1].folder, people);
  EXPECT_EQ(position.jobs[1].until, INT64_MIN);
  EXPECT_EQ(position.jobs[2].folder, spam);
  EXPECT_EQ(position.last_job, 3U);
}

TEST(Policy, WideningBringsOnlyWhatIsNew) {
  e2e::Position position{.view = 1, .live = 9, .windows = windows_of({.days_back = 3}, tree, now), .last_job = 5};
  cover(position, windows_of({.days_back = 8}, tree, now), tree);
  ASSERT_EQ(position.jobs.size(), 3U) << "contacts were there";
  EXPECT_EQ(position.jobs[0].id, 6U) << "ids are not used again";
  EXPECT_EQ(position.jobs[0].below_received, 19'997 * day);
  EXPECT_EQ(position.jobs[0].below_gid, Gid{});
  EXPECT_EQ(position.jobs[0].until, 19'992 * day);
  EXPECT_EQ(position.jobs[0].snapshot, 9U);
}

TEST(Policy, NarrowingCutsWhatIsStillToCome) {
  e2e::Position position{.view = 1, .live = 9, .windows = no_windows()};
  cover(position, {}, tree);
  position.jobs[0].below_received = 19'999 * day;  // the inbox is this far
  cover(position, windows_of({.folders = {{.folder = work, .wanted = false}}, .days_back = 3}, tree, now), tree);
  ASSERT_EQ(position.jobs.size(), 3U);
  EXPECT_EQ(position.jobs[0].folder, inbox);
  EXPECT_EQ(position.jobs[0].until, 19'997 * day);
  EXPECT_EQ(position.jobs[0].below_received, 19'999 * day);
  cover(position, windows_of({.folders = {{.folder = work, .wanted = false}}, .days_back = 0}, tree, now + 5 * day),
        tree);
  cover(position, windows_of({.days_back = 1}, tree, now + 5 * day), tree);
  for (const auto& job : position.jobs)
    if (job.folder == inbox) EXPECT_GE(job.below_received, job.until) << "a job with nothing left in it";
}

// Whatever is chosen, in whatever order, and however far each job came: in the end exactly what is wanted is there, and
// of the rest nothing was sent twice that was kept.
TEST(Policy, AnyChangesEndInWhatIsWanted) {
  std::mt19937_64 dice(4711);
  const auto roll = [&](std::uint64_t below) { return dice() % below; };
  struct Mail {
    Gid gid, folder;
    std::int64_t received;
  };
  for (int round = 0; round < 400; ++round) {
    std::vector<Mail> mails;
    for (unsigned n = 0; n < 40; ++n)
      mails.push_back({gid(100 + n), std::array{inbox, work, spam}[roll(3)],
                       now - static_cast<std::int64_t>(roll(12)) * day - static_cast<std::int64_t>(roll(2)) * 5'000});
    e2e::Position position{.view = 1, .live = 1, .windows = no_windows()};
    std::set<Gid> here;
    const auto run = [&](std::uint64_t steps) {
      for (auto& job : position.jobs) {
        std::ranges::sort(mails, std::greater{}, [](const Mail& each) { return std::pair(each.received, each.gid); });
        for (const auto& mail : mails) {
          if (mail.folder != job.folder || mail.received < job.until) continue;
          if (std::pair(mail.received, mail.gid) >= std::pair(job.below_received, job.below_gid)) continue;
          if (steps-- == 0) return;
          EXPECT_TRUE(here.insert(mail.gid).second) << "sent twice";
          job.below_received = mail.received, job.below_gid = mail.gid;
        }
        job.done = true;
      }
      std::erase_if(position.jobs, [](const e2e::Job& job) { return job.done; });
    };
    for (int change = 0; change < 6; ++change) {
      e2e::Settings settings{.all_folders = roll(2) == 0, .days_back = static_cast<std::uint32_t>(roll(10))};
      for (const auto& folder : {inbox, work, spam})
        if (roll(2) == 0)
          settings.folders.push_back(
              {.folder = folder, .wanted = roll(3) != 0, .days_back = static_cast<std::uint32_t>(roll(9))});
      cover(position, windows_of(settings, tree, now), tree);
      for (const auto& mail : mails)  // as the device does
        if (!e2e::covered(position.windows, {mail.folder}, Kind::mail, mail.received)) here.erase(mail.gid);
      run(change == 5 ? 1'000 : roll(30));
    }
    std::set<Gid> wanted;
    for (const auto& mail : mails)
      if (e2e::covered(position.windows, {mail.folder}, Kind::mail, mail.received)) wanted.insert(mail.gid);
    ASSERT_EQ(here, wanted) << "round " << round;
  }
}

}  // namespace
}  // namespace tidegate::push
