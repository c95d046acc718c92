// SPDX-License-Identifier: Apache-2.0
// Notes as VJOURNAL and back; what is asked and sent of them.
#include "plugins/ews/notes.hpp"

#include <random>

#include "tests/plugins/ews/calendar_object.hpp"
#include "tests/plugins/ews/scripted_ews.hpp"

namespace tidegate::ews {
namespace {

std::string journal_text(const std::string& lines) { return calendar_text("VJOURNAL", lines); }
pim::CalendarObject journal(const std::string& lines) { return object(journal_text(lines)); }
std::string color(const std::string& number, const std::string& id = "35584") {
  return "<t:ExtendedProperty><t:ExtendedFieldURI PropertySetId='0006200e-0000-0000-c000-000000000046' "
         "PropertyId='" +
         id + "' PropertyType='Integer'/><t:Value>" + number + "</t:Value></t:ExtendedProperty>";
}
Fields of_element(const std::string& inside) {
  return note_fields(*xml::tree("<t:Message xmlns:t='t'>" + inside + "</t:Message>"));
}
Fields text(const std::string& subject, const std::string& body) {
  return of_element("<t:Subject>" + subject + "</t:Subject><t:Body>" + body + "</t:Body>");
}

TEST(Notes, WhatTheServerSaysIsAJournal) {
  const auto fields = of_element(
      "<t:ItemClass>IPM.StickyNote</t:ItemClass><t:Subject>Shopping</t:Subject><t:Sensitivity>Private</t:Sensitivity>"
      "<t:Body BodyType='Text'>Shopping\r\nmilk, bread\r\n</t:Body><t:DateTimeCreated>2026-05-01T10:00:00Z"
      "</t:DateTimeCreated><t:Categories><t:String>home</t:String></t:Categories>" +
      color("4", "35585") + color("1") + "<t:LastModifiedTime>2026-05-02T10:00:00Z</t:LastModifiedTime>");
  EXPECT_EQ(note_of(fields, "u-1", nullptr),
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tidegate//EWS//EN\r\nBEGIN:VJOURNAL\r\nUID:u-1\r\nDTSTAMP:"
            "19700101T000000Z\r\nCATEGORIES:home\r\nCLASS:PRIVATE\r\nSUMMARY:Shopping\r\nDESCRIPTION:milk\\, bread\r\n"
            "COLOR:green\r\nCREATED:20260501T100000Z\r\nLAST-MODIFIED:20260502T100000Z\r\nEND:VJOURNAL\r\nEND:"
            "VCALENDAR\r\n");
}

TEST(Notes, SubjectAndTextAreOneText) {
  const std::string long_line(300, 'x');
  const struct {
    std::string subject, body, whole;
  } table[] = {{"a", "a\nb", "a\nb"},
               {"a", " a \r\nb\r\n\r\n", " a \nb"},
               {"a", "\n\na", "a"},
               {"a", "", "a"},
               {"", "a\nb", "a\nb"},
               {"", "  ", ""},
               {"other", "a\nb", "other\na\nb"},
               {"a", "apple\nb", "a\napple\nb"},
               {long_line.substr(0, 255), long_line + "\nb", long_line + "\nb"}};
  for (const auto& [subject, body, whole] : table)
    EXPECT_EQ(text_at(text(subject, body), "item:Body"), whole) << subject << '|' << body;
  EXPECT_FALSE(text("a", "a").contains("item:Subject"));
}

TEST(Notes, SeveralDescriptionsAreOneText) {
  const auto base = journal("DESCRIPTION:one\r\nSUMMARY:title\r\nDESCRIPTION:two\r\n");
  auto fields = note_fields(base);
  EXPECT_EQ(fields["item:Body"], "title\none\ntwo");
  EXPECT_EQ(note_of(fields, "x", &base), base.octets());
  fields["item:Body"] = "title\nthree";
  EXPECT_TRUE(note_of(fields, "x", &base).contains("\r\nDESCRIPTION:three\r\nSUMMARY:title\r\nEND"))
      << note_of(fields, "x", &base);
}

TEST(Notes, WhatIsUnchangedIsTheOldOneToTheOctet) {
  const auto base = journal(
      "SUMMARY:A\r\nDESCRIPTION:b\r\nDTSTART;VALUE=DATE:20260101\r\nCOLOR:tomato\r\nX-A:1\r\nLAST-MODIFIED:"
      "20260101T000000Z\r\nCREATED:20250101T000000Z\r\n");
  auto fields = note_fields(base);
  fields["read:Created"] = fields["read:Modified"] = "2026-07-01T00:00:00Z";
  EXPECT_EQ(note_of(fields, "other", &base), base.octets());
  fields["item:Categories"] = "x";
  const auto made = note_of(fields, "other", &base);
  EXPECT_TRUE(made.contains("LAST-MODIFIED:20260701T000000Z\r\nCREATED:20250101T000000Z")) << made;
  EXPECT_TRUE(made.contains("COLOR:tomato\r\nX-A:1\r\n")) << made;
}

TEST(Notes, OnlyWhatChangedIsSentAndTheTextWithItsFirstLine) {
  const auto before = text("Shopping", "Shopping\nmilk");
  auto after = before;
  EXPECT_EQ(note_updates(before, after), "");
  after["item:Body"] = "Shopping\nbread";
  EXPECT_EQ(note_updates(before, after),
            "<t:SetItemField><t:FieldURI FieldURI=\"item:Body\"/><t:Message><t:Body BodyType=\"Text\">Shopping\nbread"
            "</t:Body></t:Message></t:SetItemField>");
  after["item:Body"] = std::string(254, 'y') + "\xc3\xa4\xc3\xa4\nbread";
  EXPECT_TRUE(note_updates(before, after).contains("<t:Subject>" + std::string(254, 'y') + "\xc3\xa4</t:Subject>"));
  after = before;
  after["read:Color"] = "4";
  const auto made = note_updates(before, after);
  EXPECT_TRUE(made.contains("PropertyId=\"35584\" PropertyType=\"Integer\"/><t:Value>4</t:Value>")) << made;
  EXPECT_TRUE(made.contains("PropertyTag=\"0x1080\" PropertyType=\"Integer\"/><t:Value>772</t:Value>")) << made;
}

TEST(Notes, RandomFieldsComeBack) {
  std::mt19937 dice(5);
  const char* texts[] = {"", "a;b,c\\d", "one\ntwo", "one\n\n  two\nthree", " x "};
  const char* sensitivities[] = {"Normal", "Private", "Confidential"};
  const auto base = journal("SUMMARY:B\r\nDESCRIPTION:c\r\nCATEGORIES:q\r\nX-K:1\r\nCOLOR:pink\r\nCLASS:PRIVATE\r\n");
  for (int i = 0; i < 300; ++i) {
    Fields fields{{"item:Sensitivity", sensitivities[dice() % 3]}, {"read:Color", std::to_string(dice() % 5)}};
    set(fields, "item:Body", texts[dice() % 5]);
    if (dice() % 2) fields["item:Categories"] = "x,y\nz";
    EXPECT_EQ(note_fields(object(note_of(fields, "u", nullptr))), fields);
    const auto merged = note_of(fields, "u", &base);
    EXPECT_EQ(note_fields(object(merged)), fields) << merged;
    EXPECT_TRUE(merged.contains("X-K:1"));
  }
}

std::string note(const std::string& id, const std::string& text_, const std::string& of = "IPM.StickyNote",
                 const std::string& element = "Message") {
  return item(
      id, element,
      "<t:ItemClass>" + of + "</t:ItemClass><t:Subject>" + text_ + "</t:Subject><t:Body>" + text_ + "</t:Body>");
}

TEST(Notes, AFolderOfThemGivesThemAndNothingElse) {
  OnScript with(
      {said("GetFolder",
            good("GetFolder",
                 "<m:Folders><t:Folder><t:FolderId Id='notes'/><t:FolderClass>IPF.StickyNote</t:FolderClass>"
                 "</t:Folder></m:Folders>")),
       said("SyncFolderItems", page(created("a") + created("mail") + created("b", "Item") +
                                    created("e", "CalendarItem") + "<t:Delete><t:ItemId Id='gone'/></t:Delete>")),
       said("GetItem",
            note("a", "one") + note("mail", "no", "IPM.Note") + note("b", "two", "IPM.StickyNote.Own", "Item"),
            {"PropertyId=\"35584\"", "item:ItemClass", "BodyType>Text"})});
  const auto listed = with.changes("notes");
  EXPECT_EQ(told(listed), "+n:a +n:b -n:gone .");
  ASSERT_TRUE(listed);
  EXPECT_EQ(std::get<Upsert>(listed->changes[0]).kind, Kind::note);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Notes, OneIsMadeOnce) {
  const auto octets = journal_text("SUMMARY:Buy\r\nDESCRIPTION:milk\r\nX-MINE:1\r\n");
  const NewItem wanted{.kind = Kind::note, .size = octets.size(), .flags = 0, .keywords = {}, .received = {}};
  const std::string made = "<t:Message><t:ItemId Id='a' ChangeKey='k'/></t:Message>";
  OnScript with({said("CreateItem", good("CreateItem", "<m:Items>" + made + "</m:Items>"),
                      {"<m:CreateItem MessageDisposition=\"SaveOnly\">",
                       "<t:Message><t:ItemClass>IPM.StickyNote</t:ItemClass><t:Subject>Buy</t:Subject>",
                       "PropertyTag=\"0x0E07\" PropertyType=\"Integer\"/><t:Value>1</t:Value>",
                       "<t:Body BodyType=\"Text\">Buy\nmilk</t:Body>", "<t:Value>771</t:Value>"})});
  Attempt attempt{"token", {}, {}};
  const auto done = with.session->create(within(), "notes", wanted, source_of(octets), attempt);
  ASSERT_TRUE(done) << done.error().text << with.server.verdict();
  EXPECT_EQ(done->id, "n:a");
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more(
      {said("FindItem", good("FindItem", "<m:RootFolder><t:Items>" + made + "</t:Items></m:RootFolder>"))});
  Attempt again{"token", "created", {}};
  EXPECT_TRUE(with.session->create(within(), "notes", wanted, source_of(octets), again));
  EXPECT_EQ(with.server.verdict(), "") << "and no second CreateItem";
}

TEST(Notes, AnEditIsSentWithTheKeyThatWasEdited) {
  const auto octets = journal_text("SUMMARY:Buy\r\nDESCRIPTION:bread\r\nCOLOR:blue\r\n");
  OnScript with(
      {said("GetItem", note("a", "Buy")),
       said("UpdateItem",
            good("UpdateItem", "<m:Items><t:Message><t:ItemId Id='a' ChangeKey='k2'/></t:Message></m:Items>"),
            {"ConflictResolution=\"NeverOverwrite\"", "ChangeKey=\"k-a\"", "Buy\nbread", "<t:Value>768</t:Value>",
             "<t:Message><t:ExtendedProperty><t:ExtendedFieldURI PropertySetId="})});
  const auto done = with.session->update(within(), "n:a", "k-a", source_of(octets));
  ASSERT_TRUE(done) << done.error().text << with.server.verdict();
  EXPECT_EQ(done->content_rev, "k2");
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more({said("GetItem", note("a", "Buy"))});
  const auto stale = with.session->update(within(), "n:a", "older", source_of(octets));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().kind, FaultKind::conflict);
}

}  // namespace
}  // namespace tidegate::ews
