// SPDX-License-Identifier: Apache-2.0
// Groups of contacts: lists of the server as cards, and back.
#include "plugins/ews/groups.hpp"

#include "tests/plugins/ews/scripted_ews.hpp"

namespace tidegate::ews {
namespace {

std::string member(const std::string& address) {
  return "<t:Member><t:Mailbox><t:Name>x</t:Name><t:EmailAddress>" + address +
         "</t:EmailAddress></t:Mailbox></t:Member>";
}
const std::string nested = "<t:Member><t:Mailbox><t:MailboxType>PrivateDL</t:MailboxType></t:Mailbox></t:Member>";
std::string list(const std::string& members) {
  return "<t:DisplayName>Crew</t:DisplayName><t:Members>" + members + "</t:Members>";
}
xml::Element tree(const std::string& inside) {
  return *xml::tree("<t:DistributionList xmlns:t='t'>" + inside + "</t:DistributionList>");
}
std::string card(const std::string& members, const std::string& more = "") {
  return "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nUID:u\r\nFN:Crew\r\n" + members + more + "END:VCARD\r\n";
}

TEST(Groups, AListIsACardAndBack) {
  const auto fields = group_fields(tree(list(member("bob@x.org") + nested + member("Ann@x.org"))));
  const auto made = group_of(fields, "u", nullptr);
  EXPECT_TRUE(made.group());
  EXPECT_EQ(made.name(), "Crew");
  EXPECT_EQ(made.members(), (std::vector<std::string>{"mailto:ann@x.org", "mailto:bob@x.org"}));
  const auto again = group_fields(made);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, fields);
}

TEST(Groups, WhatIsUnchangedStaysToTheOctet) {
  const auto octets = card("MEMBER:mailto:BOB@x.org\r\nMEMBER:mailto:ann@x.org\r\n", "X-MINE:kept\r\n");
  const auto base = *pim::Card::parse(octets);
  EXPECT_EQ(group_of(group_fields(tree(list(member("ann@x.org") + member("bob@x.org")))), "u", &base).octets(), octets);
  const auto changed = group_of(group_fields(tree(list(member("carl@x.org")))), "u", &base);
  EXPECT_EQ(changed.members(), std::vector<std::string>{"mailto:carl@x.org"});
  EXPECT_TRUE(changed.octets().contains("X-MINE:kept\r\n"));
  const auto apple = *pim::Card::parse(
      "BEGIN:VCARD\r\nVERSION:3.0\r\nX-ADDRESSBOOKSERVER-KIND:group\r\nUID:u\r\nFN:Crew\r\nN:Crew;;;;\r\nEND:"
      "VCARD\r\n");
  EXPECT_TRUE(group_of(group_fields(tree(list(member("carl@x.org")))), "u", &apple)
                  .octets()
                  .contains("X-ADDRESSBOOKSERVER-MEMBER:mailto:carl@x.org\r\n"));
}

TEST(Groups, AMemberByItsCardIsRefused) {
  const auto read = group_fields(*pim::Card::parse(card("MEMBER:urn:uuid:03a0e51f-d1aa-4385-8a53-e29025acd8af\r\n")));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, FaultKind::unsupported);
}

const NewItem group{.kind = Kind::contact, .size = 0, .flags = 0, .keywords = {}, .received = {}};
const std::string there =
    "<m:Items><t:DistributionList><t:ItemId Id='g' ChangeKey='k'/></t:DistributionList></m:Items>";

TEST(Groups, AGroupIsMade) {
  OnScript with({said("CreateItem", good("CreateItem", there),
                      {"<t:DistributionList>",
                       "<t:DisplayName>Crew</t:DisplayName><t:Members><t:Member><t:Mailbox>"
                       "<t:EmailAddress>ann@x.org</t:EmailAddress>"})});
  Attempt attempt{"token", {}, {}};
  EXPECT_TRUE(
      with.session->create(within(), "contacts", group, source_of(card("MEMBER:mailto:ann@x.org\r\n")), attempt));
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Groups, TheyAreAmongTheContactsOfAFolder) {
  OnScript with({said("GetFolder", folder("people", "ContactsFolder")),
                 said("SyncFolderItems", page(created("a", "Contact") + created("g", "DistributionList"))),
                 said("GetItem", item("a", "Contact") + item("g", "DistributionList", list(member("ann@x.org"))),
                      {"distributionlist:Members"})});
  EXPECT_EQ(told(with.changes("people")), "+c:a +c:g .");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Groups, MembersThatNoCardNamesAreNotOverwritten) {
  const auto now = item("g", "DistributionList", list(member("ann@x.org") + nested));
  OnScript with({said("GetItem", now)});
  const auto refused = with.session->update(within(), "c:g", "k-g", source_of(card("MEMBER:mailto:bob@x.org\r\n")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::unsupported);
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more(
      {said("GetItem", now), said("UpdateItem", good("UpdateItem", there),
                                  {"<t:DistributionList><t:ExtendedProperty>", "!distributionlist:Members"})});
  EXPECT_TRUE(
      with.session->update(within(), "c:g", "k-g", source_of(card("MEMBER:mailto:ann@x.org\r\n", "X-MINE:1\r\n"))));
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Groups, AGroupDoesNotBecomeAPerson) {
  OnScript with({said("GetItem", item("g", "DistributionList", list(member("ann@x.org"))))});
  const auto refused = with.session->update(
      within(), "c:g", "k-g", source_of("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nFN:Crew\r\nN:;;;;\r\nEND:VCARD\r\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::unsupported);
}

}  // namespace
}  // namespace tidegate::ews
