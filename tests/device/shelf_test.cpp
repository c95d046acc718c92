// SPDX-License-Identifier: Apache-2.0
#include "device/shelf.hpp"

#include "device/digest.hpp"
#include "tests/device/disk_fixture.hpp"

namespace tidegate::device {
namespace {

std::string mail(int n, std::size_t size = 0) {
  auto text =
      "Subject: mail " + std::to_string(n) + "\r\nFrom: a@example.net\r\n\r\nbody " + std::to_string(n) + "\r\n";
  while (text.size() < size) text += static_cast<char>('a' + (text.size() * 7 + static_cast<std::size_t>(n)) % 26);
  return text;
}
std::string calendar(int n, const char* what) {
  return "BEGIN:VCALENDAR\r\nUID:uid-" + std::to_string(n) + "\r\nSUMMARY:" + what + "\r\nEND:VCALENDAR\r\n";
}

/// Two spells of changes of every kind.
ScriptedLog first_log() {
  ScriptedLog log;
  log.add(1, mail(1));
  log.add(2, mail(2, 1500), seen);
  log.add(3, mail(3), flagged, 2);
  log.add(4, mail(4), 0, 3);
  log.add(5, calendar(5, "one"), 0, 4, Kind::event);
  log.add(6, mail(6), draft, 2);
  return log;
}
void second_spell(ScriptedLog& log) {
  log.flags(1, seen | answered);
  log.move(2, 2);
  log.gone(3);
  log.body(5, calendar(5, "two"));
  log.body(6, mail(66, 900));
  log.add(7, mail(7, 1000));
  log.add(8, calendar(8, "three"), 0, 4, Kind::event);
  log.gone(4);
}

TEST(Shelf, AppliesEveryKindOfChange) {
  DiskFixture disk(1);
  auto log = first_log();
  disk.catch_up(log);
  disk.expect_equal(log);
  ASSERT_EQ(disk.arrivals.size(), 6U);
  EXPECT_EQ(disk.arrivals[0].subject, "mail 1");
  EXPECT_EQ(disk.arrivals[0].folder, "INBOX");
  EXPECT_EQ(disk.arrivals[0].sha256, sha256(mail(1)));
  EXPECT_TRUE(disk.arrivals[0].live);
  second_spell(log);
  disk.catch_up(log);
  disk.expect_equal(log);
  EXPECT_EQ(disk.live(), log.head);
}

TEST(Shelf, NothingIsAppliedTwice) {
  DiskFixture disk(2);
  auto log = first_log();
  disk.catch_up(log);
  const auto before = disk.arrivals.size();
  auto again = log.since(0);
  ASSERT_TRUE(disk.shelf->apply(std::move(again)));
  EXPECT_EQ(disk.arrivals.size(), before);
  disk.expect_equal(log);
}

TEST(Shelf, AcknowledgesOnlyWhatIsDurable) {
  DiskFixture disk(3);
  auto log = first_log();
  ASSERT_TRUE(disk.shelf->apply({log.hello_ack(), log.tree()}));
  const auto done = disk.shelf->apply(log.since(0));
  ASSERT_TRUE(done);
  ASSERT_EQ(done->answers.size(), 1U) << "marks of one batch are one acknowledgement";
  EXPECT_EQ(std::get<e2e::Ack>(done->answers[0]).position.live, log.head);
  disk.host.power_cut([&] { disk.end(); });
  disk.start();
  EXPECT_EQ(disk.live(), log.head);
  disk.expect_equal(log);
}

TEST(Shelf, DiskFullAcknowledgesNothingAndRecovers) {
  DiskFixture disk(4);
  auto log = first_log();
  ASSERT_TRUE(disk.shelf->apply({log.hello_ack(), log.tree()}));
  log.add(9, mail(9, 100'000));
  disk.host.disk().limit(disk.host.disk().used() + 20'000);
  const auto full = disk.shelf->apply(log.since(0, 100, 1'000'000));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, FaultKind::quota);
  EXPECT_EQ(disk.live(), 0U);
  EXPECT_FALSE(disk.shelf->recover()) << "the disk is still full";
  disk.host.disk().limit(UINT64_MAX);
  ASSERT_TRUE(disk.shelf->recover());
  disk.catch_up(log);
  disk.expect_equal(log);
}

TEST(Shelf, RefusesAWrongOrUnmountedDisk) {
  DiskFixture disk(5);
  disk.end();
  ASSERT_TRUE(disk.host.files().remove("/mail/.tidegate"));
  const auto gone = Shelf(disk.host, disk.places, Bytes(16, 'd'), nullptr).open();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, FaultKind::denied);
  EXPECT_NE(gone.error().text.find("not mounted"), std::string::npos);
  ASSERT_TRUE(disk.host.files().create("/mail/.tidegate", "ff\n"));
  Shelf foreign(disk.host, disk.places, Bytes(16, 'd'), nullptr);
  EXPECT_EQ(foreign.open().error().kind, FaultKind::denied);
}

TEST(Shelf, AMailProgramsFlagsAreFoundAndKept) {
  DiskFixture disk(6);
  auto log = first_log();
  disk.catch_up(log);
  const auto base = mail_base(gid_of(1), mail(1).size());
  ASSERT_TRUE(disk.host.files().rename("/mail/new/" + base, "/mail/cur/" + base + ":2,S"));  // mutt read it
  log.flags(1, flagged);
  disk.catch_up(log);
  EXPECT_EQ(*disk.host.files().read("/mail/cur/" + base + ":2,FS"), mail(1));
  log.gone(1);
  disk.catch_up(log);
  disk.expect_equal(log);
}

// mutt with inotify needs a millisecond from new/ to cur/, an fsync more.
TEST(Shelf, AMailProgramThatIsFasterThanTheSyncHarmsNothing) {
  DiskFixture disk(8);
  disk.end();
  auto& files = disk.host.files();
  int cleared = 0;
  disk.shelf = std::make_unique<Shelf>(disk.host, disk.places, Bytes(16, 'd'), [&](const Arrival& arrival) {
    const auto name = arrival.path.substr(arrival.path.rfind('/') + 1);
    if (!arrival.path.starts_with("/mail/new/")) return;
    if (++cleared == 2)
      EXPECT_TRUE(files.remove(arrival.path));
    else
      EXPECT_TRUE(files.rename(arrival.path, "/mail/cur/" + name + ":2,S"));
  });
  ASSERT_TRUE(disk.shelf->open());
  ScriptedLog log;
  log.add(1, mail(1));
  log.add(2, mail(2));
  log.add(3, mail(3));
  disk.catch_up(log);
  EXPECT_EQ(cleared, 3);
  EXPECT_EQ(disk.live(), log.head);
  log.flags(1, flagged);
  disk.catch_up(log);
  EXPECT_EQ(*files.read("/mail/cur/" + mail_base(gid_of(1), mail(1).size()) + ":2,FS"), mail(1));
}

TEST(Shelf, FoldersAreRenamedWithTheirMail) {
  DiskFixture disk(7);
  auto log = first_log();
  disk.catch_up(log);
  // Two folders change names with each other, and one below moves along.
  log.folders[1].name = "v1.2";
  log.folders[1].parent = gid_of(1001);
  log.folders[2].name = "Work";
  log.folders[2].parent = {};
  disk.catch_up(log);
  const auto three = mail_base(gid_of(3), mail(3).size()), four = mail_base(gid_of(4), mail(4).size());
  EXPECT_EQ(disk.host.files().read("/mail/.INBOX.v1%2E2/cur/" + three + ":2,F").value_or(""), mail(3));
  EXPECT_EQ(disk.host.files().read("/mail/.Work/new/" + four).value_or(""), mail(4));
}

TEST(Shelf, CalendarsHaveTheirColoursAndNamesInFiles) {
  DiskFixture disk(12);
  ScriptedLog log;
  auto& home = *std::ranges::find(log.folders, "Home", &e2e::FolderInfo::name);
  home.color = "#ff0000";
  log.add(5, calendar(5, "an event"), 0, 4, Kind::event);
  disk.catch_up(log);
  auto& files = disk.host.files();
  const auto file = [&](const std::string& name) {
    return files.read("/pim/calendars/Home/" + name).value_or("nothing");
  };
  EXPECT_EQ(file("color"), "#ff0000");
  EXPECT_EQ(file("displayname"), "Home");
  home.color = "#00ff00";
  disk.catch_up(log);
  EXPECT_EQ(file("color"), "#00ff00") << "changed at the store";
  // What somebody chose here stays, until the store tells another.
  ASSERT_TRUE(files.remove("/pim/calendars/Home/color"));
  ASSERT_TRUE(files.create("/pim/calendars/Home/color", "#123456"));
  disk.catch_up(log);
  ASSERT_TRUE(disk.shelf->recover());
  EXPECT_EQ(file("color"), "#123456");
  home.color = "";
  disk.catch_up(log);
  EXPECT_EQ(file("color"), "#123456") << "not the store's";
  home.color = "#0000ff";
  disk.catch_up(log);
  EXPECT_EQ(file("color"), "#0000ff");
  for (const auto* none : {"", "red"}) {
    home.color = none;
    disk.catch_up(log);
    EXPECT_EQ(file("color"), "nothing") << none;
    home.color = "#0000ff";
    disk.catch_up(log);
  }
  home.name = "House";
  disk.catch_up(log);
  EXPECT_EQ(files.read("/pim/calendars/House/color").value_or(""), "#0000ff");
  EXPECT_EQ(files.read("/pim/calendars/House/displayname").value_or(""), "House");
  log.remove_folder(Gid(home.gid));
  disk.catch_up(log);
  ASSERT_TRUE(disk.shelf->scan({}));
  EXPECT_FALSE(*files.info("/pim/calendars/House")) << "they go with their folder";
}

TEST(Shelf, PartsOutOfPlaceAreRefused) {
  DiskFixture disk(8);
  ScriptedLog log;
  log.add(1, mail(1, 1000));
  ASSERT_TRUE(disk.shelf->apply({log.hello_ack(), log.tree()}));
  auto messages = log.since(0);
  std::swap(messages[1], messages[2]);
  const auto done = disk.shelf->apply(std::move(messages));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::invalid);
  ASSERT_TRUE(disk.shelf->recover());
  disk.catch_up(log);
  disk.expect_equal(log);
}

TEST(Shelf, AMarkBeforeTheLastPartIsRefused) {
  DiskFixture disk(9);
  ScriptedLog log;
  log.add(1, mail(1, 1000));
  ASSERT_TRUE(disk.shelf->apply({log.hello_ack(), log.tree()}));
  auto messages = log.since(0);
  messages.erase(messages.end() - 2);  // the last part; the mark stays
  EXPECT_FALSE(disk.shelf->apply(std::move(messages)));
  EXPECT_EQ(disk.live(), 0U);
}

// DEV-14
TEST(Shelf, WipeErasesOnlyWhatIsOurs) {
  DiskFixture disk(10);
  auto log = first_log();
  disk.catch_up(log);
  ASSERT_TRUE(disk.host.files().create("/mail/cur/1700.M1.host:2,S", "the user's own"));
  const auto done = disk.shelf->apply({e2e::Wipe{}});
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->wiped);
  EXPECT_EQ(disk.mails("new").size(), 0U);
  EXPECT_EQ(disk.mails("cur"), std::vector<std::string>{"/mail/cur/1700.M1.host:2,S"});
  EXPECT_FALSE(disk.host.files().read("/pim/calendars/Home/uid-5.ics"));
}

TEST(Shelf, AForeignCalendarFileOfTheSameNameIsNotLost) {
  DiskFixture disk(11);
  ScriptedLog log;
  ASSERT_TRUE(disk.shelf->apply({log.hello_ack(), log.tree()}));
  ASSERT_TRUE(disk.host.files().create("/pim/calendars/Home/uid-5.ics", "mine"));
  log.add(5, calendar(5, "theirs"), 0, 4, Kind::event);
  disk.catch_up(log);
  EXPECT_EQ(*disk.host.files().read("/pim/calendars/Home/uid-5.ics"), calendar(5, "theirs"));
  const auto kept = disk.host.files().list("/pim/Conflicts");
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ(*disk.host.files().read("/pim/Conflicts/" + (*kept)[0].name), "mine");
}

/// The property of it all: die at every single call that changes the disk, by kill or by power cut; after the restart
/// nothing that the position claims is missing, and when the rest was sent again nothing is twice.
class Dying : public testing::TestWithParam<bool> {};

TEST_P(Dying, AtEveryStep) {
  const bool power = GetParam();
  bool whole = false;
  for (std::uint64_t step = 0; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 2000U);
    DiskFixture disk(100 + step);
    auto log = first_log();
    disk.catch_up(log);
    second_spell(log);
    disk.cutter->cutting().until = step;
    try {
      disk.catch_up(log);
      whole = true;
    } catch (const Cut&) {
      const auto drop = [&] { disk.end(); };
      power ? disk.host.power_cut(drop) : disk.host.kill(drop);
      disk.start();
      disk.expect_sound(log);
    }
    if (HasFatalFailure() || HasNonfatalFailure()) return;
    disk.catch_up(log);
    disk.expect_equal(log);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

/// The same from an empty disk on, and at every sync, SQLite's own among them.
TEST_P(Dying, AtEverySync) {
  const bool power = GetParam();
  bool whole = false;
  for (std::uint64_t step = 1; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 2000U);
    DiskFixture disk(5000 + step);
    auto log = first_log();
    disk.catch_up(log);
    second_spell(log);
    std::uint64_t syncs = 0;
    bool died = false;
    disk.host.disk().on_sync = [&](std::uint64_t) {
      if (++syncs != step || died) return;
      died = true;
      power ? disk.host.power_cut() : disk.host.kill();
    };
    std::vector<e2e::ToDevice> all{log.hello_ack(), log.tree()};
    for (auto& message : log.since(disk.live())) all.push_back(std::move(message));
    for (auto& message : all) {
      std::vector<e2e::ToDevice> one;
      one.push_back(std::move(message));
      if (!disk.shelf->apply(std::move(one))) break;
    }
    whole = !died;
    disk.host.disk().on_sync = nullptr;
    disk.end();
    disk.start();
    disk.expect_sound(log);
    disk.catch_up(log);
    disk.expect_equal(log);
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Shelf, Dying, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "PowerCut" : "Kill"; });

}  // namespace
}  // namespace tidegate::device
