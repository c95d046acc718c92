// SPDX-License-Identifier: Apache-2.0
// Agents against a scripted back-end, on virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/account/account.hpp"
#include "core/sim/memory_disk.hpp"
#include "tests/core/account/scripted_backend.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::account {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

struct AccountBed : store::LogBed {
  AccountBed() {
    backend.add_folder("in", Role::inbox);
    backend.add_folder("old");
    settings.workers = 4;
  }
  ~AccountBed() { accounts.reset(); }
  AccountBed(const AccountBed&) = delete;
  AccountBed& operator=(const AccountBed&) = delete;

  void serve(const std::string& user = "ann", std::vector<Kind> kinds = {}) {
    if (!accounts) {
      accounts = Accounts::make(host, *log, settings, [this](ViewId v, std::uint64_t head, bool) {
        if (head == 0) return ++looked;
        heads.push_back({v, head});
        at.push_back(world.now());
        return 0;
      });
    }
    auto made = store::answer_of<ViewId>(world, [&](auto done) {
      accounts->start(user, "hq", {{"mail", &backend, std::move(kinds), 0, 0s, backend_sweep}}, std::move(done));
    });
    ASSERT_TRUE(made);
    view_id = *made;
  }
  std::vector<std::string> ids() {
    std::vector<std::string> made;
    for (const auto& row : changes(view_id)) {
      if (row.seq_gone == 0) made.push_back(row.id);
    }
    std::ranges::sort(made);
    return made;
  }
  Result<Accounts::Piece> read(const std::string& id, std::uint64_t from, std::size_t length) {
    for (const auto& row : changes(view_id)) {
      if (row.id != id) continue;
      return store::answer_of<Accounts::Piece>(
          world, [&](auto done) { accounts->read("ann", view_id, row, from, length, true, std::move(done)); });
    }
    return fault(FaultKind::not_found, "test", "No such row.");
  }
  Health health() { return accounts->health("ann").front(); }

  ScriptedBackend backend;
  Settings settings;
  std::chrono::milliseconds backend_sweep{0};
  std::unique_ptr<Accounts> accounts;
  ViewId view_id = 0;
  std::vector<std::pair<ViewId, std::uint64_t>> heads;
  std::vector<sim::Instant> at;
  int looked = 0;  ///< told that all was looked through
};

TEST(Accounts, ListTheTreeThenTheInboxThenTheRest) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.backend.add("old", "m2");
  bed.serve();
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2"));
  EXPECT_THAT(bed.backend.calls(), ElementsAre("open", "changes ", "changes in", "changes old"));
  EXPECT_EQ(bed.backend.open_sessions(), 0) << "nothing stays open that does not listen";
  EXPECT_EQ(bed.heads.back().second, bed.head(bed.view_id).head);
}

TEST(Accounts, AMailboxIsLookedThroughWhenAllOfItIsInTheLog) {
  AccountBed bed;
  bed.settings.page_limit = 2;
  for (int n = 0; n < 5; ++n) bed.backend.add("old", "m" + std::to_string(n));
  std::vector<std::pair<Bytes, bool>> asked;
  bed.backend.during_changes = [&](const Call&, View scope) {
    asked.emplace_back(scope, bed.accounts->looked_through("ann"));
  };
  bed.serve();
  EXPECT_FALSE(bed.accounts->looked_through("ann"));
  bed.wait(2s);
  EXPECT_TRUE(bed.accounts->looked_through("ann"));
  EXPECT_EQ(bed.looked, 1);
  ASSERT_GE(asked.size(), 4U) << "more than one page";
  for (const auto& [scope, looked] : asked) EXPECT_FALSE(looked) << scope;
  EXPECT_FALSE(bed.accounts->looked_through("bob"));
}

TEST(Accounts, WhileTheServerIsAwayNothingWasLookedThrough) {
  AccountBed bed;
  bed.backend.fail_next("open", FaultKind::unavailable, {}, 3);
  bed.serve();
  bed.wait(1s);
  EXPECT_FALSE(bed.accounts->looked_through("ann"));
  bed.wait(60s);
  EXPECT_TRUE(bed.accounts->looked_through("ann"));
}

