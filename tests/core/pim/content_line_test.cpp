// SPDX-License-Identifier: Apache-2.0
#include "core/pim/content_line.hpp"

#include <random>

#include <gtest/gtest.h>

#include "core/pim/component.hpp"
#include "core/pim/values.hpp"

namespace tidegate::pim {
namespace {

std::string written(const std::vector<Line>& lines) {
  std::string out;
  for (const auto& each : lines) each.write(out);
  return out;
}

TEST(ContentLine, WhatWasNotChangedIsWrittenToTheOctet) {
  const std::string table[] = {
      "SUMMARY:a\r\n",
      "SUMMARY:a\nDESCRIPTION:b\n",
      "SUMMARY:fol\r\n ded\r\n\t twice\r\n",
      "\xEF\xBB\xBF\r\nSUMMARY:a\r\n\r\n\r\nX:b",
      "X-a;p=\"a:b;c,d\";Q=1,\"2\",3:v:w\r\n",
      "SUMMARY:\xC3\r\n \xA4 cut within a character\r\n",
      "summary;LANGUAGE=de:x \r\n",
  };
  for (const auto& octets : table) {
    const auto lines = read_lines(octets, Dialect::icalendar);
    ASSERT_TRUE(lines) << octets << lines.error().text;
    EXPECT_EQ(written(*lines), octets);
  }
}

TEST(ContentLine, PartsOfALineAreRead) {
  const auto lines = read_lines("item1.tel;TYPE=home,\"a:b\";X=^^^n^'^x;BARE:+1;2\r\n  3\r\n", Dialect::vcard);
  ASSERT_TRUE(lines);
  const auto& line = lines->front();
  EXPECT_EQ(line.group(), "item1");
  EXPECT_TRUE(line.is("TEL"));
  EXPECT_EQ(line.parameter("type")->values, (std::vector<std::string>{"home", "a:b"}));
  EXPECT_EQ(line.first("X"), "^\n\"^x");
  EXPECT_TRUE(line.parameter("BARE")->values.empty());
  EXPECT_EQ(line.value(), "+1;2 3");
}

TEST(ContentLine, AChangedLineIsFoldedAnewAndComesBack) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (auto left = random() % 400; left > 0; --left) {
      static constexpr std::string_view pieces[] = {"a", " ", "\xC3\xA4", "\xF0\x9F\x98\x80", ":", "\"", "\t"};
      text += pieces[random() % std::size(pieces)];
    }
    Line line("X-NAME", text, {{"P", {"a;b", "c\"d^e"}}});
    std::string out;
    line.write(out);
    for (std::size_t at = 0; at < out.size();) {
      const auto end = out.find("\r\n", at);
      ASSERT_LE(end - at, 75U);
      if (at > 0) EXPECT_NE(static_cast<unsigned char>(out[at + 1]) & 0xC0, 0x80) << "folded within a character";
      at = end + 2;
    }
    const auto back = read_lines(out, Dialect::icalendar);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->front().value(), text);
    EXPECT_EQ(back->front().parameter("P")->values, (std::vector<std::string>{"a;b", "c\"d^e"}));
  }
}

TEST(ContentLine, AReadLineThatIsChangedIsWrittenAnewAndOneThatIsNotIsNot) {
  const std::string octets = "g.NAME;P=1;Q=2:va\r\n lue\r\n";
  const auto after = [&](void (*change)(Line&)) {
    auto lines = read_lines(octets, Dialect::vcard);
    change(lines->front());
    return written(*lines);
  };
  EXPECT_EQ(after([](Line& line) { line.set_value("other"); }), "g.NAME;P=1;Q=2:other\r\n");
  EXPECT_EQ(after([](Line& line) { line.set_parameter("p", "3"); }), "g.NAME;P=3;Q=2:value\r\n");
  EXPECT_EQ(after([](Line& line) { line.remove_parameter("q"); }), "g.NAME;P=1:value\r\n");
  EXPECT_EQ(after([](Line& line) { line.set_group("h"); }), "h.NAME;P=1;Q=2:value\r\n");
  EXPECT_EQ(after([](Line& line) {
              line.set_value("value");
              line.set_parameter("P", "1");
              line.remove_parameter("R");
              line.set_group("g");
            }),
            octets);
}

TEST(ContentLine, AValueCannotMakeAnotherLine) {
  Line line("SUMMARY", "a\r\nATTENDEE:mailto:x", {{"CN", {"a\r\nb"}}});
  std::string out;
  line.write(out);
  EXPECT_EQ(read_lines(out, Dialect::icalendar)->size(), 1U);
}

TEST(ContentLine, WhatIsNoLineIsNamedByItsNumber) {
  const std::pair<std::string, std::string> table[] = {
      {"A:1\r\nno colon here\r\n", "line 2"},
      {"A:1\r\n B\r\n:2\r\n", "line 3"},
      {"A;P=\"x:1\r\n", "line 1"},
      {"A;=1:x\r\n", "line 1"},
  };
  for (const auto& [octets, where] : table) {
    const auto lines = read_lines(octets, Dialect::icalendar);
    ASSERT_FALSE(lines) << octets;
    EXPECT_EQ(lines.error().kind, FaultKind::invalid);
    EXPECT_EQ(lines.error().where, where);
  }
  EXPECT_EQ(read_lines(std::string(100, 'a'), Dialect::icalendar, {.octets = 99}).error().kind, FaultKind::too_large);
  EXPECT_EQ(read_lines("A:1\nB:2\nC:3\n", Dialect::icalendar, {.lines = 2}).error().kind, FaultKind::too_large);
}

