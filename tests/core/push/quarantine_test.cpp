// SPDX-License-Identifier: Apache-2.0
#include "core/push/quarantine.hpp"

#include <gtest/gtest.h>

#include "tests/core/push/fakes.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::push {
namespace {

using namespace std::chrono_literals;

const Fault nonsense{FaultKind::invalid, "mail", "The server's answer makes no sense.", {}, {}};
const Fault away{FaultKind::throttled, "mail", "The server is busy.", {}, {}};

class QuarantineTest : public testing::Test {
 protected:
  void SetUp() override {
    view = bed.view();
    ASSERT_TRUE(bed.apply(view, "", {store::folder("INBOX", Role::inbox), Listed{}}, "t"));
    ASSERT_TRUE(bed.apply(view, "INBOX", {store::item("bad", "INBOX", 10), store::item("good", "INBOX", 20)}, "1"));
    bad = row("bad");
    accounts.contents[bad.gid] = Bytes(600'000, 'x');
    make();
  }
  void make() {
    quarantine = std::make_unique<Quarantine>(bed.host, *bed.log, accounts, 1h,
                                              [this](store::ViewId, std::uint64_t head) { heads.push_back(head); });
    ASSERT_TRUE(quarantine->load());
  }
  store::ItemRow row(const std::string& id) {
    for (auto& each : bed.changes(view))
      if (each.id == id) return each;
    return {};
  }
  /// Until it is on disk.
  void add(unsigned tries, const Fault& fault) {
    bool kept = false;
    quarantine->add("ann", view, bad, tries, fault, [&](Result<void> done) { kept = done.has_value(); });
    bed.world.run_until([&] { return kept; }, 10s);
    EXPECT_TRUE(kept);
  }
  void fails(int times, const Fault& fault = nonsense) {
    accounts.faults[bad.gid] = std::deque<Fault>(static_cast<std::size_t>(times), fault);
  }
  std::size_t reads() const { return accounts.reads.size(); }

  store::LogBed bed;
  fakes::Accounts accounts{bed.host};
  store::ViewId view = 0;
  store::ItemRow bad;
  std::vector<std::uint64_t> heads;
  std::unique_ptr<Quarantine> quarantine;
};

TEST_F(QuarantineTest, OutlivesTheProcess) {
  add(4, nonsense);
  add(2, away);
  bed.wait(1s);
  quarantine.reset();
  bed.kill();
  make();
  ASSERT_EQ(quarantine->rows().size(), 1U);
  const auto kept = quarantine->rows()[0];
  EXPECT_EQ(kept.user, "ann");
  EXPECT_EQ(kept.gid, bad.gid);
  EXPECT_EQ(kept.backend, "mail");
  EXPECT_EQ(kept.attempts, 6U);
  EXPECT_EQ(kept.reason, away.text);
  EXPECT_TRUE(quarantine->holds(view, bad));
  EXPECT_FALSE(quarantine->knows(view, row("good").gid));
}

TEST_F(QuarantineTest, KnowsOnlyWhatIsOnDisk) {
  bool kept = false;
  quarantine->add("ann", view, bad, 4, nonsense, [&](Result<void> done) { kept = done.has_value(); });
  EXPECT_FALSE(quarantine->knows(view, bad.gid)) << "another device's feed would pass it by";
  bed.world.run_until([&] { return kept; }, 10s);
  EXPECT_TRUE(quarantine->knows(view, bad.gid));
}

TEST_F(QuarantineTest, SaysSinceWhenThoughItFailsAgainAndAgain) {
  add(4, nonsense);
  const auto since = quarantine->rows()[0].since;
  bed.wait(20min);
  add(1, nonsense);  // by another session, of an item that changed
  EXPECT_EQ(quarantine->rows()[0].since, since);
}

TEST_F(QuarantineTest, IsBounded) {
  auto each = bad;
  for (unsigned n = 0; n < 10'020; ++n) {
    each.gid[0] = static_cast<std::byte>(n & 0xff);
    each.gid[1] = static_cast<std::byte>(n >> 8);
    quarantine->add("ann", view, each, 4, nonsense, [](Result<void>) {});
  }
  bed.wait(10s);
  EXPECT_EQ(quarantine->rows().size(), 10'000U) << "what is beyond is left out for a session only";
}

TEST_F(QuarantineTest, AChangedItemIsNotHeld) {
  add(4, nonsense);
  EXPECT_TRUE(quarantine->holds(view, bad));
  ASSERT_TRUE(bed.apply(view, "INBOX", {store::item("bad", "INBOX", 10, Flag::seen)}, "2"));
  EXPECT_FALSE(quarantine->holds(view, row("bad")));
  EXPECT_TRUE(quarantine->knows(view, bad.gid));
}

TEST_F(QuarantineTest, IsTriedAgainEverMoreSeldomAndThenNewForAllDevices) {
  const auto head = bed.head(view).head;
  add(4, nonsense);
  fails(3);
  bed.wait(59min);
  EXPECT_EQ(reads(), 0U);
  bed.wait(2min);  // at 1 h
  EXPECT_EQ(reads(), 1U);
  bed.wait(58min);
  EXPECT_EQ(reads(), 1U);
  bed.wait(2min);  // at 2 h
  EXPECT_EQ(reads(), 2U);
  bed.wait(118min);
  EXPECT_EQ(reads(), 2U);
  bed.wait(3min);  // at 4 h
  EXPECT_EQ(reads(), 3U);
  EXPECT_EQ(quarantine->rows()[0].attempts, 7U);
  EXPECT_TRUE(heads.empty());
  bed.wait(4h);  // at 8 h: to its end, in three pieces
  EXPECT_EQ(reads(), 6U);
  EXPECT_TRUE(quarantine->rows().empty());
  ASSERT_EQ(heads.size(), 1U);
  const auto changes = bed.changes(view, head);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].gid, bad.gid);
  EXPECT_GT(changes[0].seq_body, head) << "devices that lack it get it with its content";
  quarantine.reset();
  bed.kill();
  make();
  EXPECT_TRUE(quarantine->rows().empty());
}

TEST_F(QuarantineTest, PausesEndAtADay) {
  add(4, nonsense);
  fails(100);
  bed.wait(100h);
  const auto before = reads();
  bed.wait(48h + 1min);
  EXPECT_GE(reads(), before + 2);
}

TEST_F(QuarantineTest, IsTriedAgainOnSomebodysWord) {
  add(4, nonsense);
  const auto unknown = quarantine->retry("zz");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, FaultKind::not_found);
  ASSERT_TRUE(quarantine->retry(digits(bad.gid).substr(0, 6)));
  bed.wait(1s);
  EXPECT_TRUE(quarantine->rows().empty());
  EXPECT_EQ(heads.size(), 1U);
}

TEST_F(QuarantineTest, AMailboxThatIsAwaySaysNothingOfTheItem) {
  add(4, nonsense);
  fails(1, away);
  ASSERT_TRUE(quarantine->retry(""));
  bed.wait(1s);
  EXPECT_EQ(quarantine->rows()[0].attempts, 4U);
  EXPECT_EQ(quarantine->rows()[0].reason, nonsense.text);
}

TEST_F(QuarantineTest, WhatIsGoneIsForgotten) {
  add(4, nonsense);
  ASSERT_TRUE(bed.apply(view, "INBOX", {Removed{"bad", "INBOX"}}, "2"));
  bed.wait(10s);
  ASSERT_TRUE(quarantine->retry(""));
  bed.wait(1s);
  EXPECT_TRUE(quarantine->rows().empty());
  EXPECT_EQ(reads(), 0U);
}

}  // namespace
}  // namespace tidegate::push
