// SPDX-License-Identifier: Apache-2.0
// Who is told when an event is made, changed or removed: the guests, by their organizer.
#include "plugins/ews/events.hpp"
#include "tests/plugins/ews/scripted_ews.hpp"

namespace tidegate::ews {
namespace {

const std::string guests =
    "<t:RequiredAttendees><t:Attendee><t:Mailbox><t:EmailAddress>bob@x.org</t:EmailAddress></t:Mailbox></t:Attendee>"
    "</t:RequiredAttendees>";
std::string organizer(const std::string& address) {
  return "<t:Organizer><t:Mailbox><t:EmailAddress>" + address + "</t:EmailAddress></t:Mailbox></t:Organizer>";
}
std::string response(const std::string& word_) { return "<t:MyResponseType>" + word_ + "</t:MyResponseType>"; }
const std::string ahead = "<t:Start>2999-01-01T10:00:00Z</t:Start><t:End>2999-01-01T11:00:00Z</t:End>";
const std::string over = "<t:Start>2001-01-01T10:00:00Z</t:Start><t:End>2001-01-01T11:00:00Z</t:End>";
const std::string weekly =
    "<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek>"
    "</t:WeeklyRecurrence><t:NoEndRecurrence><t:StartDate>2001-01-01</t:StartDate></t:NoEndRecurrence></t:Recurrence>";

TEST(Organizing, TheServerKnowsWhoItIsElseTheAddressTells) {
  EXPECT_TRUE(organizes("Organizer", "other@x.org", "ann@x.org")) << "an alias";
  for (const auto* guest : {"Accept", "Tentative", "Decline", "NoResponseReceived"})
    EXPECT_FALSE(organizes(guest, "ann@x.org", "ann@x.org")) << guest;
  for (const auto* unsaid : {"", "Unknown"}) {
    EXPECT_TRUE(organizes(unsaid, "Ann@X.org", "ann@x.org"));
    EXPECT_TRUE(organizes(unsaid, "", "ann@x.org"));
    EXPECT_FALSE(organizes(unsaid, "bob@x.org", "ann@x.org"));
  }
}

TEST(Organizing, GuestsHearThatAnEventWasRemoved) {
  const struct {
    const char* what;
    std::string event;
    const char* cancellations;
  } table[] = {
      {"the organizer's", guests + response("Organizer") + ahead, "SendToAllAndSaveCopy"},
      {"nobody is asked", response("Organizer") + ahead, "SendToNone"},
      {"a guest's copy", guests + response("Accept") + organizer("bob@x.org") + ahead, "SendToNone"},
      {"it is over", guests + response("Organizer") + over, "SendToNone"},
      {"a series goes on", guests + response("Organizer") + over + weekly, "SendToAllAndSaveCopy"},
      {"called off before", guests + response("Organizer") + ahead + "<t:IsCancelled>true</t:IsCancelled>",
       "SendToNone"},
      {"by address", guests + organizer("ann@x.org") + ahead, "SendToAllAndSaveCopy"},
      {"by another's address", guests + organizer("bob@x.org") + ahead, "SendToNone"},
  };
  for (const auto& row : table) {
    OnScript with({said("GetItem", item("m", "CalendarItem", row.event)),
                   said("DeleteItem", good("DeleteItem"),
                        {fmt::format("SendMeetingCancellations=\"{}\"", row.cancellations), "Id=\"m\""})});
    const auto removed = with.session->remove(within(), "e:m", "calendar", "k-m");
    EXPECT_TRUE(removed) << row.what;
    EXPECT_EQ(with.server.verdict(), "") << row.what;
  }
}

TEST(Organizing, WhatChangedMeanwhileIsNotRemoved) {
  OnScript with({said("GetItem", item("m", "CalendarItem", guests + ahead))});
  const auto removed = with.session->remove(within(), "e:m", "calendar", "older");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind, FaultKind::conflict);
  EXPECT_EQ(with.server.verdict(), "");
}

std::string event_by(const std::string& organizer_, const std::string& summary = "Talk") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:u1\r\nDTSTAMP:20260101T000000Z\r\n"
         "DTSTART:29990101T100000Z\r\nDTEND:29990101T110000Z\r\nSUMMARY:" +
         summary + "\r\n" + (organizer_.empty() ? "" : "ORGANIZER:mailto:" + organizer_ + "\r\n") +
         "ATTENDEE:mailto:bob@x.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
}

