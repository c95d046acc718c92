// SPDX-License-Identifier: Apache-2.0
#include "core/pim/itip.hpp"

#include <gtest/gtest.h>

#include "core/mime/parts.hpp"
#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

const std::string request = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:REQUEST\r\n" +
                            lines({"BEGIN:VTIMEZONE",
                                   "TZID:Own",
                                   "BEGIN:STANDARD",
                                   "DTSTART:19700101T000000",
                                   "TZOFFSETFROM:+0100",
                                   "TZOFFSETTO:+0100",
                                   "END:STANDARD",
                                   "END:VTIMEZONE",
                                   "BEGIN:VEVENT",
                                   "UID:u@x",
                                   "SEQUENCE:2",
                                   "DTSTAMP:20260101T000000Z",
                                   "DTSTART;TZID=Own:20260201T100000",
                                   "DTEND;TZID=Own:20260201T110000",
                                   "SUMMARY:M\xC3\xBCnchen\\, bald",
                                   "ORGANIZER;CN=\"Boss, The\":MAILTO:Boss@Example.com",
                                   "ATTENDEE;CN=Ann;RSVP=TRUE;PARTSTAT=NEEDS-ACTION;X-NUM=1:mailto:Ann@example.com",
                                   "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.com",
                                   "DESCRIPTION:secret",
                                   "END:VEVENT",
                                   "END:VCALENDAR"});

std::string mail_with(std::string_view type, std::string_view body, std::string_view more = "") {
  return "From: boss@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
         "boundary=O\r\n\r\n--O\r\n"
         "Content-Type: multipart/alternative; boundary=I\r\n\r\n--I\r\nContent-Type: "
         "text/plain\r\n\r\nhello\r\n--I\r\nContent-Type: " +
         std::string(type) + "\r\n" + std::string(more) + "\r\n" + std::string(body) + "\r\n--I--\r\n\r\n--O--\r\n";
}

TEST(Itip, InvitationsAreFoundInMails) {
  struct Row {
    const char* name;
    std::string mail;
    const char* method;
  };
  const Row table[] = {
      {"plain", mail_with("text/calendar; charset=UTF-8; method=REQUEST", request), "REQUEST"},
      {"base64",
       mail_with("text/calendar; method=request", mime::base64_encoded(request),
                 "Content-Transfer-Encoding: base64\r\n"),
       "REQUEST"},
      {"no method in the type", mail_with("text/calendar", request), "REQUEST"},
      {"as a file",
       mail_with("application/ics; name=invite.ics", request,
                 "Content-Disposition: attachment; filename=invite.ics\r\n"),
       "REQUEST"},
      {"the mail itself", "Content-Type: text/calendar; method=REQUEST\r\n\r\n" + request, "REQUEST"},
      {"a calendar without a method", mail_with("text/calendar", calendar({"BEGIN:VEVENT", "UID:u", "END:VEVENT"})),
       nullptr},
      {"a promise that the part does not keep", mail_with("text/calendar; method=REQUEST", "nothing"), nullptr},
      {"none", mail_with("text/html", "<p>"), nullptr},
      {"nothing", "", nullptr},
  };
  for (const auto& row : table) {
    const auto part = scheduling_part(row.mail);
    ASSERT_EQ(part.has_value(), row.method != nullptr) << row.name;
    if (!part) continue;
    EXPECT_EQ(part->method, row.method) << row.name;
    EXPECT_EQ(parsed(part->octets).uid(), "u@x") << row.name;
  }
}

TEST(Itip, CharsetsBecomeUtf8) {
  auto latin = request;
  latin.replace(latin.find("\xC3\xBC"), 2, "\xFC");
  const auto part = scheduling_part(mail_with("text/calendar; charset=ISO-8859-1; method=REQUEST", latin));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->octets.substr(0, request.size()), request);
}

TEST(Itip, TheReplyIsWhatRfc5546Wants) {
  const auto object = parsed(request);
  const auto reply = reply_to(object, {"ann@EXAMPLE.com", Answer::tentative, "maybe; later", utc("20260110T000000Z")});
  ASSERT_TRUE(reply) << reply.error().text;
  const auto split = reply->find("BEGIN:VEVENT");
  EXPECT_EQ(reply->substr(split),
            lines({"BEGIN:VEVENT", "UID:u@x", "DTSTAMP:20260110T000000Z", "SEQUENCE:2",
                   "ORGANIZER;CN=\"Boss, The\":MAILTO:Boss@Example.com", "DTSTART;TZID=Own:20260201T100000",
                   "DTEND;TZID=Own:20260201T110000", "SUMMARY:M\xC3\xBCnchen\\, bald",
                   "ATTENDEE;CN=Ann;PARTSTAT=TENTATIVE;X-NUM=1:mailto:Ann@example.com", "COMMENT:maybe\\; later",
                   "REQUEST-STATUS:2.0;Success", "END:VEVENT", "END:VCALENDAR"}));
  const auto back = parsed(*reply);
  EXPECT_EQ(back.method(), "REPLY");
  EXPECT_NE(back.calendar().part("VTIMEZONE"), nullptr);
}

