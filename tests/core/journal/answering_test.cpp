// SPDX-License-Identifier: Apache-2.0
// Answers to invitations: the organizer hears each once at most, and the calendar has the event once, wherever the
// gateway dies.
#include "core/journal/answering.hpp"

#include <gtest/gtest.h>

#include "core/mime/parts.hpp"
#include "tests/core/journal/answer_bed.hpp"

namespace tidegate::journal {
namespace {

using namespace std::chrono_literals;

TEST(Answering, TheOrganizerGetsAReplyAndTheCalendarTheEvent) {
  for (const auto& [reply, said, word] :
       {std::tuple(0U, "ACCEPTED", "Accepted"), std::tuple(1U, "TENTATIVE", "Tentative"),
        std::tuple(2U, "DECLINED", "Declined")}) {
    AnswerBed bed;
    const auto result = bed.insist(bed.answering(reply, "see you"));
    EXPECT_EQ(result.fault, 0U) << result.text;
    ASSERT_EQ(bed.box.sent.size(), 1U);
    const auto& [envelope, mail] = bed.box.sent[0];
    EXPECT_EQ(envelope.to, std::vector<std::string>{"boss@example.com"});
    const auto part = pim::scheduling_part(mail);
    ASSERT_TRUE(part);
    EXPECT_EQ(part->method, "REPLY");
    auto object = part->octets;
    object.replace(object.find("METHOD:REPLY\r\n"), 14, "");
    EXPECT_EQ(AnswerBed::partstat(object), said);
    EXPECT_TRUE(part->octets.contains("COMMENT:see you"));
    EXPECT_TRUE(
        mail.contains("From: ann@example.com\r\nTo: boss@example.com\r\nSubject: " + std::string(word) + ": Plans"))
        << mail;
    EXPECT_EQ(bed.filed(), 1U);
    EXPECT_EQ(bed.calendar_says(), reply == 2 ? Says{} : Says{said}) << "what was declined is not put there";
    const auto& hinted = bed.actors->hinted;
    if (reply != 2) EXPECT_NE(std::ranges::find(hinted, Bytes("cal")), hinted.end());
  }
}

TEST(Answering, WhatTheCalendarHasGetsTheAnswerAndNothingElse) {
  AnswerBed bed;
  const auto own = calendar(event("NEEDS-ACTION", 1, "X-MINE:note\r\n"));
  bed.has(own);
  EXPECT_EQ(bed.insist(bed.answering(2)).fault, 0U);
  auto expected = own;
  expected.replace(expected.find("NEEDS-ACTION"), 12, "DECLINED");
  expected.replace(expected.find("ORGANIZER:"), 10, "ORGANIZER;SCHEDULE-AGENT=CLIENT:");
  EXPECT_EQ(bed.box.mails.at("ev").content, expected);
  EXPECT_EQ(bed.calendar_says().size(), 1U);
  EXPECT_EQ(bed.box.sent.size(), 1U);
}

TEST(Answering, AnInvitationCanBeAnsweredInTheCalendarToo) {
  AnswerBed bed;
  bed.has(calendar(event("NEEDS-ACTION", 1)));
  EXPECT_EQ(bed.insist(bed.answering(0, "", "ev")).fault, 0U);
  EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
  EXPECT_EQ(bed.box.sent.size(), 1U);
}

TEST(Answering, TheSameAnswerLeavesOnceAndAnotherIsAnother) {
  AnswerBed bed;
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  bed.tell("101");
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U) << "another device, or another press of the key";
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_EQ(bed.insist(bed.answering(2)).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 2U);
  EXPECT_EQ(bed.calendar_says(), Says{"DECLINED"});
  EXPECT_EQ(bed.insist(bed.answering(2, "sorry")).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 3U);
}

TEST(Answering, ANewRevisionIsAnsweredAnewAndReplacesTheOldOne) {
  AnswerBed bed;
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  bed.tell("101");
  bed.box.mails["inv"].content = invitation(2);
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 2U);
  ASSERT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
  EXPECT_TRUE(bed.box.mails.at("101").content.contains("SEQUENCE:2"));
}

TEST(Answering, AServerThatSchedulesIsAskedAndNoMailLeaves) {
  for (const auto* who : {"inv", "ev"}) {
    AnswerBed bed;
    bed.has(calendar(event("NEEDS-ACTION", 1)));
    bed.box.responds = who;
    EXPECT_EQ(bed.insist(bed.answering(1, "perhaps")).fault, 0U);
    EXPECT_EQ(bed.box.responses, std::vector<std::string>{std::string(who) + " 1 perhaps"});
    EXPECT_EQ(bed.box.sent.size(), 0U);
    EXPECT_EQ(bed.calendar_says(), Says{"NEEDS-ACTION"}) << "that is the server's";
    EXPECT_EQ(bed.insist(bed.answering(1, "perhaps")).fault, 0U);
    EXPECT_EQ(bed.box.responses.size(), 1U);
  }
  // It has no such event: by mail.
  AnswerBed bed;
  bed.box.responds = "ev";
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
  EXPECT_TRUE(bed.box.mails.at("101").content.contains("SCHEDULE-AGENT=CLIENT"))
      << "the server is not to answer as well";
}