TEST(Accounts, AHintBringsTheMessageAndItsContentAtOnce) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  bed.backend.add("in", "m1", "hello");
  bed.at.clear();
  const auto hinted = bed.world.now();
  bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  ASSERT_EQ(bed.at.size(), 1U);
  EXPECT_LT(bed.at[0] - hinted, 50ms);
  const auto piece = bed.read("m1", 0, 100);
  ASSERT_TRUE(piece);
  EXPECT_EQ(*piece->octets, "hello");
  EXPECT_EQ(piece->total, 5U);
  EXPECT_EQ(bed.backend.count("read"), 0) << "it came along";
}

TEST(Accounts, HintsCoalesceTheFirstIsServedAtOnce) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  for (int i = 0; i < 100; ++i) bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  EXPECT_LE(bed.backend.count("changes in"), 2);
  EXPECT_GE(bed.backend.count("changes in"), 1);
  EXPECT_EQ(bed.backend.count("changes old"), 0);
}

TEST(Accounts, AHintDuringItsOwnCallIsNotLost) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bool once = true;
  bed.backend.add("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.backend.during_changes = [&](const Call&, View) {
    if (std::exchange(once, false))
      bed.host.reactor().post([&] {
        bed.backend.add("in", "m2");
        bed.backend.hint("ann", {"in"});
      });
  };
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2"));
}

TEST(Accounts, AFaultOfTheBackendIsRetriedWithGrowingPauses) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  bed.backend.fail_next("open", FaultKind::unavailable, {}, 5);
  bed.backend.add("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.wait(400ms);
  EXPECT_EQ(bed.backend.count("open"), 1);
  EXPECT_GT(bed.health().unreachable_since, 0);
  EXPECT_EQ(bed.health().fault, "As the script says.");
  EXPECT_THAT(bed.ids(), ElementsAre());
  bed.wait(6s);  // 1 + 2 + … at most
  EXPECT_LE(bed.backend.count("open"), 5);
  EXPECT_GE(bed.backend.count("open"), 3);
  bed.wait(60s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.health().unreachable_since, 0);
  EXPECT_GT(bed.health().proven_unix, 0);
}

TEST(Accounts, WrongCredentialsAreNotTriedOften) {
  AccountBed bed;
  bed.backend.fail_next("open", FaultKind::auth, {}, 100);
  bed.serve();
  bed.wait(140s);
  EXPECT_EQ(bed.backend.count("open"), 1);
  bed.wait(600s);
  EXPECT_LE(bed.backend.count("open"), 5);
}

TEST(Accounts, WaitAsLongAsTheServerAsks) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  bed.backend.fail_next("changes in", FaultKind::throttled, 30s);
  bed.backend.add("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.wait(29s);
  EXPECT_EQ(bed.backend.count("changes in"), 1);
  bed.wait(5s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, AnExpiredAnchorIsListedAgainWithoutAnybodyNoticing) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.serve();
  bed.wait(2s);
  const auto head = bed.head(bed.view_id).head;
  bed.backend.forget_anchors("in");
  bed.backend.hint("ann", {"in"});
  bed.wait(5s);
  EXPECT_EQ(bed.head(bed.view_id).head, head);
  bed.backend.add("in", "m2");
  bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2"));
}

// Law 10. The folder goes on at once; what its backup had not yet is neither removed nor told again.
TEST(Accounts, AFolderThatWentBackInTimeIsListedAgainAndItsLossesWait) {
  AccountBed bed;
  for (const auto* id : {"m1", "m2", "m3"}) bed.backend.add("in", id);
  bed.serve();
  bed.wait(2s);
  const auto head = bed.head(bed.view_id).head;
  bed.backend.restore("in", 2);
  bed.backend.hint("ann", {"in"});
  bed.wait(60s);
  EXPECT_EQ(bed.head(bed.view_id).head, head);
  const auto holds =
      *store::answer_of<std::vector<store::HoldRow>>(bed.world, [&](auto done) { bed.log->holds(std::move(done)); });
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].count, 1U);
  bed.backend.add("in", "m4");
  bed.backend.hint("ann", {"in"});
  bed.wait(2s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2", "m3", "m4"));
  EXPECT_TRUE(bed.health().fault.empty()) << bed.health().fault;
}

