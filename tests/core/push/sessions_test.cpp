// SPDX-License-Identifier: Apache-2.0
#include "tests/core/push/sessions_fixture.hpp"

namespace tidegate::push {
namespace {

TEST_F(SessionsTest, NewDeviceStartsAtTheHeadAndIsBackfilledInboxFirstNewestFirst) {
  content(1, archive, 50, "old in archive");
  content(2, inbox, 10, "older");
  content(3, inbox, 20, "newer");
  auto peer = connect(7);
  auto heard = hear(*peer);
  EXPECT_EQ(accounts.attended, std::vector{device.user}) << "what is only polled is looked at soon";
  auto ack = only<e2e::HelloAck>(heard);
  ASSERT_EQ(ack.size(), 1U);
  EXPECT_EQ(ack[0].views.at(0).start.live, 3U);
  ASSERT_EQ(ack[0].views.at(0).start.jobs.size(), 2U);
  EXPECT_EQ(ack[0].views.at(0).start.jobs[0].folder, inbox);
  auto items = only<e2e::Item>(heard);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(e2e::unpack(items[0].first).value(), "newer");
  EXPECT_EQ(e2e::unpack(items[1].first).value(), "older");
  EXPECT_EQ(e2e::unpack(items[2].first).value(), "old in archive");
  EXPECT_NE(items[0].job, 0U);
  auto marks = only<e2e::Mark>(heard);
  ASSERT_FALSE(marks.empty());
  EXPECT_TRUE(std::ranges::all_of(marks.back().position.jobs, &e2e::Job::done));
}

TEST_F(SessionsTest, LiveChangeIsOneFrameWithItsMark) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "fresh");
  changed();
  settle();
  ASSERT_EQ(outlet.out.size(), 1U) << "item and mark share a frame";
  auto heard = hear(*peer);
  EXPECT_EQ(only<e2e::Item>(heard).at(0).job, 0U);
  EXPECT_EQ(only<e2e::Mark>(heard).at(0).position.live, 1U);
}

// DEV-03
TEST_F(SessionsTest, DeviceThatWasAwayGetsExactlyWhatItMissed) {
  content(1, inbox, 10, "one");
  content(2, inbox, 20, "two");
  content(3, inbox, 30, "three");
  e2e::Position position{.view = 1, .epoch = log.now.epoch, .live = log.now.head, .base = log.now.head};
  log.flag(1, Flag::seen);
  log.remove(2);
  content(4, inbox, 40, "four");
  auto peer = connect(7, {position});
  auto heard = hear(*peer);
  ASSERT_EQ(only<e2e::Meta>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::Meta>(heard)[0].flags, Flag::seen);
  ASSERT_EQ(only<e2e::Remove>(heard).size(), 1U);
  ASSERT_EQ(only<e2e::Item>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::Mark>(heard).back().position.live, log.now.head);
}

TEST_F(SessionsTest, DeviceCutOffWhileItCatchesUpIsStillOwedTheContentOfWhatWasFlaggedMeanwhile) {
  auto peer = connect(7);
  auto position = only<e2e::Mark>(hear(*peer)).back().position;
  sessions->lost();
  for (unsigned n = 1; n <= 300; ++n) content(n, inbox, n, Bytes(2000, static_cast<char>(n)));
  log.flag(1, Flag::seen);  // added first, it comes last
  std::set<Gid> whole;
  outlet.credit = 400'000;  // a batch of rows and a bit
  for (std::uint64_t session = 8; session < 20 && whole.size() < 300; ++session) {
    device.previous = {};
    directory.owned[{device.user, device.id}].last_hash.clear();
    sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
    auto again = connect(session, {position});
    auto heard = hear(*again);
    for (const auto& item : only<e2e::Item>(heard)) whole.insert(item.gid);
    for (const auto& mark : only<e2e::Mark>(heard)) position = mark.position;
    sessions->lost();
    outlet.out.clear();
    outlet.credit = 400'000;
  }
  EXPECT_TRUE(whole.contains(gid(1)));
  EXPECT_EQ(whole.size(), 300U);
  EXPECT_EQ(position.live, log.now.head);
}

