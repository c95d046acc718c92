// SPDX-License-Identifier: Apache-2.0
// What DAV servers are known to do wrong (docs/pitfalls.md), each against a scripted one.
#include "tests/plugins/caldav/scripted_dav.hpp"

namespace tidegate::caldav {
namespace {

const std::string report = "REPORT /h/c/", look = "PROPFIND /h/c/";

std::string timed(const std::string& uid, const std::string& summary = "x") {
  auto made = event(uid, summary);
  return made.insert(made.find("SUMMARY"), "DTSTART:20260101T100000Z\r\n");
}

TEST(DavPitfalls, dav01ALostTokenIsAComparisonAndNoFailure) {
  for (const unsigned status : {400U, 403U, 409U, 410U, 412U, 415U, 418U, 501U, 507U}) {
    SCOPED_TRACE(status);
    OnScript with({said(look, calendar("t2")),
                   {.hear = report, .holds = {"sync-token>t1<"}, .status = status, .body = "no"},
                   said(look, etag("/h/c/", "c") + etag("/h/c/a.ics", "1") + etag("/h/c/b.ics", "2"), {"Depth: 1\n"}),
                   said(report, data("/h/c/b.ics", "2", event("b")), {"/h/c/b.ics", "!/h/c/a.ics"})});
    const auto page = with.changes(knows("t1", {{"a.ics", "1"}, {"b.ics", "1"}, {"c.ics", "1"}}));
    EXPECT_EQ(told(page), "-/h/c/c.ics +/h/c/b.ics") << "what did not change is not read again";
    EXPECT_EQ(decode_anchor(page->anchor)->token, "t2");
    EXPECT_EQ(with.server.verdict(), "");
  }
}

TEST(DavPitfalls, dav02AnEmptyTokenMayBeRefusedAndIsNeverKept) {
  OnScript refused({said(look, calendar("", "", syncs)),
                    said(look, calendar("", "", syncs)),
                    {.hear = report, .holds = {"<D:sync-token></D:sync-token>"}, .status = 403},
                    said(report, etag("/h/c/a.ics", "1"), {"calendar-query"}),
                    said(report, data("/h/c/a.ics", "1", event("a")))});
  const auto page = refused.changes({});
  EXPECT_EQ(told(page), "+/h/c/a.ics .");
  EXPECT_EQ(decode_anchor(page->anchor)->token, "") << "from here on ETags are compared";
  EXPECT_EQ(refused.server.verdict(), "");
  OnScript empty({said(look, calendar("t2")), said(report, etag("/h/c/a.ics", "2") + token(""), {"sync-token>t1<"}),
                  said(look, etag("/h/c/a.ics", "2"), {"Depth: 1\n"}),
                  said(report, data("/h/c/a.ics", "2", event("a")))});
  const auto after = empty.changes(knows("t1", {{"a.ics", "1"}}));
  EXPECT_EQ(told(after), "+/h/c/a.ics");
  EXPECT_EQ(decode_anchor(after->anchor)->token, "t2");
  EXPECT_EQ(empty.server.verdict(), "");
}

TEST(DavPitfalls, dav03ATruncatedReportGoesOnAndIsCompared) {
  const std::string cut =
      "<d:response><d:href>/h/c/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>";
  // The server's newest token with a list cut short: b.ics would never be heard of.
  OnScript with({said(look, calendar("t9")),
                 said(report, etag("/h/c/a.ics", "1") + cut + token("t9"), {"sync-token>t1<"}),
                 said(report, data("/h/c/a.ics", "1", event("a"))), said(look, calendar("t9")),
                 said(look, etag("/h/c/a.ics", "1") + etag("/h/c/b.ics", "1"), {"Depth: 1\n"}),
                 said(report, data("/h/c/b.ics", "1", event("b")), {"!/h/c/a.ics"})});
  auto page = with.changes(knows("t1", {}));
  EXPECT_EQ(told(page), "+/h/c/a.ics");
  ASSERT_TRUE(page->more);
  page = with.changes(page->anchor);
  EXPECT_EQ(told(page), "+/h/c/b.ics");
  EXPECT_FALSE(page->more);
  EXPECT_EQ(with.server.verdict(), "");
  // A token that does not move while there is more: never the same question again.
  OnScript stuck(
      {said(look, calendar("t9")), said(report, etag("/h/c/a.ics", "1") + cut + token("t1"), {"sync-token>t1<"}),
       said(look, etag("/h/c/a.ics", "1"), {"Depth: 1\n"}), said(report, data("/h/c/a.ics", "1", event("a")))});
  page = stuck.changes(knows("t1", {}));
  EXPECT_EQ(told(page), "+/h/c/a.ics");
  EXPECT_FALSE(page->more);
  EXPECT_EQ(stuck.server.verdict(), "");
}

TEST(DavPitfalls, dav04ATokenOfThisSecondIsAskedForAgain) {
  const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";  // 784111777
  OnScript with({said(look, calendar("784111777")),
                 said(report, etag("/h/c/a.ics", "1") + token("784111777"), {"sync-token>784111000<"}, date),
                 said(report, data("/h/c/a.ics", "1", event("a"))), said(look, calendar("784111777")),
                 said(report, etag("/h/c/a.ics", "1") + etag("/h/c/b.ics", "1") + token("784111777"),
                      {"sync-token>784111000<"}, "Date: Sun, 06 Nov 1994 08:50:37 GMT\r\n"),
                 said(report, data("/h/c/b.ics", "1", event("b")), {"!/h/c/a.ics"})});
  auto page = with.changes(knows("784111000", {}));
  EXPECT_EQ(told(page), "+/h/c/a.ics");
  page = with.changes(page->anchor);
  EXPECT_EQ(told(page), "+/h/c/b.ics") << "made within the second of the token";
  EXPECT_EQ(decode_anchor(page->anchor)->token, "784111777");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav04ACTagOfThisSecondIsNotBelieved) {
  const auto clock = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const std::string davmail = "MTk5NC0xMS0wNlQwODo0OTozN1o=";  // 1994-11-06T08:49:37Z
  const std::string of_events_and_tasks = "MTk5NC0xMS0wNlQwODo0MTowMFoxOTk0LTExLTA2VDA4OjQ5OjM3Wg==";
  for (const auto& now :
       {std::to_string(clock.time_since_epoch().count()), std::string("784111777"), davmail, of_events_and_tasks}) {
    SCOPED_TRACE(now);
    const bool dated = !now.starts_with(std::to_string(clock.time_since_epoch().count()));
    OnScript with(
        {said(look, calendar("", now, syncs)),
         said(report, etag("/h/c/a.ics", "1"), {"VCALENDAR"}, dated ? "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" : ""),
         said(report, data("/h/c/a.ics", "1", event("a"))), said(look, calendar(now, now, syncs)),
         said(look, etag("/h/c/b.ics", "1"), {"Depth: 1\n"}), said(report, data("/h/c/b.ics", "1", event("b")))});
    auto page = with.changes({});
    EXPECT_EQ(told(page), "+/h/c/a.ics .");
    page = with.changes(page->anchor);
    EXPECT_EQ(told(page), "-/h/c/a.ics +/h/c/b.ics") << "moved away within the second of the CTag";
    EXPECT_EQ(with.server.verdict(), "");
  }
}

TEST(DavPitfalls, dav05WhatTheServersLogLostIsFoundByComparing) {
  Anchor old = *decode_anchor(knows("t1", {{"a.ics", "1"}, {"ghost.ics", "1"}}));
  old.compared = 1;  // long ago
  OnScript with({said(look, calendar("t1")), said(look, etag("/h/c/a.ics", "1"), {"Depth: 1\n"})});
  auto page = with.changes(encode(old));
  EXPECT_EQ(told(page), "-/h/c/ghost.ics") << "the token has not moved, and still it is gone";
  with.server.more({said(look, calendar("t1"))});
  EXPECT_EQ(told(with.changes(page->anchor)), "") << "compared once, not at each call";
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav06MostOfItGoneAtOnceIsRegressed) {
  std::vector<std::pair<std::string, std::string>> all;
  std::string half, few;
  for (int n = 0; n < 20; ++n) {
    const auto name = fmt::format("{:02}.ics", n);
    all.emplace_back(name, "1");
    if (n < 9) few += etag("/h/c/" + name, "1");
    if (n < 10) half += etag("/h/c/" + name, "1");
  }
  OnScript with({said(look, calendar("n1")),
                 {.hear = report, .status = 403},
                 said(look, few),
                 said(look, calendar("n1")),
                 {.hear = report, .status = 403},
                 said(look, half)});
  const auto page = with.changes(knows("t1", all));
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, FaultKind::regressed);
  EXPECT_TRUE(with.changes(knows("t1", all))) << "half of it may have been removed";
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav07APutWithoutETagIsReadBack) {
  const auto ours = event("a", "ours"), theirs = event("a", "theirs");
  OnScript with(
      {{.hear = "PUT /h/c/a.ics", .holds = {"If-None-Match: *\n", ours}, .status = 201},
       {.hear = "GET /h/c/a.ics", .fields = "ETag: \"5\"\r\n", .body = theirs},
       {.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"5\"\n", ours}, .status = 204, .fields = "ETag: \"6\"\r\n"}});
  Attempt attempt;
  const auto made =
      with.session->create(within(), "/h/c/", {Kind::event, ours.size(), 0, {}, {}}, source_of(ours), attempt);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->id, "/h/c/a.ics");
  EXPECT_EQ(made->content_rev, "\"5\"");
  EXPECT_FALSE(made->same_octets) << "the server rewrote it: it has to be read";
  const auto changed = with.session->update(within(), made->id, made->content_rev, source_of(ours));
  ASSERT_TRUE(changed) << changed.error().text;
  EXPECT_EQ(changed->content_rev, "\"6\"");
  EXPECT_TRUE(changed->same_octets) << "RFC 4791 §5.3.4: a strong ETag says so";
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav08AnOldETagAfterOurOwnWriteIsOldNews) {
  const auto ours = event("a", "ours");
  OnScript with({{.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = 204, .fields = "ETag: \"2\"\r\n"},
                 said(look, calendar("t2")),
                 said(report, etag("/h/c/a.ics", "1x") + token("t2")),
                 said(report, data("/h/c/a.ics", "1", ours))});
  ASSERT_TRUE(with.session->update(within(), "/h/c/a.ics", "\"1\"", source_of(ours)));
  const auto page = with.changes(knows("t1", {{"a.ics", "1"}}));
  ASSERT_EQ(told(page), "+/h/c/a.ics");
  EXPECT_EQ(std::get<Upsert>(page->changes.front()).content_rev, "\"2\"") << "with it the next edit would fail";
  // That the old one was ours before makes it no permission: it may be what somebody edited.
  with.server.more({{.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = 412},
                    said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "2"), {"Depth: 0\n"})});
  const auto late = with.session->update(within(), "/h/c/a.ics", "\"1\"", source_of(event("a", "late")));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, FaultKind::conflict);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav09TheETagOfGetIsTriedWhereTheListingSaysUnchanged) {
  OnScript with(
      {{.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"listed\"\n"}, .status = 412},
       said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "listed")),
       {.hear = "GET /h/c/a.ics", .fields = "ETag: \"real\"\r\n", .body = event("a")},
       {.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"real\"\n"}, .status = 204, .fields = "ETag: \"next\"\r\n"}});
  const auto done = with.session->update(within(), "/h/c/a.ics", "\"listed\"", source_of(event("a", "new")));
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav10AnETagThatWasMerelyReadIsNeverSent) {
  OnScript with({{.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = 412},
                 said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "2")),
                 {.hear = "DELETE /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = 412},
                 said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "2"))});
  const auto lost = with.session->update(within(), "/h/c/a.ics", "\"1\"", source_of(event("a", "mine")));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, FaultKind::conflict);
  EXPECT_EQ(with.session->remove(within(), "/h/c/a.ics", "/h/c/", "\"1\"").error().kind, FaultKind::conflict);
  EXPECT_EQ(with.session->update(within(), "/h/c/a.ics", "", source_of(event("a"))).error().kind, FaultKind::conflict);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav11To16OctetsGoThroughUnchanged) {
  const std::string odd =
      "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:PUBLISH\r\nBEGIN:VTIMEZONE\r\nTZID:W. Europe Standard "
      "Time\r\nBEGIN:STANDARD\r\n"
      "DTSTART:16010101T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:odd\r\nDTSTART;TZID=\"Nowhere/"
      "Known\":"
      "20260101T100000\r\nEXDATE;TZID=Europe/"
      "Berlin:20260108T100000\r\nATTENDEE;SCHEDULE-AGENT=NONE;X-P=\"a:b\":mailto:x@y\r\n"
      "X-LONG:" +
      std::string(200, 'x') +
      "\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:odd\r\nRECURRENCE-ID;TZID=Asia/Tokyo:"
      "20260108T180000\r\nDTSTART:20260109T100000\nEND:VEVENT\r\nEND:VCALENDAR";
  OnScript with({{.hear = "PUT /h/c/odd.ics", .holds = {"\n\n" + odd}, .status = 201, .fields = "ETag: \"1\"\r\n"},
                 {.hear = "GET /h/c/odd.ics", .fields = "ETag: \"1\"\r\n", .body = odd}});
  Attempt attempt;
  ASSERT_TRUE(with.session->create(within(), "/h/c/", {Kind::event, odd.size(), 0, {}, {}}, source_of(odd), attempt));
  std::string back;
  ASSERT_TRUE(with.session->read(within(), "/h/c/odd.ics", {}, [&](Octets part) {
    back.append(reinterpret_cast<const char*>(part.data()), part.size());
    return true;
  }));
  EXPECT_EQ(back, odd);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav12AnAttendeesAnswerIsNoConflict) {
  OnScript with({{.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = 412},
                 said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "2")),
                 {.hear = "PUT /h/c/a.ics",
                  .holds = {"If-Schedule-Tag-Match: \"s1\"\n", "!If-Match"},
                  .status = 204,
                  .fields = "ETag: \"3\"\r\nSchedule-Tag: \"s2\"\r\n"}});
  const auto done =
      with.session->update(within(), "/h/c/a.ics", encode(Revision{"\"1\"", "\"s1\""}), source_of(event("a")));
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(decode_revision(done->content_rev).schedule_tag, "\"s2\"");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav17WhatProvidersList) {
  // The collection itself among its members, a folder in it, two events in one resource, and hrefs spelt in two ways.
  const auto two =
      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:one\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:two\r\nEND:VEVENT\r\nEND:"
      "VCALENDAR\r\n";
  OnScript with(
      {said(look, calendar("t1")),
       said(report,
            etag("/h/c/", "c") +
                found("/h/c/sub/", "<d:resourcetype><d:collection/></d:resourcetype><d:getetag>\"x\"</d:getetag>") +
                etag("/h/c/a%40b.ics", "1") + etag("/h/other/z.ics", "1"),
            {"Depth: 1\n"}),
       said(report, data("http://localhost/wrong/host.ics", "1", "x") + data("/h/c/a@b.ics", "1", two),
            {"/h/c/a@b.ics", "!sub"})});
  const auto page = with.changes({});
  EXPECT_EQ(told(page), "+/h/c/a@b.ics .");
  EXPECT_EQ(std::get<Upsert>(page->changes.front()).size, std::string(two).size());
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav18AListedItemThatIsGoneIsLeftOut) {
  OnScript with(
      {said(look, calendar("t2")),
       said(report, etag("/h/c/a.ics", "2") + etag("/h/c/b.ics", "1") + etag("/h/c/c.ics", "1") + token("t2")),
       said(report, gone("/h/c/a.ics") + data("/h/c/b.ics", "1", event("b"))),  // c.ics is not even mentioned
       {.hear = "GET /h/c/c.ics", .status = 404}});
  const auto page = with.changes(knows("t1", {{"a.ics", "1"}}));
  EXPECT_EQ(told(page), "-/h/c/a.ics +/h/c/b.ics") << "the others are told";
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavPitfalls, dav19ACreateThatFailedButWasStoredIsFound) {
  const auto ours = timed("a", "ours");
  const NewItem item{Kind::event, ours.size(), 0, {}, {}};
  OnScript with({{.hear = "PUT /h/c/a.ics", .status = 500},
                 {.hear = "GET /h/c/a.ics", .fields = "ETag: \"1\"\r\n", .body = ours}});
  Attempt attempt;
  auto made = with.session->create(within(), "/h/c/", item, source_of(ours), attempt);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->content_rev, "\"1\"");
  // Under another name: found by its UID; of what a server names, the one that has it.
  with.server.more(
      {{.hear = "PUT /h/c/a.ics", .status = 500},
       {.hear = "GET /h/c/a.ics", .status = 404},
       said(report, data("/h/c/x.ics", "7", event("ab")) + data("/h/c/y.ics", "8", ours), {"calendar-query", ">a</"})});
  made = with.session->create(within(), "/h/c/", item, source_of(ours), attempt);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->id, "/h/c/y.ics");
  // Repeated after a crash: it looks before it acts.
  with.server.more({{.hear = "GET /h/c/a.ics", .fields = "ETag: \"1\"\r\n", .body = event("a", "rewritten")}});
  Attempt repeated{{}, "/h/c/a.ics", {}};
  made = with.session->create(within(), "/h/c/", item, source_of(ours), repeated);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_FALSE(made->same_octets);
  // Not stored at all: the fault stays what it was.
  with.server.more(
      {{.hear = "PUT /h/c/a.ics", .status = 500}, {.hear = "GET /h/c/a.ics", .status = 404}, said(report, "")});
  EXPECT_EQ(with.session->create(within(), "/h/c/", item, source_of(ours), attempt).error().kind,
            FaultKind::unavailable);
  // Somebody else's with the same UID is not ours.
  with.server.more({{.hear = "PUT /h/c/a.ics", .status = 412},
                    {.hear = "GET /h/c/a.ics", .fields = "ETag: \"1\"\r\n", .body = event("a", "theirs")},
                    said(report, data("/h/c/a.ics", "1", event("a", "theirs")))});
  EXPECT_EQ(with.session->create(within(), "/h/c/", item, source_of(ours), attempt).error().kind, FaultKind::exists);
  EXPECT_EQ(with.server.verdict(), "");
}