// IMAP-25: a folder that is listed but cannot be opened.
TEST(Accounts, AFolderThatAlwaysFailsHarmsOnlyItself) {
  AccountBed bed;
  bed.backend.add_folder("phantom");
  bed.backend.fail_next("changes phantom", FaultKind::not_found, {}, 1000);
  bed.backend.add("old", "m1");
  bed.serve();
  bed.wait(5s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_LE(bed.backend.count("changes phantom"), 3);
  EXPECT_EQ(bed.health().unreachable_since, 0);
}

// An inbox that cannot be looked at: nobody hammers the server, the other folders go on, and it is tried each round.
TEST(Accounts, AnInboxThatAlwaysFailsIsNotAskedAllTheTime) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.backend.fail_next("changes in", FaultKind::invalid, {}, 4);
  bed.backend.add("old", "m1");
  bed.serve();
  bed.wait(5s);
  EXPECT_LE(bed.backend.count("changes in"), 3);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  bed.wait(600s);
  EXPECT_EQ(bed.backend.calls().back(), "park") << "well again, and listening";
}

TEST(Accounts, WithoutAWatchTheyPoll) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");
  bed.wait(70s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, TheSweepFindsWhatNoHintTold) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");
  bed.wait(12min);
  EXPECT_THAT(bed.ids(), ElementsAre());
  bed.wait(6min);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, ABackendMaySweepAtItsOwnPace) {
  AccountBed bed;
  bed.backend_sweep = 20s;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");
  bed.wait(25s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Accounts, ALostWatchPollsAndListensAgain) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.lose("ann");
  bed.backend.add("old", "m1");
  bed.wait(70s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.backend.count("watch"), 2);
}

TEST(Accounts, AParkedSessionWakesInTimeAndOneCallBringsThePage) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.settings.poll_folders = 3600s;
  bed.backend.wake_by = bed.world.now() + 30s;
  bed.serve();
  bed.wait(5s);
  EXPECT_EQ(bed.backend.open_sessions(), 1);
  EXPECT_EQ(bed.backend.count("park"), 1);
  EXPECT_EQ(bed.backend.calls().back(), "park");
  bed.backend.forget_calls();
  bed.backend.add("in", "m1");
  bed.backend.unparked = {{"in"}, false};
  bed.wait(20s);
  EXPECT_EQ(bed.backend.count("unpark"), 0);
  bed.backend.wake_by += 1h;
  bed.wait(10s);
  EXPECT_THAT(bed.backend.calls(), ElementsAre("unpark", "changes in", "park"));
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.backend.open_sessions(), 1);
}

// NOTIFY of IMAP. What changed before it listened is looked at once; then only what it names, and the sweep.
TEST(Accounts, ASessionThatHearsOfEverythingIsNotPolledBeside) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = bed.backend.hears_everything = true;
  const auto start = bed.world.now();
  bed.backend.wake_by = start + 10min;
  bed.serve();
  bed.wait(5s);
  EXPECT_EQ(bed.backend.count("changes old"), 2) << "once before it listened and once after";
  bed.backend.add("old", "m1");
  bed.wait(9min);
  EXPECT_THAT(bed.ids(), ElementsAre());
  bed.backend.unparked = {{"old"}, false};
  bed.backend.wake_by = start + 1h;
  bed.wait(60s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  bed.backend.fail_next("changes", FaultKind::unavailable);  // the connection is lost at the next sweep
  bed.backend.hears_everything = false;
  bed.wait(15min);
  bed.backend.add("old", "m2");
  bed.wait(70s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1", "m2")) << "deaf for the other folders: they are polled";
}

TEST(Accounts, ASignOfLifeAsksNothing) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.settings.poll_folders = 3600s;
  bed.backend.wake_by = bed.world.now() + 30s;
  bed.serve();
  bed.wait(5s);
  bed.backend.forget_calls();
  bed.wait(24s);
  bed.backend.wake_by += 1h;
  bed.wait(10s);
  EXPECT_THAT(bed.backend.calls(), ElementsAre("unpark", "park"));
}

