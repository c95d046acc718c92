// SPDX-License-Identifier: Apache-2.0
#include "core/store/scheduling.hpp"

#include <gtest/gtest.h>

#include "tests/core/store/log_bed.hpp"

namespace tidegate::store {
namespace {

struct Bed : LogBed {
  Result<Claimed> claim(const SchedulingRow& row) {
    auto claimed = std::make_shared<Claimed>();
    auto done = answer_of<void>(world, [&](auto answer) {
      log->transact(
          [row, claimed](void* sqlite) -> Result<void> {
            auto got = claim_scheduling(sqlite, row);
            if (!got) return std::unexpected(got.error());
            *claimed = std::move(*got);
            return {};
          },
          std::move(answer));
    });
    if (!done) return std::unexpected(done.error());
    return *claimed;
  }
  void settle(const SchedulingRow& row, Fate fate) {
    ASSERT_TRUE(answer_of<void>(world, [&](auto answer) {
      log->transact([row, fate](void* sqlite) { return settle_scheduling(sqlite, row, fate); }, std::move(answer));
    }));
  }
};

const SchedulingRow accepted{"ann", "key", "accepted", "<1@x>", 100};

TEST(Scheduling, AnAnswerLeavesOnce) {
  Bed bed;
  EXPECT_EQ(bed.claim(accepted)->claim, Claim::go);
  bed.settle(accepted, Fate::taken);
  auto again = accepted;
  again.message_id = "<2@x>";
  const auto claimed = bed.claim(again);
  EXPECT_EQ(claimed->claim, Claim::sent);
  EXPECT_EQ(claimed->message_id, "<1@x>");
  for (auto other : {accepted, accepted, accepted}) {
    other.user = "bob";
    EXPECT_NE(bed.claim(other)->claim, Claim::sent);
  }
}

TEST(Scheduling, WhatWasClaimedBeforeACrashIsNeverSentAgainByItself) {
  Bed bed;
  ASSERT_EQ(bed.claim(accepted)->claim, Claim::go);
  bed.power_cut();
  EXPECT_EQ(bed.claim(accepted)->claim, Claim::unknown) << "the claim is durable before anything may be sent";
  EXPECT_EQ(bed.claim(accepted)->message_id, "<1@x>");
  bed.settle(accepted, Fate::taken);
  bed.power_cut();
  EXPECT_EQ(bed.claim(accepted)->claim, Claim::sent);
}

TEST(Scheduling, WhatWasRefusedMayBeTriedAgain) {
  Bed bed;
  ASSERT_EQ(bed.claim(accepted)->claim, Claim::go);
  bed.settle(accepted, Fate::refused);
  EXPECT_EQ(bed.claim(accepted)->claim, Claim::go);
  EXPECT_EQ(bed.claim(accepted)->claim, Claim::unknown);
}

TEST(Scheduling, WhoChangesHisMindSaysSoOnceEach) {
  Bed bed;
  auto declined = accepted;
  declined.answer = "declined";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(bed.claim(accepted)->claim, Claim::go);
    bed.settle(accepted, Fate::taken);
    EXPECT_EQ(bed.claim(accepted)->claim, Claim::sent);
    EXPECT_EQ(bed.claim(declined)->claim, Claim::go);
    bed.settle(declined, Fate::taken);
  }
  // What is told late of an answer that is not the last any more changes nothing.
  bed.settle(accepted, Fate::refused);
  EXPECT_EQ(bed.claim(declined)->claim, Claim::sent);
}

}  // namespace
}  // namespace tidegate::store
