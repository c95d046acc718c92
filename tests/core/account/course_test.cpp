// SPDX-License-Identifier: Apache-2.0
#include "core/account/course.hpp"

#include <gtest/gtest.h>

namespace tidegate::account {
namespace {

using namespace std::chrono_literals;
using What = Course::What;

Fault fault_of(FaultKind kind, std::chrono::milliseconds retry_after = {}) { return {kind, "", "", "", retry_after}; }

TEST(DueScopes, LiveFirstElseInOrderAndEachOnce) {
  DueScopes due;
  due.add("a", false);
  due.add("b", false);
  due.add("c", true);
  due.add("a", false);
  due.add("b", true);
  EXPECT_EQ(due.take()->scope, "b");
  EXPECT_EQ(due.take()->scope, "c");
  const auto last = due.take();
  EXPECT_EQ(last->scope, "a");
  EXPECT_FALSE(last->live);
  EXPECT_FALSE(due.take());
}

TEST(Backoff, DoublesUpToItsCeilingWithJitterAndBeginsAnew) {
  Backoff backoff(1s, 10s);
  EXPECT_EQ(backoff.after(fault_of(FaultKind::unavailable), 1.0), 1000ms);
  EXPECT_EQ(backoff.after(fault_of(FaultKind::unavailable), 0.0), 1000ms);
  EXPECT_EQ(backoff.after(fault_of(FaultKind::unavailable), 1.0), 4000ms);
  for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.after(fault_of(FaultKind::unavailable), 1.0), 10s);
  backoff.succeeded();
  EXPECT_EQ(backoff.after(fault_of(FaultKind::unavailable), 1.0), 1000ms);
  EXPECT_EQ(backoff.after(fault_of(FaultKind::auth), 1.0), 10s);
  EXPECT_EQ(backoff.after(fault_of(FaultKind::throttled, 30s), 0.0), 30s);
}

struct Parked : testing::Test {
  Parked() : course(1s, 300s) {
    course.parks(true);
    course.inbox("in");
    EXPECT_EQ(course.next().scope, "in");  // it looks there before it listens there
    course.answered("in");
    course.idle();
    EXPECT_EQ(course.next().what, What::park);
    course.parked();
  }
  Course course;
};

TEST_F(Parked, GivesWayAndListensAgainAfterTheNextRound) {
  EXPECT_TRUE(course.give_way());
  EXPECT_FALSE(course.give_way()) << "it has nothing to give";
  EXPECT_EQ(course.next().what, What::nothing);
  course.hinted({{"in"}, false});
  EXPECT_EQ(course.next().what, What::sync);
  course.answered("in");
  course.idle();
  EXPECT_EQ(course.next().what, What::nothing) << "it looked, and still does not listen";
  course.round();
  EXPECT_EQ(course.next().what, What::sync);
  course.idle();
  EXPECT_EQ(course.next().what, What::list);
  course.listed({"in"});
  EXPECT_EQ(course.next().what, What::sync);
  course.answered("in");
  course.idle();
  EXPECT_EQ(course.next().what, What::park);
}

TEST_F(Parked, RestsUntilSomethingIsDue) {
  EXPECT_EQ(course.next().what, What::nothing);
  course.woken();
  EXPECT_EQ(course.next().what, What::wake);
  EXPECT_EQ(course.next().what, What::nothing) << "one call at a time";
}

TEST_F(Parked, AfterAnotherFolderItLooksAtTheInboxBeforeItParks) {
  course.due("old", false);
  EXPECT_EQ(course.next().what, What::wake);
  course.idle();
  EXPECT_EQ(course.next().scope, "old");
  course.answered("old");
  course.idle();
  const auto action = course.next();
  EXPECT_EQ(action.what, What::sync);
  EXPECT_EQ(action.scope, "in");
  course.answered("in");
  course.idle();
  EXPECT_EQ(course.next().what, What::park);
}

TEST_F(Parked, ASessionFaultRestsAndKeepsWhatIsDue) {
  course.woken();
  EXPECT_EQ(course.next().what, What::wake);
  const sim::Instant now{100s};
  const auto until = course.failed(fault_of(FaultKind::unavailable), true, now, 1.0);
  ASSERT_TRUE(until);
  EXPECT_EQ(*until, now + 1s);
  course.hinted({{"old"}, false});
  EXPECT_EQ(course.next().what, What::nothing);
  course.rested();
  EXPECT_EQ(course.next().scope, "old");
}

TEST(Course, AFaultOfOneScopeGoesOnWithTheNext) {
  Course course(1s, 300s);
  course.due("a", false);
  course.due("b", false);
  EXPECT_EQ(course.next().scope, "a");
  EXPECT_FALSE(course.failed(fault_of(FaultKind::not_found), false, {}, 0.5));
  EXPECT_EQ(course.next().scope, "b");
}

TEST(Course, ARoundIsTheTreeThenTheListThenAll) {
  Course course(1s, 300s);
  course.round();
  auto action = course.next();
  EXPECT_EQ(action.what, What::sync);
  EXPECT_EQ(action.scope, "");
  course.answered("");
  course.idle();
  EXPECT_EQ(course.next().what, What::list);
  course.inbox("in");
  course.listed({"a", "in"});
  EXPECT_EQ(course.next().scope, "in");
  course.idle();
  EXPECT_EQ(course.next().scope, "a");
  course.idle();
  EXPECT_EQ(course.next().what, What::nothing);
}

TEST(Course, LookedThroughIsEveryScopeOfTheLastListOnce) {
  Course course(1s, 300s);
  EXPECT_FALSE(course.looked_at("b")) << "hinted before the list was known";
  course.listed({"a", "b", "c"});
  EXPECT_FALSE(course.looked_at("a"));
  EXPECT_FALSE(course.looked_at("a"));
  EXPECT_FALSE(course.looked_through());
  course.listed({"a", "b", "d"});  // one was renamed meanwhile
  EXPECT_TRUE(course.looked_at("d"));
  EXPECT_TRUE(course.looked_through());
  course.listed({"a", "b", "d", "e"});
  EXPECT_TRUE(course.looked_through()) << "what comes later is a change";
  EXPECT_FALSE(course.looked_at("e"));
}

TEST(Course, AHintOfAllLooksAtTheInboxFirst) {
  Course course(1s, 300s);
  course.inbox("in");
  course.hinted({{}, true});
  const auto action = course.next();
  EXPECT_EQ(action.scope, "in");
  EXPECT_TRUE(action.live);
}

TEST(Course, LendsItsSessionOnlyBetweenCalls) {
  Course course(1s, 300s);
  EXPECT_TRUE(course.lend());
  EXPECT_FALSE(course.lend());
  course.due("a", true);
  EXPECT_EQ(course.next().what, What::nothing);
  course.idle();
  EXPECT_EQ(course.next().scope, "a");
}

TEST(Course, DoesNothingOnceStopped) {
  Course course(1s, 300s);
  course.due("a", true);
  course.stop();
  EXPECT_FALSE(course.failed(fault_of(FaultKind::unavailable), true, {}, 0.5));
  course.rested();
  EXPECT_EQ(course.next().what, What::nothing);
}

}  // namespace
}  // namespace tidegate::account
