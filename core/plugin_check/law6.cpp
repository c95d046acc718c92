// SPDX-License-Identifier: Apache-2.0
// Law 6: what was created reads back equal: mail to the octet, iCalendar and vCard with every property kept.
#include <algorithm>

#include "core/plugin_check/stranger.hpp"
#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law6 : public Law {};

std::vector<std::pair<std::string, std::string>> mails() {
  const std::string head = "From: a@b.example\r\nSubject: x\r\nMessage-ID: <six@check.example>\r\n\r\n";
  std::string binary;
  for (int i = 1; i < 256; ++i)
    if (i != '\r' && i != '\n') binary += static_cast<char>(i);
  std::string large = head;
  while (large.size() < (3U << 20))
    large += "A line of seventy octets or so, again and again, until it is large....\r\n";
  return {{"an ordinary one", head + "Hello.\r\n"},
          {"no body", "Subject: nothing\r\n\r\n"},
          {"lines that begin with dots", head + ".\r\n..\r\n.x\r\n"},
          {"every octet but NUL", head + binary + "\r\n"},
          {"a line of 20,000 octets", head + std::string(20'000, 'x') + "\r\n"},
          {"no line end at the end", head + "cut"},
          {"From at the beginning of a line", head + "From here\r\n>From there\r\n"},
          {"3 MiB", large}};
}

TEST_F(Law6, MailReadsBackToTheOctet) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  for (const auto& [what, octets] : mails()) {
    SCOPED_TRACE(what);
    const auto id = put(*session_, folder, octets);
    if (id.empty()) continue;
    auto back = whole(*session_, id);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_TRUE(*back == octets) << "read back " << back->size() << " octets, other ones than the " << octets.size()
                                 << " put in";
    Replay walk;
    ASSERT_TRUE(walk.drain(*session_, folder, 500));
    EXPECT_EQ(walk.items[id].size, octets.size()) << "its Upsert says another size";
    EXPECT_FALSE(walk.items[id].flags & seen) << "reading must not mark a mail as seen";
  }
}

TEST_F(Law6, RangesAreParts) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  std::string octets = mail(61);
  for (int i = 0; i < 4000; ++i) octets += "line " + std::to_string(i) + "\r\n";
  const auto id = put(*session_, folder, octets);
  ASSERT_FALSE(id.empty());
  for (const Range range : {Range{0, 1}, Range{0, 100}, Range{17, 70'000}, Range{octets.size() - 5, 100},
                            Range{octets.size(), 10}, Range{octets.size() + 1000, 10}, Range{3, 0}}) {
    SCOPED_TRACE("from " + std::to_string(range.from) + ", " + std::to_string(range.length) + " octets");
    auto part = whole(*session_, id, range);
    ASSERT_TRUE(part) << part.error().text;
    EXPECT_TRUE(*part == octets.substr(std::min<std::size_t>(range.from, octets.size()), range.length));
  }
}

TEST_F(Law6, WhatComesAlongIsTheContent) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  const auto octets = mail(62);
  const auto id = put(*session_, folder, octets, Kind::mail, flagged);
  Replay walk;
  while (walk.more) ASSERT_TRUE(walk.step(*session_, folder, 500, 4096));
  ASSERT_TRUE(walk.items.contains(id));
  EXPECT_TRUE(walk.items[id].flags & flagged) << "the flags it was created with are gone";
  if (walk.items[id].content) EXPECT_TRUE(*walk.items[id].content == octets);
  for (const auto& [other, item] : walk.items)
    if (item.content) EXPECT_LE(item.content->size(), 4096U) << shown(other) << ": more came along than was wanted";
}

TEST_F(Law6, CalendarObjectsKeepEveryProperty) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::event);
  const std::string octets =
      "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tidegate//check//EN\r\nBEGIN:VEVENT\r\nUID:law6-event\r\n"
      "DTSTAMP:20260101T000000Z\r\nDTSTART:20260601T100000Z\r\nDTEND:20260601T110000Z\r\nSUMMARY:Gr\xc3\xbc\xc3\x9f"
      "e\\, a long summary that has to be folded somewhere because it has\r\n  more than seventy-five octets\r\n"
      "X-TIDEGATE-UNKNOWN;X-PARAM=one:kept?\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
  const auto id = put(*session_, folder, octets, Kind::event);
  ASSERT_FALSE(id.empty());
  auto back = whole(*session_, id);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(lost_properties(octets, *back), std::vector<std::string>());
  Replay walk;
  ASSERT_TRUE(walk.drain(*session_, folder, 500));
  EXPECT_EQ(walk.items[id].kind, Kind::event);
}

TEST_F(Law6, CardsKeepEveryProperty) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::contact);
  const std::string octets =
      "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:law6-card\r\nN:Tide;Gate;;;\r\nFN:Gate Tide\r\n"
      "item1.EMAIL;TYPE=INTERNET:gate@tidegate.example\r\nitem1.X-ABLabel:harbour\r\nX-UNKNOWN-THING:kept?\r\nEND:"
      "VCARD\r\n";
  const auto id = put(*session_, folder, octets, Kind::contact);
  ASSERT_FALSE(id.empty());
  auto back = whole(*session_, id);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(lost_properties(octets, *back), std::vector<std::string>());
}

}  // namespace
}  // namespace tidegate::check
