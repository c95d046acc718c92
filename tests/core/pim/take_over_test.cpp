// SPDX-License-Identifier: Apache-2.0
#include "core/pim/take_over.hpp"

#include <array>

#include <gtest/gtest.h>

#include "core/pim/itip.hpp"
#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

const std::string boss = "boss@example.com", first = "20260101T100000Z", second = "20260102T100000Z";

struct Meeting {
  int sequence = 1;
  std::string stamp = "20260101T000000Z", id{}, more{}, status{}, partstat = "NEEDS-ACTION";
  std::string organizer = "ORGANIZER;CN=Boss;SENT-BY=\"mailto:Desk@example.com\":mailto:Boss@Example.com\r\n";
};
std::string event(const Meeting& the) {
  return "BEGIN:VEVENT\r\nUID:u\r\n" + (the.id.empty() ? "" : "RECURRENCE-ID:" + the.id + "\r\n") +
         "SEQUENCE:" + std::to_string(the.sequence) + "\r\nDTSTAMP:" + the.stamp +
         "\r\nDTSTART:" + (the.id.empty() ? first : the.id) + "\r\nSUMMARY:S\r\n" + the.organizer +
         "ATTENDEE;RSVP=TRUE;PARTSTAT=" + the.partstat + ":mailto:ann@example.com\r\n" + the.more +
         (the.status.empty() ? "" : "STATUS:" + the.status + "\r\n") + "END:VEVENT\r\n";
}
std::string whole(const std::string& items, const std::string& method = "") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + method + items + "END:VCALENDAR\r\n";
}
/// What comes of it, or the kind of the fault.
std::string cancelled(const std::string& there, const std::string& told, const std::string& sender = boss) {
  auto own = parsed(whole(there));
  const auto taken = take_cancel(own, parsed(whole(told, "METHOD:CANCEL\r\n")), sender);
  if (taken) return own.octets();
  EXPECT_EQ(own.octets(), whole(there)) << "and changed all the same";
  return std::string(to_string(taken.error().kind));
}
std::string answered(const std::string& there, const std::string& told, const std::string& sender = "ann@example.com",
                     const std::string& organizer = boss) {
  auto own = parsed(whole(there));
  const std::array addresses{organizer};
  const auto taken = take_reply(own, parsed(whole(told, "METHOD:REPLY\r\n")), sender, addresses);
  if (taken) return own.octets();
  EXPECT_EQ(own.octets(), whole(there)) << "and changed all the same";
  return std::string(to_string(taken.error().kind));
}

const std::string alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n";
const std::string daily = "RRULE:FREQ=DAILY\r\n";

TEST(TakeOver, ACancellationSaysSoInTheEventAndChangesNothingElse) {
  auto expected = whole(event({.more = alarm, .partstat = "ACCEPTED"}));
  const auto put = [&](const std::string& from, const std::string& to) {
    expected.replace(expected.find(from), from.size(), to);
  };
  put("SEQUENCE:1", "SEQUENCE:2");
  put("DTSTAMP:20260101T000000Z", "DTSTAMP:20260105T000000Z");
  put("BEGIN:VALARM", "STATUS:CANCELLED\r\nBEGIN:VALARM");
  const auto told = event({.sequence = 2, .stamp = "20260105T000000Z"});
  EXPECT_EQ(cancelled(event({.more = alarm, .partstat = "ACCEPTED"}), told), expected);
  EXPECT_EQ(cancelled(event({.more = alarm, .partstat = "ACCEPTED"}), told, "desk@example.com"), expected)
      << "who sends for the organizer";
  const auto already = event({.status = "CANCELLED"});
  EXPECT_EQ(cancelled(already, told), whole(already));
  const auto confirmed = cancelled(event({.status = "CONFIRMED"}), told);
  EXPECT_TRUE(confirmed.contains("STATUS:CANCELLED") && !confirmed.contains("CONFIRMED"));
}

