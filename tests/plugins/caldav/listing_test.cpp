// SPDX-License-Identifier: Apache-2.0
// Long listings, of which a page at a time is asked for.
#include "tests/plugins/caldav/scripted_dav.hpp"

namespace tidegate::caldav {
namespace {

std::string moved(std::string text, const std::string& to) {
  for (auto at = text.find("/h/c/"); at != text.npos; at = text.find("/h/c/", at + to.size())) text.replace(at, 5, to);
  return text;
}

const std::string report = "REPORT /h/c/", look = "PROPFIND /h/c/";
const std::string two = etag("/h/c/a.ics", "1") + etag("/h/c/b.ics", "1");
const std::string query = "<C:comp-filter name=\"VCALENDAR\"/>";

HttpStep contents(const std::string& names, std::vector<std::string> holds = {}) {
  std::string all;
  for (const char name : names) all += data(fmt::format("/h/c/{}.ics", name), "1", event(std::string(1, name)));
  holds.emplace_back("calendar-multiget");
  return said(report, all, std::move(holds));
}

// A server's first token may cost it a file a member. With a CTag it is not needed to list.
TEST(DavListing, TheTokenComesAfterwardsAndIsKeptWhileTheCTagStands) {
  OnScript with({said(look, calendar("", "k1", syncs), {"!sync-token"}), said(report, two, {query, "Depth: 1\n"}),
                 contents("ab"), said(look, calendar("t7", "k1", syncs), {"sync-token"}),
                 said(look, calendar("t8", "k1", syncs)), said(look, calendar("t9", "k2", syncs)),
                 said(report, etag("/h/c/c.ics", "1") + token("t9"), {"sync-token>t7<"}), contents("c")});
  auto page = with.changes({});
  EXPECT_EQ(told(page), "+/h/c/a.ics +/h/c/b.ics .");
  EXPECT_EQ(decode_anchor(page->anchor)->token, "");
  for (int turn = 0; turn < 2; ++turn) {
    page = with.changes(page->anchor);
    EXPECT_EQ(told(page), "");
    EXPECT_EQ(decode_anchor(page->anchor)->token, "t7");
    EXPECT_EQ(decode_anchor(page->anchor)->unsure, turn == 0);
  }
  EXPECT_EQ(told(with.changes(page->anchor)), "+/h/c/c.ics");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavListing, ATokenThatMayHaveComeTooLateIsComparedWith) {
  for (const bool once_seen : {false, true}) {
    SCOPED_TRACE(once_seen);
    std::vector<HttpStep> script{said(look, calendar("", "k1", syncs)), said(report, two, {query}), contents("ab")};
    // The property was looked up after c.ics was made, the CTag before.
    if (once_seen) script.push_back(said(look, calendar("t8", "k1", syncs)));
    script.push_back(said(look, calendar("t8", "k2", syncs)));
    script.push_back(said(report, two + etag("/h/c/c.ics", "1"), {query}));
    script.push_back(contents("c", {"!a.ics"}));
    script.push_back(said(look, calendar("t8", "k2", syncs)));
    OnScript with(std::move(script));
    auto page = with.changes({});
    if (once_seen) page = with.changes(page->anchor);
    page = with.changes(page->anchor);
    EXPECT_EQ(told(page), "+/h/c/c.ics");
    EXPECT_EQ(decode_anchor(page->anchor)->token, "t8");
    EXPECT_FALSE(decode_anchor(page->anchor)->unsure);
    EXPECT_EQ(told(with.changes(page->anchor)), "");
    EXPECT_EQ(with.server.verdict(), "");
  }
}

TEST(DavListing, WithoutACTagTheTokenIsAskedForFirst) {
  OnScript with({said(look, calendar("", "", syncs), {"!sync-token"}),
                 said(look, calendar("t1", "", syncs), {"sync-token"}), said(report, two, {query}), contents("ab")});
  const auto page = with.changes({});
  EXPECT_EQ(told(page), "+/h/c/a.ics +/h/c/b.ics .");
  EXPECT_EQ(decode_anchor(page->anchor)->token, "t1");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavListing, WhereTheReportIsNotToBeReliedOnPropfindLists) {
  const std::string cut =
      "<d:response><d:href>/h/c/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>";
  const std::vector<HttpStep> answers{{.hear = report, .holds = {query}, .status = 403},
                                      {.hear = report, .holds = {query}, .status = 501},
                                      {.hear = report, .holds = {query}, .status = 500},
                                      {.hear = report, .holds = {query}, .status = 207, .body = "<html>no</html>"},
                                      said(report, "", {query}),
                                      said(report, etag("/h/c/", "c"), {query}),
                                      said(report, etag("/h/c/a.ics", "1") + cut, {query})};
  for (const auto& each : answers) {
    SCOPED_TRACE(fmt::format("{} {}", each.status, each.body));
    OnScript with({said(look, calendar("t1")), each, said(look, two, {"Depth: 1\n"}), contents("ab")});
    EXPECT_EQ(told(with.changes({})), "+/h/c/a.ics +/h/c/b.ics .");
    EXPECT_EQ(with.server.verdict(), "");
  }
  // Trouble is trouble.
  for (const unsigned status : {401U, 429U}) {
    OnScript with({said(look, calendar("t1")), {.hear = report, .holds = {query}, .status = status}});
    EXPECT_FALSE(with.changes({}));
    EXPECT_EQ(with.server.verdict(), "");
  }
}

TEST(DavListing, WhatComesMeanwhileIsOnTheNextPage) {
  const auto ours = event("n", "new");
  OnScript with({said(look, calendar("", "k1", syncs)),
                 said(report, two + etag("/h/c/c.ics", "1"), {query}),
                 contents("a"),
                 {.hear = "PUT /h/c/n.ics", .status = 201, .fields = "ETag: \"1\"\r\n"},
                 said(report, etag("/h/c/b.ics", "1") + etag("/h/c/n.ics", "1") + etag("/h/c/c.ics", "1"), {query}),
                 contents("n"),
                 contents("b"),
                 contents("c")});
  auto page = with.changes({}, 1);
  EXPECT_EQ(told(page), "+/h/c/a.ics");
  Attempt attempt;
  ASSERT_TRUE(with.session->create(within(), "/h/c/", {Kind::event, ours.size(), 0, {}, {}}, source_of(ours), attempt));
  page = with.changes(page->anchor, 1);
  EXPECT_EQ(told(page), "-/h/c/a.ics +/h/c/n.ics") << "another has removed a.ics in between";
  page = with.changes(page->anchor, 1);
  EXPECT_EQ(told(page), "+/h/c/b.ics");
  page = with.changes(page->anchor, 1);
  EXPECT_EQ(told(page), "+/h/c/c.ics .");
  EXPECT_EQ(with.server.verdict(), "");
}

/// What waits is taken out of a list in which what was told is looked for afterwards.
TEST(DavListing, WhatWasToldAndStaysIsNotSaidToBeGone) {
  const auto ours = event("n", "new");
  const auto three = two + etag("/h/c/c.ics", "1");
  OnScript with({said(look, calendar("", "k1", syncs)),
                 said(report, three, {query}),
                 contents("a"),
                 {.hear = "PUT /h/c/n.ics", .status = 201, .fields = "ETag: \"1\"\r\n"},
                 said(report, three + etag("/h/c/n.ics", "1"), {query}),
                 contents("n"),
                 contents("b"),
                 contents("c")});
  auto page = with.changes({}, 1);
  EXPECT_EQ(told(page), "+/h/c/a.ics");
  Attempt attempt;
  ASSERT_TRUE(with.session->create(within(), "/h/c/", {Kind::event, ours.size(), 0, {}, {}}, source_of(ours), attempt));
  for (const auto* expected : {"+/h/c/n.ics", "+/h/c/b.ics", "+/h/c/c.ics ."}) {
    page = with.changes(page->anchor, 1);
    EXPECT_EQ(told(page), expected);
  }
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(DavListing, WhatIsTooLargeToBeComparedHasItsTokenBefore) {
  std::string many;
  for (int n = 0; n < 12'001; ++n) many += etag(fmt::format("/h/c/{:05}.ics", n), "1");
  OnScript with({said(look, calendar("", "k1", syncs), {"!sync-token"}), said(report, many, {query}),
                 said(look, calendar("t1", "k1", syncs), {"sync-token"}), said(report, many, {query}),
                 said(report, data("/h/c/00000.ics", "1", event("x")))});
  // Large answers take a while on a busy machine.
  const Call call{Clock::now() + std::chrono::minutes(2), {}, 0};
  const auto page = with.session->changes(call, "/h/c/", {}, {1, 65536, {}});
  ASSERT_EQ(told(page), "+/h/c/00000.ics");
  EXPECT_EQ(decode_anchor(page->anchor)->token, "t1");
  EXPECT_EQ(with.server.verdict(), "");
}

// The core asks for a page of each by turns. What was listed once is not listed again for each page.
TEST(DavListing, TwoCollectionsByTurnsAreListedOnceEach) {
  const std::vector<std::string> homes{"/h/c/", "/h/d/"};
  std::vector<HttpStep> script;
  for (const auto& home : homes) {
    script.push_back(said("PROPFIND " + home, moved(calendar("t1"), home), {"Depth: 0\n"}));
    script.push_back(said("REPORT " + home, moved(etag("/h/c/a.ics", "1") + etag("/h/c/b.ics", "1"), home),
                          {"Depth: 1\n", "calendar-query"}));
    script.push_back(said("REPORT " + home, moved(data("/h/c/a.ics", "1", event("a")), home), {"!b.ics"}));
  }
  for (const auto& home : homes)
    script.push_back(said("REPORT " + home, moved(data("/h/c/b.ics", "1", event("b")), home), {"!a.ics"}));
  OnScript with(std::move(script));
  const auto page = [&](const std::string& home, const Bytes& anchor) {
    return with.session->changes(within(), home, anchor, {1, 65536, {}});
  };
  std::vector<Bytes> anchors;
  for (const auto& home : homes) {
    const auto first = page(home, {});
    EXPECT_EQ(told(first), "+" + home + "a.ics");
    ASSERT_TRUE(first && first->more);
    anchors.push_back(first->anchor);
  }
  for (std::size_t n = 0; n < homes.size(); ++n)
    EXPECT_EQ(told(page(homes[n], anchors[n])), "+" + homes[n] + "b.ics .");
  EXPECT_EQ(with.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::caldav
