// SPDX-License-Identifier: Apache-2.0
// What an administrator asks for: whether a back-end works, and trying again what waits after a fault.
#include "tests/core/account/account_bed.hpp"

namespace tidegate::account {
namespace {

Result<void> tested(AccountBed& bed, const std::string& user) {
  return store::answer_of<void>(bed.world, [&](auto done) {
    bed.accounts->test({.name = "mail", .backend = &bed.backend}, user, std::move(done));
  });
}

TEST(Retry, WhatWasRefusedIsTriedAtOnceWhenSomebodySaysSo) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.backend.fail_next("open", FaultKind::auth, {}, 1000);
  bed.serve();
  bed.wait(10s);
  bed.backend.forget_faults();  // the password was mended
  bed.wait(100s);
  EXPECT_THAT(bed.ids(), ElementsAre()) << "left alone it waits for minutes";
  EXPECT_EQ(bed.accounts->retry("bob", ""), 0U);
  EXPECT_EQ(bed.accounts->retry("ann", "calendar"), 0U);
  bed.wait(1s);
  EXPECT_THAT(bed.ids(), ElementsAre());
  EXPECT_EQ(bed.accounts->retry("ann", ""), 1U);
  bed.wait(1s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
  EXPECT_EQ(bed.health().fault, "");
  EXPECT_EQ(bed.accounts->retry("", "mail"), 0U) << "nobody waits any more";
}

TEST(Retry, WhoDoesNotWaitIsLookedAtAllTheSame) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.add("old", "m1");  // and no hint tells
  EXPECT_EQ(bed.accounts->retry("", "mail"), 0U);
  bed.wait(1s);
  EXPECT_THAT(bed.ids(), ElementsAre("m1"));
}

TEST(Retry, AStoppedUserIsLeftAlone) {
  AccountBed bed;
  bed.backend.fail_next("open", FaultKind::auth, {}, 1000);
  bed.serve();
  bed.wait(10s);
  bed.accounts->stop("ann");
  bed.backend.forget_calls();
  EXPECT_EQ(bed.accounts->retry("", ""), 0U);
  bed.wait(10s);
  EXPECT_THAT(bed.backend.calls(), ElementsAre());
}

TEST(Retry, AServerThatWasLeftInPeaceByAllIsTriedByOne) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.backend.fail_next("open", FaultKind::throttled, 1h, 1000);
  for (const auto* user : {"ann", "bob", "cem"}) bed.serve(user);
  bed.wait(10s);
  bed.backend.forget_faults();
  bed.backend.forget_calls();
  bed.wait(600s);
  EXPECT_EQ(bed.backend.count("open"), 0) << "as the server asked";
  EXPECT_GE(bed.accounts->retry("", "mail"), 2U);
  bed.wait(5s);
  EXPECT_GE(bed.backend.count("open"), 3);
}

TEST(TestOfABackend, SaysWhatTheServerSaysNow) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  bed.backend.forget_calls();
  EXPECT_TRUE(tested(bed, "ann"));
  EXPECT_THAT(bed.backend.calls(), ElementsAre("test", "open"));
  EXPECT_EQ(bed.backend.open_sessions(), 0);
  bed.backend.fail_next("open", FaultKind::auth);
  EXPECT_EQ(tested(bed, "ann").error().kind, FaultKind::auth);
  bed.backend.fail_next("test", FaultKind::unavailable);
  bed.backend.forget_calls();
  EXPECT_EQ(tested(bed, "ann").error().kind, FaultKind::unavailable);
  EXPECT_THAT(bed.backend.calls(), ElementsAre("test")) << "nobody is logged in at a server that is not there";
  bed.backend.forget_calls();
  EXPECT_TRUE(tested(bed, ""));
  EXPECT_THAT(bed.backend.calls(), ElementsAre("test"));
}

}  // namespace
}  // namespace tidegate::account