// No pitfall of the list: servers say "400 Bad Request" to what is no calendar object, or fall over it.
TEST(DavPitfalls, ARefusalNamesTheLine) {
  auto wrong = event("a");
  wrong.insert(wrong.find("SUMMARY"), "DTSTART;TZID=Nowhere/Atlantis:20260101T100000\r\n");
  for (const unsigned status : {400U, 403U, 415U, 422U, 500U}) {
    SCOPED_TRACE(status);
    OnScript with({{.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = status, .body = "no"},
                   {.hear = "PUT /h/c/a.ics", .holds = {"If-Match: \"1\"\n"}, .status = status, .body = "no"}});
    const auto refused = with.session->update(within(), "/h/c/a.ics", "\"1\"", source_of(wrong));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FaultKind::unsupported);
    EXPECT_TRUE(refused.error().text.contains("Line 6: ")) << refused.error().text;
    const auto fine = with.session->update(within(), "/h/c/a.ics", "\"1\"", source_of(timed("a")));
    ASSERT_FALSE(fine);
    EXPECT_FALSE(fine.error().text.contains("Line ")) << fine.error().text;
    EXPECT_EQ(with.server.verdict(), "");
  }
}

TEST(DavPitfalls, dav20AFeedThatOnlyStampsAnewIsQuiet) {
  const auto calendar_of = [](const std::string& ctag) { return calendar("", ctag, read_only); };
  OnScript with({said(look, calendar_of("k1")), said(report, etag("/h/c/a.ics", "1")),
                 said(report, data("/h/c/a.ics", "1", event("a", "x", "20260101T000000Z"))),
                 said(look, calendar_of("k2")), said(look, etag("/h/c/a.ics", "2")),
                 said(report, data("/h/c/a.ics", "2", event("a", "x", "20260102T000000Z"))),
                 said(look, calendar_of("k3")), said(look, etag("/h/c/a.ics", "3")),
                 said(report, data("/h/c/a.ics", "3", event("a", "y", "20260103T000000Z")))});
  auto page = with.changes({});
  EXPECT_EQ(told(page), "+/h/c/a.ics .");
  page = with.changes(page->anchor);
  EXPECT_EQ(told(page), "");
  page = with.changes(page->anchor);
  EXPECT_EQ(told(page), "+/h/c/a.ics") << "now it says something else";
  EXPECT_EQ(with.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::caldav
