// SPDX-License-Identifier: Apache-2.0
// What organizers and guests say is taken over into the calendar once somebody acknowledges it: no message leaves, and
// it makes no difference where the gateway dies.
#include <gtest/gtest.h>

#include "core/journal/answering.hpp"
#include "tests/core/journal/answer_bed.hpp"

namespace tidegate::journal {
namespace {

using namespace std::chrono_literals;

struct TellBed : AnswerBed {
  using AnswerBed::AnswerBed;
  /// The mail says so from now on.
  void says(const std::string& method, const std::string& inside, const std::string& from = "boss@example.com") {
    box.mails["inv"].content = "From: Some Body <" + from + ">\r\nContent-Type: text/calendar; method=" + method +
                               "\r\n\r\n" + calendar(inside, "METHOD:" + method + "\r\n");
  }
  e2e::CommandResult acknowledge() { return insist(answering(acknowledged)); }
  std::string event_there() { return box.mails.at("ev").content; }
  /// Nothing but what a calendar has was written anywhere.
  void no_message_left() {
    EXPECT_TRUE(box.sent.empty());
    EXPECT_EQ(filed(), 0U);
    EXPECT_TRUE(box.responses.empty());
    EXPECT_EQ(count("create"), 0);
  }
};

TEST(TakingOver, ACancellationReachesTheCalendarOnce) {
  TellBed bed;
  bed.has(calendar(event("ACCEPTED", 1)));
  bed.says("CANCEL", event("ACCEPTED", 2));
  const auto result = bed.acknowledge();
  EXPECT_EQ(result.fault, 0U) << result.text;
  auto expected = calendar(event("ACCEPTED", 2));
  expected.insert(expected.find("END:VEVENT"), "STATUS:CANCELLED\r\n");
  EXPECT_EQ(bed.event_there(), expected);
  const auto& hinted = bed.actors->hinted;
  EXPECT_NE(std::ranges::find(hinted, Bytes("cal")), hinted.end());
  // Somebody has it take place all the same; another device acknowledges the message, too.
  bed.box.mails["ev"] = {"cal", calendar(event("ACCEPTED", 2)), 0, "9"};
  bed.tell("ev");
  EXPECT_EQ(bed.acknowledge().fault, 0U);
  EXPECT_EQ(bed.event_there(), calendar(event("ACCEPTED", 2)));
  EXPECT_EQ(bed.count("update"), 1);
  bed.no_message_left();
}

TEST(TakingOver, AnAnswerReachesTheOrganizersEventAndAnOlderOneNotAfterIt) {
  TellBed bed;
  auto own = event("NEEDS-ACTION", 1);
  own.replace(own.find("boss@"), 5, "ann@");
  own.replace(own.find("mailto:ann@example.com\r\nATTENDEE:"), 33, "mailto:ann@example.com\r\nATTENDEE;PARTSTAT=X:");
  bed.has(calendar(own));
  const auto answers = [&](const std::string& partstat, const std::string& at) {
    bed.says("REPLY",
             "BEGIN:VEVENT\r\nUID:u@x\r\nSEQUENCE:1\r\nDTSTAMP:" + at +
                 "\r\nORGANIZER:mailto:ann@example.com\r\nATTENDEE;PARTSTAT=" + partstat +
                 ":mailto:bob@example.com\r\nEND:VEVENT\r\n",
             "bob@example.com");
    return bed.acknowledge().fault;
  };
  const auto bobs = [&] {
    const auto text = bed.event_there();
    const auto end = text.find(":mailto:bob@");
    return text.substr(text.rfind('=', end) + 1, end - text.rfind('=', end) - 1);
  };
  EXPECT_EQ(answers("TENTATIVE", "20260105T000000Z"), 0U);
  EXPECT_EQ(bobs(), "TENTATIVE");
  bed.tell("ev");
  EXPECT_EQ(answers("ACCEPTED", "20260107T000000Z"), 0U);
  EXPECT_EQ(bobs(), "ACCEPTED");
  bed.tell("ev");
  EXPECT_EQ(answers("DECLINED", "20260106T000000Z"), code(FaultKind::denied)) << "said before that";
  EXPECT_EQ(bobs(), "ACCEPTED");
  bed.no_message_left();
}

TEST(TakingOver, WhatDoesNotFitIsRefusedWithASentence) {
  TellBed bed;
  const auto own = calendar(event("ACCEPTED", 2));
  const auto said = [&] {
    const auto result = bed.acknowledge();
    return std::to_string(result.fault) + " " + result.text;
  };
  const auto denial = std::to_string(code(FaultKind::denied)) + " ";
  bed.says("CANCEL", event("ACCEPTED", 3));
  EXPECT_TRUE(said().contains("No calendar of yours has what this message is about"));
  bed.has(own);
  bed.says("CANCEL", event("ACCEPTED", 3), "eve@example.com");
  EXPECT_TRUE(said().starts_with(denial + "This cancellation does not come from who organizes it (boss@example.com)"));
  bed.says("CANCEL", event("ACCEPTED", 1));
  EXPECT_TRUE(said().starts_with(denial + "This cancellation is older than what the calendar has"));
  bed.says("REQUEST", event("ACCEPTED", 3));
  EXPECT_TRUE(said().contains("This is an invitation: accept it"));
  bed.says("COUNTER", event("ACCEPTED", 3));
  EXPECT_TRUE(said().contains("This proposes another time"));
  bed.box.mails["inv"].content = "Subject: x\r\n\r\nhi";
  EXPECT_TRUE(said().contains("There is no message about a meeting here"));
  auto named = bed.answering(acknowledged, "", "ev");
  EXPECT_EQ(bed.insist(named).fault, code(FaultKind::unsupported)) << "an event is no message";
  EXPECT_EQ(bed.event_there(), own);
  EXPECT_EQ(bed.count("update"), 0);
  bed.no_message_left();
}

TEST(TakingOver, AServerThatSchedulesIsLeftAlone) {
  TellBed bed;
  const auto own = calendar(event("ACCEPTED", 1));
  bed.has(own);
  bed.says("CANCEL", event("ACCEPTED", 2));
  bed.box.responds = "ev";
  const auto result = bed.acknowledge();
  EXPECT_EQ(result.fault, code(FaultKind::unsupported));
  EXPECT_TRUE(result.text.contains("Your calendar server takes over itself")) << result.text;
  EXPECT_EQ(bed.event_there(), own);
  bed.no_message_left();
  // It did: that is what was wanted.
  auto off = own;
  off.insert(off.find("END:VEVENT"), "STATUS:CANCELLED\r\n");
  bed.box.mails["ev"].content = off;
  EXPECT_EQ(bed.acknowledge().fault, 0U);
  bed.no_message_left();
  // It schedules, but not this one.
  TellBed other;
  other.has(own);
  other.says("CANCEL", event("ACCEPTED", 2));
  other.box.responds = "another";
  EXPECT_EQ(other.acknowledge().fault, 0U);
  EXPECT_TRUE(other.event_there().contains("STATUS:CANCELLED"));
  other.no_message_left();
}

TEST(TakingOver, OfSeveralCalendarsThatHaveItOneIsChanged) {
  TellBed bed;
  auto others = event("ACCEPTED", 1);
  others.replace(others.find("boss@"), 5, "eve@");
  bed.has(calendar(others), "a-copy");
  bed.has(calendar(event("ACCEPTED", 1)));
  bed.says("CANCEL", event("ACCEPTED", 2));
  EXPECT_EQ(bed.acknowledge().fault, 0U);
  EXPECT_EQ(bed.box.mails.at("a-copy").content, calendar(others));
  EXPECT_TRUE(bed.event_there().contains("STATUS:CANCELLED"));
}

TEST(TakingOver, AStaleRevisionIsReadAgainAndWhatIsAwayIsWaitedFor) {
  TellBed bed;
  bed.has(calendar(event("ACCEPTED", 1)));
  bed.says("CANCEL", event("ACCEPTED", 2));
  bed.box.mails["ev"].revision = "9";
  bed.box.faults.push_back(of(FaultKind::unavailable));
  const auto command = bed.answering(acknowledged);
  bed.say(command);
  bed.world.run_until([&] { return bed.count("update") > 1; }, 20s);
  bed.tell("ev");
  EXPECT_EQ(bed.insist(command).fault, 0U);
  EXPECT_TRUE(bed.event_there().contains("STATUS:CANCELLED"));
}

class TellArrows : public testing::TestWithParam<bool> {};

TEST_P(TellArrows, TheCalendarHasItWhereverTheGatewayDies) {
  int lives = 0;
  bool died = true;
  for (std::uint64_t at = 0; died; at += 2) {
    SCOPED_TRACE(at);
    TellBed bed(50 + at);
    bed.has(calendar(event("ACCEPTED", 1)));
    bed.says("CANCEL", event("ACCEPTED", 2));
    const auto command = bed.answering(acknowledged);
    bed.commands->take("ann", phone, command, [] {});
    const auto stop = bed.world.events() + at;
    while (bed.world.events() < stop && bed.told.size() < 2) bed.world.step();
    died = bed.told.size() < 2;
    bed.die(GetParam());
    const auto result = bed.insist(command);
    ++lives;
    EXPECT_EQ(result.fault, 0U) << result.text;
    EXPECT_TRUE(bed.event_there().contains("STATUS:CANCELLED"));
    EXPECT_EQ(bed.count("update"), 1);
    bed.no_message_left();
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(lives, 8);
}

INSTANTIATE_TEST_SUITE_P(Deaths, TellArrows, testing::Bool());

}  // namespace
}  // namespace tidegate::journal
