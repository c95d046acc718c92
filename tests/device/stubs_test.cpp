// SPDX-License-Identifier: Apache-2.0
// Messages that are here only in part: what may be done to them, what never reaches the store, and how they come whole.
#include <gtest/gtest.h>

#include "core/e2e/stub_mark.hpp"
#include "device/fetches.hpp"
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

/// Upward's mails, and a ninth that came as a stub.
struct Stubbed : Upward {
  explicit Stubbed(std::uint64_t seed = 1) : Upward(seed) {
    log.add(9, mail(9, 700'000));
    tell_stub();
    settle();
  }
  Bytes stub() const {
    return "Subject: mail 9\r\n\r\n" + e2e::stub_mark(log.entries.at(9).gid) + "\r\n\r\nThe rest was left out.\r\n";
  }
  void tell_stub() {
    const auto& entry = log.entries.at(9);
    auto item = log.item(entry);
    item.first = {e2e::Compression::none, stub().size(), stub()};
    item.stub = true;
    tell(item);
    tell(log.mark(log.head));
  }
  /// The log as it lies here.
  ScriptedLog here() const {
    auto part = log;
    part.entries.at(9).content = stub();
    return part;
  }
  void want() {
    ASSERT_TRUE(shelf->with_index([](Index& index) { Fetches(index.database()).want(1, gid_of(9)); }));
  }
  std::vector<FetchRow> list() {
    std::vector<FetchRow> rows;
    EXPECT_TRUE(shelf->with_index([&](Index& index) { rows = Fetches(index.database()).list(); }));
    return rows;
  }
  e2e::Range range(const e2e::Fetch& asked) const {
    const auto& content = log.entries.at(9).content;
    const auto octets = content.substr(std::min<std::size_t>(asked.from, content.size()), asked.length);
    return {.view = 1,
            .gid = asked.gid,
            .content_rev = asked.content_rev,
            .offset = asked.from,
            .total = content.size(),
            .octets = e2e::pack(octets, e2e::Compression::deflate)};
  }
  std::optional<e2e::Fetch> next() {
    auto found = shelf->next_fetch();
    EXPECT_TRUE(found) << found.error().text << found.error().cause;
    return found ? found->fetch : std::nullopt;
  }
  /// Until nothing is to be asked for; where each range began.
  std::vector<std::uint64_t> fetch(std::size_t most = 100) {
    std::vector<std::uint64_t> from;
    while (from.size() < most) {
      const auto asked = next();
      if (!asked) break;
      from.push_back(asked->from);
      tell(range(*asked));
    }
    return from;
  }
  ItemRow row() {
    std::optional<ItemRow> found;
    EXPECT_TRUE(shelf->with_index([&](Index& index) { found = index.item(1, gid_of(9)); }));
    return found.value_or(ItemRow{});
  }
  std::string parts() const { return "/mail/tmp/tidegate-fetch-1-" + gid_text(gid_of(9)); }
};

TEST(Stubs, IsAMessageHereInPartUntilItIsFetched) {
  Stubbed disk;
  disk.expect_equal(disk.here());
  EXPECT_TRUE(disk.row().stub);
  EXPECT_FALSE(disk.next()) << "nobody asked";
  const auto path = disk.path(9);
  disk.rename(path, "/mail/cur/" + last_of(path) + ":2,FS");
  disk.settle();
  ASSERT_TRUE(disk.send());
  disk.want();
  EXPECT_EQ(disk.fetch(), (std::vector<std::uint64_t>{0, 196'608, 393'216, 589'824}));
  EXPECT_FALSE(disk.row().stub);
  EXPECT_TRUE(disk.list().empty());
  EXPECT_EQ(disk.path(9), "/mail/cur/" + mail_base(gid_of(9), 700'000) + ":2,FS") << "its flags are kept";
  EXPECT_EQ(disk.arrivals.back().size, 700'000U);
  disk.converge();
  EXPECT_EQ(disk.verbs(), Verbs{e2e::Verb::set_flags});
}

TEST(Stubs, ItsChangesAreThoseOfTheMessage) {
  Stubbed disk;
  const auto path = disk.path(9);
  disk.rename(path, "/mail/.Work/cur/elsewhere:2,S");
  EXPECT_EQ(disk.settle(), 2U);
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.log.entries.at(9).folder, gid_of(1002));
  EXPECT_EQ(disk.log.entries.at(9).flags, seen);
  ASSERT_TRUE(disk.host.files().remove(disk.path(9)));
  EXPECT_EQ(disk.settle(), 1U);
  ASSERT_TRUE(disk.send());
  EXPECT_NE(disk.log.entries.at(9).seq_gone, 0U);
}

TEST(Stubs, ACopyIsNeverSent) {
  Stubbed disk;
  const auto items = disk.log.entries.size();
  disk.write("/mail/.Work/cur/copy:2,S", disk.stub());
  disk.write("/mail/cur/forward:2,", "Subject: Fwd\r\n\r\nlook:\r\n" + disk.stub());
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(disk.settle(), 0U);
    disk.look({.whole = true, .deleted = {}});
    ASSERT_TRUE(disk.send());
  }
  EXPECT_EQ(disk.log.entries.size(), items);
  EXPECT_TRUE(disk.store.carried_out.empty());
  // Gone again: no business of the store's either.
  for (const char* part : {"/mail/.Work/cur", "/mail/cur"})
    for (const auto& file : *disk.host.files().list(part))
      if (!parse_mail_name(file.name) || parse_mail_name(file.name)->gid[0] != std::byte{0x5A})
        ASSERT_TRUE(disk.host.files().remove(std::string(part) + "/" + file.name));
  EXPECT_EQ(disk.settle(), 0U);
  disk.expect_equal(disk.here());
}

TEST(Stubs, TheRefusalIsSaidOnceAndNamesTheWayOut) {
  Stubbed disk;
  disk.write("/mail/.Work/cur/copy:2,S", disk.stub());
  std::vector<std::string> notes;
  for (int turn = 0; turn < 5; ++turn) {
    for (auto& note : disk.look({.whole = true, .deleted = {}}).notes) notes.push_back(note);
    disk.world.run_for(std::chrono::milliseconds(2100));
  }
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_NE(notes[0].find("tidegate-device fetch " + gid_text(gid_of(9))), std::string::npos) << notes[0];
  EXPECT_NE(notes[0].find("Work"), std::string::npos);
}

TEST(Stubs, MovedByCopyingAndRemovingItMoves) {
  for (const bool seen_going : {false, true}) {
    Stubbed disk(seen_going ? 2 : 1);
    const auto path = disk.path(9);
    disk.write("/mail/.Work/cur/copy:2,S", disk.stub());
    if (seen_going) disk.settle();  // first the one, later the other
    ASSERT_TRUE(disk.host.files().remove(path));
    disk.look({.whole = false, .deleted = {path}});
    disk.settle();
    ASSERT_TRUE(disk.send());
    EXPECT_EQ(disk.log.entries.at(9).seq_gone, 0U) << "never a removal";
    EXPECT_EQ(disk.log.entries.at(9).folder, gid_of(1002));
    disk.settle();
    ASSERT_TRUE(disk.send());
    disk.catch_up(disk.log);
    EXPECT_EQ(disk.settle(), 0U);
    disk.expect_equal(disk.here());
    EXPECT_TRUE(disk.row().stub);
  }
}

TEST(Stubs, MarksThatASenderWroteDoNoHarm) {
  Upward disk(5, 3);
  const auto trick = "Subject: look\r\n" + e2e::stub_mark(gid_of(4711)) + "\r\n\r\nall of it is here\r\n";
  disk.log.add(8, trick);
  disk.catch_up(disk.log);
  disk.settle();
  disk.write("/mail/.Work/cur/copy:2,", trick);
  disk.settle();  // refused: it might be a part of something
  ASSERT_TRUE(disk.host.files().remove(disk.path(8)));
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.verbs(), Verbs{e2e::Verb::move}) << "moved by copying, it moves like any other";
  EXPECT_EQ(disk.log.entries.at(8).folder, gid_of(1002));
}

TEST(Stubs, AnEditedOneIsNoRemovalAndTheStubComesAgain) {
  for (const bool same_name : {true, false}) {
    Stubbed disk(same_name ? 3 : 4);
    const auto path = disk.path(9);
    const auto edited = disk.stub() + "my own words\r\n";
    ASSERT_TRUE(disk.host.files().remove(path));
    disk.write(same_name ? path : "/mail/cur/mutt.edited:2,S", edited);
    disk.look({.whole = false, .deleted = {path}});
    disk.settle();
    ASSERT_TRUE(disk.send());
    EXPECT_TRUE(disk.store.carried_out.empty());
    EXPECT_EQ(disk.log.entries.at(9).seq_gone, 0U);
    std::vector<std::uint64_t> compares;
    ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { compares = index.wanted_compares(); }));
    EXPECT_EQ(compares, std::vector<std::uint64_t>{1}) << "what the device lacks is asked for";
    disk.tell_stub();  // as the compare brings it
    EXPECT_EQ(*disk.host.files().read(disk.path(9)), disk.stub());
    std::size_t kept = 0;
    for (const char* part : {"new", "cur"})
      for (const auto& file : disk.mails(part)) kept += *disk.host.files().read(file) == edited ? 1 : 0;
    EXPECT_EQ(kept, 1U) << "nobody's words are lost";
  }
}

TEST(Stubs, WhatIsWholeStaysWhole) {
  Stubbed disk;
  disk.want();
  disk.fetch();
  disk.log.flags(9, flagged);
  disk.tell_stub();
  EXPECT_FALSE(disk.row().stub);
  disk.expect_equal(disk.log);
  disk.end();
  disk.start();
  EXPECT_EQ(disk.settle(), 0U);
  disk.expect_equal(disk.log);
}

TEST(Stubs, AMessageMadeHereThatComesBackAsAStubStaysWhole) {
  Stubbed disk;
  disk.write("/mail/cur/own:2,S", mail(20, 300'000));
  disk.settle();
  ASSERT_TRUE(disk.send());
  const auto made = std::prev(disk.log.entries.end())->second;
  auto item = disk.log.item(made);
  const Bytes part = "Subject: mail 20\r\n\r\n" + e2e::stub_mark(made.gid) + "\r\n";
  item.first = {e2e::Compression::none, part.size(), part};
  item.stub = true;
  disk.tell(item);
  disk.tell(disk.log.mark(disk.log.head));
  disk.expect_equal([&] {
    auto wanted = disk.here();
    wanted.entries[made.number] = made;
    return wanted;
  }());
  EXPECT_EQ(disk.settle(), 0U);
}

TEST(Stubs, RepeatedAfterAKillItIsAdoptedByItsOctets) {
  Stubbed disk;
  const auto path = disk.path(9);
  ASSERT_TRUE(disk.shelf->with_index([](Index& index) { index.erase(1, gid_of(9)); }));
  disk.end();
  disk.start();
  disk.tell_stub();
  EXPECT_EQ(disk.path(9), path);
  EXPECT_TRUE(disk.row().stub);
  disk.expect_equal(disk.here());
}

TEST(Fetching, GoesOnAfterABreakWithWhatCame) {
  for (const bool power : {false, true}) {
    Stubbed disk(power ? 2 : 1);
    disk.want();
    EXPECT_EQ(disk.fetch(2).size(), 2U);
    const auto drop = [&] { disk.end(); };
    power ? disk.host.power_cut(drop) : disk.host.kill(drop);
    disk.start();
    EXPECT_EQ(disk.fetch(), (std::vector<std::uint64_t>{393'216, 589'824}));
    disk.expect_equal(disk.log);
  }
}

TEST(Fetching, OctetsThatWereNotRecordedAreCutOff) {
  Stubbed disk;
  disk.want();
  disk.fetch(2);
  ASSERT_TRUE(disk.host.files().append(disk.parts(), "half of a range"));
  EXPECT_EQ(disk.fetch(), (std::vector<std::uint64_t>{393'216, 589'824}));
  disk.expect_equal(disk.log);
}

TEST(Fetching, WhoTidiesTmpCostsOnlyTime) {
  Stubbed disk;
  disk.want();
  disk.fetch(2);
  ASSERT_TRUE(disk.host.files().remove(disk.parts()));
  EXPECT_EQ(disk.fetch().size(), 4U);
  disk.expect_equal(disk.log);
}

TEST(Fetching, AnEstimatedSizeIsCorrectedAtTheEnd) {
  Stubbed disk;
  disk.want();
  for (int turn = 0; turn < 6; ++turn) {
    const auto asked = disk.next();
    if (!asked) break;
    auto said = disk.range(*asked);
    if (asked->from + said.octets.size < said.total) said.total += 5'000;  // until the end was seen
    disk.tell(said);
  }
  disk.expect_equal(disk.log);
}

TEST(Fetching, FaultsThatPassAreWaitedForOthersAreSaid) {
  Stubbed disk;
  disk.want();
  const auto asked = disk.next();
  ASSERT_TRUE(asked);
  const auto refuse = [&](FaultKind kind) {
    std::vector<e2e::ToDevice> one{
        e2e::Range{.view = 1, .gid = gid_of(9), .fault = static_cast<std::uint32_t>(kind) + 1, .text = "so it is"}};
    auto done = disk.shelf->apply(std::move(one));
    EXPECT_TRUE(done);
    return std::move(*done);
  };
  EXPECT_TRUE(refuse(FaultKind::unavailable).fetch_later);
  EXPECT_TRUE(disk.next()) << "the wish stays";
  const auto said = refuse(FaultKind::not_found);
  EXPECT_FALSE(said.fetch_later);
  ASSERT_EQ(said.notes.size(), 1U);
  EXPECT_FALSE(disk.next());
  ASSERT_EQ(disk.list().size(), 1U);
  EXPECT_EQ(disk.list()[0].text, "so it is");
  disk.want();
  disk.fetch();
  disk.expect_equal(disk.log);
}

TEST(Fetching, ForeignAndRepeatedRangesHarmNothing) {
  Stubbed disk;
  disk.tell(disk.range({.view = 1, .gid = gid_of(9)}));  // nobody asked
  disk.want();
  auto asked = disk.next();
  ASSERT_TRUE(asked);
  disk.tell(disk.range(*asked));
  disk.tell(disk.range(*asked));  // again
  auto ahead = *asked;
  ahead.from = 500'000;
  disk.tell(disk.range(ahead));
  auto lie = disk.range(*disk.next());
  lie.total = 10;
  disk.tell(lie);
  disk.fetch();
  disk.expect_equal(disk.log);
}

TEST(Fetching, WhatWentMeanwhileIsForgotten) {
  Stubbed disk;
  disk.want();
  disk.fetch(2);
  disk.log.gone(9);
  disk.catch_up(disk.log);
  EXPECT_FALSE(disk.next());
  EXPECT_TRUE(disk.list().empty());
  disk.expect_equal(disk.log);
}

TEST(Fetching, WipingLeavesNoParts) {
  Stubbed disk;
  disk.want();
  disk.fetch(2);
  ASSERT_TRUE(disk.shelf->wipe());
  EXPECT_FALSE(disk.host.files().info(disk.parts())->has_value());
}

TEST(Fetching, IsAskedForByFileCopyOrName) {
  Stubbed disk;
  disk.write("/elsewhere", disk.stub());
  const auto want = [&](std::vector<std::string> words) {
    Result<std::size_t> done = std::size_t{0};
    EXPECT_TRUE(disk.shelf->with_index([&](Index& index) { done = want_whole(disk.host.files(), index, words); }));
    return done;
  };
  EXPECT_EQ(want({disk.path(9)}), 1U);
  EXPECT_EQ(want({"/elsewhere"}), 1U);
  EXPECT_EQ(want({gid_text(gid_of(9))}), 1U);
  EXPECT_EQ(want({disk.path(1)}), 0U) << "is whole";
  disk.write("/mail/.Work/cur/copy:2,", disk.stub());
  disk.settle();  // it has a name of ours by now
  EXPECT_EQ(want({"/mail/.Work/cur/" + disk.host.files().list("/mail/.Work/cur")->front().name}), 1U);
  EXPECT_EQ(disk.list().size(), 1U);
  disk.fetch();
  EXPECT_EQ(want({gid_text(gid_of(77))}).error().kind, FaultKind::not_found);
  EXPECT_EQ(want({"/nowhere"}).error().kind, FaultKind::invalid);
  EXPECT_FALSE(want({gid_text(gid_of(9)), "/nowhere"}));
  EXPECT_TRUE(disk.list().empty()) << "all or none";
}

class DyingFetch : public testing::TestWithParam<bool> {};

TEST_P(DyingFetch, AtEveryStep) {
  const bool power = GetParam();
  bool whole = false;
  for (std::uint64_t step = 0; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 200U);
    Stubbed disk(700 + step);
    disk.want();
    disk.cutter->cutting().until = step;
    try {
      disk.fetch();
      whole = true;
    } catch (const Cut&) {
      const auto drop = [&] { disk.end(); };
      power ? disk.host.power_cut(drop) : disk.host.kill(drop);
      disk.start();
    }
    disk.cutter->cutting().until = UINT64_MAX;
    EXPECT_EQ(disk.settle(), 0U);
    disk.fetch();
    disk.expect_equal(disk.log);
    EXPECT_EQ(disk.settle(), 0U);
    EXPECT_TRUE(disk.list().empty());
    if (testing::Test::HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Fetching, DyingFetch, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "PowerCut" : "Kill"; });

}  // namespace
}  // namespace tidegate::device