TEST(Itip, EveryInstanceThatAsksIsAnswered) {
  auto object = parsed("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n" + lines({"BEGIN:VEVENT",
                                                                                       "UID:u",
                                                                                       "DTSTART:20260101T100000Z",
                                                                                       "RRULE:FREQ=DAILY",
                                                                                       "ORGANIZER:mailto:b@x",
                                                                                       "ATTENDEE:mailto:a@x",
                                                                                       "END:VEVENT",
                                                                                       "BEGIN:VEVENT",
                                                                                       "UID:u",
                                                                                       "RECURRENCE-ID:20260102T100000Z",
                                                                                       "DTSTART:20260102T110000Z",
                                                                                       "ORGANIZER:mailto:b@x",
                                                                                       "ATTENDEE:mailto:a@x",
                                                                                       "END:VEVENT",
                                                                                       "BEGIN:VEVENT",
                                                                                       "UID:u",
                                                                                       "RECURRENCE-ID:20260103T100000Z",
                                                                                       "DTSTART:20260103T110000Z",
                                                                                       "ORGANIZER:mailto:b@x",
                                                                                       "END:VEVENT",
                                                                                       "END:VCALENDAR"}));
  const auto reply = reply_to(object, {"a@x", Answer::declined, "", {}});
  ASSERT_TRUE(reply);
  EXPECT_EQ(parsed(*reply).overrides().size(), 1U);
  EXPECT_FALSE(reply->contains("RRULE"));
}

TEST(Itip, WhoIsNotAskedDoesNotAnswer) {
  const auto object = parsed(request);
  EXPECT_EQ(reply_to(object, {"eve@example.com", Answer::accepted, "", {}}).error().kind, FaultKind::denied);
  EXPECT_EQ(reply_to(object, {"boss@example.com", Answer::accepted, "", {}}).error().kind, FaultKind::denied);
  auto cancel = request;
  cancel.replace(cancel.find("REQUEST"), 7, "CANCEL");
  EXPECT_EQ(reply_to(parsed(cancel), {"ann@example.com", Answer::accepted, "", {}}).error().kind,
            FaultKind::unsupported);
  auto nobody = request;
  nobody.replace(nobody.find("ORGANIZER"), 9, "X-NOBODYS");
  EXPECT_EQ(reply_to(parsed(nobody), {"ann@example.com", Answer::accepted, "", {}}).error().kind,
            FaultKind::unsupported);
}

TEST(Itip, TheAnswerIsNotedAndNothingElse) {
  auto object = parsed(request);
  ASSERT_TRUE(note_answer(object, {"ann@example.com", Answer::accepted, "", {}}, true));
  auto expected = request;
  const auto put = [&](std::string_view from, std::string_view to) {
    expected.replace(expected.find(from), from.size(), to);
  };
  put("METHOD:REQUEST\r\n", "");
  put("ORGANIZER;CN=\"Boss, The\":MAILTO", "ORGANIZER;CN=\"Boss, The\";SCHEDULE-AGENT=CLIENT:MAILTO");
  put("ATTENDEE;CN=Ann;RSVP=TRUE;PARTSTAT=NEEDS-ACTION;X-NUM=1:mailto:Ann@example.com",
      "ATTENDEE;CN=Ann;PARTSTAT=ACCEPTED;X-NUM=1:mailto:Ann@example.com");
  EXPECT_EQ(object.octets(), expected);
  EXPECT_FALSE(note_answer(object, {"eve@example.com", Answer::accepted, "", {}}, true));
}

/// What a calendar has, with SEQUENCE, summary, alarms and PARTSTAT of hers.
std::string own(int sequence, const std::string& summary, const std::string& more = "", const std::string& id = "",
                const std::string& partstat = "NEEDS-ACTION") {
  return "BEGIN:VEVENT\r\nUID:u\r\n" + (id.empty() ? "" : "RECURRENCE-ID:" + id + "\r\n") +
         "SEQUENCE:" + std::to_string(sequence) + "\r\nDTSTART:" + (id.empty() ? "20260101T100000Z" : id) +
         "\r\nSUMMARY:" + summary + "\r\nORGANIZER:mailto:b@x\r\nATTENDEE;PARTSTAT=" + partstat + ":mailto:a@x\r\n" +
         more + "END:VEVENT\r\n";
}
std::string whole(const std::string& items, const std::string& method = "") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + method + items + "END:VCALENDAR\r\n";
}