TEST_F(SessionsTest, MoveDuringBackfillBringsItsContent) {
  for (unsigned n = 1; n <= 300; ++n) content(n, n % 2 == 0 ? inbox : archive, n, Bytes(2000, 'x'));
  outlet.credit = 300'000;
  auto peer = connect(7);
  std::set<Gid> whole;
  for (const auto& item : only<e2e::Item>(hear(*peer))) whole.insert(item.gid);
  ASSERT_FALSE(whole.contains(gid(1)));
  log.rows.at(gid(1)).folders = {inbox};  // from a folder that waits its turn into one that is nearly done
  log.rows.at(gid(1)).received = 5000;
  log.rows.at(gid(1)).seq_meta = ++log.now.head;
  outlet.credit = UINT64_MAX;
  changed();
  sessions->credit(7);
  for (const auto& item : only<e2e::Item>(hear(*peer))) whole.insert(item.gid);
  EXPECT_EQ(whole.size(), 300U);
}

TEST_F(SessionsTest, LiveOvertakesBackfill) {
  for (unsigned n = 1; n <= 300; ++n) content(n, inbox, n, Bytes(2000, 'x'));
  outlet.credit = 200'000;  // the device is slow: most of the back-fill waits
  auto peer = connect(7);
  auto before = hear(*peer);
  content(999, inbox, 5000, "fresh");
  changed();
  settle();
  outlet.credit = UINT64_MAX;
  sessions->credit(7);
  auto after = hear(*peer);
  auto items = only<e2e::Item>(after);
  auto fresh = std::ranges::find(items, gid(999), &e2e::Item::gid);
  ASSERT_NE(fresh, items.end());
  EXPECT_LE(fresh - items.begin(), 140) << "at most what was made ready goes first";
  std::set<Gid> all;
  for (const auto& each : only<e2e::Item>(before)) EXPECT_TRUE(all.insert(each.gid).second);
  for (const auto& each : items) EXPECT_TRUE(all.insert(each.gid).second) << "twice";
  EXPECT_EQ(all.size(), 301U);
}

e2e::Command a_create(std::size_t size) {
  e2e::Command command{.view = 1, .id = Bytes(16, 'c'), .verb = e2e::Verb::create, .gid = gid(5), .folder = inbox};
  command.size = size;
  return command;
}

TEST_F(SessionsTest, CommandIsAcknowledgedThenDoneThenForgotten) {
  auto peer = connect(7);
  hear(*peer);
  content(1, inbox, 10, "hello");
  e2e::Command command{.view = 1, .id = Bytes(16, 'c'), .verb = e2e::Verb::set_flags, .gid = gid(1)};
  command.flags_add = Flag::seen;
  sessions->frame(peer->say(command));
  auto results = only<e2e::CommandResult>(hear(*peer));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_FALSE(results[0].done);
  EXPECT_TRUE(results[1].done);
  EXPECT_EQ(results[1].fault, 0U);
  sessions->frame(peer->say(command));
  results = only<e2e::CommandResult>(hear(*peer));
  ASSERT_EQ(results.size(), 1U) << "the result is told again";
  EXPECT_EQ(accounts.acts, 1) << "and not carried out again";
  sessions->lost();
  sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  peer = connect(8);
  EXPECT_EQ(only<e2e::CommandResult>(hear(*peer)).size(), 1U) << "a device may have nothing left to ask with";
  sessions->frame(peer->say(e2e::CommandStored{.id = command.id}));
  settle();
  EXPECT_TRUE(journal.rows.empty());
}

