// SPDX-License-Identifier: Apache-2.0
#include "device/mail_header.hpp"

#include <gtest/gtest.h>

namespace tidegate::device {
namespace {

TEST(MailHeader, UnfoldsAndDecodes) {
  const auto header = read_mail_header(
      "Received: x\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n =?utf-8?Q?_aus_K=C3=B6ln?= today\r\n"
      "FROM: =?iso-8859-1?Q?J=F6rg?= <j@example.net>\r\n\r\nSubject: of the body\r\n");
  EXPECT_EQ(header.subject, "Grüße aus Köln today");
  EXPECT_EQ(header.from, "Jörg <j@example.net>");
}

TEST(MailHeader, ACharacterCutBetweenTwoWordsIsWhole) {
  EXPECT_EQ(decode_words("=?UTF-8?Q?a=C3?= =?utf-8?Q?=BCb?="), "aüb");
}

TEST(MailHeader, CharsetsOfTheWorld) {
  EXPECT_EQ(decode_words("=?windows-1252?Q?=80_100?="), "€ 100");
  EXPECT_EQ(decode_words("=?iso-8859-15?q?=A4?="), "€");
  EXPECT_EQ(decode_words("=?gb2312?B?xOO6ww==?="), "你好");
  EXPECT_EQ(decode_words("=?us-ascii*en?Q?lang?="), "lang");
}

TEST(MailHeader, WhatDoesNotDecodeStaysAsItCame) {
  EXPECT_EQ(decode_words("=?no-such-set?Q?abc?="), "=?no-such-set?Q?abc?=");
  EXPECT_EQ(decode_words("=?utf-8?Q?unterminated"), "=?utf-8?Q?unterminated");
  EXPECT_EQ(decode_words("=?utf-8?X?abc?="), "=?utf-8?X?abc?=");
  EXPECT_EQ(decode_words("a =? b"), "a =? b");
  EXPECT_EQ(decode_words("=?"), "=?");
}

TEST(MailHeader, RawOctetsAreUtf8OrWindows1252) {
  EXPECT_EQ(decode_words("Gr\xC3\xBC\xC3\x9F"), "Grüß");
  EXPECT_EQ(decode_words("Gr\xFC\xDF"), "Grüß");
}

TEST(MailHeader, NothingSteersATerminal) {
  EXPECT_EQ(decode_words("a\x1b[31mb\x07"), "a [31mb");
  EXPECT_EQ(decode_words("=?utf-8?Q?=1B]0;x=07?="), "]0;x");
  EXPECT_EQ(decode_words("=?utf-8?Q?=C2=9B31m?="),
            "\xEF\xBF\xBD"
            "31m");
  for (const char c : decode_words(std::string("\x00\x01\x7f\x9b", 4))) EXPECT_NE(c, '\x1b');
}

TEST(MailHeader, HugeAndBrokenHeadersAreBounded) {
  std::string endless = "Subject: x\n";
  for (int i = 0; i < 200'000; ++i) endless += " folded\n";
  EXPECT_LE(read_mail_header(endless).subject.size(), 8192U);
  std::string late(header_limit, 'a');
  EXPECT_EQ(read_mail_header(late + "\nSubject: too late\n\n").subject, "");
  EXPECT_EQ(read_mail_header("").subject, "");
  EXPECT_EQ(read_mail_header("Subject").subject, "");
  EXPECT_EQ(read_mail_header(" \n\t\n").from, "");
  EXPECT_EQ(read_mail_header("Subject: first\nSubject: second\n\n").subject, "first");
}

TEST(MailHeader, EveryPrefixOfAMailIsSurvived) {
  const std::string mail = "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n =?iso-8859-1?Q?=FC?=\r\nFrom: \"x\" <a@b>\r\n\r\n";
  for (std::size_t size = 0; size <= mail.size(); ++size) {
    const auto header = read_mail_header(std::string_view(mail).substr(0, size));
    EXPECT_LE(header.subject.size(), mail.size());
  }
}

}  // namespace
}  // namespace tidegate::device