TEST(ContentLine, OneLineOfManyMegabytesCostsWhatItIs) {
  // libical takes over 20 s for this one; here it is one pass. (No clock: a quadratic one would not end.)
  std::string folded = "DESCRIPTION:";
  for (int i = 0; i < 200'000; ++i) folded += "0123456789012345678901234567890123456789012345678901234567890\r\n ";
  const auto lines = read_lines(folded, Dialect::icalendar);
  ASSERT_TRUE(lines);
  EXPECT_EQ(lines->front().value().size(), 200'000U * 61);
}

TEST(ContentLine, QuotedPrintableLinesOfOldCardsGoOn) {
  const auto lines = read_lines("NOTE;ENCODING=QUOTED-PRINTABLE:a=\r\nb=0D=0A=\r\n\r\nFN:x\r\n", Dialect::vcard);
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 2U);
  EXPECT_EQ(lines->front().value(), "ab=0D=0A");
}

TEST(Component, LinesAndPartsKeepTheirPlaces) {
  const std::string octets = "BEGIN:A\nX:1\nBEGIN:B\nY:2\nEND:B\nZ:3\nBEGIN:C\nEND:C\nEND:A\n";
  auto whole = read_components(octets, Dialect::icalendar);
  ASSERT_TRUE(whole);
  auto& top = whole->front();
  EXPECT_EQ(top.octets(), octets);
  top.remove("X");
  EXPECT_EQ(top.octets(), "BEGIN:A\nBEGIN:B\nY:2\nEND:B\nZ:3\nBEGIN:C\nEND:C\nEND:A\n");
  top.add(Line("N", "4"));
  EXPECT_EQ(top.octets(), "BEGIN:A\nN:4\r\nBEGIN:B\nY:2\nEND:B\nZ:3\nBEGIN:C\nEND:C\nEND:A\n");
  top.set(Line("Z", "5"));
  EXPECT_EQ(top.octets(), "BEGIN:A\nN:4\r\nBEGIN:B\nY:2\nEND:B\nZ:5\r\nBEGIN:C\nEND:C\nEND:A\n");
}

TEST(Component, WhatDoesNotNestIsRefused) {
  for (const auto* octets : {"X:1\n", "BEGIN:A\nEND:B\n", "BEGIN:A\n", "END:A\n", "BEGIN:A\nEND:A\nX:1\n"})
    EXPECT_FALSE(read_components(octets, Dialect::icalendar)) << octets;
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += "BEGIN:A\n";
  EXPECT_FALSE(read_components(deep, Dialect::icalendar));
}

TEST(Values, MomentsDurationsOffsets) {
  EXPECT_EQ(to_text(parse_moment("20260229").value_or(Moment{})), to_text(Moment{})) << "no such day";
  for (const auto* text : {"20260228", "20260228T235959", "20260228T235959Z"})
    EXPECT_EQ(to_text(parse_moment(text).value()), text);
  EXPECT_EQ(to_text(parse_moment("20161231T235960Z").value()), "20161231T235959Z") << "a leap second";
  EXPECT_TRUE(parse_moment("20131210Z").value().all_day()) << "as Google has written it";
  for (const auto* text : {"2026022", "20260228T", "20260228T2400", "20260228T240000", "20260228T101010X", "x", ""})
    EXPECT_FALSE(parse_moment(text)) << text;
  EXPECT_EQ(parse_duration("-P1DT2H"), (Duration{-1, -7200}));
  EXPECT_EQ(parse_duration("P2W"), (Duration{14, 0}));
  EXPECT_EQ(parse_duration("PT0S"), (Duration{0, 0}));
  for (const auto* text : {"P", "PT", "P1", "1D", "PT1D", "P1H", "P99999999999D", "P-1D"})
    EXPECT_FALSE(parse_duration(text)) << text;
  EXPECT_EQ(parse_utc_offset("-013015")->count(), -5415);
  for (const auto* text : {"0100", "+01", "+01:00", "+2500", "+0160"}) EXPECT_FALSE(parse_utc_offset(text)) << text;
  const auto period = parse_period("20260101T000000Z/PT1H");
  ASSERT_TRUE(period);
  EXPECT_EQ(period->length.seconds, 3600);
}

TEST(Values, TextsAreEscapedAndBack) {
  const std::string text = "a\\b;c,d\ne:\"f\"";
  EXPECT_EQ(escaped(text), "a\\\\b\\;c\\,d\\ne:\"f\"");
  EXPECT_EQ(text_value(escaped(text)), text);
  EXPECT_EQ(text_value("a\\Nb\\"), "a\nb\\");
  EXPECT_EQ(split_escaped("a\\,b,c", ',').size(), 2U);
}

}  // namespace
}  // namespace tidegate::pim
