// SPDX-License-Identifier: Apache-2.0
#include "core/push/chooser.hpp"

#include <gtest/gtest.h>

#include "core/sim/virtual_world.hpp"

namespace tidegate::push {
namespace {

using namespace std::chrono_literals;

struct ChooserTest : testing::Test {
  static store::ItemRow row(unsigned number, const Bytes& revision = "1") {
    store::ItemRow made{};
    made.gid[0] = static_cast<std::byte>(number);
    made.gid[1] = static_cast<std::byte>(number >> 8);
    made.gid[2] = static_cast<std::byte>(number >> 16);
    made.content_rev = revision;
    made.kind = Kind::event;
    return made;
  }
  /// Of 2026-01-DAY, an hour from midnight on.
  static std::shared_ptr<const Bytes> event(int day, const std::string& more = "") {
    return std::make_shared<const Bytes>("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:u\r\nDTSTART:2026010" +
                                         std::to_string(day) + "T000000Z\r\nDURATION:PT1H\r\n" + more +
                                         "END:VEVENT\r\nEND:VCALENDAR\r\n");
  }
  static std::int64_t january(int day) { return 1'767'225'600 + std::int64_t{86400} * (day - 1); }
  static Choice within(int from, int until) { return {.wanted = {january(from), january(until)}}; }
  bool ask(const store::ItemRow& of, std::shared_ptr<const Bytes> octets, const Choice& choice) {
    std::optional<bool> said;
    const auto size = octets->size();
    chooser->ask(1, of, std::move(octets), 0, size, choice, [&](bool goes) { said = goes; });
    EXPECT_FALSE(said) << "on another thread";
    EXPECT_TRUE(world.run_until([&] { return said.has_value(); }, 10s));
    return said.value_or(false);
  }

  sim::VirtualWorld world{1};
  sim::VirtualHost& host = world.host("gateway");
  std::unique_ptr<Chooser> chooser = std::make_unique<Chooser>(host);
};

TEST_F(ChooserTest, AnswersAndRemembersByRevision) {
  EXPECT_EQ(chooser->goes(1, row(1), within(1, 3)), std::nullopt);
  EXPECT_TRUE(ask(row(1), event(2), within(1, 3)));
  EXPECT_EQ(chooser->goes(1, row(1), within(1, 3)), true);
  EXPECT_EQ(chooser->goes(1, row(1), within(3, 9)), false);
  EXPECT_EQ(chooser->goes(1, row(1), {}), true) << "who wants all";
  EXPECT_EQ(chooser->goes(2, row(1), within(1, 3)), std::nullopt) << "another mailbox";
  EXPECT_EQ(chooser->goes(1, row(2), within(1, 3)), std::nullopt);
  EXPECT_EQ(chooser->goes(1, row(1, "2"), within(1, 3)), std::nullopt);
  EXPECT_FALSE(ask(row(1, "2"), event(5), within(1, 3)));
  EXPECT_EQ(chooser->goes(1, row(1, "2"), within(4, 6)), true);
  EXPECT_EQ(chooser->goes(1, row(1), within(1, 3)), std::nullopt) << "of an event the revision heard of last";
  EXPECT_TRUE(ask(row(3, ""), event(2), within(1, 3)));
  EXPECT_EQ(chooser->goes(1, row(3, ""), within(1, 3)), std::nullopt) << "without a revision nothing is known";
}

TEST_F(ChooserTest, WhatADeviceHadDoesNotGoAgain) {
  auto choice = within(2, 9);
  choice.had_from = january(1);
  choice.had_until = january(4);
  EXPECT_FALSE(ask(row(1), event(3), choice));
  EXPECT_TRUE(ask(row(2), event(5), choice));
  EXPECT_EQ(chooser->goes(1, row(1), choice), false);
  EXPECT_EQ(chooser->goes(1, row(2), choice), true);
  EXPECT_FALSE(ask(row(3), event(1, "RRULE:FREQ=DAILY\r\n"), choice));
  EXPECT_EQ(chooser->goes(1, row(3), choice), std::nullopt) << "a series may have been there, or not";
}

TEST_F(ChooserTest, NobodyIsAnsweredWhenItIsGone) {
  bool reached_the_end = false;
  for (int steps = 0; !reached_the_end; ++steps) {  // asked, done, on its way back
    auto made = std::make_unique<Chooser>(host);
    auto answered = std::make_shared<int>(0);
    auto octets = event(2);
    const auto size = octets->size();
    made->ask(1, row(1), std::move(octets), 0, size, within(1, 3), [answered](bool) { ++*answered; });
    for (int each = 0; each < steps; ++each) world.step();
    const auto before = *answered;
    made.reset();
    world.run_for(1s);
    EXPECT_EQ(*answered, before) << steps;
    reached_the_end = before > 0;
    ASSERT_LT(steps, 100);
  }
}

}  // namespace
}  // namespace tidegate::push
