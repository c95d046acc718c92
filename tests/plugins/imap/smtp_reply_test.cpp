// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/smtp_reply.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

std::optional<SmtpReply> one(std::string_view octets) {
  SmtpReplies whole, single;
  const bool fine = whole.feed(octets);
  bool one_by_one = true;
  for (std::size_t i = 0; i < octets.size() && one_by_one; ++i) one_by_one = single.feed(octets.substr(i, 1));
  EXPECT_EQ(fine, one_by_one) << "the answer must not depend on how the network cut the octets";
  return fine ? whole.take() : std::nullopt;
}

Fault refusal(std::string_view line, SmtpStep step) { return smtp_refused(*one(line), step, "here"); }

TEST(SmtpReplies, readsOneAndManyLines) {
  const auto reply = one("250-mx.example greets\r\n250-SIZE 1000\n250 AUTH PLAIN LOGIN\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, 250);
  EXPECT_EQ(reply->lines.size(), 3U);
  EXPECT_EQ(one("354\r\n")->code, 354);
  EXPECT_EQ(one("550 5.1.1 no such\r\n")->enhanced, "5.1.1");
  EXPECT_EQ(one("550 5.1.1 no such\r\n")->lines.front(), "no such");
  EXPECT_EQ(one("250 5.1.1 odd\r\n")->enhanced, "") << "a status code of another class is text (RFC 2034 §4)";
  EXPECT_EQ(one("250 2.0.0.1 x\r\n")->enhanced, "");
}

TEST(SmtpReplies, refusesWhatIsNoSmtp) {
  for (const char* bad : {"HTTP/1.1 400 Bad Request\r\n", "* OK IMAP ready\r\n", "25 x\r\n", "250x\r\n", "999 x\r\n",
                          "250-a\r\n251 b\r\n", "\r\n"}) {
    SmtpReplies replies;
    EXPECT_FALSE(replies.feed(bad)) << bad;
    EXPECT_FALSE(replies.feed("250 fine\r\n")) << "for good";
  }
}

TEST(SmtpReplies, isBounded) {
  SmtpReplies line, lines, flood;
  EXPECT_FALSE(line.feed("250 " + std::string(SmtpReplies::line_most + 1, 'x')));
  bool fine = true;
  for (int i = 0; i < 1000 && fine; ++i) fine = lines.feed("250-more\r\n");
  EXPECT_FALSE(fine);
  fine = true;
  for (int i = 0; i < 1000 && fine; ++i) fine = flood.feed("250 nobody asked\r\n");
  EXPECT_FALSE(fine);
}

TEST(SmtpOffers, areReadInAnyCase) {
  const auto offers = SmtpOffers::of(
      *one("250-PIPELINING is no offer in the first line\r\n250-size 35882577\r\n250-8bitmime\r\n250-auth login "
           " plain\r\n250-AUTH=XOAUTH2\r\n250-SMTPUTF8\r\n250 STARTTLS\r\n"));
  EXPECT_FALSE(offers.pipelining);
  EXPECT_TRUE(offers.eight_bit && offers.utf8 && offers.starttls);
  EXPECT_EQ(offers.size, 35882577U);
  EXPECT_EQ(offers.logins, (std::set<std::string, std::less<>>{"LOGIN", "PLAIN", "XOAUTH2"}));
  EXPECT_EQ(SmtpOffers::of(*one("250-x\r\n250 SIZE\r\n")).size, 0U);
}

TEST(SmtpRefused, transientAndPermanentAreNotConfused) {
  using enum FaultKind;
  EXPECT_EQ(refusal("421 4.3.2 shutting down\r\n", SmtpStep::from).kind, unavailable);
  EXPECT_EQ(refusal("451 4.7.1 greylisted\r\n", SmtpStep::to).kind, throttled);
  EXPECT_GT(refusal("450 4.7.1 too fast\r\n", SmtpStep::to).retry_after.count(), 0);
  EXPECT_EQ(refusal("452 out of space\r\n", SmtpStep::from).kind, unavailable);
  EXPECT_EQ(refusal("454 4.7.0 temporary\r\n", SmtpStep::login).kind, unavailable);
  EXPECT_EQ(refusal("535 5.7.8 no\r\n", SmtpStep::login).kind, auth);
  EXPECT_EQ(refusal("534 5.7.9 weak\r\n", SmtpStep::login).kind, denied);
  EXPECT_EQ(refusal("530 5.7.0 log in first\r\n", SmtpStep::from).kind, denied);
  EXPECT_EQ(refusal("550 5.1.1 unknown\r\n", SmtpStep::to).kind, invalid);
  EXPECT_EQ(refusal("550 unknown\r\n", SmtpStep::to).kind, invalid);
  EXPECT_EQ(refusal("550 5.7.1 relaying denied\r\n", SmtpStep::to).kind, denied);
  EXPECT_EQ(refusal("554 5.2.2 full\r\n", SmtpStep::to).kind, quota);
  EXPECT_EQ(refusal("552 too big\r\n", SmtpStep::from).kind, too_large);
  EXPECT_EQ(refusal("552 5.3.4 too big\r\n", SmtpStep::dot).kind, too_large);
  EXPECT_EQ(refusal("554 5.7.1 spam\r\n", SmtpStep::dot).kind, denied);
  EXPECT_EQ(refusal("501 5.5.4 syntax\r\n", SmtpStep::from).kind, invalid);
  EXPECT_EQ(refusal("250 fine\r\n", SmtpStep::data).kind, invalid) << "no answer to DATA";
}

TEST(SmtpRefused, theServersWordsStayPrivate) {
  const Fault fault = refusal("550 5.7.1 secret plans\r\n", SmtpStep::dot);
  EXPECT_EQ(fault.text.find("secret"), std::string::npos);
  EXPECT_NE(fault.cause.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::imap
