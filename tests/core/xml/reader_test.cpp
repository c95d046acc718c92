// SPDX-License-Identifier: Apache-2.0
#include "core/xml/reader.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tidegate::xml {
namespace {

/// The document again, names as {uri}local, text in one piece.
struct Heard final : Events {
  bool start(const Name& name, std::span<const Attribute> attributes) override {
    said += "<{" + std::string(name.uri) + "}" + std::string(name.local);
    for (const auto& each : attributes)
      said += " {" + std::string(each.name.uri) + "}" + std::string(each.name.local) + "=" + std::string(each.value);
    said += ">";
    return name.local != enough;
  }
  bool text(std::string_view piece) override { return (said += piece, true); }
  bool end(const Name& name) override { return (said += "</" + std::string(name.local) + ">", true); }
  std::string said, enough;
};

std::string heard(std::string_view document, std::size_t step = 1 << 20, const Limits& limits = {}) {
  Heard events;
  Reader reader(events, limits);
  for (std::size_t at = 0; at < document.size(); at += step) {
    if (auto fed = reader.feed(document.substr(at, step)); !fed)
      return std::string(to_string(fed.error().kind)) + ": " + fed.error().cause;
  }
  if (auto done = reader.finish(); !done) return std::string(to_string(done.error().kind)) + ": " + done.error().cause;
  return events.said;
}

TEST(XmlReader, NamesHaveTheirNamespaceWhateverThePrefix) {
  constexpr std::string_view one = "<D:a xmlns:D='DAV:'><D:b x='1' D:y='2'>t</D:b></D:a>";
  constexpr std::string_view other = "<a xmlns='DAV:' xmlns:q='DAV:'><q:b x='1' q:y='2'>t</q:b></a>";
  EXPECT_EQ(heard(one), "<{DAV:}a><{DAV:}b {}x=1 {DAV:}y=2>t</b></a>");
  EXPECT_EQ(heard(other), heard(one));
  EXPECT_EQ(heard("<a xmlns='u'><b xmlns=''><c/></b><d/></a>"), "<{u}a><{}b><{}c></c></b><{u}d></d></a>");
}

TEST(XmlReader, PiecesMakeNoDifference) {
  constexpr std::string_view document =
      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding='UTF-8'?><!-- <a \" > --><r a=\"x &amp; &lt;y&#62; "
      "'\">gr\xC3\xBC\xC3\x9F"
      "e &amp;&#x20AC;<![CDATA[<not & a tag]]]]><b/>\r\n</r><?pi?>";
  const std::string whole =
      "<{}r {}a=x & <y> '>gr\xC3\xBC\xC3\x9F"
      "e &\xE2\x82\xAC<not & a tag]]<{}b></b>\n</r>";
  for (std::size_t step = 1; step < 20; ++step) EXPECT_EQ(heard(document, step), whole) << step;
  EXPECT_EQ(heard(document), whole);
}

TEST(XmlReader, KnownEncodingsBecomeUtf8AndOthersAreRefused) {
  EXPECT_EQ(heard("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xFC</a>"), "<{}a>\xC3\xBC</a>");
  EXPECT_TRUE(heard("<?xml version='1.0' encoding='UTF-7'?><a/>").starts_with("invalid: an encoding"));
  EXPECT_TRUE(heard(std::string("\xFF\xFE<\0a\0/\0>\0", 10)).starts_with("invalid: another encoding"));
  EXPECT_TRUE(heard(std::string("\0<\0a\0/\0>", 8)).starts_with("invalid: another encoding"));
  EXPECT_EQ(heard("<LL/>"), "<{}LL></LL>") << "its second octet is EBCDIC's first";
  EXPECT_TRUE(heard("<a>\xFF</a>").starts_with("invalid"));
}

TEST(XmlReader, NothingIsDeclared) {
  const char* documents[] = {
      "<!DOCTYPE a><a/>",
      "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'lol'>]><a>&x;</a>",
      "<!DOCTYPE a SYSTEM 'file:///etc/hostname'><a/>",
      "<!-- --> <!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>",
      "<!doctype html><html/>",
  };
  for (const auto* document : documents)
    for (const std::size_t step : {1U, 3U, 1000U})
      EXPECT_TRUE(heard(document, step).starts_with("invalid: a DOCTYPE")) << document << heard(document, step);
  EXPECT_TRUE(heard("<a>&nbsp;</a>").starts_with("invalid")) << "an entity nobody knows";
  EXPECT_TRUE(heard("<a b='&nbsp;'/>").starts_with("invalid"));
}

TEST(XmlReader, WhatIsNoXmlIsInvalid) {
  for (const auto* document : {"", "   ", "hello", "<a>", "<a></b>", "<a/><b/>", "<a b='1' b='2'/>", "<x:a/>", "<a><",
                               "<a x:b='1'/>", "<html><br></html>", "<a/>x", "<a>&#0;</a>"})
    EXPECT_TRUE(heard(document).starts_with("invalid")) << document;
}

TEST(XmlReader, LimitsHold) {
  const auto repeated = [](std::string_view text, std::size_t times) {
    std::string made;
    for (std::size_t n = 0; n < times; ++n) made += text;
    return made;
  };
  EXPECT_TRUE(heard(repeated("<a>", 64) + repeated("</a>", 64)).starts_with("<{}a><{}a>"));
  EXPECT_TRUE(heard(repeated("<a>", 65)).starts_with("invalid: elements too deep"));
  EXPECT_TRUE(heard(repeated("<a>", 200'000)).starts_with("invalid: elements too deep"));
  std::string attributes, namespaces;
  for (int n = 0; n < 65; ++n) attributes += " a" + std::to_string(n) + "=''";
  EXPECT_TRUE(heard("<a" + attributes + "/>").starts_with("invalid: too many attributes"));
  for (int n = 0; n < 200; ++n) namespaces += " xmlns:n" + std::to_string(n) + "='u'";
  EXPECT_TRUE(heard("<a" + namespaces + "><b" + namespaces + "/></a>").starts_with("invalid: too many namespaces"));
  EXPECT_TRUE(heard("<a><b" + namespaces + "/><b" + namespaces + "/></a>").starts_with("<{}a>"));
  EXPECT_TRUE(heard("<a>" + repeated("x", 1000) + "</a>", 10, {.octets = 500}).starts_with("too large"));
  EXPECT_TRUE(heard("<a b='" + repeated("x", 70'000) + "'/>").starts_with("invalid: a tag"));
  EXPECT_TRUE(heard("<a x='>'" + repeated(" b='>'", 20'000) + "/>").starts_with("invalid: a tag")) << "a > in quotes";
  EXPECT_TRUE(heard("<!-- -->" + repeated("<!-- > -->", 20'000) + "<a/>").starts_with("<{}a>"));
  EXPECT_TRUE(heard("<a><![CDATA[" + repeated("<x", 60'000) + "]]></a>").starts_with("<{}a><x<x")) << "no tags there";
  EXPECT_TRUE(heard("<?xml " + repeated(" ", 300) + "version='1.0'?><a/>").starts_with("invalid"));
}

TEST(XmlReader, ATagIsAsLongAsItMayBeWhereverThePiecesEnd) {
  for (std::size_t step = 1; step < 30; ++step) {
    for (const auto* tag : {"a bb='cc>dd' ee='f'/", "a bb=\"cc'ddddd>dddd\"/", "a                  /"}) {
      const auto document = "<" + std::string(tag) + ">";
      const auto length = static_cast<std::uint32_t>(document.size() - 2);
      EXPECT_TRUE(heard(document, step, {.tag = length}).starts_with("<{}a")) << document << step;
      EXPECT_TRUE(heard(document, step, {.tag = length - 1}).starts_with("invalid: a tag")) << document << step;
    }
    for (const auto* begun : {"<a b='", "<a "})  // it is not waited for its end
      EXPECT_TRUE(heard(begun + std::string(40, ' '), step, {.tag = 20}).starts_with("invalid: a tag")) << step;
  }
}

TEST(XmlReader, TextIsHandedOnHoweverLong) {
  const std::string line(1000, 'x');
  struct Count final : Events {
    bool start(const Name&, std::span<const Attribute>) override { return true; }
    bool text(std::string_view piece) override { return (octets += piece.size(), true); }
    bool end(const Name&) override { return true; }
    std::size_t octets = 0;
  } count;
  Reader reader(count);
  ASSERT_TRUE(reader.feed("<a>"));
  for (int n = 0; n < 20'000; ++n) ASSERT_TRUE(reader.feed(line));
  ASSERT_TRUE(reader.feed("</a>"));
  ASSERT_TRUE(reader.finish());
  EXPECT_EQ(count.octets, 20'000'000U);
}

TEST(XmlReader, WhoHasEnoughHearsNoMore) {
  Heard events;
  events.enough = "b";
  Reader reader(events);
  const auto fed = reader.feed("<a><b/><c/></a>");
  ASSERT_TRUE(fed);
  EXPECT_FALSE(*fed);
  EXPECT_EQ(events.said, "<{}a><{}b>");
  EXPECT_TRUE(reader.finish()) << "what was not read has no faults";
}

TEST(XmlReader, AFaultStays) {
  Heard events;
  Reader reader(events);
  EXPECT_FALSE(reader.feed("<a></b>"));
  EXPECT_FALSE(reader.feed("<a/>"));
  EXPECT_FALSE(reader.finish());
}

TEST(XmlEscaped, ReadsBackEqual) {
  const std::string all = "a<b>&\"'\r\n\t gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x8C\x8A ]]>";
  EXPECT_EQ(heard("<a>" + escaped(all) + "</a>"), "<{}a>" + all + "</a>");
  EXPECT_EQ(heard("<a b=\"" + escaped("x<&\"'>") + "\"/>"), "<{}a {}b=x<&\"'>></a>");
  for (const std::string bad : {"\x01", "\xFF", "\xC0\x80", "\xED\xA0\x80", "\xEF\xBF\xBF", "\xF4\x90\x80\x80", "\xC3"})
    EXPECT_TRUE(heard("<a>" + escaped(bad) + "</a>").starts_with("<{}a>\xEF\xBF\xBD")) << bad.size();
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace tidegate::xml
