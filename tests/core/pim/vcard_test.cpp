// SPDX-License-Identifier: Apache-2.0
#include "core/pim/vcard.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/core/pim/objects.hpp"

namespace tidegate::pim {
namespace {

using namespace test;

Card card(std::initializer_list<std::string_view> inside) {
  const auto octets = "BEGIN:VCARD\r\n" + lines(inside) + "END:VCARD\r\n";
  auto read = Card::parse(octets);
  EXPECT_TRUE(read) << (read ? "" : read.error().text);
  EXPECT_EQ(read->octets(), octets);
  return std::move(*read);
}

TEST(Vcard, WhatIsWrongIsSaidWithItsLine) {
  const std::pair<const char*, const char*> table[] = {
      {"", "Line 1: there is no VCARD."},
      {"BEGIN:VCARD\nFN:x\nEND:VCARD\n", "Line 1: the card has no VERSION that is 2.1, 3.0 or 4.0."},
      {"BEGIN:VCARD\nVERSION:5\nEND:VCARD\n", "Line 2: the card has no VERSION that is 2.1, 3.0 or 4.0."},
      {"BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n",
       "Line 4: a second card begins here."},
      {"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "Line 1: this is no VCARD."},
      {"BEGIN:VCARD\nVERSION:3.0\nwhat\nEND:VCARD\n", "Line 3: what has no colon before its value."},
  };
  for (const auto& [octets, text] : table) {
    const auto read = Card::parse(octets);
    ASSERT_FALSE(read) << octets;
    EXPECT_EQ(read.error().text, text);
  }
}

TEST(Vcard, AnEditLeavesGroupsParametersAndUnknownsAsTheyWere) {
  auto one = card({"VERSION:3.0", "N:Doe;John;;;", "FN:John Doe", "item1.TEL;type=CELL;type=pref;X-P=\"a;b\":+1 2",
                   "item1.X-ABLabel:_$!<Mobile>!$_", "X-UNKNOWN:kept", "UID:u"});
  const auto before = one.octets();
  one.component().set(Line("FN", "Jane Doe"));
  auto expected = before;
  expected.replace(expected.find("FN:John"), 7, "FN:Jane");
  EXPECT_EQ(one.octets(), expected);
}

TEST(Vcard, SeveralNumbersOfATypeAreSeveral) {
  const auto one = card({"VERSION:3.0", "FN:x", "TEL;TYPE=WORK,VOICE:1", "TEL;TYPE=work;TYPE=pref:2",
                         "TEL;TYPE=\"work,fax\":3", "item1.TEL:4", "ITEM1.X-ABLabel:Boat"});
  const auto all = one.entries("TEL");
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].types, (std::vector<std::string>{"WORK", "VOICE"}));
  EXPECT_TRUE(all[1].preferred);
  EXPECT_EQ(all[1].types, std::vector<std::string>{"WORK"});
  EXPECT_EQ(all[2].types, (std::vector<std::string>{"WORK", "FAX"}));
  EXPECT_EQ(all[3].label, "Boat");
}

TEST(Vcard, OldCardsAreReadAndBecomeNewOnes) {
  const auto old = card({"VERSION:2.1", "N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=F6rg;;;",
                         "FN;CHARSET=UTF-8;QUOTED-PRINTABLE:J=C3=B6rg, der =", " M=C3=BCller", "TEL;HOME;VOICE:1",
                         "TEL;PREF;CELL:2", "PHOTO;JPEG;ENCODING=BASE64:", "  AAEC", "  Aw==", "",
                         "NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab", "X-Y;Z:kept"});
  EXPECT_EQ(old.fields(*old.component().find("N"))[0], "M\xC3\xBCller");
  EXPECT_EQ(old.name(), "J\xC3\xB6rg, der  M\xC3\xBCller");
  EXPECT_EQ(old.photo()->octets, std::string("\0\1\2\3", 4));
  const auto third = old.as(CardVersion::v3_0);
  EXPECT_EQ(third.octets(),
            "BEGIN:VCARD\r\n" +
                lines({"VERSION:3.0", "N:M\xC3\xBCller;J\xC3\xB6rg;;;", "FN:J\xC3\xB6rg\\, der  M\xC3\xBCller",
                       "TEL;TYPE=HOME,VOICE:1", "TEL;TYPE=PREF,CELL:2",
                       "PHOTO;TYPE=JPEG;ENCODING=b:AAECAw==", "NOTE:a\\nb", "X-Y;TYPE=Z:kept"}) +
                "END:VCARD\r\n");
  const auto fourth = old.as(CardVersion::v4_0);
  EXPECT_TRUE(fourth.octets().contains("PHOTO:data:image/jpeg;base64,AAECAw==\r\n")) << fourth.octets();
  EXPECT_TRUE(fourth.octets().contains("TEL;TYPE=CELL;PREF=1:2\r\n")) << fourth.octets();
  EXPECT_TRUE(same_meaning(third, fourth));
}

TEST(Vcard, GroupsOfAllMakes) {
  const auto apple = card({"VERSION:3.0", "FN:Friends", "N:Friends;;;;", "X-ADDRESSBOOKSERVER-KIND:group",
                           "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:a", "CATEGORIES:x\\,y,z"});
  EXPECT_TRUE(apple.group());
  EXPECT_EQ(apple.members(), std::vector<std::string>{"a"});
  EXPECT_EQ(apple.categories(), (std::vector<std::string>{"x,y", "z"}));
  const auto fourth = apple.as(CardVersion::v4_0);
  EXPECT_EQ(fourth.component().value("KIND"), "group");
  EXPECT_EQ(fourth.component().value("MEMBER"), "urn:uuid:a");
  EXPECT_EQ(fourth.as(CardVersion::v3_0).octets(), apple.octets());
}

TEST(Vcard, PhotosAreSetInTheVersionsOwnWay) {
  for (const auto version : {"3.0", "4.0"}) {
    auto one = card({std::string("VERSION:") + version, "FN:x", "N:x;;;;", "PHOTO:http://x/y.png"});
    EXPECT_EQ(one.photo()->uri, "http://x/y.png");
    const std::string octets("\xFF\xD8\0\1", 4);
    one.set_photo({"image/png", octets, {}});
    const auto again = Card::parse(one.octets());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->photo()->octets, octets);
    EXPECT_EQ(again->photo()->type, "image/png");
    const auto other = again->as(again->version() == CardVersion::v3_0 ? CardVersion::v4_0 : CardVersion::v3_0);
    EXPECT_EQ(other.photo()->octets, octets);
    EXPECT_EQ(other.photo()->type, "image/png");
  }
}