TEST(Accounts, LongListingsDoNotDeafenTheParkedSession) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.settings.page_limit = 10;
  for (int i = 0; i < 95; ++i) bed.backend.add("old", "m" + std::to_string(100 + i));
  bed.serve();
  bed.wait(10s);
  EXPECT_EQ(bed.ids().size(), 95U);
  const auto calls = bed.backend.calls();
  const auto parked = std::ranges::find(calls, "park");
  ASSERT_NE(parked, calls.end());
  EXPECT_GE(std::count(parked, calls.end(), "changes old"), 5) << "most pages came while the inbox was listened to";
  EXPECT_EQ(bed.backend.open_sessions(), 2);
  bed.wait(15s);
  EXPECT_EQ(bed.backend.open_sessions(), 1);
}

TEST(Accounts, OneSessionAUserIsSharedByReading) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.backend.sessions_per_user = 1;
  bed.backend.add("in", "m1", "hello");
  bed.serve();
  bed.wait(5s);
  EXPECT_EQ(bed.backend.calls().back(), "park");
  bed.backend.forget_calls();
  const auto piece = bed.read("m1", 1, 3);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->octets->substr(piece->offset, piece->length), "ell");
  bed.wait(5s);
  EXPECT_EQ(bed.backend.count("open"), 0);
  EXPECT_EQ(bed.backend.calls().back(), "park") << "and listens again";
}

TEST(Accounts, ReadRangesAndShareOneRead) {
  AccountBed bed;
  bed.backend.add("in", "m1", std::string(1000, 'a') + std::string(1000, 'b'));
  bed.serve();
  bed.wait(2s);
  const auto row = bed.changes(bed.view_id).front();
  int answers = 0;
  for (int i = 0; i < 2; ++i) {
    bed.accounts->read("ann", bed.view_id, row, 900, 200, true, [&](Result<Accounts::Piece> piece) {
      ASSERT_TRUE(piece);
      EXPECT_EQ(piece->octets->substr(piece->offset, piece->length), std::string(100, 'a') + std::string(100, 'b'));
      EXPECT_EQ(piece->total, 2000U);
      ++answers;
    });
  }
  bed.wait(1s);
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(bed.backend.count("read"), 1);
  ASSERT_TRUE(bed.read("m1", 0, 5000));
  ASSERT_TRUE(bed.read("m1", 1500, 10));
  EXPECT_EQ(bed.backend.count("read"), 2) << "the whole is in the cache now";
}

TEST(Accounts, ALargeContentIsToldWithItsSizeAndReadPieceByPiece) {
  AccountBed bed;
  const std::string large(600'000, 'x');
  bed.backend.add("in", "m1", large);
  bed.serve();
  bed.wait(2s);
  std::string got;
  while (got.size() < large.size()) {
    auto piece = bed.read("m1", got.size(), 1U << 20);
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->total, large.size());
    ASSERT_GT(piece->length, 0U);
    got += piece->octets->substr(piece->offset, piece->length);
  }
  EXPECT_EQ(got, large);
  EXPECT_EQ(bed.backend.count("read"), 3);
}

