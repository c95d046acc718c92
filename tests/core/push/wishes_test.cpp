// SPDX-License-Identifier: Apache-2.0
// What a device wants of the mailbox, and that it gets no more than that: folders and days, changed at any moment.
#include "tests/core/push/sessions_fixture.hpp"

namespace tidegate::push {
namespace {

constexpr std::int64_t day = 86400;

class WishesTest : public SessionsTest {
 protected:
  std::int64_t today() {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(host.reactor().wall().time_since_epoch()).count();
    return now - now % day;
  }
  std::set<Gid> gids(const std::vector<e2e::ToDevice>& heard) {
    std::set<Gid> found;
    for (const auto& item : only<e2e::Item>(heard)) EXPECT_TRUE(found.insert(item.gid).second) << "twice";
    return found;
  }
  e2e::Settings inbox_only = {.all_folders = false, .folders = {{.folder = inbox}}};
};

TEST_F(WishesTest, ANewDeviceGetsWhatItWantsAndNothingElse) {
  content(1, inbox, today() - 9 * day, "old");
  content(2, inbox, today() - 2 * day, "new enough");
  content(3, archive, today(), "elsewhere");
  auto settings = inbox_only;
  settings.days_back = 2;
  auto peer = connect(7, {}, settings);
  auto heard = hear(*peer);
  EXPECT_EQ(gids(heard), std::set{gid(2)});
  const auto position = only<e2e::Mark>(heard).back().position;
  EXPECT_EQ(position.windows,
            (std::vector<e2e::Window>{{.folder = {}, .since = e2e::nowhere}, {inbox, today() - 2 * day}}));
}

TEST_F(WishesTest, WhatHappensElsewhereIsPassedInSilence) {
  content(1, archive, today(), "elsewhere");
  auto peer = connect(7, {}, inbox_only);
  hear(*peer);
  log.flag(1, Flag::seen);
  content(2, archive, today(), "new elsewhere");
  changed();
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::Item>(heard).empty());
  EXPECT_TRUE(only<e2e::Meta>(heard).empty());
  EXPECT_TRUE(only<e2e::DropHere>(heard).empty());
  EXPECT_EQ(only<e2e::Mark>(heard).back().position.live, log.now.head) << "and the device counts as current";
  content(3, inbox, today(), "here");
  changed();
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(3)});
  log.remove(2);
  changed();
  EXPECT_EQ(only<e2e::Remove>(hear(*peer)).size(), 1U) << "a removal is told always";
}

TEST_F(WishesTest, AMoveOutIsDroppedAndAMoveInComesWhole) {
  log.tree.push_back({.gid = gid(1002), .backend = "b", .id = "W", .name = "Work"});
  content(1, inbox, today(), "leaves");
  content(2, archive, today(), "comes");
  content(3, inbox, today(), "stays");
  auto settings = inbox_only;
  settings.folders.push_back({.folder = gid(1002)});
  auto peer = connect(7, {}, settings);
  EXPECT_EQ(gids(hear(*peer)), (std::set{gid(1), gid(3)}));
  log.move(1, archive);
  log.move(2, inbox);
  log.move(3, gid(1002));
  changed();
  auto heard = hear(*peer);
  ASSERT_EQ(only<e2e::DropHere>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::DropHere>(heard)[0].gid, gid(1));
  EXPECT_EQ(gids(heard), std::set{gid(2)});
  ASSERT_EQ(only<e2e::Meta>(heard).size(), 1U) << "from one wanted folder to another: nothing is sent again";
  EXPECT_EQ(only<e2e::Meta>(heard)[0].gid, gid(3));
}