TEST(Vcard, MeaningIsNotSpelling) {
  const auto one = card({"VERSION:3.0", "FN:a\\, b", "N:b;a;;;", "TEL;TYPE=WORK,VOICE:1", "REV:1", "UID:u"});
  EXPECT_TRUE(same_meaning(one, card({"VERSION:3.0", "UID:urn:uuid:u", "tel;type=voice;type=work:1", "n:b;a;;;", "F",
                                      " N:a\\, b", "PRODID:x"})));
  for (const auto* fn : {"FN:a\\, c", "FN:a\\, b;"})
    EXPECT_FALSE(same_meaning(one, card({"VERSION:3.0", fn, "N:b;a;;;", "TEL;TYPE=WORK,VOICE:1", "UID:u"}))) << fn;
  EXPECT_FALSE(same_meaning(one, card({"VERSION:3.0", "FN:a\\, b", "N:b;a;;;", "TEL;TYPE=WORK:1", "UID:u"})));
  EXPECT_FALSE(
      same_meaning(one, card({"VERSION:3.0", "FN:a\\, b", "N:b;a;;;", "item1.TEL;TYPE=WORK,VOICE:1", "UID:u"})));
}

/// TIDEGATE_CORPUS: a folder with vcard/, of cards as they are found in the world. Not part of this project.
TEST(Vcard, CardsOfTheWorldComeBackInEveryVersion) {
  const char* corpus = std::getenv("TIDEGATE_CORPUS");
  if (corpus == nullptr) GTEST_SKIP() << "no TIDEGATE_CORPUS";
  int taken = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(std::string(corpus) + "/vcard")) {
    if (file.path().extension() != ".vcf") continue;
    std::ostringstream text;
    text << std::ifstream(file.path(), std::ios::binary).rdbuf();
    const auto octets = text.str();
    const auto all = Card::parse_all(octets);
    if (!all) {
      EXPECT_TRUE(all.error().text.starts_with("Line ")) << file.path();
      std::cout << file.path().filename() << ": " << all.error().text << '\n';
      continue;
    }
    ++taken;
    Bytes back;
    for (const auto& each : *all) {
      back += each.octets();
      for (const auto version : {CardVersion::v3_0, CardVersion::v4_0}) {
        const auto other = Card::parse(each.as(version).octets());
        ASSERT_TRUE(other) << file.path() << other.error().text;
        EXPECT_EQ(canonical(*other), canonical(each)) << file.path();
        EXPECT_EQ(other->name(), each.name()) << file.path();
      }
    }
    EXPECT_EQ(back, octets) << file.path();
  }
  EXPECT_GE(taken, 15);
}

}  // namespace
}  // namespace tidegate::pim