TEST(Accounts, APieceThatCameShortIsNotTakenForTheEnd) {
  AccountBed bed;
  bed.backend.add("in", "m1", std::string(300'000, 'x'));
  bed.backend.most_a_read = 100'000;
  bed.serve();
  bed.wait(2s);
  auto piece = bed.read("m1", 0, 256 * 1024);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->length, 256U * 1024);
  EXPECT_EQ(piece->total, 300'000U);
}

TEST(Accounts, TheEndThatWasSeenCountsMoreThanTheSizeThatWasSaid) {
  AccountBed bed;
  bed.backend.add("in", "m1", std::string(300'000, 'x'));
  bed.serve();
  bed.wait(2s);
  auto row = bed.changes(bed.view_id).front();
  for (const std::uint64_t said : {290'000U, 280'000U, 310'000U}) {
    row.size = said;
    auto piece = store::answer_of<Accounts::Piece>(bed.world, [&](auto done) {
      bed.accounts->read("ann", bed.view_id, row, 256 * 1024, 256 * 1024, true, std::move(done));
    });
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->total, 300'000U);
  }
}

// A certificate that ran out, a page instead of IMAP, no right any more: none of it is the item's fault.
TEST(Accounts, AMailboxThatCannotBeOpenedIsNotTheItemsFault) {
  AccountBed bed;
  bed.backend.add("in", "m1", "hello");
  bed.serve();
  bed.wait(2s);
  for (const auto kind : {FaultKind::denied, FaultKind::invalid, FaultKind::unsupported, FaultKind::not_found}) {
    bed.backend.fail_next("open", kind);
    const auto piece = bed.read("m1", 0, 10);
    ASSERT_FALSE(piece);
    EXPECT_EQ(piece.error().kind, FaultKind::throttled);
  }
  bed.backend.gives_no_session = true;
  ASSERT_FALSE(bed.read("m1", 0, 10));
  bed.backend.gives_no_session = false;
  EXPECT_TRUE(bed.read("m1", 0, 10));
}

TEST(Accounts, CutThePieceWhereTheBackendCannotReadRanges) {
  AccountBed bed;
  bed.backend.ranged = false;
  bed.backend.add("in", "m1", "0123456789");
  bed.serve();
  bed.wait(2s);
  auto piece = bed.read("m1", 4, 3);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->octets->substr(piece->offset, piece->length), "456");
  EXPECT_EQ(piece->total, 10U);
}

TEST(Accounts, AMissingItemIsSaidToBeMissing) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.serve();
  bed.wait(2s);
  bed.backend.fail_next("read", FaultKind::not_found);
  const auto piece = bed.read("m1", 0, 10);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().kind, FaultKind::not_found);
  EXPECT_TRUE(bed.read("m1", 0, 10));
}

TEST(Accounts, DeliverIntoTheInbox) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  ASSERT_TRUE(store::answer_of<void>(
      bed.world, [&](auto done) { bed.accounts->deliver("ann", "welcome", "token", std::move(done)); }));
  EXPECT_THAT(bed.backend.delivered(), ElementsAre("welcome"));
  EXPECT_THAT(bed.backend.calls(), Contains("create in token"));
}

TEST(Accounts, TakeOnlyTheKindsTheyAreGiven) {
  AccountBed bed;
  bed.backend.add_folder("dates", Role::calendar, Kind::event);
  bed.backend.add("dates", "e1");
  bed.serve("ann", {Kind::mail});
  bed.wait(2s);
  EXPECT_THAT(bed.backend.calls(), Not(Contains("changes dates")));
  EXPECT_EQ(bed.folder_named(bed.view_id, "dates").id, "");
}

TEST(Accounts, AStoppedUserIsLeftAlone) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.hint("ann", {"in"});
  bed.accounts->stop("ann");
  bed.backend.forget_calls();
  bed.backend.hint("ann", {"in"});
  bed.wait(1h);
  EXPECT_THAT(bed.backend.calls(), ElementsAre());
  EXPECT_EQ(bed.backend.open_sessions(), 0);
  bed.serve();  // and may come back
  bed.wait(2s);
  EXPECT_THAT(bed.backend.calls(), Contains("changes in"));
}

