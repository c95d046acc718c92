// SPDX-License-Identifier: Apache-2.0
#include "device/vdir_object.hpp"

#include <gtest/gtest.h>

#include "tests/device/objects_fixture.hpp"

namespace tidegate::device {
namespace {

TEST(VdirObject, ReadsWhatItIs) {
  const auto read = read_object(event("a@b", "x"), Kind::event);
  EXPECT_EQ(read.wrong, "");
  EXPECT_EQ(read.uid, "a@b");
  EXPECT_EQ(read.kind, Kind::event);
  const std::string task =
      "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\nBEGIN:VTODO\nUID:t\nEND:VTODO\nEND:VCALENDAR\n";
  EXPECT_EQ(read_object(task, Kind::event).wrong, "");
  EXPECT_EQ(read_object(task, Kind::event).kind, Kind::task) << "a time zone is no object";
  const auto contact = read_object("BEGIN:VCARD\nitem1.UID;VALUE=text:one\n two\nFN:x\nEND:VCARD\n", Kind::contact);
  EXPECT_EQ(contact.wrong, "");
  EXPECT_EQ(contact.uid, "onetwo");
  EXPECT_EQ(contact.kind, Kind::contact);
}

TEST(VdirObject, SaysWhatNoStoreCanTakeAndWhere) {
  const struct {
    std::string octets;
    Kind kind;
    const char* wrong;
  } cases[] = {
      {"", Kind::event, "line 0: there is no event, task or note in it"},
      {"hello\n", Kind::event, "line 1: before BEGIN or behind END there is text"},
      {event("a", "x").substr(0, 60), Kind::event, "line 4: END:VEVENT is missing"},
      {"BEGIN:VCALENDAR\nEND:VCALENDAR\n", Kind::event, "line 2: there is no event, task or note in it"},
      {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n", Kind::event, "line 4: it has no UID"},
      {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nEND:VCALENDAR\n", Kind::event, "line 4: END:VCALENDAR has no BEGIN"},
      {event("a", "x") + event("a", "y"), Kind::event, "line 10: it holds more than one calendar"},
      {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nEND:VEVENT\nBEGIN:VEVENT\nUID:b\nEND:VEVENT\nEND:VCALENDAR\n",
       Kind::event, "line 6: it holds more than one object; each needs a file of its own"},
      {card("a", "x") + card("b", "y"), Kind::contact, "line 6: it holds more than one card"},
      {card("a", "x"), Kind::event, "line 1: it is not a calendar object"},
      {event("a", "x"), Kind::contact, "line 1: it is not a card"},
      {"BEGIN:VCARD\nFN:x\nEND:VCARD\n", Kind::contact, "line 3: it has no UID"},
  };
  for (const auto& [octets, kind, wrong] : cases) EXPECT_EQ(read_object(octets, kind).wrong, wrong) << octets;
}

TEST(VdirObject, OverridesShareTheUidAndAlarmsHaveTheirOwn) {
  const std::string series =
      "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nBEGIN:VALARM\nUID:alarm\nEND:VALARM\nEND:VEVENT\nBEGIN:VEVENT\nUID:a\n"
      "RECURRENCE-ID:20260101\nEND:VEVENT\nEND:VCALENDAR\n";
  EXPECT_EQ(read_object(series, Kind::event).wrong, "");
  EXPECT_EQ(read_object(series, Kind::event).uid, "a");
}

TEST(VdirObject, TheSameLinesFoldedOtherwiseAreTheSame) {
  const auto canonical = [](const std::string& octets) { return read_object(octets, Kind::event).canonical; };
  const auto as_it_is = event("a", "a long summary");
  auto folded = as_it_is, lines = as_it_is;
  folded.replace(folded.find("long"), 4, "lo\r\n ng");
  std::erase(lines, '\r');
  EXPECT_EQ(canonical(folded), canonical(as_it_is));
  EXPECT_EQ(canonical(lines), canonical(as_it_is));
  EXPECT_EQ(canonical(as_it_is.substr(0, as_it_is.size() - 2)), canonical(as_it_is));
  EXPECT_NE(canonical(event("a", "a longer summary")), canonical(as_it_is));
  auto joined = as_it_is;  // two lines in one are another thing
  joined.erase(joined.find("\r\nDTSTART"), 2);
  EXPECT_NE(canonical(joined), canonical(as_it_is));
}

TEST(VdirObject, NothingCrashesItOrTakesLong) {
  std::uint64_t dice = 7;
  const std::string letters = "BEGIN:VEVENT\nUD\r \t;.\xEF\xBB\xBF";
  for (int turn = 0; turn < 3000; ++turn) {
    std::string text = turn % 2 == 0 ? "" : event("a", "x").substr(0, static_cast<std::size_t>(turn) % 150);
    for (int n = 0; n < 60; ++n)
      text += letters[(dice = dice * 6364136223846793005ULL + 1442695040888963407ULL) >> 40 & 15];
    (void)read_object(text, turn % 3 == 0 ? Kind::contact : Kind::event);
  }
  std::string deep;
  for (int n = 0; n < 100'000; ++n) deep += "BEGIN:VEVENT\n";
  EXPECT_NE(read_object(deep, Kind::event).wrong, "");
  EXPECT_NE(read_object(std::string(1 << 22, ' '), Kind::event).wrong, "");
}

}  // namespace
}  // namespace tidegate::device