TEST_F(WishesTest, WhatMovedWhileTheDeviceWasAwayIsTold) {
  content(1, inbox, today(), "leaves");
  content(2, archive, today(), "comes");
  auto peer = connect(7, {}, inbox_only);
  const auto position = only<e2e::Mark>(hear(*peer)).back().position;
  sessions->lost();
  sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  log.move(1, archive);
  log.flag(1, Flag::seen);
  log.move(2, inbox);
  log.flag(2, Flag::seen);
  peer = connect(8, {position}, inbox_only);
  auto heard = hear(*peer);
  ASSERT_EQ(only<e2e::DropHere>(heard).size(), 1U);
  EXPECT_EQ(gids(heard), std::set{gid(2)});
}

TEST_F(WishesTest, MoreDaysBringOnlyWhatLiesBetween) {
  content(1, inbox, today() - 9 * day, "very old");
  content(2, inbox, today() - 4 * day, "old");
  content(3, inbox, today() - 1 * day, "new");
  auto peer = connect(7, {}, {.days_back = 2});
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(3)});
  sessions->frame(peer->say(e2e::Settings{.days_back = 5}));
  auto heard = hear(*peer);
  EXPECT_EQ(gids(heard), std::set{gid(2)});
  EXPECT_EQ(only<e2e::Mark>(heard).back().position.windows.at(0).since, today() - 5 * day);
  sessions->frame(peer->say(e2e::Settings{}));
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(1)});
}

TEST_F(WishesTest, FewerDaysAreToldByThePositionAlone) {
  content(1, inbox, today() - 4 * day, "old");
  auto peer = connect(7);
  hear(*peer);
  sessions->frame(peer->say(e2e::Settings{.days_back = 2}));
  auto heard = hear(*peer);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(only<e2e::Mark>(heard).at(0).position.windows.at(0).since, today() - 2 * day);
  log.flag(1, Flag::seen);
  changed();
  EXPECT_TRUE(only<e2e::Meta>(hear(*peer)).empty());
}

TEST_F(WishesTest, AChangeMadeWhileAwayCountsFromTheNextHello) {
  content(1, inbox, today() - 4 * day, "old");
  content(2, inbox, today(), "new");
  auto peer = connect(7, {}, {.days_back = 2});
  const auto position = only<e2e::Mark>(hear(*peer)).back().position;
  for (std::uint64_t session = 8; session < 11; ++session) {  // cut off each time before the device stored anything
    sessions->lost();
    sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
    peer = connect(session, {position}, {.days_back = 7});
    EXPECT_EQ(gids(hear(*peer)), std::set{gid(1)});
  }
}

TEST_F(WishesTest, AtMidnightTheWindowsMoveOn) {
  content(1, inbox, today() - 2 * day, "leaves tomorrow");
  auto peer = connect(7, {}, {.days_back = 2});
  EXPECT_EQ(gids(hear(*peer)), std::set{gid(1)});
  const auto before = today();
  world.skew_wall("gateway", 24h);
  world.run_for(20s);  // one sweep
  auto heard = hear(*peer);
  ASSERT_EQ(only<e2e::Mark>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::Mark>(heard)[0].position.windows.at(0).since, before - day);
  EXPECT_EQ(heard.size(), 1U) << "no message an item";
}

TEST_F(WishesTest, ChangedInTheMiddleOfABackfillItEndsInWhatIsWanted) {
  for (unsigned n = 1; n <= 300; ++n)
    content(n, n % 2 == 0 ? inbox : archive, today() - n * 3600, Bytes(2000, static_cast<char>(n)));
  outlet.credit = 150'000;
  auto peer = connect(7);
  std::map<Gid, e2e::Item> here;
  e2e::Position position;
  const auto take = [&](const std::vector<e2e::ToDevice>& heard) {
    for (const auto& each : heard) {
      if (const auto* item = std::get_if<e2e::Item>(&each)) here[item->gid] = *item;
      if (const auto* drop = std::get_if<e2e::DropHere>(&each)) here.erase(drop->gid);
      if (const auto* mark = std::get_if<e2e::Mark>(&each)) position = mark->position;
    }
  };
  take(hear(*peer));
  ASSERT_LT(here.size(), 250U);
  auto settings = inbox_only;
  settings.days_back = 4;
  sessions->frame(peer->say(settings));
  content(400, archive, today(), "not wanted any more");
  changed();
  settle();
  settings.folders.push_back({.folder = archive, .days_back = 1});
  sessions->frame(peer->say(settings));
  outlet.credit = UINT64_MAX;
  sessions->credit(7);
  take(hear(*peer));
  std::set<Gid> wanted, have;
  for (const auto& [id, row] : log.rows)
    if (row.received >= today() - (row.folders[0] == inbox ? 4 : 1) * day) wanted.insert(id);
  for (const auto& [id, item] : here)  // the device drops what the windows do not cover
    if (item.received >= today() - (item.folders[0] == inbox ? 4 : 1) * day) have.insert(id);
  EXPECT_EQ(have, wanted);
  EXPECT_TRUE(std::ranges::all_of(position.jobs, &e2e::Job::done));
}