TEST(Accounts, ARemovalIsToldWhenItIsSettled) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.serve();
  bed.wait(2s);
  bed.heads.clear();
  bed.backend.remove("in", "m1");
  bed.backend.hint("ann", {"in"});
  bed.wait(5s);
  ASSERT_EQ(bed.heads.size(), 1U);
  EXPECT_EQ(bed.heads[0].second, bed.head(bed.view_id).head);
  EXPECT_THAT(bed.ids(), ElementsAre());
}

TEST(Accounts, AFullDiskStopsAndGoesOnByItself) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.host.disk().limit(0);
  for (int i = 0; i < 300; ++i) bed.backend.add("in", "m" + std::to_string(i));
  bed.backend.hint("ann", {"in"});
  bed.wait(20s);
  EXPECT_THAT(bed.ids(), ElementsAre());
  EXPECT_FALSE(bed.health().fault.empty());
  bed.host.disk().limit(UINT64_MAX);
  bed.wait(400s);
  EXPECT_EQ(bed.ids().size(), 300U);
}

// --- reads that share a flight

class Reads {
 public:
  explicit Reads(AccountBed& bed) : bed_(bed) {
    bed.serve();
    bed.wait(2s);
    bed.backend.forget_calls();
  }
  void ask(const std::string& id, std::uint64_t size = 1, std::size_t length = 4096) {
    store::ItemRow row;
    row.gid.fill(static_cast<std::byte>(++asked_));
    row.backend = "mail";
    row.id = id;
    row.content_rev = "c";
    row.size = size;
    bed_.accounts->read("ann", bed_.view_id, row, 0, length, false, [this, id](Result<Accounts::Piece> piece) {
      got.push_back(id + (piece ? "=" + *piece->octets : ": " + std::string(to_string(piece.error().kind))));
    });
  }
  std::vector<std::string> got;

 private:
  AccountBed& bed_;
  int asked_ = 0;
};

TEST(Accounts, ReadsThatWaitShareAFlight) {
  AccountBed bed;
  Reads reads(bed);
  std::vector<std::string> wanted;
  for (int n = 0; n < 20; ++n) {
    const auto id = "r" + std::to_string(n);
    bed.backend.add("in", id, "of " + id);
    reads.ask(id, id.size() + 3);
    wanted.push_back(id + "=of " + id);
  }
  bed.wait(2s);
  EXPECT_EQ(reads.got, wanted);
  // The first goes alone, sixteen wait for it, three for them.
  EXPECT_EQ(bed.backend.count("expect"), 2);
  EXPECT_EQ(bed.backend.count("read"), 20);
}

TEST(Accounts, WhoBreaksTheSessionHearsOfItAndTheOthersComeAgain) {
  AccountBed bed;
  Reads reads(bed);
  for (const auto* id : {"a", "b", "c", "d"}) bed.backend.add("in", id, id);
  int read = 0;
  bed.backend.during_read = [&](const Call&) {
    if (++read == 3) bed.backend.fail_next("read", FaultKind::unavailable);
  };
  for (const auto* id : {"a", "b", "c", "d"}) reads.ask(id);
  bed.wait(5s);
  EXPECT_THAT(reads.got, ElementsAre("a=a", "b=b", "c: unavailable", "d=d"));
}

TEST(Accounts, NothingIsNotAnEmptyMail) {
  AccountBed bed;
  Reads reads(bed);
  bed.backend.add("in", "void", "");
  reads.ask("void", 5);
  reads.ask("void", 0);
  bed.wait(2s);
  EXPECT_THAT(reads.got, ElementsAre("void: unavailable", "void="));
}

TEST(Accounts, AFlightIsBoundedByItsOctets) {
  AccountBed bed;
  Reads reads(bed);
  for (const auto* id : {"a", "b", "c", "d", "e", "f"}) {
    bed.backend.add("in", id, id);
    reads.ask(id, 2U << 20, 256 * 1024);
  }
  bed.wait(5s);
  EXPECT_EQ(reads.got.size(), 6U);
  // One, four of a quarter of a mebioctet each, one.
  EXPECT_THAT(bed.backend.calls(), testing::Contains("expect b c d e"));
  EXPECT_EQ(bed.backend.count("expect"), 1);
}

