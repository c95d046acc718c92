// SPDX-License-Identifier: Apache-2.0
#include "core/push/stub.hpp"

#include <random>

#include <gtest/gtest.h>

#include "core/e2e/gid_text.hpp"
#include "core/e2e/stub_mark.hpp"

namespace tidegate::push {
namespace {

const e2e::Gid gid = [] {
  e2e::Gid made{};
  made[3] = std::byte{77};
  return made;
}();

/// Given in pieces of that size, as the feed does.
std::optional<Bytes> stub_of(const Bytes& mail, bool always = true, std::size_t piece = 1000) {
  Stub stub(gid, always);
  for (std::size_t at = 0; at < mail.size() && !stub.enough(); at += piece)
    stub.add(tidegate::View(mail).substr(at, piece));
  return stub.finish(mail.size());
}

/// `text` with each line end as CRLF, and `{BIG}` as so many lines of base64.
Bytes mail_of(std::string_view text, std::size_t lines = 3000) {
  Bytes big, out;
  for (std::size_t n = 0; n < lines; ++n) big += Bytes(76, static_cast<char>('A' + n % 26)) + "\r\n";
  for (const char c : text) out += c == '\n' ? Bytes("\r\n") : Bytes(1, c);
  for (auto at = out.find("{BIG}\r\n"); at != Bytes::npos; at = out.find("{BIG}\r\n", at + big.size()))
    out.replace(at, 7, big);
  return out;
}

std::size_t count(const Bytes& in, std::string_view what) {
  std::size_t found = 0;
  for (auto at = in.find(what); at != Bytes::npos; at = in.find(what, at + 1)) ++found;
  return found;
}

const char* const mixed =
    "From: a@example.net\nSubject: with a scan\nContent-Type: multipart/mixed;\n boundary=\"==x\"\n\n"
    "preamble\n--==x\nContent-Type: text/plain; charset=utf-8\n\nHello\n--not a delimiter\n\n--==x\n"
    "Content-Type: application/pdf; name=\"scan.pdf\"\nContent-Transfer-Encoding: base64\n"
    "Content-Disposition: attachment; filename=\"scan.pdf\"\n\n{BIG}\n--==x--\nepilogue\n";

TEST(Stub, HasTheHeaderTheTextAndOneExternalBody) {
  const auto mail = mail_of(mixed);
  const auto stub = stub_of(mail);
  ASSERT_TRUE(stub);
  const auto header = mail.substr(0, mail.find("\r\n\r\n") + 4);
  EXPECT_EQ(*stub,
            header +
                "--==x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n--not a delimiter\r\n\r\n--==x\r\n"
                "Content-Type: message/external-body; access-type=x-tidegate;\r\n size=" +
                std::to_string(mail.size()) + "\r\nX-Tidegate-Stub: " + e2e::gid_text(gid) +
                "\r\n\r\nContent-Type: application/pdf\r\nContent-ID: <" + e2e::gid_text(gid) +
                "@tidegate.invalid>\r\n\r\nTidegate left out a part of this message, which has " +
                std::to_string(mail.size()) + " octets.\r\nTo get all of it: tidegate-device fetch " +
                e2e::gid_text(gid) + "\r\nLeft out:\r\n  scan.pdf, application/pdf, about 166 KiB\r\n--==x--\r\n");
  for (const std::size_t piece : {1, 7, 77, 8191, 100'000})
    EXPECT_EQ(stub_of(mail, true, piece), stub) << "however it comes, piece " << piece;
}

TEST(Stub, OnDemandOnlyWhatHasAttachments) {
  EXPECT_TRUE(stub_of(mail_of(mixed), false));
  EXPECT_FALSE(stub_of(mail_of("Subject: long\n\n{BIG}\n"), false));
  EXPECT_FALSE(
      stub_of(mail_of("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n"
                      "--b\nContent-Type: text/html\n\n{BIG}\n--b--\n"),
              false))
      << "text twice is no attachment";
  EXPECT_TRUE(stub_of(mail_of("Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n{BIG}\n"), false));
  EXPECT_TRUE(
      stub_of(mail_of("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\n{BIG}\n"
                      "--b--\n"),
              false))
      << "text can be attached";
}

TEST(Stub, FindsTheTextInside) {
  const auto stub = stub_of(mail_of(
      "Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/related; boundary=mid\n\n--mid\n"
      "Content-Type: multipart/alternative; boundary=in\n\n--in\nContent-Type: text/html\n\n<p>no</p>\n--in\n"
      "Content-Type: text/plain\n\nyes\n--in--\n--mid\nContent-Type: image/gif; "
      "name=logo.gif\n\n{BIG}\n--mid--\n--out\n"
      "Content-Type: message/rfc822\n\nSubject: inner\n\n{BIG}\n--out--\n"));
  ASSERT_TRUE(stub);
  EXPECT_NE(stub->find("\r\nyes\r\n--out\r\n"), Bytes::npos);
  EXPECT_EQ(stub->find("<p>no"), Bytes::npos);
  EXPECT_NE(stub->find("  logo.gif, image/gif, about 228 KiB\r\n  message/rfc822, about"), Bytes::npos);
  EXPECT_NE(stub->find("  its text as text/html\r\n"), Bytes::npos);
  EXPECT_EQ(count(*stub, "message/external-body"), 1U);
}

TEST(Stub, OfAlternativesTheTextIsTheBetterOne) {
  const auto stub =
      stub_of(mail_of("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n"
                      "--b\nContent-Type: text/calendar\n\n{BIG}\n--b--\n"));
  ASSERT_TRUE(stub);
  EXPECT_LT(stub->find("message/external-body"), stub->find("\r\nhi\r\n"));
}

/// What it invites to can be answered on the device.
TEST(Stub, ACalendarObjectBesideTheTextStays) {
  const Bytes object =
      "Content-Type: text/calendar; method=REQUEST\nContent-Transfer-Encoding: base64\n\nQkVHSU46VkNBTEVOREFSDQo=\n";
  const auto alternative =
      "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n--b\n" + object +
      "--b--\n";
  const auto inside = stub_of(mail_of("Content-Type: multipart/mixed; boundary=m\n\n--m\n" + alternative +
                                      "--m\nContent-Type: image/png\n\n{BIG}\n--m--\n"),
                              false);
  ASSERT_TRUE(inside);
  const auto part = mail_of(object);
  EXPECT_TRUE(inside->contains("hi\r\n--m\r\n" + part + "--m\r\nContent-Type: message/external-body")) << *inside;
  EXPECT_FALSE(inside->contains("  text/calendar"));
  const auto whole =
      stub_of(mail_of("Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
                      "hi\n--b\nContent-Type: text/html\n\n{BIG}\n--b\n" +
                      object + "--b--\n"));
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->ends_with("hi\r\n--b\r\n" + part + "--b--\r\n")) << "the best of the alternatives is the last";
  const auto large =
      stub_of(mail_of("Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/calendar\n\n{BIG}\n"
                      "--m--\n"));
  ASSERT_TRUE(large);
  EXPECT_FALSE(large->contains("Content-Type: text/calendar")) << "half an object is none";
  EXPECT_TRUE(large->contains("Left out:\r\n  text/calendar\r\n"));
  const auto file = stub_of(mail_of("Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/calendar\n"
                                    "Content-Disposition: attachment; filename=x.ics\n\n{BIG}\n--m--\n"),
                            false);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->contains("  x.ics, text/calendar")) << "a file is one";
}

TEST(Stub, ALongTextIsCutAtALine) {
  const auto stub = stub_of(mail_of("Subject: log\n\nfirst\n{BIG}\n"));
  ASSERT_TRUE(stub);
  EXPECT_TRUE(stub->starts_with("Subject: log\r\n\r\nfirst\r\nAAAA"));
  EXPECT_LT(stub->size(), Stub::text_most + 1000);
  EXPECT_EQ(e2e::stub_gid(*stub), gid);
  EXPECT_EQ((stub->find("X-Tidegate-Stub") - Bytes("Subject: log\r\n\r\nfirst\r\n").size()) % 78, 0U);
}

TEST(Stub, EncodedTextStaysDecodable) {
  const auto coded = stub_of(mail_of("Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n{BIG}\n"));
  ASSERT_TRUE(coded);
  EXPECT_EQ(e2e::stub_gid(*coded), gid);
  const auto body = coded->substr(coded->find("\r\n\r\n") + 4);
  std::size_t characters = 0;
  for (std::size_t at = 0; at < body.size(); at = body.find('\n', at) + 1) {
    const auto line = tidegate::View(body).substr(at, body.find('\r', at) - at);
    EXPECT_LE(line.size(), 76U);
    EXPECT_EQ(line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
              tidegate::View::npos);
    EXPECT_TRUE(characters == 0 || line.find('=') == tidegate::View::npos || at + line.size() + 2 == body.size());
    characters += line.size();
  }
  EXPECT_EQ(characters % 4, 0U);
  Bytes soft;
  for (int n = 0; n < 4000; ++n) soft += "a line that goes on =\n";
  const auto quoted = stub_of(mail_of("Content-Transfer-Encoding: quoted-printable\n\n" + soft + "end\n"));
  ASSERT_TRUE(quoted);
  EXPECT_NE(quoted->find("goes on \r\nX-Tidegate-Stub: "), Bytes::npos) << "the note is not joined to the text";
}

TEST(Stub, WhatIsNoTextIsHeaderAndNote) {
  const auto stub = stub_of(mail_of("Content-Type: application/pdf\n\n{BIG}\n"));
  ASSERT_TRUE(stub);
  EXPECT_TRUE(stub->starts_with("Content-Type: application/pdf\r\n\r\nX-Tidegate-Stub: "));
  EXPECT_LT(stub->size(), 400U);
}

TEST(Stub, NamesFromOutsideAreHarmless) {
  const auto stub = stub_of(mail_of(
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b; name*=utf-8''%1b%5b2J%0d%0aX%3A\n\n{BIG}\n"
      "--b\nContent-Disposition: attachment; filename=\"q\\\"u;o\"\n\n{BIG}\n--b--\n"));
  ASSERT_TRUE(stub);
  EXPECT_NE(stub->find("  ?[2J??X:, a/b, about"), Bytes::npos) << *stub;
  EXPECT_NE(stub->find("  q\"u;o, text/plain, about"), Bytes::npos);
}

TEST(Stub, WhatASmallMailIsStaysWhole) {
  EXPECT_FALSE(stub_of(mail_of("Subject: x\n\nshort\n"))) << "a stub would be longer";
  EXPECT_FALSE(stub_of("")) << "empty";
  EXPECT_FALSE(stub_of(Bytes(50'000, 'h'))) << "no header ends there";
}

TEST(Stub, HugeHeadersAreCutAtALine) {
  Bytes mail = "Subject: x\r\n";
  for (int n = 0; n < 20'000; ++n) mail += "Received: from nowhere by nobody; " + std::to_string(n) + "\r\n";
  const auto header = mail;
  mail += "\r\nbody\r\n";
  const auto stub = stub_of(mail);
  ASSERT_TRUE(stub);
  const auto kept = stub->substr(0, stub->find("\r\n\r\n") + 2);
  EXPECT_TRUE(header.starts_with(kept));
  EXPECT_GT(kept.size(), Stub::header_most - 100);
}

TEST(Stub, LooksNoFurtherThanItsBound) {
  Stub stub(gid, true);
  const auto head = mail_of(
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nhi\n--b\n"
      "Content-Type: a/b; name=film\n\n");
  stub.add(head);
  std::uint64_t fed = head.size();
  for (const Bytes more(192 * 1024, 'x'); !stub.enough(); fed += more.size()) stub.add(more);
  EXPECT_LT(fed, Stub::look_most + 192 * 1024);
  const auto made = stub.finish(1'000'000'000);
  ASSERT_TRUE(made);
  EXPECT_NE(made->find("  film, a/b\r\n  and what lies behind\r\n"), Bytes::npos) << *made;
  EXPECT_NE(made->find(" size=1000000000\r\n"), Bytes::npos);
}

/// Octets that look like mail often enough to reach every corner.
Bytes arbitrary(std::mt19937_64& dice) {
  static const char* const bits[] = {"\r\n",
                                     "\n",
                                     "\r\n\r\n",
                                     "--b",
                                     "--b--",
                                     "--",
                                     "b",
                                     "Content-Type: ",
                                     "multipart/mixed",
                                     "; boundary=b",
                                     "; boundary=\"",
                                     "text/plain",
                                     "text/html",
                                     "\"",
                                     "\\",
                                     "=",
                                     "=\r\n",
                                     "Content-Transfer-Encoding: base64\r\n",
                                     "Content-Disposition: attachment",
                                     "; name*=''%",
                                     " ",
                                     "\t",
                                     ":",
                                     "X-Tidegate-Stub: ",
                                     "\0x",
                                     "AAAA",
                                     "message/rfc822",
                                     "\xff\xfe"};
  Bytes out;
  if (dice() % 2 == 0) out = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (auto n = dice() % 80; n > 0; --n) {
    if (dice() % 12 == 0)
      out += Bytes(dice() % 20'000, static_cast<char>(dice()));
    else
      out += bits[dice() % std::size(bits)];
  }
  return out;
}

TEST(Stub, ArbitraryOctetsNeverHarmAndTheHeaderIsTheMailsOwn) {
  std::mt19937_64 dice(2046);
  int made = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto mail = arbitrary(dice);
    const auto piece = 1 + dice() % 5000;
    const auto stub = stub_of(mail, true, piece);
    (void)stub_of(mail, false, piece);
    if (!stub) continue;
    ++made;
    EXPECT_LT(stub->size(), mail.size());
    EXPECT_LT(stub->size(), Stub::header_most + Stub::text_most + (std::size_t{24} << 10));
    EXPECT_EQ(stub_of(mail, true, 1 + dice() % 5000), stub) << "the same mail gives the same stub";
    EXPECT_TRUE(e2e::stub_gid(*stub).has_value());
    // Up to and with the first empty line, to the octet.
    const auto crlf = mail.find("\n\r\n"), lf = mail.find("\n\n");
    std::size_t header = crlf < lf ? crlf + 3 : lf == Bytes::npos ? 0 : lf + 2;
    if (mail.starts_with("\r\n")) header = 2;
    if (mail.starts_with("\n")) header = 1;
    ASSERT_TRUE(header > 0 || mail.size() > Stub::header_most);
    if (header <= Stub::header_most)
      EXPECT_EQ(tidegate::View(*stub).substr(0, header), tidegate::View(mail).substr(0, header));
  }
  EXPECT_GT(made, 500);
}

}  // namespace
}  // namespace tidegate::push