// docs/wire.md §8.6
TEST_F(SessionsTest, ADeviceIsNotSentWhatItMadeUnlessTheStoreChangedIt) {
  auto peer = connect(7);
  hear(*peer);
  const auto create = [&](char id, const Bytes& octets) {
    constexpr std::size_t most = 8 * 1024;  // one sealed frame each
    e2e::Command command{.view = 1, .id = Bytes(16, id), .verb = e2e::Verb::create, .gid = gid(1), .folder = inbox};
    command.content = e2e::pack(octets.substr(0, most), e2e::Compression::none);
    command.size = octets.size();
    sessions->frame(peer->say(command));
    for (std::size_t at = most; at < octets.size(); at += most)
      sessions->frame(peer->say(e2e::CommandPart{.id = command.id,
                                                 .offset = at,
                                                 .octets = e2e::pack(octets.substr(at, most), e2e::Compression::none),
                                                 .last = at + most >= octets.size()}));
    settle();
  };
  const auto came = [&](unsigned number, const Bytes& octets) {
    hear(*peer);
    content(number, inbox, 10, octets);
    changed();
    const auto items = only<e2e::Item>(hear(*peer));
    return items.size() == 1 ? items[0] : e2e::Item{};
  };
  const Bytes large(400'000, 'l');
  create('a', "as it was made");
  create('b', large);
  create('c', "to be changed");
  auto item = came(1, "as it was made");
  EXPECT_EQ(item.sha256.size(), 32U);
  EXPECT_EQ(item.size, 14U);
  EXPECT_EQ(item.content_rev, "1");
  EXPECT_TRUE(item.first.octets.empty());
  item = came(2, large);
  EXPECT_EQ(item.sha256.size(), 32U);
  EXPECT_EQ(item.size, large.size());
  item = came(3, "to be CHANGED");
  EXPECT_TRUE(item.sha256.empty());
  EXPECT_EQ(item.first.size, 13U);
  item = came(4, "as it was made");
  EXPECT_TRUE(item.sha256.empty()) << "somebody's copy of it is another item";
  EXPECT_EQ(item.first.size, 14U);
  create('d', "lost with the session");
  hear(*peer);
  peer = connect(8);
  hear(*peer);
  EXPECT_TRUE(came(5, "lost with the session").sha256.empty()) << "the device may have been set back since";
}

TEST_F(SessionsTest, CommandForSomebodyElsesMailboxIsRefused) {
  auto peer = connect(7);
  hear(*peer);
  e2e::Command command{.view = 2, .id = Bytes(16, 'c'), .verb = e2e::Verb::remove, .gid = gid(1)};
  sessions->frame(peer->say(command));
  auto results = only<e2e::CommandResult>(hear(*peer));
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].fault, static_cast<std::uint32_t>(FaultKind::denied) + 1);
  EXPECT_TRUE(journal.rows.empty());
}

TEST_F(SessionsTest, DeviceGetsNoCreditWhileItsContentIsNotDurable) {
  auto peer = connect(7);
  hear(*peer);
  auto command = a_create(8'000'000);
  sessions->frame(peer->say(command));
  settle();
  journal.stuck = true;
  std::uint64_t said = 0, at = 0;
  for (; at < 3'000'000; at += 10'000) {
    auto frame = peer->say(
        e2e::CommandPart{.id = command.id, .offset = at, .octets = {.size = 10'000, .octets = Bytes(10'000, 'x')}});
    said += wire::credit_cost(frame);
    sessions->frame(std::move(frame));
  }
  const auto before = outlet.consumed_octets;
  EXPECT_LT(before, 1'500'000U);
  journal.unstick();
  settle();
  EXPECT_GE(outlet.consumed_octets, said) << "and all of it afterwards";
  EXPECT_EQ(journal.contents.begin()->second.size(), at);
}

TEST_F(SessionsTest, ALogThatCannotBeReadIsAskedAgainWithPauses) {
  content(1, inbox, 10, "one");
  log.fails["backfill"] = 4;
  auto peer = connect(7);
  world.run_for(2s);
  EXPECT_LE(log.counts["backfill"], 3);
  world.run_for(60s);
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U);
  for (const char* verb : {"folders", "changes"}) {
    log.fails[verb] = 4;
    log.counts.clear();
    content(2, inbox, 20, "two");
    sessions->changed(1, log.now.head, true);
    world.run_for(2s);
    EXPECT_LE(log.counts[verb], 3) << verb;
    world.run_for(60s);
    EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U) << verb;
  }
}

TEST_F(SessionsTest, AnIllLogLosesNothingOfACompare) {
  content(1, inbox, 10, "one");
  for (const char* verb : {"buckets", "bucket", "items"}) {
    log.fails[verb] = 2;
    auto peer = connect(7, {{.view = 1, .epoch = {std::byte{9}}, .live = 400}});
    hear(*peer);
    world.run_for(30s);
    hear(*peer);
    sessions->frame(peer->say(e2e::CompareWant{.view = 1, .buckets = {{inbox, 0}}, .items = {}, .last = false}));
    world.run_for(30s);
    hear(*peer);
    sessions->frame(peer->say(e2e::CompareWant{.view = 1, .buckets = {}, .items = {gid(1)}, .last = true}));
    world.run_for(30s);
    auto heard = hear(*peer);
    EXPECT_EQ(only<e2e::Item>(heard).size(), 1U) << verb;
    EXPECT_EQ(only<e2e::CompareEnd>(heard).size(), 1U) << verb;
    sessions->lost();
    outlet.out.clear();
  }
}

