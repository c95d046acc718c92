// SPDX-License-Identifier: Apache-2.0
// Given bytes in: faults and pages of synchronisation, streams of envelopes, hostile answers.
#include "plugins/ews/answers.hpp"

#include <gtest/gtest.h>

namespace tidegate::ews {
namespace {

constexpr std::string_view head =
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns:m='urn:m' xmlns:t='urn:t'><s:Body>";
constexpr std::string_view foot = "</s:Body></s:Envelope>";

std::string whole(std::string_view body) { return std::string(head) + std::string(body) + std::string(foot); }

/// A page from an answer that comes in pieces of that size.
Result<SyncPage> page_of(const std::string& octets, std::size_t piece = 7) {
  SyncParts parts;
  Answer answer(SyncParts::names(), [&parts](xml::Element&& part) { return parts.take(std::move(part)); });
  for (std::size_t at = 0; at < octets.size(); at += piece)
    if (!answer.feed(std::string_view(octets).substr(at, piece))) break;
  if (auto good = answer.finish(); !good) return std::unexpected(good.error());
  if (answer.fault()) return std::unexpected(fault_of(*answer.fault(), "here"));
  return parts.page("here");
}

constexpr std::string_view sync_page =
    "<m:SyncFolderItemsResponse><m:ResponseMessages><m:SyncFolderItemsResponseMessage ResponseClass='Success'>"
    "<m:ResponseCode>NoError</m:ResponseCode><m:SyncState> H4sI= </m:SyncState>"
    "<m:IncludesLastItemInRange>false</m:IncludesLastItemInRange><m:Changes>"
    "<t:Create><t:Message><t:ItemId Id='a' ChangeKey='1'/></t:Message></t:Create>"
    "<t:Update><t:CalendarItem><t:ItemId Id='b' ChangeKey='2'/></t:CalendarItem></t:Update>"
    "<t:Delete><t:ItemId Id='c' ChangeKey='3'/></t:Delete>"
    "<t:ReadFlagChange><t:ItemId Id='d' ChangeKey='4'/><t:IsRead>true</t:IsRead></t:ReadFlagChange>"
    "<t:Create><t:Message/></t:Create><t:Delete/>"
    "</m:Changes></m:SyncFolderItemsResponseMessage></m:ResponseMessages></m:SyncFolderItemsResponse>";

TEST(Answers, APageOfChangesIsReadInWhateverPieces) {
  for (const std::size_t piece : {1U, 2U, 13U, 100'000U}) {
    const auto page = page_of(whole(sync_page), piece);
    ASSERT_TRUE(page) << page.error().cause;
    EXPECT_EQ(page->state, "H4sI=");
    EXPECT_FALSE(page->last);
    ASSERT_EQ(page->rows.size(), 4U) << "what has no id is passed over";
    EXPECT_EQ(page->rows[0].id + page->rows[1].id + page->rows[2].id + page->rows[3].id, "abcd");
    EXPECT_EQ(page->rows[0].kind, "Message");
    EXPECT_EQ(page->rows[1].kind, "CalendarItem");
    EXPECT_EQ(page->rows[2].what, SyncPage::What::deleted);
    EXPECT_TRUE(page->rows[3].read);
  }
}

TEST(Answers, AnExpiredStateIsAnExpiredAnchor) {
  const auto page = page_of(
      whole("<m:R ResponseClass='Error'><m:MessageText>no</m:MessageText><m:ResponseCode>ErrorInvalidSyncStateData"
            "</m:ResponseCode><m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange></m:R>"));
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, FaultKind::anchor_expired);
}

TEST(Answers, BusyComesInThreeForms) {
  const std::string values = "<t:Value Name='BackOffMilliseconds'>1500</t:Value>";
  for (const auto& body :
       {"<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>x</faultstring><detail><e:ResponseCode "
        "xmlns:e='urn:e'>"
        "ErrorServerBusy</e:ResponseCode><t:MessageXml>" +
            values + "</t:MessageXml></detail></s:Fault>",
        "<s:Fault><faultcode>a:ErrorServerBusy</faultcode><faultstring>x</faultstring><detail><t:MessageXml>" + values +
            "</t:MessageXml></detail></s:Fault>",
        "<m:R><m:ResponseCode>ErrorInternalServerError</m:ResponseCode><m:MessageXml><t:Value "
        "Name='InnerErrorResponseCode'>"
        "ErrorServerBusy</t:Value>" +
            values + "</m:MessageXml></m:R>"}) {
    const auto page = page_of(whole(body));
    ASSERT_FALSE(page) << body;
    EXPECT_EQ(page.error().kind, FaultKind::throttled) << body;
    EXPECT_EQ(page.error().retry_after, std::chrono::milliseconds(1500)) << body;
  }
}

TEST(Answers, HostileXmlIsInvalid) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (const auto& octets :
       {std::string("<!DOCTYPE a [<!ENTITY b 'c'>]>") + whole(sync_page), whole(deep), std::string("<html>"),
        std::string(), whole(sync_page).substr(0, 400), whole("<a b='" + std::string(1U << 20, 'x') + "'/>"),
        std::string("\0\0\0", 3), whole("<m:ResponseCode>NoError</m:ResponseCode>")}) {
    const auto page = page_of(octets, 4096);
    ASSERT_FALSE(page) << octets.substr(0, 100);
    EXPECT_EQ(page.error().kind, FaultKind::invalid) << page.error().text;
  }
}

TEST(Answers, AnEndlessBodyIsCutIntoEnvelopes) {
  const std::string body =
      "<?xml version='1.0'?>" + whole("<m:A/>") + "\r\n " + whole("<m:B/>") + whole("<m:C/>") + "<s:Env";
  for (const std::size_t piece : {1U, 5U, 10'000U}) {
    Envelopes envelopes(1000);
    std::vector<std::string> found;
    for (std::size_t at = 0; at < body.size(); at += piece)
      ASSERT_TRUE(envelopes.feed(std::string_view(body).substr(at, piece), [&](std::string_view each) {
        found.emplace_back(each);
        return true;
      }));
    EXPECT_EQ(found, (std::vector{"<?xml version='1.0'?>" + whole("<m:A/>"), whole("<m:B/>"), whole("<m:C/>")}));
  }
  Envelopes small(100);
  EXPECT_FALSE(small.feed(std::string(101, 'x'), [](std::string_view) { return true; }))
      << "without end, and without bound";
}

TEST(Answers, EventsNameTheirFolders) {
  const auto tree = xml::tree(
      "<R "
      "ResponseClass='Success'><ResponseCode>NoError</ResponseCode><Notifications><Notification><SubscriptionId>s</"
      "SubscriptionId>"
      "<StatusEvent/><NewMailEvent><ItemId Id='i'/><ParentFolderId Id='f'/></NewMailEvent>"
      "<MovedEvent><ItemId Id='i'/><ParentFolderId Id='g'/><OldParentFolderId Id='f'/></MovedEvent></Notification>"
      "<Notification><SubscriptionId>u</SubscriptionId><CreatedEvent><FolderId Id='h'/><ParentFolderId "
      "Id='f'/></CreatedEvent>"
      "</Notification><Notification><SubscriptionId>v</SubscriptionId><StatusEvent/></Notification></Notifications>"
      "<ErrorSubscriptionIds><SubscriptionId>w</SubscriptionId></ErrorSubscriptionIds><ConnectionStatus>Closed</"
      "ConnectionStatus></R>");
  ASSERT_TRUE(tree);
  const auto notices = notices_in(*tree);
  ASSERT_EQ(notices.of.size(), 2U) << "a sign of life is no event";
  EXPECT_EQ(notices.of[0].folders, (std::vector<Bytes>{"f", "g"}));
  EXPECT_FALSE(notices.of[0].tree);
  EXPECT_TRUE(notices.of[1].tree);
  EXPECT_EQ(notices.lost, std::vector<Bytes>{"w"});
  EXPECT_TRUE(notices.closed);
}

}  // namespace
}  // namespace tidegate::ews
