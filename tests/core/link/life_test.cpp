// SPDX-License-Identifier: Apache-2.0
#include "core/link/life.hpp"

#include <gtest/gtest.h>

namespace tidegate::link {
namespace {
using namespace std::chrono_literals;
using What = Event::What;

struct LifeTest : testing::Test {
  Life life{{.connect_within = 15s, .answer_within = 20s, .retry_most = 60s}, 7};
  sim::Instant now{1000s};

  Action step(What what, std::chrono::milliseconds span = {}, Trouble trouble = Trouble::passing) {
    return life.resume({.what = what, .span = span, .trouble = trouble}, now);
  }
  Action due() {
    now = *life.wake_at();
    return step(What::due);
  }
  void rise() {
    step(What::start);
    step(What::offered, 5s);
    step(What::sent);
    ASSERT_EQ(step(What::users), Action::rise);
  }
  std::chrono::milliseconds pause() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(*life.wake_at() - now);
  }
};

TEST_F(LifeTest, opens_in_three_steps) {
  EXPECT_EQ(life.state(), LinkState::stopped);
  EXPECT_EQ(step(What::start), Action::ask);
  EXPECT_EQ(life.state(), LinkState::connecting);
  EXPECT_EQ(step(What::offered, 5s), Action::open);
  EXPECT_EQ(life.state(), LinkState::opening);
  EXPECT_EQ(step(What::users), Action::rise);
  EXPECT_EQ(life.state(), LinkState::open);
  EXPECT_EQ(step(What::users), Action::none);
  EXPECT_EQ(step(What::start), Action::none);
}

TEST_F(LifeTest, an_answer_held_back_is_told_from_one_that_never_comes) {
  step(What::start);
  EXPECT_EQ(pause(), 35s);
  EXPECT_EQ(due(), Action::rest);
  EXPECT_EQ(life.silence(), Silence::no_answer);
  EXPECT_EQ(due(), Action::ask);  // first at once
  step(What::offered, 5s);
  EXPECT_EQ(pause(), 15s);
  step(What::sent);
  EXPECT_EQ(pause(), 5s);
  EXPECT_EQ(due(), Action::rest);
  EXPECT_EQ(life.silence(), Silence::held_back);
}

TEST_F(LifeTest, reply_time_is_bounded) {
  step(What::start);
  step(What::offered, 0ms);
  step(What::sent);
  EXPECT_EQ(pause(), 1s);
  step(What::stop);
  step(What::start);
  step(What::offered, 24h);
  step(What::sent);
  EXPECT_EQ(pause(), 5min);
}

TEST_F(LifeTest, silence_past_next_and_half_and_five_seconds_ends_the_session) {
  rise();
  step(What::heard);
  step(What::heartbeat, 10s);
  EXPECT_EQ(pause(), 20s);
  now += 19s;
  EXPECT_EQ(step(What::due), Action::none);
  step(What::heard);  // any octet counts
  now += 1s;
  EXPECT_EQ(step(What::due), Action::none);
  EXPECT_EQ(pause(), 19s);
  now += 19s;
  EXPECT_EQ(step(What::due), Action::rest);
  EXPECT_EQ(life.silence(), Silence::no_heartbeat);
  EXPECT_EQ(life.state(), LinkState::waiting);
}

TEST_F(LifeTest, a_heartbeat_may_shorten_and_lengthen_the_patience) {
  rise();
  step(What::heard);
  step(What::heartbeat, 2s);
  EXPECT_EQ(pause(), 8s);
  step(What::heartbeat, 60s);
  now += 8s;
  EXPECT_EQ(step(What::due), Action::none);
  EXPECT_EQ(pause(), 87s);
  step(What::heartbeat, 0ms);  // never a busy loop
  EXPECT_GE(pause(), 6s);
}

TEST_F(LifeTest, pauses_are_none_then_double_to_the_ceiling_each_shortened_by_chance) {
  step(What::start);
  step(What::failed);
  EXPECT_EQ(pause(), 0ms);
  std::chrono::milliseconds full = 1s;
  for (int i = 0; i < 12; ++i) {
    ASSERT_EQ(due(), Action::ask);
    step(What::failed);
    EXPECT_GE(pause(), full / 2) << i;
    EXPECT_LE(pause(), full) << i;
    full = std::min<std::chrono::milliseconds>(full * 2, 60s);
  }
}

TEST_F(LifeTest, two_gateways_do_not_come_back_together) {
  Life other({.connect_within = 15s, .answer_within = 20s, .retry_most = 60s}, 8);
  other.resume({.what = What::start}, now);
  step(What::start);
  for (auto* one : {&life, &other}) {
    one->resume({.what = What::failed}, now);
    one->resume({.what = What::due}, now);
    one->resume({.what = What::failed}, now);
  }
  EXPECT_NE(life.wake_at(), other.wake_at());
}

TEST_F(LifeTest, only_a_session_that_held_makes_the_next_retry_immediate) {
  rise();
  step(What::failed);
  due();
  step(What::offered, 5s);
  step(What::users);
  now += 10s;
  step(What::failed);
  EXPECT_GT(pause(), 0ms);  // accepts, then throws out: no storm
  due();
  step(What::offered, 5s);
  step(What::users);
  now += 31s;
  step(What::failed);
  EXPECT_EQ(pause(), 0ms);
}

TEST_F(LifeTest, a_refusal_waits_long) {
  step(What::start);
  step(What::failed, {}, Trouble::refused);
  EXPECT_GE(pause(), 150s);
  for (int i = 0; i < 10; ++i) {
    due();
    step(What::failed, {}, Trouble::refused);
  }
  EXPECT_GE(pause(), 30min);
  EXPECT_LE(pause(), 60min);
}

TEST_F(LifeTest, retry_after_is_honoured_and_bounded) {
  step(What::start);
  step(What::failed, 120s, Trouble::busy);
  EXPECT_GE(pause(), 120s);
  EXPECT_LE(pause(), 150s);
  due();
  step(What::failed, 1000h, Trouble::busy);
  EXPECT_LE(pause(), 75min);
}

TEST_F(LifeTest, another_instance_stops_it_until_told) {
  rise();
  EXPECT_EQ(step(What::failed, {}, Trouble::superseded), Action::rest);
  EXPECT_EQ(life.state(), LinkState::superseded);
  EXPECT_FALSE(life.wake_at());
  now += 1000h;
  EXPECT_EQ(step(What::due), Action::none);
  EXPECT_EQ(step(What::failed), Action::none);
  EXPECT_EQ(step(What::start), Action::none);
  EXPECT_EQ(step(What::resume), Action::ask);
}

TEST_F(LifeTest, stop_and_resume_anywhere) {
  EXPECT_EQ(step(What::stop), Action::none);
  EXPECT_EQ(step(What::resume), Action::none);
  rise();
  EXPECT_EQ(step(What::resume), Action::none);
  EXPECT_EQ(step(What::stop), Action::rest);
  EXPECT_FALSE(life.wake_at());
  EXPECT_EQ(step(What::due), Action::none);
  step(What::start);
  step(What::failed);
  step(What::due);
  step(What::failed);
  EXPECT_EQ(life.state(), LinkState::waiting);
  EXPECT_EQ(step(What::resume), Action::ask);  // now, not at retry_at
}

}  // namespace
}  // namespace tidegate::link
