// SPDX-License-Identifier: Apache-2.0
#include "core/mime/parts.hpp"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidegate::mime {
namespace {

std::string bodies(View mail) {
  std::string out;
  each_part(mail, [&](const Part& part) {
    out += part.header.type + '/' + part.header.subtype + '=' + std::string(part.body) + '|';
    return true;
  });
  return out;
}

TEST(Parts, LeavesComeInOrder) {
  EXPECT_EQ(bodies("Subject: x\n\nhello\n"), "text/plain=hello\n|");
  EXPECT_EQ(bodies(""), "text/plain=|");
  EXPECT_EQ(bodies("Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\n\r\none\r\n--a b  "
                   "\r\nContent-Type: message/rfc822\r\n\r\n"
                   "Content-Type: text/html\r\n\r\n--a bc\r\ntwo\r\n--a b--\r\nepilogue\r\n--a b\r\n\r\nnone\r\n"),
            "text/plain=one|text/html=--a bc\r\ntwo|");
  EXPECT_EQ(bodies("Content-Type: multipart/mixed; boundary=a\n\n--a\n\ncut off"), "text/plain=cut off|");
}

TEST(Parts, NestingAndNumberAreBounded) {
  const auto nested = [](std::size_t levels) {
    std::string mail, begin = "Content-Type: multipart/mixed; boundary=b";
    for (std::size_t i = 0; i < levels; ++i) mail += fmt::format("{}{}x\n\n--b{}x\n", begin, i, i);
    return mail + "\nleaf";
  };
  EXPECT_EQ(bodies(nested(depth_most)), "text/plain=leaf|");
  EXPECT_EQ(bodies(nested(depth_most + 1)), "");
  EXPECT_EQ(bodies(nested(20'000)), "");
  std::string many = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 5'000; ++i) many += "--b\n\nx\n";
  std::size_t count = 0;
  each_part(many, [&](const Part&) { return ++count > 0; });
  EXPECT_EQ(count, parts_most);
}

TEST(Parts, CodesComeBack) {
  std::mt19937 random(5);
  for (std::size_t size = 0; size < 300; ++size) {
    Bytes octets(size, '\0');
    for (char& each : octets) each = static_cast<char>(random());
    EXPECT_EQ(base64_decoded(base64_encoded(octets)), octets);
    EXPECT_EQ(base64_decoded(base64_encoded(octets, 0)), octets);
  }
  EXPECT_EQ(quoted_printable_decoded("a=3D=\r\nb= \t\nc=x=4"), "a=bc=x=4");
  EXPECT_EQ(quoted_printable_decoded("=41"), "A");
  EXPECT_EQ(quoted_printable_decoded("a="), "a");
}

TEST(Parts, CharsetsAndWords) {
  EXPECT_EQ(to_utf8("\xE4\x80", "windows-1252"), "\xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(to_utf8("\xFC", "utf-16"), std::nullopt);
  EXPECT_EQ(to_utf8("x", "no-such-charset"), std::nullopt);
  EXPECT_EQ(encoded_words("plain"), "plain");
  EXPECT_EQ(encoded_words("\xC3\xA4"), "=?UTF-8?B?w6Q=?=");
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xC3\xA4";
  const auto words = encoded_words(umlauts);
  std::string back;
  for (std::size_t at = 0; (at = words.find("?B?", at)) != std::string::npos; ++at) {
    const auto word = base64_decoded(words.substr(at + 3, words.find("?=", at) - at - 3));
    EXPECT_EQ(static_cast<unsigned char>(word[0]), 0xC3) << "no character is cut";
    back += word;
  }
  EXPECT_EQ(back, umlauts);
}

TEST(Parts, FieldsOfAHeader) {
  EXPECT_EQ(header_field("A: 1\r\nSubject : x\r\n y\r\n\r\nSubject: z", "SUBJECT"), "x y");
  EXPECT_EQ(header_field("A: 1\r\n\r\nSubject: z", "subject"), "");
}

}  // namespace
}  // namespace tidegate::mime
