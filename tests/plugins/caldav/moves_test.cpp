// SPDX-License-Identifier: Apache-2.0
// Moves, and removals where the server doesn't look at what it is told: SOGo gives moved cards another UID, and removes
// whatever If-Match says.
#include <gtest/gtest.h>

#include "tests/plugins/caldav/scripted_dav.hpp"

namespace tidegate::caldav {
namespace {

const std::string card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ann\r\nFN:Ann\r\nEND:VCARD\r\n";
const std::string sogo = "Server: SOPE 4.9.37/WebDAV\r\n";

HttpStep moves(const std::string& from, const std::string& to) {
  return {.hear = "MOVE " + from, .holds = {to + "\n", "Overwrite: F\n"}, .status = 201};
}

TEST(CaldavMoves, TheServerMoves) {
  OnScript with({moves("/h/c/a.ics", "/h/d/a.ics"), said("PROPFIND /h/d/a.ics", etag("/h/d/a.ics", "2"))});
  Attempt attempt;
  const auto done = with.session->move(within(), "/h/c/a.ics", "/h/c/", "/h/d/", attempt);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->id, "/h/d/a.ics");
  EXPECT_EQ(done->content_rev, "\"2\"");
  EXPECT_EQ(with.server.verdict(), "");
}

// DavMail: what was moved has an address that nobody asked for. It was moved all the same.
TEST(CaldavMoves, WhatHasAnotherNameAfterwardsWasMoved) {
  OnScript with({moves("/h/c/a.ics", "/h/d/a.ics"), {.hear = "PROPFIND /h/d/a.ics", .status = 404}});
  Attempt attempt;
  const auto done = with.session->move(within(), "/h/c/a.ics", "/h/c/", "/h/d/", attempt);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->id, "") << "the next changes() name it";
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(CaldavMoves, ACardKeepsItsUidOnSogoToo) {
  OnScript with({{.hear = "GET /h/b/ann.vcf", .fields = sogo, .body = card},
                 {.hear = "GET /h/b/ann.vcf", .fields = "ETag: \"1\"\r\n", .body = card},
                 {.hear = "PUT /h/e/ann.vcf",
                  .holds = {"If-None-Match: *\n", "UID:ann"},
                  .status = 201,
                  .fields = "ETag: \"7\"\r\n"},
                 said("PROPFIND /h/b/ann.vcf", etag("/h/b/ann.vcf", "1")),
                 {.hear = "DELETE /h/b/ann.vcf", .status = 204}});
  ASSERT_TRUE(with.session->read(within(), "/h/b/ann.vcf", {}, [](auto) { return true; }));
  Attempt attempt;
  const auto done = with.session->move(within(), "/h/b/ann.vcf", "/h/b/", "/h/e/", attempt);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->id, "/h/e/ann.vcf");
  EXPECT_EQ(done->content_rev, "\"7\"");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(CaldavRemovals, WhereIfMatchIsNotHeededTheEtagIsLookedAtBefore) {
  OnScript with({{.hear = "GET /h/c/a.ics", .fields = sogo, .body = event("a")},
                 said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "2")),
                 said("PROPFIND /h/c/a.ics", etag("/h/c/a.ics", "2")),
                 {.hear = "DELETE /h/c/a.ics", .status = 204}});
  ASSERT_TRUE(with.session->read(within(), "/h/c/a.ics", {}, [](auto) { return true; }));
  const auto lost = with.session->remove(within(), "/h/c/a.ics", "/h/c/", "\"1\"");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, FaultKind::conflict);
  EXPECT_TRUE(with.session->remove(within(), "/h/c/a.ics", "/h/c/", "\"2\""));
  EXPECT_EQ(with.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::caldav