/// Two who differ in one thing: the first is believed, the second is not.
TEST(TakeOver, WhoseCancellationIsBelieved) {
  struct Row {
    const char* name;
    Meeting there, told;
    std::string sender, kind;
  };
  const Row table[] = {
      {"a mail of somebody else's", {}, {.sequence = 2}, "eve@example.com", "denied"},
      {"a mail of nobody's", {}, {.sequence = 2}, "", "denied"},
      {"another organizer than the event has",
       {},
       {.sequence = 2, .organizer = "ORGANIZER:mailto:eve@example.com\r\n"},
       "eve@example.com",
       "denied"},
      {"a mail of the organizer's that names another",
       {},
       {.sequence = 2, .organizer = "ORGANIZER:mailto:eve@example.com\r\n"},
       boss,
       "denied"},
      {"it names the organizer, and its sender sends for him by its own word only",
       {.organizer = "ORGANIZER:mailto:boss@example.com\r\n"},
       {.sequence = 2, .organizer = "ORGANIZER;SENT-BY=\"mailto:eve@x\":mailto:boss@example.com\r\n"},
       "eve@x",
       "denied"},
      {"it names no organizer", {}, {.sequence = 2, .organizer = ""}, boss, "denied"},
      {"the event has none", {.organizer = ""}, {.sequence = 2}, boss, "denied"},
      {"an earlier revision", {.sequence = 3}, {.sequence = 2}, boss, "denied"},
      {"the same revision, told earlier", {.stamp = "20260105T000000Z"}, {.stamp = "20260104T235959Z"}, boss, "denied"},
      {"the same revision, told at once", {}, {}, boss, ""},
      {"the same revision, told later", {}, {.stamp = "20260102T000000Z"}, boss, ""},
      {"a later revision, by a clock that is slow", {}, {.sequence = 2, .stamp = "20200101T000000Z"}, boss, ""},
  };
  for (const auto& row : table) {
    const auto got = cancelled(event(row.there), event(row.told), row.sender);
    if (row.kind.empty())
      EXPECT_TRUE(got.contains("STATUS:CANCELLED")) << row.name << '\n' << got;
    else
      EXPECT_EQ(got, row.kind) << row.name;
  }
}

TEST(TakeOver, OneInstanceIsCancelledAlone) {
  const auto series = event({.more = daily});
  const auto off = event({.sequence = 2, .id = second, .status = "CANCELLED"});
  const auto told = event({.sequence = 2, .id = second});
  EXPECT_EQ(cancelled(series, told), whole(series + off));
  EXPECT_EQ(cancelled(series + event({.id = second}), told), whole(series + off));
  EXPECT_EQ(cancelled(series + event({.sequence = 3, .id = second}), told), "denied");
  EXPECT_EQ(cancelled(series, event({.sequence = 2, .id = "20260102T110000Z"})), "not found");
  EXPECT_EQ(cancelled(series, event({.sequence = 2, .id = second}), "eve@example.com"), "denied");
  EXPECT_EQ(cancelled(event({}), told), "not found") << "what happens once has no second instance";
  EXPECT_EQ(cancelled(event({.id = first}), told), "not found");
  auto ranged = told;
  ranged.replace(ranged.find("RECURRENCE-ID:"), 14, "RECURRENCE-ID;RANGE=THISANDFUTURE:");
  EXPECT_EQ(cancelled(series, ranged), "unsupported");
}