TEST_F(WishesTest, ACompareIsOfWhatIsWanted) {
  content(1, inbox, today(), "wanted");
  content(2, inbox, today() - 9 * day, "too old");
  content(3, archive, today(), "elsewhere");
  auto settings = inbox_only;
  settings.days_back = 3;
  auto peer = connect(7, {{.view = 1, .epoch = {std::byte{99}}, .live = 1}}, settings);
  auto heard = hear(*peer);
  ASSERT_EQ(log.asked_buckets.size(), 1U);
  EXPECT_EQ(log.asked_buckets[0].folder, inbox);
  EXPECT_EQ(log.asked_buckets[0].from, today() - 3 * day);
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .buckets = {{.folder = inbox}}, .last = false}));
  heard = hear(*peer);
  ASSERT_EQ(only<e2e::ComparePage>(heard).size(), 1U);
  ASSERT_EQ(only<e2e::ComparePage>(heard)[0].entries.size(), 1U);
  EXPECT_EQ(only<e2e::ComparePage>(heard)[0].entries[0].gid, gid(1));
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .last = true}));
  heard = hear(*peer);
  EXPECT_EQ(only<e2e::CompareEnd>(heard).at(0).position.windows.size(), 2U);
}

/// A multipart with an attachment of so many lines.
Bytes with_attachment(std::size_t lines) {
  Bytes mail =
      "Subject: scan\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
      "text/plain\r\n\r\nhello\r\n"
      "--b\r\nContent-Type: application/pdf; name=scan.pdf\r\n\r\n";
  for (std::size_t n = 0; n < lines; ++n) mail += Bytes(70, static_cast<char>('a' + n % 26)) + "\r\n";
  return mail + "--b--\r\n";
}

