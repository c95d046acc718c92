// SPDX-License-Identifier: Apache-2.0
// Answers to invitations at servers that schedule (RFC 6638).
#include "tests/plugins/caldav/scripted_dav.hpp"

namespace tidegate::caldav {
namespace {

std::string invited(const std::string& partstat, const std::string& organizer = "ORGANIZER",
                    const std::string& who = "mailto:a.smith@example.com") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\n"
         "DTSTART:20260201T100000Z\r\n" +
         organizer + ":mailto:boss@example.com\r\nATTENDEE;PARTSTAT=" + partstat + ":" + who +
         "\r\nX-KEPT:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
}

HttpStep options(const std::string& dav) {
  return {.hear = "OPTIONS /h/", .fields = "DAV: 1, access-control\r\nDAV: " + dav + "\r\n"};
}
std::vector<HttpStep> who() {
  return {
      said("PROPFIND /h/", found("/h/", "<d:owner><d:href>/p/alice/</d:href></d:owner>"), {"<D:owner/>"}),
      said("PROPFIND /p/alice/",
           found("/p/alice/",
                 "<c:calendar-user-address-set><d:href>mailto:A.Smith@example.com</d:href><d:href>/p/alice/</d:href>"
                 "</c:calendar-user-address-set>"),
           {"<C:calendar-user-address-set/>"})};
}
HttpStep there(const std::string& octets, const std::string& etag, const std::string& tag = "s1") {
  return {.hear = "GET /h/c/a.ics",
          .fields = "ETag: \"" + etag + "\"\r\n" + (tag.empty() ? "" : "Schedule-Tag: \"" + tag + "\"\r\n"),
          .body = octets};
}

struct Responding {
  explicit Responding(std::vector<HttpStep> script) : with(std::move(script)) {
    attempt.before = [this](View note) -> Result<void> {
      notes.emplace_back(note);
      return {};
    };
  }
  Result<Written> respond(const Reply& reply = {Reply::accept, {}}) {
    return with.session->respond(within(), "/h/c/a.ics", reply, attempt);
  }
  FaultKind refusal() {
    const auto done = respond();
    return done ? FaultKind::cancelled : done.error().kind;
  }
  OnScript with;
  Attempt attempt;
  std::vector<Bytes> notes;
};

std::vector<HttpStep> steps(std::vector<HttpStep> last) {
  auto all = who();
  all.insert(all.begin(), options("calendar-access, calendar-auto-schedule"));
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

TEST(Respond, TheAttendeesOwnAnswerIsChangedAndNothingElse) {
  auto expected = invited("TENTATIVE");
  expected.replace(expected.find("X-KEPT:1\r\n"), 10, "X-KEPT:1\r\nCOMMENT:maybe\\, late\r\n");
  Responding script(steps({there(invited("NEEDS-ACTION"), "1"),
                           {.hear = "PUT /h/c/a.ics",
                            .holds = {"If-Schedule-Tag-Match: \"s1\"\n", "!If-Match", expected},
                            .status = 204,
                            .fields = "ETag: \"2\"\r\nSchedule-Tag: \"s1\"\r\n"}}));
  EXPECT_TRUE(script.with.session->capabilities().verbs & can_respond);
  const auto done = script.respond({Reply::tentative, "maybe, late"});
  ASSERT_TRUE(done) << done.error().text << script.with.server.verdict();
  EXPECT_EQ(decode_revision(done->content_rev).etag, "\"2\"");
  EXPECT_EQ(script.notes.size(), 1U) << "noted before anything leaves";
  EXPECT_EQ(script.with.server.verdict(), "");
}

TEST(Respond, WithoutAScheduleTagTheETagCountsAndAConflictIsReadAnew) {
  Responding script(steps({there(invited("NEEDS-ACTION"), "1", ""),
                           {.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = 412},
                           there(invited("NEEDS-ACTION", "ORGANIZER;CN=Boss"), "2", ""),
                           {.hear = "PUT /h/c/a.ics",
                            .holds = {"If-Match: \"2\"\n", invited("ACCEPTED", "ORGANIZER;CN=Boss")},
                            .status = 204,
                            .fields = "ETag: \"3\"\r\n"}}));
  const auto done = script.respond();
  ASSERT_TRUE(done) << done.error().text << script.with.server.verdict();
  EXPECT_EQ(script.notes.size(), 1U);
  EXPECT_EQ(script.with.server.verdict(), "");
}

TEST(Respond, ARepeatFindsWhatItsFirstAttemptDid) {
  Responding script(steps({there(invited("ACCEPTED"), "2", "s2")}));
  script.attempt.note = "\"1\"";
  const auto done = script.respond();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(decode_revision(done->content_rev).schedule_tag, "\"s2\"");
  EXPECT_TRUE(script.notes.empty());
  EXPECT_EQ(script.with.server.verdict(), "");
}

TEST(Respond, WhereTheServerDoesNotScheduleTheMailIsLeft) {
  Responding plain({options("calendar-access")});
  EXPECT_EQ(plain.refusal(), FaultKind::unsupported);
  EXPECT_EQ(plain.refusal(), FaultKind::unsupported) << "asked once";
  EXPECT_EQ(plain.with.server.verdict(), "");
  Responding client(steps({there(invited("NEEDS-ACTION", "ORGANIZER;SCHEDULE-AGENT=CLIENT"), "1")}));
  EXPECT_EQ(client.refusal(), FaultKind::unsupported);
  Responding gone(steps({{.hear = "GET /h/c/a.ics", .status = 404}}));
  EXPECT_EQ(gone.refusal(), FaultKind::not_found);
  Responding other(steps({there(invited("NEEDS-ACTION", "ORGANIZER", "mailto:eve@example.com"), "1")}));
  EXPECT_EQ(other.refusal(), FaultKind::denied);
  for (auto* each : {&client, &gone, &other}) {
    EXPECT_TRUE(each->notes.empty()) << "nothing was claimed: another way is left";
    EXPECT_EQ(each->with.server.verdict(), "");
  }
}

TEST(Respond, WhatTheServerSaysOfItsOwnIsTold) {
  Responding away(steps({there(invited("NEEDS-ACTION"), "1"), {.hear = "PUT /h/c/a.ics", .status = 503}}));
  EXPECT_EQ(away.refusal(), FaultKind::unavailable);
  auto hidden = steps({there(invited("NEEDS-ACTION", "ORGANIZER", "mailto:alice"), "1"),
                       {.hear = "PUT /h/c/a.ics", .status = 204, .fields = "ETag: \"2\"\r\n"}});
  hidden[2] = {.hear = "PROPFIND /p/alice/", .status = 403};
  Responding unnamed(std::move(hidden));
  EXPECT_TRUE(unnamed.respond()) << "by the name of the mailbox";
}

}  // namespace
}  // namespace tidegate::caldav