TEST(TakeOver, AnInstanceIsTheSameInWhateverZoneItIsNamed) {
  auto series = event({.more = daily});
  series.replace(series.find("DTSTART:" + first), 24, "DTSTART;TZID=Europe/Berlin:20260101T110000");
  const auto got = cancelled(series, event({.sequence = 2, .id = second}));
  EXPECT_TRUE(got.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260102T110000\r\n")) << got;
  EXPECT_TRUE(got.contains("DTSTART;TZID=Europe/Berlin:20260102T110000\r\n")) << got;
  EXPECT_EQ(told(parsed(got), window("20260101T000000Z", "20260103T000000Z")), "20260101T100000Z S 20260102T100000Z S");
}

TEST(TakeOver, ADayOfWholeDaysIsCancelled) {
  auto series = event({.more = daily});
  series.replace(series.find("DTSTART:" + first), 24, "DTSTART;VALUE=DATE:20260101");
  auto told = event({.sequence = 2, .id = second});
  told.replace(told.find("RECURRENCE-ID:" + second), 30, "RECURRENCE-ID;VALUE=DATE:20260102");
  told.replace(told.find("DTSTART:" + second), 24, "DTSTART;VALUE=DATE:20260102");
  const auto got = cancelled(series, told);
  EXPECT_TRUE(got.contains("RECURRENCE-ID;VALUE=DATE:20260102\r\n")) << got;
  EXPECT_TRUE(got.contains("STATUS:CANCELLED")) << got;
}

TEST(TakeOver, TheWholeIsCancelledWithItsInstancesUnlessTheyAreNewer) {
  const auto told = event({.sequence = 2, .stamp = "20260105T000000Z"});
  const auto got =
      cancelled(event({.more = daily}) + event({.id = second}) + event({.sequence = 3, .id = first}), told);
  const auto object = parsed(got);
  EXPECT_EQ(object.master()->value("STATUS"), "CANCELLED");
  EXPECT_EQ(object.overrides().at(0)->value("STATUS"), "CANCELLED");
  EXPECT_EQ(object.overrides().at(1)->value("STATUS"), "");
  EXPECT_TRUE(cancelled(event({.id = second}), told).contains("STATUS:CANCELLED")) << "invited to one of them only";
  EXPECT_EQ(cancelled(event({.sequence = 3, .id = second}), told), "denied");
  EXPECT_EQ(cancelled(event({.id = second}), told, "eve@example.com"), "denied");
}

TEST(TakeOver, AnAnswerIsNotedForItsGuestAlone) {
  const std::string bob = "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bob@example.com\r\n";
  auto expected = whole(event({.more = bob + alarm}));
  expected.replace(expected.find("NEEDS-ACTION"), 12, "DECLINED");
  EXPECT_EQ(answered(event({.more = bob + alarm}), event({.stamp = "20260105T000000Z", .partstat = "DECLINED"})),
            expected);
  EXPECT_EQ(answered(event({.partstat = "DECLINED"}), event({.partstat = "declined"})),
            whole(event({.partstat = "DECLINED"})));
  const auto series = event({.more = daily});
  EXPECT_EQ(answered(series, event({.id = second, .partstat = "TENTATIVE"})),
            whole(series + event({.id = second, .partstat = "TENTATIVE"})));
}

TEST(TakeOver, WhoseAnswerIsBelieved) {
  const auto yes = event({.partstat = "ACCEPTED"});
  EXPECT_TRUE(answered(event({}), yes).contains("PARTSTAT=ACCEPTED"));
  EXPECT_TRUE(answered(event({}), yes, "ann@example.com", "desk@example.com").contains("PARTSTAT=ACCEPTED"));
  EXPECT_EQ(answered(event({}), yes, "eve@example.com"), "denied") << "a mail of somebody else's";
  EXPECT_EQ(answered(event({}), yes, ""), "denied");
  EXPECT_EQ(answered(event({}), yes, "ann@example.com", "me@example.com"), "denied") << "not organized here";
  EXPECT_EQ(answered(event({.organizer = ""}), yes), "denied");
  EXPECT_EQ(answered(event({.sequence = 2}), yes), "denied") << "of a revision before";
  auto crasher = yes;
  crasher.replace(crasher.find("ann@"), 4, "eve@");
  EXPECT_EQ(answered(event({}), crasher, "eve@example.com"), "denied") << "not invited";
  EXPECT_EQ(answered(event({}), event({.partstat = "DELEGATED"})), "unsupported");
  EXPECT_EQ(answered(event({}), event({.more = "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.com\r\n"})), "invalid");
  EXPECT_EQ(answered(event({}), event({.id = second, .partstat = "ACCEPTED"})), "not found");
}

TEST(TakeOver, TheSenderIsTheOneAddressInFrom) {
  EXPECT_EQ(sender_of("From: \"eve@x\" <Boss@Example.com>\r\n\r\n"), boss);
  EXPECT_EQ(sender_of("From: \"boss@example.com\" <eve@x>\r\nSender: boss@example.com\r\n\r\n"), "eve@x");
  EXPECT_EQ(sender_of("From: boss@example.com, eve@x\r\n\r\n"), "");
  EXPECT_EQ(sender_of("Subject: x\r\n\r\nFrom: boss@example.com\r\n"), "");
}

}  // namespace
}  // namespace tidegate::pim