TEST_F(WishesTest, ATooLargeMailComesAsAStubAndWholeByRanges) {
  const auto mail = with_attachment(10'000);
  content(1, inbox, today(), mail);
  content(2, inbox, today() - 60, with_attachment(100));
  auto peer = connect(7, {}, {.largest_inline = 100'000});
  auto heard = hear(*peer);
  const auto items = only<e2e::Item>(heard);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_TRUE(items[0].stub);
  EXPECT_EQ(items[0].size, mail.size());
  const auto stub = e2e::unpack(items[0].first).value();
  EXPECT_LT(stub.size(), 1'000U);
  EXPECT_NE(stub.find("scan.pdf, application/pdf"), Bytes::npos);
  EXPECT_FALSE(items[1].stub);
  EXPECT_EQ(e2e::unpack(items[1].first).value(), with_attachment(100));
  EXPECT_TRUE(only<e2e::ItemPart>(heard).empty());
  Bytes whole;
  for (int turn = 0; turn < 10 && whole.size() < mail.size(); ++turn) {
    sessions->frame(peer->say(e2e::Fetch{.view = 1, .gid = gid(1), .content_rev = "1", .from = whole.size()}));
    const auto ranges = only<e2e::Range>(hear(*peer));
    ASSERT_EQ(ranges.size(), 1U);
    EXPECT_EQ(ranges[0].offset, whole.size());
    EXPECT_EQ(ranges[0].total, mail.size());
    whole += e2e::unpack(ranges[0].octets).value();
  }
  EXPECT_EQ(whole, mail);
  sessions->frame(peer->say(e2e::Fetch{.view = 1, .gid = gid(1), .content_rev = "2"}));
  EXPECT_EQ(only<e2e::Range>(hear(*peer)).at(0).fault, static_cast<std::uint32_t>(FaultKind::conflict) + 1);
}

TEST_F(WishesTest, OnDemandMeansAttachmentsOfWhateverSize) {
  content(1, inbox, today(), with_attachment(600));
  content(2, inbox, today() - 1, with_attachment(50));
  content(3, inbox, today() - 2, "Subject: long\r\n\r\n" + Bytes(500'000, 'x'));
  auto peer = connect(7, {}, {.attachments_on_demand = true});
  auto heard = hear(*peer);
  std::map<Gid, Bytes> contents;
  std::set<Gid> stubs;
  for (const auto& item : only<e2e::Item>(heard)) {
    contents[item.gid] = e2e::unpack(item.first).value();
    if (item.stub) stubs.insert(item.gid);
  }
  for (const auto& part : only<e2e::ItemPart>(heard)) contents[part.gid] += e2e::unpack(part.octets).value();
  EXPECT_EQ(stubs, std::set{gid(1)}) << "a small one is not worth it, and text is no attachment";
  EXPECT_EQ(contents[gid(2)], accounts.contents[gid(2)]);
  EXPECT_EQ(contents[gid(3)], accounts.contents[gid(3)]);
}

TEST_F(WishesTest, ABackendThatIsAwayForAMomentHarmsNoStub) {
  const auto mail = with_attachment(10'000);
  content(1, inbox, today(), mail);
  auto peer = connect(7, {}, {.largest_inline = 100'000});
  const auto expected = e2e::unpack(only<e2e::Item>(hear(*peer)).at(0).first).value();
  const auto reads = accounts.reads.size();
  EXPECT_GE(reads, 3U);
  content(2, inbox, today(), mail);
  accounts.faults[gid(2)] = {{FaultKind::unavailable, "b", "away", {}, {}}};
  changed();
  hear(*peer);
  world.run_for(5s);
  const auto again = only<e2e::Item>(hear(*peer));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_TRUE(again[0].stub);
  EXPECT_EQ(e2e::unpack(again[0].first).value().size(), expected.size());
}

TEST_F(WishesTest, TheCompressionIsTheDevicesFirstThatIsKnown) {
  struct Case {
    std::vector<e2e::Compression> named;
    e2e::Compression chosen;
  };
  const auto unknown = static_cast<e2e::Compression>(9);
  using enum e2e::Compression;
  std::uint64_t session = 7;
  for (const auto& [named, chosen] : {Case{{}, none}, Case{{deflate, none}, deflate}, Case{{zstd, deflate}, zstd},
                                      Case{{unknown, deflate, zstd}, deflate}, Case{{none, zstd}, none}}) {
    auto peer = shake(++session);
    sessions->frame(peer->say(e2e::Hello{.device = "phone", .previous = device.previous, .compressions = named}));
    device.previous = peer->hash;
    EXPECT_EQ(only<e2e::HelloAck>(hear(*peer)).at(0).compression, chosen);
    content(static_cast<unsigned>(session), inbox, today(), "Subject: x\r\n\r\n" + Bytes(2000, 'y'));
    changed();
    const auto item = only<e2e::Item>(hear(*peer)).at(0);
    EXPECT_EQ(item.first.how, chosen);
    EXPECT_EQ(e2e::unpack(item.first).value().size(), 2014U);
    sessions->lost();
    sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  }
}

}  // namespace
}  // namespace tidegate::push