// --- connections (IMAP-23)

struct CrowdBed : AccountBed {
  CrowdBed() {
    backend.watched = false;
    backend.parks = true;
  }
  void serve_many(int users, unsigned per_second, std::size_t connections = 0, unsigned per_user = 2) {
    accounts = Accounts::make(host, *log, settings, [](ViewId, std::uint64_t, bool) {});
    for (int i = 0; i < users; ++i)
      accounts->start("user" + std::to_string(i), "hq",
                      {{"mail", &backend, {}, 0, 0s, 0s, per_second, connections, per_user}}, [](Result<ViewId>) {});
  }
  /// The most opens in any one of the next seconds.
  int peak(int seconds) {
    int most = 0;
    for (int i = 0; i < seconds; ++i) {
      const auto before = backend.count("open");
      wait(1s);
      most = std::max(most, backend.count("open") - before);
    }
    return most;
  }
};

TEST(Accounts, ARestartDoesNotStormTheServer) {
  CrowdBed bed;
  bed.serve_many(300, 20);
  EXPECT_LE(bed.peak(14), 21);
  bed.wait(2s);
  EXPECT_EQ(bed.backend.count("open"), 300);
  EXPECT_EQ(bed.backend.open_sessions(), 300) << "all listen";
}

TEST(Accounts, WithoutAPaceItWould) {
  CrowdBed bed;
  bed.serve_many(300, 0);
  EXPECT_EQ(bed.peak(2), 300);
}

TEST(Accounts, AServerThatIsAwayIsNotTriedByEverybody) {
  CrowdBed bed;
  bed.backend.fail_next("open", FaultKind::unavailable, {}, 1'000'000);
  bed.serve_many(300, 100);
  bed.wait(600s);
  EXPECT_LE(bed.backend.count("open"), 30);
  EXPECT_GE(bed.backend.count("open"), 5);
}

TEST(Accounts, WhatTheServerAsksOfTwoUsersHoldsForAll) {
  CrowdBed bed;
  bed.backend.fail_next("open", FaultKind::throttled, 10min, 2);
  bed.serve_many(50, 100);
  bed.wait(9min);
  EXPECT_LE(bed.backend.count("open"), 4) << "those that were under way";
  bed.wait(5min);
  EXPECT_EQ(bed.backend.open_sessions(), 50);
}

TEST(Accounts, MoreUsersThanConnectionsTakeTurns) {
  CrowdBed bed;
  bed.serve_many(30, 0, 5);
  int most = 0;
  for (int i = 0; i < 100; ++i) {
    bed.wait(1s);
    most = std::max(most, bed.backend.open_sessions());
  }
  EXPECT_EQ(most, 5);
  bed.backend.add("in", "m1");
  bed.wait(300s);
  for (int i = 0; i < 30; ++i) {
    const auto user = "user" + std::to_string(i);
    const auto view = bed.view(user);
    EXPECT_EQ(bed.changes(view).size(), 1U) << user << " was never looked at";
  }
}

TEST(Accounts, OneConnectionAUserIsSharedByReadingAndListening) {
  CrowdBed bed;
  bed.backend.add("in", "m1", "hello");
  bed.serve_many(1, 0, 0, 1);
  bed.wait(2s);
  bed.view_id = bed.view("user0");
  const auto row = bed.changes(bed.view_id).front();
  const auto piece = store::answer_of<Accounts::Piece>(
      bed.world, [&](auto done) { bed.accounts->read("user0", bed.view_id, row, 0, 100, true, std::move(done)); });
  ASSERT_TRUE(piece) << piece.error().text;
  EXPECT_EQ(*piece->octets, "hello");
  bed.wait(5s);
  EXPECT_EQ(bed.backend.open_sessions(), 1);
  EXPECT_EQ(bed.backend.count("open"), 1);
}

}  // namespace
}  // namespace tidegate::account