TEST(Answering, WhatCannotBeAnsweredSaysWhy) {
  AnswerBed bed;
  const auto said = [&](const std::string& content, const std::string& as = "ann@example.com") {
    bed.box.mails["inv"].content = content;
    auto command = bed.answering(0);
    command.name = as;
    const auto result = bed.insist(command);
    return std::pair(result.fault, result.text);
  };
  EXPECT_EQ(said("Subject: x\r\n\r\nhi").second, "There is no invitation in this message.");
  EXPECT_EQ(said(invitation(1, "CANCEL")).second,
            "This is a cancellation: acknowledge it, and the calendar says so, too.");
  EXPECT_EQ(said(invitation(1, "COUNTER")).second, "This proposes another time; that cannot be answered here yet.");
  EXPECT_EQ(said(invitation(), "eve@example.com").first, code(FaultKind::denied));
  EXPECT_EQ(said(invitation(), "boss@example.com").first, code(FaultKind::denied));
  auto odd = invitation();
  odd.replace(odd.find("DTSTART:"), 24, "DTSTART;TZID=Nowhere:20260201T100000");
  odd.replace(odd.find("DTEND:20260201T110000Z\r\n"), 24, "");
  EXPECT_EQ(said(odd).second, "Line 9: the time zone \"Nowhere\" is not known, and the object does not define it.");
  auto command = bed.answering(4);
  EXPECT_EQ(bed.insist(command).fault, code(FaultKind::invalid));
  EXPECT_TRUE(bed.box.sent.empty());
  EXPECT_TRUE(bed.calendar_says().empty());
}

TEST(Answering, WithoutACalendarThereIsTheMail) {
  AnswerBed bed(1, false);
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_TRUE(bed.calendar_says().empty());
}

TEST(Answering, ACalendarThatIsNotServedForItIsNone) {
  AnswerBed bed;
  bed.actors->not_served = Kind::event;
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_TRUE(bed.calendar_says().empty());
}

TEST(Answering, OneWhoseFateIsUnknownIsNeverSentAgainAndTheCalendarHasIt) {
  AnswerBed bed;
  bed.settings_of.resends = true;  // not even then
  bed.leave();
  bed.boot();
  bed.box.faults_after.push_back(of(FaultKind::ambiguous));
  const auto result = bed.insist(bed.answering(0));
  EXPECT_EQ(result.fault, code(FaultKind::ambiguous));
  EXPECT_TRUE(result.text.contains(".answer@example.com> in Sent")) << result.text;
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, code(FaultKind::ambiguous)) << "by another command neither";
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
  EXPECT_EQ(bed.insist(bed.answering(0, "once more")).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 2U);
}

TEST(Answering, WhatWasRefusedMayBeTriedAgain) {
  AnswerBed bed;
  bed.box.faults_after.push_back(of(FaultKind::denied));
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, code(FaultKind::denied));
  EXPECT_TRUE(bed.calendar_says().empty());
  EXPECT_EQ(bed.insist(bed.answering(0)).fault, 0U);
  EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
}

TEST(Answering, AServerThatPutsItThereMeanwhileIsMet) {
  AnswerBed bed;
  const auto answer = bed.answering(0);
  bed.box.faults.push_back(of(FaultKind::throttled));  // of the first verb: sending
  bed.say(answer);
  bed.has(calendar(event("NEEDS-ACTION", 1)));
  EXPECT_EQ(bed.insist(answer).fault, 0U);
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
}

TEST(Answering, AStaleRevisionIsReadAgain) {
  AnswerBed bed;
  bed.has(calendar(event("NEEDS-ACTION", 1)));
  bed.box.mails["ev"].revision = "9";
  const auto answer = bed.answering(0);
  bed.say(answer);
  bed.world.run_until([&] { return bed.count("update") > 0; }, 20s);
  bed.tell("ev");
  EXPECT_EQ(bed.insist(answer).fault, 0U);
  EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
  EXPECT_EQ(bed.box.sent.size(), 1U);
}

/// At each arrow, by a kill and by a power cut; by mail into an empty calendar, by mail over an old event, and by the
/// server.
class AnswerArrows : public testing::TestWithParam<std::tuple<bool, int>> {};

TEST_P(AnswerArrows, LeavesOnceWhereverTheGatewayDies) {
  const auto [power, way] = GetParam();
  int unknown = 0, lives = 0;
  bool died = true;
  for (std::uint64_t at = 0; died; at += 2) {
    SCOPED_TRACE(at);
    AnswerBed bed(50 + at);
    if (way != 0) bed.has(calendar(event("NEEDS-ACTION", 1)));
    if (way == 2) bed.box.responds = "ev";
    const auto answer = bed.answering(0);
    bed.commands->take("ann", phone, answer, [] {});
    const auto stop = bed.world.events() + at;
    while (bed.world.events() < stop && bed.told.size() < 2) bed.world.step();
    died = bed.told.size() < 2;
    bed.die(power);
    const auto result = bed.insist(answer);
    ++lives;
    unknown += result.fault == code(FaultKind::ambiguous);
    EXPECT_TRUE(result.fault == 0 || result.fault == code(FaultKind::ambiguous)) << result.text;
    if (way == 2) {
      EXPECT_EQ(bed.box.responses.size(), 1U);
      EXPECT_EQ(bed.box.sent.size(), 0U);
    } else {
      EXPECT_EQ(bed.box.sent.size(), 1U);
      EXPECT_EQ(bed.filed(), result.fault == 0 ? 1U : 0U);
      EXPECT_EQ(bed.calendar_says(), Says{"ACCEPTED"});
    }
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(lives, 10);
  EXPECT_LT(unknown, lives / 3) << "only between the dot and its answer nobody knows";
}

INSTANTIATE_TEST_SUITE_P(Deaths, AnswerArrows, testing::Combine(testing::Bool(), testing::Range(0, 3)));

}  // namespace
}  // namespace tidegate::journal