TEST(Organizing, AnothersEventThatIsFiledInvitesNobody) {
  const auto person = [](const std::string& address) {
    return "<t:Resolution><t:Mailbox><t:Name>x</t:Name><t:EmailAddress>" + address +
           "</t:EmailAddress></t:Mailbox></t:Resolution>";
  };
  const auto found = [](const std::string& people) {
    return good("ResolveNames", "<m:ResolutionSet>" + people + "</m:ResolutionSet>");
  };
  const auto nobody = bad("ResolveNames", "ErrorNameResolutionNoResults");
  const struct {
    const char *organizer, *invitations;
    std::string in_directory;  // empty: it is not asked
  } table[] = {{"", "SendToAllAndSaveCopy", ""},
               {"ann@x.org", "SendToAllAndSaveCopy", ""},
               {"annie@x.org", "SendToAllAndSaveCopy", found(person("Ann@X.org"))},
               {"carl@x.org", "SendToNone", found(person("carl@x.org"))},
               {"carl@far.org", "SendToNone", nobody},
               {"an@x.org", "SendToNone", found(person("an@x.org") + person("ann@x.org"))},
               {"annie@x.org", "SendToNone", bad("ResolveNames", "ErrorAccessDenied")}};
  for (const auto& [organizer_, invitations, in_directory] : table) {
    std::vector<HttpStep> script;
    if (!in_directory.empty())
      script.push_back(said("ResolveNames", in_directory, {fmt::format("Entry>smtp:{}<", organizer_)}));
    script.push_back(
        said("CreateItem",
             good("CreateItem", "<m:Items><t:CalendarItem><t:ItemId Id='m' ChangeKey='k'/></t:CalendarItem></m:Items>"),
             {fmt::format("SendMeetingInvitations=\"{}\"", invitations)}));
    OnScript with(std::move(script));
    Attempt attempt{"token", {}, {}};
    const auto octets = event_by(organizer_);
    EXPECT_TRUE(with.session->create(
        within(), "calendar", {.kind = Kind::event, .size = octets.size(), .flags = 0, .keywords = {}, .received = {}},
        source_of(octets), attempt));
    EXPECT_EQ(with.server.verdict(), "") << organizer_;
  }
}

TEST(Organizing, WhileTheDirectoryIsBusyNothingIsMade) {
  OnScript with({said("ResolveNames", bad("ResolveNames", "ErrorServerBusy", value("BackOffMilliseconds", "5000")))});
  Attempt attempt{"token", {}, {}};
  const auto octets = event_by("annie@x.org");
  const auto made = with.session->create(
      within(), "calendar", {.kind = Kind::event, .size = octets.size(), .flags = 0, .keywords = {}, .received = {}},
      source_of(octets), attempt);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, FaultKind::throttled);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Organizing, AGuestChangesHisOwnCopyAlone) {
  for (const auto& [word_, invitations] : {std::pair{"Organizer", "SendToAllAndSaveCopy"}, {"Accept", "SendToNone"}}) {
    const auto there = "<t:Subject>Talk</t:Subject>" + ahead + organizer("carl@x.org") + guests + response(word_);
    OnScript with({said("GetItem", item("m", "CalendarItem", there)),
                   said("UpdateItem", good("UpdateItem"),
                        {fmt::format("SendMeetingInvitationsOrCancellations=\"{}\"", invitations), "<t:Subject>Walk"}),
                   said("GetItem", item("m", "CalendarItem"))});
    EXPECT_TRUE(with.session->update(within(), "e:m", "k-m", source_of(event_by("carl@x.org", "Walk"))));
    EXPECT_EQ(with.server.verdict(), "") << word_;
  }
}

}  // namespace
}  // namespace tidegate::ews
