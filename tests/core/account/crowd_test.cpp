// SPDX-License-Identifier: Apache-2.0
// Many users at one back-end: paced, capped, and left in peace together (IMAP-23).
#include "tests/core/account/account_bed.hpp"

namespace tidegate::account {
namespace {

struct CrowdBed : AccountBed {
  CrowdBed() {
    backend.watched = false;
    backend.parks = true;
  }
  void serve_many(int users, unsigned per_second, std::size_t connections = 0, unsigned per_user = 2) {
    accounts = Accounts::make(host, *log, settings, [](ViewId, std::uint64_t, bool) {});
    for (int i = 0; i < users; ++i)
      accounts->start("user" + std::to_string(i), "hq",
                      {{.name = "mail",
                        .backend = &backend,
                        .connects_per_second = per_second,
                        .connections = connections,
                        .connections_per_user = per_user}},
                      [](Result<ViewId>) {});
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
