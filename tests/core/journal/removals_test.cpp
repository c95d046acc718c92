// SPDX-License-Identifier: Apache-2.0
// More removals by one device than are believed: refused to it, kept, asked about, carried out once if they were meant.
#include "core/journal/removals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/journal/command_bed.hpp"

namespace tidegate::journal {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

TEST(RemovalRate, SoManyAtOnceAndSoManyAnHour) {
  RemovalRate rate(10);
  sim::Instant now{};
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(rate.allows("ann", "phone", now)) << n;
  EXPECT_FALSE(rate.allows("ann", "phone", now));
  EXPECT_TRUE(rate.allows("ann", "tablet", now)) << "each device by itself";
  EXPECT_TRUE(rate.allows("bob", "phone", now));
  now += 6min + 1s;
  EXPECT_TRUE(rate.allows("ann", "phone", now));
  EXPECT_FALSE(rate.allows("ann", "phone", now));
  now += 24h;
  for (int n = 0; n < 10; ++n) EXPECT_TRUE(rate.allows("ann", "phone", now)) << n;
  EXPECT_FALSE(rate.allows("ann", "phone", now)) << "a day's rest allows no more than an hour's";
  RemovalRate none(0);
  for (int n = 0; n < 1000; ++n) EXPECT_TRUE(none.allows("ann", "phone", now));
}

struct RateBed : CommandBed {
  explicit RateBed(std::uint64_t seed = 1) : CommandBed(seed) {
    settings_of.removals_per_hour = 2;
    std::vector<Change> more;
    for (int n = 3; n <= 6; ++n) {
      more.emplace_back(store::item(std::to_string(n), "in", n * 10));
      box.mails[std::to_string(n)] = {"in", "mail"};
    }
    EXPECT_TRUE(apply(view_id, "in", std::move(more), "b"));
    leave();
    boot();
  }
  std::vector<e2e::CommandResult> remove_all() {
    std::vector<e2e::CommandResult> results;
    for (int n = 1; n <= 6; ++n) results.push_back(insist(command(e2e::Verb::remove, std::to_string(n))));
    return results;
  }
  std::vector<store::HoldRow> holds() {
    return *store::answer_of<std::vector<store::HoldRow>>(world, [&](auto done) { log->holds(std::move(done)); });
  }
  Result<void> decide(std::uint64_t number, bool release) {
    return store::answer_of<void>(world, [&](auto done) { commands->decide(number, release, std::move(done)); });
  }
};

TEST(Removals, WhatIsAboveTheRateIsRefusedAndAsked) {
  RateBed bed;
  const auto results = bed.remove_all();
  EXPECT_EQ(results[1].fault, 0U);
  for (int n = 2; n < 6; ++n) EXPECT_EQ(results[static_cast<std::size_t>(n)].fault, code(FaultKind::denied)) << n;
  EXPECT_EQ(bed.box.mails.size(), 4U) << "nothing of it was removed";
  ASSERT_EQ(bed.held.size(), 1U) << "asked once";
  const auto holds = bed.holds();
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].number, bed.held[0].number);
  EXPECT_EQ(holds[0].user, "ann");
  EXPECT_EQ(holds[0].count, 4U);
  auto flags = bed.command(e2e::Verb::set_flags, "4");
  flags.flags_add = seen;
  EXPECT_EQ(bed.insist(flags).fault, 0U) << "other changes go on";
}

TEST(Removals, ReleasedTheyAreCarriedOutOnceWhereverTheGatewayDies) {
  bool died = true;
  for (std::uint64_t at = 0; died; at += 3) {
    SCOPED_TRACE(at);
    RateBed bed(50 + at);
    bed.remove_all();
    const auto number = bed.held.at(0).number;
    bool decided = false;
    bed.commands->decide(number, true, [&](Result<void> done) { decided = done.has_value(); });
    const auto stop = bed.world.events() + at;
    while (bed.world.events() < stop && !bed.box.mails.empty()) bed.world.step();
    died = !bed.box.mails.empty();
    bed.die(true);
    if (!bed.holds().empty()) EXPECT_TRUE(bed.decide(number, true));
    EXPECT_TRUE(bed.world.run_until([&] { return bed.box.mails.empty(); }, 60s));
    bed.wait(30s);  // what was removed and not written down is looked for first
    EXPECT_THAT(bed.holds(), IsEmpty());
    EXPECT_TRUE(bed.commands->waiting().empty());
    EXPECT_FALSE(bed.decide(number, true)) << "decided once";
    bed.die(false);
    EXPECT_TRUE(bed.journal->pending().empty()) << "and nothing is left of them";
    if (testing::Test::HasFailure()) break;
  }
}

TEST(Removals, DiscardedTheyAreForgotten) {
  RateBed bed;
  bed.remove_all();
  ASSERT_TRUE(bed.decide(bed.held.at(0).number, false));
  bed.wait(60s);
  EXPECT_EQ(bed.box.mails.size(), 4U);
  EXPECT_THAT(bed.holds(), IsEmpty());
  bed.die(false);
  bed.wait(60s);
  EXPECT_EQ(bed.box.mails.size(), 4U);
}

TEST(Removals, ARestartKeepsTheHold) {
  RateBed bed;
  bed.remove_all();
  bed.die(true);
  ASSERT_EQ(bed.holds().size(), 1U);
  ASSERT_TRUE(bed.decide(bed.holds()[0].number, true));
  EXPECT_TRUE(bed.world.run_until([&] { return bed.box.mails.empty(); }, 60s));
}

}  // namespace
}  // namespace tidegate::journal