TEST_F(SessionsTest, ADeviceThatAsksWithoutTakingIsEnded) {
  content(1, inbox, 10, Bytes(200'000, 'x'));
  auto peer = connect(7);
  hear(*peer);
  outlet.credit = 0;
  for (int i = 0; i < 100 && outlet.out.empty(); ++i) {
    sessions->frame(peer->say(e2e::Fetch{.view = 1, .gid = gid(1), .content_rev = "1", .from = 0, .length = 200'000}));
    if (i % 10 == 9) settle();
  }
  EXPECT_EQ(take_closed().code, wire::Code::too_many);
}

// Bad input, "a relay that drops the last frame": the next frame tells, so there has to be one soon.
TEST_F(SessionsTest, DataThatNobodyAcknowledgesIsFollowedByAnAlive) {
  auto peer = connect(7);
  hear(*peer);
  world.run_for(60s);
  hear(*peer);
  content(1, inbox, 10, "one");
  changed();
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U);
  world.run_for(25s);
  EXPECT_TRUE(only<e2e::Alive>(hear(*peer)).empty());
  world.run_for(25s);
  EXPECT_EQ(only<e2e::Alive>(hear(*peer)).size(), 1U);
  world.run_for(60s);
  EXPECT_TRUE(only<e2e::Alive>(hear(*peer)).empty()) << "one tells";
}

// DEV-02
TEST_F(SessionsTest, ForeignEpochIsCompared) {
  content(1, inbox, 10, "one");
  content(2, inbox, 20, "two");
  e2e::Position old{.view = 1, .epoch = {std::byte{9}}, .live = 77};
  auto peer = connect(7, {old});
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::HelloAck>(heard).at(0).views.at(0).compare);
  auto digests = only<e2e::CompareDigests>(heard);
  ASSERT_EQ(digests.size(), 1U);
  EXPECT_EQ(digests[0].digests.size(), 2U) << "every folder is compared, or its items would be dropped";
  EXPECT_TRUE(only<e2e::Mark>(heard).empty()) << "no position counts before the compare ended";
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .buckets = {{.folder = inbox}}, .last = false}));
  heard = hear(*peer);
  ASSERT_EQ(only<e2e::ComparePage>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::ComparePage>(heard)[0].entries.size(), 2U);
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .items = {gid(2)}, .last = true}));
  heard = hear(*peer);
  ASSERT_EQ(only<e2e::Item>(heard).size(), 1U);
  ASSERT_EQ(only<e2e::CompareEnd>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::CompareEnd>(heard)[0].position.live, 2U);
  content(3, inbox, 30, "three");
  changed();
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U) << "live goes on after a compare";
}

// DEV-02
// docs/wire.md §8.13
TEST_F(SessionsTest, BackupsAreToldAndHeardOf) {
  auto session = connect(7);
  EXPECT_EQ(only<e2e::HelloAck>(hear(*session)).at(0).backup_version, 5U);
  EXPECT_EQ(backups_heard, std::vector<std::uint64_t>{0});
  auto other = shake(8);
  sessions->frame(other->say(e2e::Hello{.device = "phone", .previous = device.previous, .highest_backup = 6}));
  settle();
  EXPECT_EQ(backups_heard, (std::vector<std::uint64_t>{0, 6}));
}

// docs/wire.md §8.14
TEST_F(SessionsTest, ListingIsToldUntilAllThatItFoundWasSent) {
  accounts.looked = false;
  content(1, inbox, 10, "one");
  auto peer = connect(7);
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::HelloAck>(heard).at(0).views.at(0).listing);
  ASSERT_FALSE(only<e2e::Mark>(heard).empty());
  for (const auto& mark : only<e2e::Mark>(heard)) EXPECT_TRUE(mark.listing);
  // More than one batch, of contents that take their time: the end of the listing is known before they are sent.
  for (unsigned n = 2; n < 302; ++n) content(n, inbox, 10, "more");
  accounts.looked = true;
  changed();
  heard = hear(*peer);
  const auto marks = only<e2e::Mark>(heard);
  ASSERT_GE(marks.size(), 2U);
  for (const auto& mark : marks) EXPECT_EQ(mark.listing, mark.position.live < log.now.head);
  EXPECT_FALSE(marks.back().listing);
  content(500, inbox, 10, "later");
  changed();
  for (const auto& mark : only<e2e::Mark>(hear(*peer))) EXPECT_FALSE(mark.listing);
}