TEST(Itip, AnAnsweredRequestIsBroughtIntoWhatTheCalendarHas) {
  const std::string alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n";
  const std::string second = "20260102T100000Z", third = "20260103T100000Z";
  const auto agent = [](std::string items) {
    for (auto at = items.find("ORGANIZER:"); at != std::string::npos; at = items.find("ORGANIZER:", at + 1))
      items.replace(at, 10, "ORGANIZER;SCHEDULE-AGENT=CLIENT:");
    return items;
  };
  struct Row {
    const char* name;
    std::string there, request, expected;
  };
  const Row table[] = {
      {"the same revision: the answer alone", own(1, "mine", alarm), own(1, "theirs"),
       agent(own(1, "mine", alarm, "", "ACCEPTED"))},
      {"a newer one there: the answer alone", own(3, "newer"), own(2, "older"),
       agent(own(3, "newer", "", "", "ACCEPTED"))},
      {"an older one there: replaced, but for its alarms", own(1, "old", alarm), own(2, "new"),
       agent(own(2, "new", alarm, "", "ACCEPTED"))},
      {"one with alarms of its own", own(1, "old", alarm), own(2, "new", alarm),
       agent(own(2, "new", alarm, "", "ACCEPTED"))},
      {"one instance: no other is answered", own(1, "series", "RRULE:FREQ=DAILY\r\n", "", "TENTATIVE"),
       own(1, "moved", "", second),
       own(1, "series", "RRULE:FREQ=DAILY\r\n", "", "TENTATIVE") + agent(own(1, "moved", "", second, "ACCEPTED"))},
      {"one instance that is there already",
       own(1, "series", "RRULE:FREQ=DAILY\r\n") + own(1, "moved", "", second) + own(1, "other", "", third),
       own(2, "moved again", "", second),
       own(1, "series", "RRULE:FREQ=DAILY\r\n") + agent(own(2, "moved again", "", second, "ACCEPTED")) +
           own(1, "other", "", third)},
      {"the whole anew: older instances go, newer stay",
       own(1, "series", "RRULE:FREQ=DAILY\r\n") + own(1, "moved", "", second) + own(5, "later", "", third),
       own(2, "anew", "RRULE:FREQ=DAILY\r\n"),
       agent(own(2, "anew", "RRULE:FREQ=DAILY\r\n", "", "ACCEPTED")) + own(5, "later", "", third)},
  };
  for (const auto& row : table) {
    auto object = parsed(whole(row.there));
    ASSERT_TRUE(take_answered(object, parsed(whole(row.request, "METHOD:REQUEST\r\n")),
                              {"a@x", Answer::accepted, "", {}}, true))
        << row.name;
    EXPECT_EQ(object.octets(), whole(row.expected)) << row.name;
  }
}

TEST(Itip, ARequestBringsItsZones) {
  auto object = parsed(whole(own(1, "old")));
  auto there = request;
  for (auto at = there.find("u@x"); at != std::string::npos; at = there.find("u@x")) there.replace(at, 3, "u");
  ASSERT_TRUE(take_answered(object, parsed(there), {"ann@example.com", Answer::declined, "", {}}, false));
  EXPECT_TRUE(object.octets().contains("TZID:Own\r\n"));
  EXPECT_TRUE(object.octets().contains("DTSTART;TZID=Own:20260201T100000"));
  EXPECT_FALSE(object.octets().contains("SUMMARY:old"));
  EXPECT_EQ(take_answered(object, parsed(there), {"eve@x", Answer::declined, "", {}}, false).error().kind,
            FaultKind::denied);
}

TEST(Itip, KeysTellWhatIsAnsweredAndNotHow) {
  const auto key = scheduling_key(parsed(request));
  EXPECT_EQ(key.recipient, "boss@example.com");
  EXPECT_EQ(key.octets(), scheduling_key(parsed(request)).octets());
  EXPECT_EQ(key.octets().size(), 32U);
  auto other = key;
  other.sequence = 3;
  EXPECT_NE(other.octets(), key.octets());
  other = key;
  other.uid = "u@xb", other.recurrence = "";
  auto shifted = key;
  shifted.uid = "u@x", shifted.recurrence = "b";
  EXPECT_NE(other.octets(), shifted.octets()) << "fields do not run into one another";
}

TEST(Itip, TheMailIsFoundAgainAsAReply) {
  const auto reply = reply_to(parsed(request), {"ann@example.com", Answer::accepted, "gern", utc("20260110T000000Z")});
  const auto mail = imip_mail({"ann@example.com\r\nBcc: y", "boss@example.com", "M\xC3\xBCnchen\r\nBcc: x", "<1@x>",
                               utc("20260110T123000Z"), Answer::accepted, "gern"},
                              *reply);
  EXPECT_EQ(mime::header_field(mail, "to"), "boss@example.com");
  EXPECT_EQ(mime::header_field(mail, "date"), "Sat, 10 Jan 2026 12:30:00 +0000");
  EXPECT_EQ(mime::header_field(mail, "bcc"), "");
  const auto part = scheduling_part(mail);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->octets, *reply);
  EXPECT_EQ(part->method, "REPLY");
  for (std::size_t at = 0; at < mail.size(); at = mail.find("\r\n", at) + 2)
    ASSERT_LE(mail.find("\r\n", at) - at, 998U);
}

}  // namespace
}  // namespace tidegate::pim
