// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/smtp_message.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

std::string unstuffed(std::string_view wire) {
  std::string out;
  char before = '\n';
  for (const char c : wire) {
    const bool stuffing = c == '.' && before == '\n';
    if (!stuffing) out += c;
    before = c;
  }
  return out;
}

TEST(SmtpMessage, onlyDotsAreDoubled) {
  EXPECT_EQ(stuffed("a: b\r\n\r\n.\r\n..x\r\nx.\r\n"), "a: b\r\n\r\n..\r\n...x\r\nx.\r\n");
  EXPECT_EQ(stuffed("\x80\xff\x01\r\n"), "\x80\xff\x01\r\n");
  EXPECT_EQ(stuffed("no end"), "no end\r\n");
  EXPECT_EQ(stuffed(""), "");
}

TEST(SmtpMessage, aBareLfIsALineEndAndSmugglesNothing) {
  EXPECT_EQ(stuffed("a\nb\n"), "a\r\nb\r\n");
  EXPECT_EQ(stuffed("x\n.\nMAIL FROM:<evil>\n"), "x\r\n..\r\nMAIL FROM:<evil>\r\n");
  EXPECT_EQ(stuffed("x\n.\r\n"), "x\r\n..\r\n");
  EXPECT_TRUE(needs_of("x\r.\r\n").bare_cr);
  EXPECT_TRUE(needs_of("x\r").bare_cr);
  EXPECT_TRUE(needs_of("x\r\r\n").bare_cr);
  EXPECT_FALSE(needs_of("x\r\n\n").bare_cr);
}

TEST(SmtpMessage, whatTheServerMustBeAbleTo) {
  EXPECT_FALSE(needs_of("Subject: x\r\n\r\nplain\r\n").eight_bit);
  const auto body = needs_of("Subject: x\r\n\r\n\xc3\xa4\r\n");
  EXPECT_TRUE(body.eight_bit);
  EXPECT_FALSE(body.utf8_header);
  EXPECT_TRUE(needs_of("Subject: \xc3\xa4\n\nx\n").utf8_header);
}

// Whatever the octets: what a server takes off the wire is the message with CRLFs, and its size is the one told.
TEST(SmtpMessage, comesBackEqual) {
  std::mt19937 random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string message;
    for (unsigned n = random() % 40; n > 0; --n)
      message += std::string(1, ".x\n"[random() % 3]) + (random() % 4 == 0 ? "\r\n" : "");
    const std::string wire = stuffed(message);
    std::string expected;
    for (std::size_t at = 0; at < message.size(); ++at) {
      if (message[at] == '\n' && (at == 0 || message[at - 1] != '\r')) expected += '\r';
      expected += message[at];
    }
    if (!message.empty() && !message.ends_with('\n')) expected += "\r\n";
    ASSERT_EQ(unstuffed(wire), expected);
    ASSERT_EQ(needs_of(message).size, expected.size());
    ASSERT_EQ(wire.find("\r\n.\r\n"), std::string::npos);
    ASSERT_FALSE(wire.starts_with(".\r\n"));
  }
}

TEST(SmtpMessage, aPathHoldsNoCommand) {
  EXPECT_EQ(path("ann@example.com"), "<ann@example.com>");
  EXPECT_EQ(path(""), "<>");
  EXPECT_EQ(path("j\xc3\xb6rg@example.com"), "<j\xc3\xb6rg@example.com>");
  for (const char* bad : {"a@b>\r\nRCPT TO:<c@d", "a b@c", "<a@b>", "a@b\n"}) EXPECT_EQ(path(bad), std::nullopt) << bad;
  EXPECT_EQ(path(std::string("a\0@b", 4)), std::nullopt);
  EXPECT_EQ(path(std::string(300, 'a')), std::nullopt);
}

}  // namespace
}  // namespace tidegate::imap