TEST_F(SessionsTest, TheEndOfAListingThatFoundNothingIsToldToo) {
  accounts.looked = false;
  auto peer = connect(7);
  hear(*peer);
  accounts.looked = true;
  sessions->changed(1, 0, false);
  const auto marks = only<e2e::Mark>(hear(*peer));
  ASSERT_EQ(marks.size(), 1U);
  EXPECT_FALSE(marks[0].listing);
  EXPECT_EQ(marks[0].position.live, log.now.head);
}

TEST_F(SessionsTest, ALogThatWasSetBackIsComparedOnlyOnceItsMailboxWasLookedThrough) {
  content(1, inbox, 10, "one");
  accounts.looked = false;
  set_back = true;
  e2e::Position other{.view = 1, .epoch = {std::byte{9}}, .live = 5};
  auto peer = connect(7, {other});
  auto heard = hear(*peer);
  EXPECT_TRUE(only<e2e::HelloAck>(heard).at(0).views.at(0).compare);
  EXPECT_TRUE(only<e2e::CompareDigests>(heard).empty());
  content(2, inbox, 20, "came after the backup");
  changed();
  EXPECT_TRUE(only<e2e::CompareDigests>(hear(*peer)).empty());
  accounts.looked = true;
  sessions->changed(1, 0, false);
  const auto digests = only<e2e::CompareDigests>(hear(*peer));
  ASSERT_EQ(digests.size(), 1U);
  EXPECT_EQ(digests[0].head, log.now.head);
  sessions->frame(peer->say(e2e::CompareWant{.view = 1, .last = true}));
  heard = hear(*peer);
  EXPECT_EQ(only<e2e::CompareEnd>(heard).size(), 1U);
  ASSERT_EQ(only<e2e::Mark>(heard).size(), 1U) << "the listing is over";
  EXPECT_FALSE(only<e2e::Mark>(heard)[0].listing);
}

TEST_F(SessionsTest, AnOlderMemoryIsAlarmedAndComparedButCutOffSessionsAreNot) {
  auto first = connect(7);
  hear(*first);
  auto remembered = device.previous;
  // Twice the gateway heard Hello and the device heard nothing: it goes on presenting what it knows.
  for (std::uint64_t session : {8U, 9U, 10U}) {
    device.previous = remembered;
    auto cut_off = connect(session);
    hear(*cut_off);
  }
  EXPECT_TRUE(alarms.empty());
  auto newest = connect(11);
  hear(*newest);
  device.previous = Bytes(32, 'o');  // the backup's
  e2e::Position position{.view = 1, .epoch = log.now.epoch, .live = 0};
  auto restored = connect(12, {position});
  auto heard = hear(*restored);
  EXPECT_EQ(alarms.size(), 1U);
  EXPECT_TRUE(only<e2e::HelloAck>(heard).at(0).views.at(0).compare);
}

TEST_F(SessionsTest, PositionsAreRememberedAndFetchAnswersRanges) {
  content(1, inbox, 10, "0123456789");
  auto peer = connect(7);
  hear(*peer);
  sessions->frame(peer->say(e2e::Ack{.position = {.view = 1, .epoch = log.now.epoch, .live = 1}}));
  sessions->frame(peer->say(e2e::Fetch{.view = 1, .gid = gid(1), .content_rev = "1", .from = 3, .length = 4}));
  auto heard = hear(*peer);
  ASSERT_EQ(only<e2e::Range>(heard).size(), 1U);
  EXPECT_EQ(only<e2e::Range>(heard)[0].octets.octets, "3456");
  EXPECT_EQ(only<e2e::Range>(heard)[0].total, 10U);
  EXPECT_TRUE(sessions->shown().at(0).current);
  world.run_for(20s);
  ASSERT_FALSE(log.remembered.empty());
  EXPECT_EQ(log.remembered.back(), std::pair(device.id, std::uint64_t{1}));
}

}  // namespace
}  // namespace tidegate::push
