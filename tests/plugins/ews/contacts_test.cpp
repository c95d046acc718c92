// SPDX-License-Identifier: Apache-2.0
// Contacts: what the server says as a card, what a card says as fields, and that nothing is lost on the way.
#include "plugins/ews/contacts.hpp"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plugins/ews/attachments.hpp"
#include "plugins/ews/base64.hpp"
#include "plugins/ews/objects.hpp"

namespace tidegate::ews {
namespace {

xml::Element parsed(const std::string& text) {
  auto tree = xml::tree("<t:Contact xmlns:t='urn:t'>" + text + "</t:Contact>");
  EXPECT_TRUE(tree) << tree.error().text;
  return tree ? *tree : xml::Element{};
}
pim::Card card(const std::string& lines) {
  auto made = pim::Card::parse("BEGIN:VCARD\r\nVERSION:3.0\r\n" + lines + "END:VCARD\r\n");
  EXPECT_TRUE(made) << made.error().text;
  return *made;
}
bool says(const pim::Card& made, const std::string& line) { return made.octets().contains("\r\n" + line + "\r\n"); }

const std::string ann =
    "<t:Body BodyType='Text'>A note,\r\nin two "
    "lines\r\n</t:Body><t:Categories><t:String>Friends</t:String><t:String>a,b</t:String>"
    "</t:Categories><t:DisplayName>Ann "
    "Other</t:DisplayName><t:GivenName>Ann</t:GivenName><t:MiddleName>M</t:MiddleName>"
    "<t:CompanyName>Acme; Sons</t:CompanyName><t:EmailAddresses><t:Entry Key='EmailAddress1'>ann@x.org</t:Entry>"
    "<t:Entry Key='EmailAddress2'>a@y.org</t:Entry></t:EmailAddresses><t:PhysicalAddresses><t:Entry Key='Home'>"
    "<t:Street>1 Way</t:Street><t:City>Town</t:City><t:PostalCode>123</t:PostalCode></t:Entry></t:PhysicalAddresses>"
    "<t:PhoneNumbers><t:Entry Key='BusinessPhone'>1</t:Entry><t:Entry Key='BusinessPhone2'>2</t:Entry>"
    "<t:Entry Key='HomeFax'>3</t:Entry><t:Entry Key='MobilePhone'>4</t:Entry><t:Entry "
    "Key='Telex'>5</t:Entry></t:PhoneNumbers>"
    "<t:Birthday>1980-04-30T22:00:00Z</t:Birthday><t:Department>Sea</t:Department><t:JobTitle>Chief</t:JobTitle>"
    "<t:SpouseName>Bo</t:SpouseName><t:Surname>Other</t:Surname>";

TEST(Contacts, WhatTheServerSaysIsACard) {
  const auto made = card_of(contact_fields(parsed(ann)), "u-1", nullptr);
  for (const auto* line :
       {"UID:u-1", "FN:Ann Other", "N:Other;Ann;M;;", "ORG:Acme\\; Sons;Sea", "NOTE:A note\\,\\nin two lines",
        "CATEGORIES:Friends,a\\,b", "EMAIL:ann@x.org", "EMAIL:a@y.org", "ADR;TYPE=HOME:;;1 Way;Town;;123;",
        "TEL;TYPE=WORK:1", "TEL;TYPE=WORK:2", "TEL;TYPE=HOME,FAX:3", "TEL;TYPE=CELL:4", "TEL;TYPE=X-TELEX:5",
        "BDAY:1980-05-01", "TITLE:Chief", "X-SPOUSE:Bo"})
    EXPECT_TRUE(says(made, line)) << line << " in\n" << made.octets();
}

TEST(Contacts, WhatACardSaysIsFields) {
  const auto fields =
      contact_fields(card("FN:Ann\r\nN:Other;Ann;;Dr.;Jr.\r\nTEL;TYPE=WORK,VOICE:1\r\nTEL;TYPE=work:2\r\nTEL;TYPE=WORK:"
                          "3\r\nTEL;TYPE=FAX,HOME:4\r\n"
                          "TEL:5\r\nTEL;TYPE=CELL:6\r\nTEL;TYPE=CELL:7\r\nADR;TYPE=WORK:box;;Street;City;ST;1;"
                          "Land\r\nBDAY:19800501\r\nitem1.EMAIL:a@x.org\r\n"));
  const Fields wanted{{"contacts:DisplayName", "Ann"},
                      {"contacts:Surname", "Other"},
                      {"contacts:GivenName", "Ann"},
                      {"property:0x3A45", "Dr."},
                      {"contacts:Generation", "Jr."},
                      {"contacts:PhoneNumber#BusinessPhone", "1"},
                      {"contacts:PhoneNumber#BusinessPhone2", "2"},
                      {"contacts:PhoneNumber#HomeFax", "4"},
                      {"contacts:PhoneNumber#OtherTelephone", "5"},
                      {"contacts:PhoneNumber#MobilePhone", "6"},
                      {"contacts:PhysicalAddress:Street#Business", "Street"},
                      {"contacts:PhysicalAddress:City#Business", "City"},
                      {"contacts:PhysicalAddress:State#Business", "ST"},
                      {"contacts:PhysicalAddress:PostalCode#Business", "1"},
                      {"contacts:PhysicalAddress:CountryOrRegion#Business", "Land"},
                      {"contacts:Birthday", "1980-05-01"},
                      {"contacts:EmailAddress#EmailAddress1", "a@x.org"}};
  EXPECT_EQ(fields, wanted);
}

TEST(Contacts, ABirthdayWithoutAYearStaysInTheCard) {
  const auto base = card("UID:u\r\nFN:A\r\nN:A;;;;\r\nBDAY:--0501\r\n");
  const auto fields = contact_fields(base);
  EXPECT_FALSE(fields.contains("contacts:Birthday"));
  EXPECT_EQ(card_of(fields, "u", &base).octets(), base.octets());
}

TEST(Contacts, WhatIsUnchangedIsTheOldCardToTheOctet) {
  const auto base = card(
      "UID:u\r\nFN:Ann\r\nN:Other;Ann;;;\r\nitem1.EMAIL;TYPE=INTERNET:a@x.org\r\nitem1.X-ABLabel:harbour\r\nX-UNKNOWN;"
      "P=1:kept?\r\n"
      "TEL;TYPE=WORK:1\r\nTEL;TYPE=WORK:2\r\nTEL;TYPE=WORK:3\r\nNOTE:long\r\n  "
      "folded\r\nPHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\n");
  EXPECT_EQ(card_of(contact_fields(base), "other", &base).octets(), base.octets());
}

TEST(Contacts, AChangeOnTheServerChangesItsLineAlone) {
  const auto base = card(
      "UID:u\r\nFN:Ann\r\nN:Other;Ann;;;\r\nitem1.EMAIL;TYPE=INTERNET:a@x.org\r\nitem1.X-ABLabel:harbour\r\nX-UNKNOWN;"
      "P=1:kept?\r\n"
      "TEL;TYPE=WORK,PREF:1\r\nTEL;TYPE=HOME:9\r\nADR;TYPE=HOME:box;flat;S;C;;;\r\n");
  auto fields = contact_fields(base);
  fields["contacts:EmailAddress#EmailAddress1"] = "b@x.org";
  fields.erase("contacts:PhoneNumber#HomePhone");
  fields["contacts:PhoneNumber#Pager"] = "7";
  fields["contacts:PhysicalAddress:City#Home"] = "Elsewhere";
  fields["contacts:Surname"] = "New";
  EXPECT_EQ(card_of(fields, "u", &base).octets(),
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nFN:Ann\r\nN:New;Ann;;;\r\nitem1.EMAIL;TYPE=INTERNET:b@x.org\r\n"
            "item1.X-ABLabel:harbour\r\nX-UNKNOWN;P=1:kept?\r\nTEL;TYPE=WORK,PREF:1\r\nADR;TYPE=HOME:box;flat;S;"
            "Elsewhere;;;\r\n"
            "TEL;TYPE=PAGER:7\r\nEND:VCARD\r\n");
}

TEST(Contacts, OnlyWhatChangedIsSent) {
  const auto before = contact_fields(parsed(ann + "<t:FileAs>Other, Ann</t:FileAs><t:Mileage>9</t:Mileage>"));
  auto after = contact_fields(card_of(before, "u", nullptr));
  EXPECT_EQ(contact_updates(before, after).find("SetItemField"), std::string::npos) << contact_updates(before, after);
  after["contacts:PhoneNumber#MobilePhone"] = "5";
  after.erase("contacts:SpouseName");
  after["contacts:PhysicalAddress:City#Home"] = "A & B";
  after["contacts:Birthday"] = "1981-01-01";
  EXPECT_EQ(
      contact_updates(before, after),
      "<t:SetItemField><t:FieldURI "
      "FieldURI=\"contacts:Birthday\"/><t:Contact><t:Birthday>1981-01-01T11:59:00Z</t:Birthday>"
      "</t:Contact></t:SetItemField>"
      "<t:SetItemField><t:IndexedFieldURI FieldURI=\"contacts:PhoneNumber\" FieldIndex=\"MobilePhone\"/><t:Contact>"
      "<t:PhoneNumbers><t:Entry Key=\"MobilePhone\">5</t:Entry></t:PhoneNumbers></t:Contact></t:SetItemField>"
      "<t:SetItemField><t:IndexedFieldURI FieldURI=\"contacts:PhysicalAddress:City\" FieldIndex=\"Home\"/><t:Contact>"
      "<t:PhysicalAddresses><t:Entry Key=\"Home\"><t:City>A &amp; "
      "B</t:City></t:Entry></t:PhysicalAddresses></t:Contact>"
      "</t:SetItemField>"
      "<t:DeleteItemField><t:FieldURI FieldURI=\"contacts:SpouseName\"/></t:DeleteItemField>");
}

// A field that exists on the server only (Mileage, a certificate: EWS-21) is in no update, whatever is edited.
TEST(Contacts, ews21ACertificateIsNeverWritten) {
  const auto before = contact_fields(
      parsed(ann + "<t:UserSMIMECertificate><t:Base64Binary>AA==</t:Base64Binary></t:UserSMIMECertificate>"));
  auto edited = card_of(before, "u", nullptr);
  edited.component().set(pim::Line("NICKNAME", "Annie"));
  const auto updates = contact_updates(before, contact_fields(edited));
  EXPECT_NE(updates.find("Nickname"), std::string::npos);
  EXPECT_EQ(updates.find("Certificate"), std::string::npos);
  EXPECT_EQ(contact_shape().find("Certificate"), std::string::npos);
}

// Whatever fields a server has: as a card and back they are the same.
TEST(Contacts, RandomFieldsComeBack) {
  std::mt19937 dice(7);
  std::vector<std::string> paths;
  for (const auto& [path, text] : contact_fields(parsed(ann))) paths.push_back(path);
  for (const auto* more :
       {"contacts:Nickname", "contacts:Profession", "contacts:PhoneNumber#HomePhone", "contacts:PhoneNumber#OtherFax",
        "contacts:PhoneNumber#TtyTddPhone", "contacts:PhoneNumber#OtherTelephone",
        "contacts:PhysicalAddress:Street#Business", "contacts:PhysicalAddress:CountryOrRegion#Other", "property:0x3A45",
        "contacts:Generation", "contacts:OfficeLocation"})
    paths.emplace_back(more);
  const std::string texts[] = {"x", "a;b", "c,d", "e\\f", "g\nh", "\xc3\xbc", "\"q\"", "<&>"};
  for (int i = 0; i < 500; ++i) {
    Fields fields{{"contacts:DisplayName", "D"}};
    for (const auto& path : paths) {
      if (dice() % 2 == 0) continue;
      const bool day = path.ends_with("Birthday") || path.ends_with("Anniversary");
      fields[path] = day ? "1990-01-0" + std::to_string(1 + dice() % 9) : texts[dice() % std::size(texts)];
    }
    // The second of two alike is the first where there is no first.
    if (!fields.contains("contacts:PhoneNumber#BusinessPhone")) fields.erase("contacts:PhoneNumber#BusinessPhone2");
    for (int n = 1; n < 3; ++n)
      if (!fields.contains("contacts:EmailAddress#EmailAddress" + std::to_string(n)))
        fields.erase("contacts:EmailAddress#EmailAddress" + std::to_string(n + 1));
    const auto made = card_of(fields, "u", nullptr);
    const auto again = pim::Card::parse(made.octets());
    ASSERT_TRUE(again) << made.octets();
    EXPECT_EQ(contact_fields(*again), fields) << made.octets();
    // And over any other card.
    auto base = card(
        "UID:u\r\nFN:B\r\nN:B;;;;\r\nX-A:1\r\nTEL;TYPE=WORK:9\r\nEMAIL:z@z\r\nNOTE:n\r\nADR;TYPE=HOME:;;q;;;;\r\n");
    const auto merged = card_of(fields, "u", &base);
    EXPECT_EQ(contact_fields(*pim::Card::parse(merged.octets())), fields) << merged.octets();
    EXPECT_TRUE(says(merged, "X-A:1"));
  }
}

std::string attachment(const std::string& id, bool photo, int size) {
  return fmt::format(
      "<t:FileAttachment><t:AttachmentId Id='{}'/><t:Name>x</t:Name><t:Size>{}</t:Size>"
      "<t:IsContactPhoto>{}</t:IsContactPhoto></t:FileAttachment>",
      id, size, photo);
}

TEST(Contacts, APhotoIsTheAttachmentThatSaysSo) {
  auto with = parsed("<t:Attachments>" + attachment("a", false, 5) + attachment("b", true, 7) + "</t:Attachments>");
  const auto held = held_attachments(Kind::contact, with);
  ASSERT_EQ(held.size(), 1U);
  EXPECT_EQ(held[0].id, "b");
  EXPECT_EQ(held[0].size, 7U);
  EXPECT_FALSE(contact_fields(with).contains(photo_path)) << "it has not been asked for";
  add_content(with, "b", base64("\x89PNG of Ann"));
  const auto card = card_of(contact_fields(with), "u", nullptr);
  ASSERT_TRUE(card.photo());
  EXPECT_EQ(card.photo()->octets, "\x89PNG of Ann");
  EXPECT_EQ(card.photo()->type, "image/png");
  EXPECT_EQ(contact_fields(card), contact_fields(with));
  EXPECT_FALSE(contact_updates({}, contact_fields(card)).contains("Photo")) << "it is no field";
  EXPECT_FALSE(contact_children(contact_fields(card)).contains("Photo"));
  const auto without = card_of({{"contacts:DisplayName", "Ann"}}, "u", &card);
  EXPECT_FALSE(without.photo());
}

TEST(Contacts, ALongCardIsStoredWithoutItsPhoto) {
  auto card = *pim::Card::parse("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nFN:Ann\r\nX-MINE:kept\r\nEND:VCARD\r\n");
  EXPECT_TRUE(stored_property(Kind::contact, card.octets()).contains(base64(card.octets())));
  const auto plain = card.octets();
  card.set_photo({.type = "image/jpeg", .octets = Bytes(300'000, 'p'), .uri = {}});
  EXPECT_TRUE(stored_property(Kind::contact, card.octets()).contains(base64(plain)));
  card.component().remove("PHOTO");
  card.component().add(pim::Line("X-LONG", Bytes(300'000, 'x')));
  EXPECT_EQ(stored_property(Kind::contact, card.octets()), "");
}

}  // namespace
}  // namespace tidegate::ews
