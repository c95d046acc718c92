// SPDX-License-Identifier: Apache-2.0
// What Exchange servers are known to do (docs/pitfalls.md), each by a scripted one.
#include "plugins/ews/streams.hpp"
#include "tests/plugins/ews/scripted_ews.hpp"

namespace tidegate::ews {
namespace {

TEST(EwsPitfalls, ews05WhoAskedForPeaceHasIt) {
  OnScript with({said("GetFolder", folder("inbox")),
                 soap_fault("SyncFolderItems", "ErrorServerBusy", value("BackOffMilliseconds", "60000"))});
  auto page_ = with.changes();
  ASSERT_FALSE(page_);
  EXPECT_EQ(page_.error().kind, FaultKind::throttled);
  EXPECT_EQ(page_.error().retry_after, std::chrono::seconds(60));
  page_ = with.changes();
  ASSERT_FALSE(page_);
  EXPECT_EQ(page_.error().kind, FaultKind::throttled) << "and no request left";
  EXPECT_EQ(with.server.verdict(), "");
  with.host.skew = std::chrono::seconds(61);
  with.server.more(
      {said("GetFolder", folder("inbox")), said("SyncFolderItems", page(created("a"))), said("GetItem", item("a"))});
  EXPECT_EQ(told(with.changes()), "+a .");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsPitfalls, ews05OneBusyMailboxHindersNoOther) {
  OnScript with({said("GetFolder", folder("inbox")),
                 soap_fault("SyncFolderItems", "ErrorServerBusy", value("BackOffMilliseconds", "60000"))});
  ASSERT_FALSE(with.changes());
  with.server.more({folders()});
  EXPECT_TRUE(with.backend->open(within(), {"bob@x.org", "bob@x.org", "bob@x.org"}));
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsPitfalls, ews14AnItemThatIsNamedAndNotGivenStopsNothing) {
  OnScript with({said("GetFolder", folder("inbox")),
                 said("SyncFolderItems", page(created("a") + created("ghost") + created("b"))),
                 said("GetItem", item("a") + bad("GetItem", "ErrorItemNotFound") + item("b"), {"Id=\"ghost\""})});
  const auto page_ = with.changes();
  EXPECT_EQ(told(page_), "+a +b .");
  ASSERT_TRUE(page_);
  EXPECT_FALSE(page_->more);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsPitfalls, ews15PatienceIsLongerThanAStreamLives) {
  for (int minutes = 1; minutes <= 30; ++minutes) EXPECT_GT(patience(minutes), std::chrono::minutes(minutes));
}

TEST(EwsPitfalls, ews20AnAnswerInTheWrongMailboxIsSaid) {
  OnScript with({said("GetItem", item("m", "CalendarItem", "<t:MyResponseType>Organizer</t:MyResponseType>")),
                 said("CreateItem", bad("CreateItem", "ErrorCalendarIsOrganizerForAccept"),
                      {"<t:AcceptItem><t:ReferenceItemId Id=\"m\" ChangeKey=\"k-m\"/>"})});
  Attempt attempt{"token", {}, {}};
  const auto answered = with.session->respond(within(), "e:m", {.answer = Reply::accept}, attempt);
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().kind, FaultKind::denied);
  EXPECT_EQ(with.server.verdict(), "");
}

struct Deaf final : Hints {
  void hint(View, const Hint&) noexcept override {}
  void lost(View, const Fault&) noexcept override {}
};

TEST(EwsWatch, WithoutStreamsMailboxesArePolled) {
  Deaf ears;
  OnScript quiet({}, {{"streaming", "no"}});
  EXPECT_EQ(quiet.backend->watch(ears), nullptr);
  OnScript streaming({});
  EXPECT_NE(streaming.backend->watch(ears), nullptr);
}

TEST(Respond, AnAnswerIsSentWithItsComment) {
  const auto answered =
      good("CreateItem", "<m:Items><t:CalendarItem><t:ItemId Id='m' ChangeKey='2'/></t:CalendarItem></m:Items>");
  OnScript with({said("GetItem", item("m", "CalendarItem", "<t:MyResponseType>NoResponseReceived</t:MyResponseType>")),
                 said("CreateItem", answered,
                      {"MessageDisposition=\"SendAndSaveCopy\"",
                       "<t:DeclineItem><t:Body BodyType=\"Text\">no &amp; no</t:Body>"})});
  Bytes noted;
  Attempt attempt{"token", {}, [&](View note) -> Result<void> { return (noted = note, Result<void>{}); }};
  const auto done = with.session->respond(within(), "e:m", {Reply::decline, "no & no"}, attempt);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->id, "e:m");
  EXPECT_EQ(done->content_rev, "2");
  EXPECT_NE(noted, "");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Respond, AnAnswerThatWasGivenIsNotGivenAgain) {
  OnScript with({said("GetItem", item("m", "CalendarItem", "<t:MyResponseType>Tentative</t:MyResponseType>"))});
  Attempt attempt{"token", "answering", {}};
  EXPECT_TRUE(with.session->respond(within(), "e:m", {.answer = Reply::tentative}, attempt));
  EXPECT_EQ(with.server.verdict(), "") << "and no CreateItem was sent";
}

TEST(EwsPitfalls, ews17ASearchIsAskedInPages) {
  const auto hits = [](const std::string& ids, bool last) {
    std::string made;
    for (const char id : ids) made += fmt::format("<t:Message><t:ItemId Id='{}'/></t:Message>", id);
    return good("FindItem",
                fmt::format("<m:RootFolder IncludesLastItemInRange='{}' IndexedPagingOffset='2'><t:Items>{}</t:Items>"
                            "</m:RootFolder>",
                            last, made));
  };
  OnScript with({said("FindItem", hits("ab", false), {"MaxEntriesReturned=\"100\" Offset=\"0\""}),
                 said("FindItem", hits("c", true), {"MaxEntriesReturned=\"100\" Offset=\"2\""})});
  auto found = with.session->search(within(), "inbox", "words", {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->ids, (std::vector<Bytes>{"a", "b"}));
  ASSERT_FALSE(found->next.empty());
  found = with.session->search(within(), "inbox", "words", found->next);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->ids, std::vector<Bytes>{"c"});
  EXPECT_TRUE(found->next.empty());
  EXPECT_EQ(with.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::ews
