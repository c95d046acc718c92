// SPDX-License-Identifier: Apache-2.0
#include "device/letter.hpp"

#include <gtest/gtest.h>

#include "device/sendmail.hpp"

namespace tidegate::device {
namespace {

using Words = std::vector<std::string>;

LetterOptions options() {
  LetterOptions out;
  out.user = "me@example.net";
  out.now_unix = 1'700'000'000;
  out.unique = "unique";
  return out;
}

TEST(Letter, TakesRecipientsFromTheHeaderAndBccOut) {
  auto given = options();
  given.from_header = true;
  given.recipients = {"arg@example.net"};
  const auto letter = read_letter(
      "From: me@example.net\nTo: \"A, B\" <a@example.net>, Group: b@example.net,\n c@example.net;\nCc: d@example.net "
      "(no"
      " <x@y>)\nBcc: secret@example.net,\n other@example.net\nDate: now\nMessage-Id: <1@x>\nSubject: s\n\n.\nbody\n",
      [&] {
        given.dots = false;
        return given;
      }());
  ASSERT_TRUE(letter) << letter.error().text;
  EXPECT_EQ(letter->recipients, (Words{"a@example.net", "arg@example.net", "b@example.net", "c@example.net",
                                       "d@example.net", "other@example.net", "secret@example.net"}));
  EXPECT_EQ(letter->content,
            "From: me@example.net\r\nTo: \"A, B\" <a@example.net>, Group: b@example.net,\r\n c@example.net;\r\n"
            "Cc: d@example.net (no <x@y>)\r\nDate: now\r\nMessage-Id: <1@x>\r\nSubject: s\r\n\r\n.\r\nbody\r\n");
}

TEST(Letter, AddsWhatAMessageMustHave) {
  auto given = options();
  given.recipients = {"a@example.net"};
  const auto letter = read_letter("Subject: s\r\n\r\nbody\n.\nnot any more\n", given);
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->content,
            "Subject: s\r\nFrom: me@example.net\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
            "Message-ID: <unique@example.net>\r\n\r\nbody\r\n");
  EXPECT_TRUE(read_letter("no header at all\n", given)->content.ends_with("\r\n\r\nno header at all\r\n"));
  EXPECT_EQ(read_letter("\n\n", given).error().kind, FaultKind::invalid);
  given.recipients.clear();
  EXPECT_EQ(read_letter("Subject: s\n\nx\n", given).error().kind, FaultKind::invalid);
}

TEST(SendArguments, AsMailProgramsCallSendmail) {
  const auto mutt = read_send_arguments({"send", "-oem", "-oi", "-f", "me@example.net", "--", "a@b", "-c@d"});
  ASSERT_TRUE(mutt && *mutt);
  EXPECT_FALSE((*mutt)->dots);
  EXPECT_FALSE((*mutt)->from_header);
  EXPECT_EQ((*mutt)->recipients, (Words{"a@b", "-c@d"}));
  const auto git = read_send_arguments({"--state", "/s", "send", "-i", "-t"});
  ASSERT_TRUE(git && *git);
  EXPECT_EQ((*git)->state, "/s");
  EXPECT_TRUE((*git)->from_header);
  EXPECT_FALSE(*read_send_arguments({"run", "send"}));
  EXPECT_FALSE(*read_send_arguments({}));
  EXPECT_EQ(read_send_arguments({"send", "--frobnicate"}).error().kind, FaultKind::invalid);
}

}  // namespace
}  // namespace tidegate::device
