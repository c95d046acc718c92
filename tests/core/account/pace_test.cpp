// SPDX-License-Identifier: Apache-2.0
// How often a back-end is asked that tells of nothing by itself.
#include "core/account/pace.hpp"

#include "tests/core/account/account_bed.hpp"

namespace tidegate::account {
namespace {

TEST(Pace, SoonAfterSomethingEverMoreSeldomAfterNothing) {
  const Pace::Limits limits{10s, 60s};
  Pace pace(limits);
  EXPECT_EQ(pace.period(), 60s) << "whoever starts anew storms nobody";
  pace.stirred(limits);
  std::vector<std::chrono::milliseconds> periods{pace.period()};
  for (int i = 0; i < 6; ++i) {
    pace.quiet(limits);
    periods.push_back(pace.period());
  }
  EXPECT_THAT(periods, ElementsAre(10s, 15s, 22500ms, 33750ms, 50625ms, 60s, 60s));
}

struct PolledBed : AccountBed {
  PolledBed() {
    backend.watched = false;
    poll = {10s, 120s};
    serve();
    wait(20min);  // quiet by now
    backend.forget_calls();
  }
  int rounds_in(std::chrono::seconds time) {
    const auto before = backend.count("changes in");
    wait(time);
    return backend.count("changes in") - before;
  }
};

TEST(Pace, AQuietMailboxIsAskedSeldom) {
  PolledBed bed;
  EXPECT_THAT(bed.rounds_in(24min), testing::AllOf(testing::Ge(10), testing::Le(14)));
}

TEST(Pace, AChangeThatWasFoundIsFollowedByQuickQuestions) {
  PolledBed bed;
  bed.backend.add("in", "m1");
  for (int i = 0; i < 40 && bed.ids().empty(); ++i) bed.wait(5s);
  ASSERT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_GE(bed.rounds_in(60s), 3);
  bed.wait(10min);
  EXPECT_LE(bed.rounds_in(4min), 3) << "and then it is quiet again";
}

TEST(Pace, ADeviceThatComesIsAReasonToAsk) {
  PolledBed bed;
  bed.wait(1s);
  bed.backend.add("in", "m1");
  bed.accounts->attend("ann");
  bed.wait(12s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  bed.accounts->attend("nobody");
}

TEST(Pace, ManyReasonsAtOnceAreOneQuestion) {
  PolledBed bed;
  for (int i = 0; i < 100; ++i) {
    bed.accounts->attend("ann");
    bed.wait(100ms);
  }
  EXPECT_LE(bed.backend.count("changes in"), 1) << "in ten seconds";
}

TEST(Pace, WhereChangesAreToldNothingOfItHolds) {
  AccountBed bed;
  bed.poll = {10s, 20s};
  bed.serve();
  bed.wait(1min);
  bed.backend.forget_calls();
  bed.accounts->attend("ann");
  bed.wait(10min);
  EXPECT_EQ(bed.backend.count("changes in"), 0) << "it is watched";
}

}  // namespace
}  // namespace tidegate::account
