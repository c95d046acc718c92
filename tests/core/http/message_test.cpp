// SPDX-License-Identifier: Apache-2.0
#include "core/http/message.hpp"

#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::http {
namespace {

Octets octets(std::string_view text) { return std::as_bytes(std::span(text)); }

struct Heard final : MessageEvents {
  void head() override {
    ++heads;
    if (on_head) on_head();
  }
  void body(Octets part) override {
    ++parts;
    text.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
  void complete() override { ++ends; }
  std::function<void()> on_head;
  int heads = 0, parts = 0, ends = 0;
  std::string text;
};

constexpr std::string_view kPost =
    "POST /rts/event?x=1 HTTP/1.1\r\nHost: relay.example\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: "
    "x\r\n\r\n";

TEST(RequestParser, ReadsHeadAndBody) {
  RequestParser parser;
  Heard heard;
  EXPECT_EQ(parser.feed(octets(kPost), heard), kPost.size());
  EXPECT_EQ(heard.heads, 1);
  EXPECT_EQ(heard.ends, 1);
  EXPECT_EQ(heard.text, "hello");
  EXPECT_EQ(parser.head().method, "POST");
  EXPECT_EQ(parser.head().target, "/rts/event?x=1");
  EXPECT_EQ(parser.head().version, 11U);
  EXPECT_EQ(parser.head().content_length, 5U);
  EXPECT_TRUE(parser.head().keep_alive);
  ASSERT_NE(parser.head().fields.find("host"), nullptr);
  EXPECT_EQ(*parser.head().fields.find("HOST"), "relay.example");
  EXPECT_EQ(*parser.head().fields.find("x-a"), "b");
  EXPECT_TRUE(parser.between_messages());
}

TEST(RequestParser, AnyCutGivesTheSame) {
  for (std::size_t cut = 0; cut <= kPost.size(); ++cut) {
    RequestParser parser;
    Heard heard;
    EXPECT_EQ(parser.feed(octets(kPost.substr(0, cut)), heard), cut);
    EXPECT_EQ(parser.feed(octets(kPost.substr(cut)), heard), kPost.size() - cut);
    EXPECT_EQ(heard.text, "hello") << cut;
    EXPECT_EQ(heard.ends, 1) << cut;
  }
}

TEST(RequestParser, LeavesTheNextMessageAndReadsItAfterwards) {
  RequestParser parser;
  Heard heard;
  const auto two = std::string(kPost) + "GET /2 HTTP/1.1\r\n\r\n";
  EXPECT_EQ(parser.feed(octets(two), heard), kPost.size());
  EXPECT_EQ(parser.feed(octets(std::string_view(two).substr(kPost.size())), heard), two.size() - kPost.size());
  EXPECT_EQ(heard.ends, 2);
  EXPECT_EQ(parser.head().target, "/2");
  EXPECT_EQ(parser.head().fields.find("Host"), nullptr);
}

TEST(RequestParser, AnUpgradesHeadEndsHttp) {
  RequestParser parser;
  Heard heard;
  const std::string text = "GET /d HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(parser.feed(octets(text + "\x82\x05"), heard), text.size());
  EXPECT_TRUE(parser.head().upgrade);
  EXPECT_EQ(heard.ends, 1);
}

TEST(RequestParser, BodyLimitIsSetWhenTheHeadIsKnown) {
  RequestParser parser;
  Heard heard;
  heard.on_head = [&] { parser.body_limit(4); };
  auto result = parser.feed(octets(kPost), heard);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, FaultKind::too_large);
  RequestParser larger;
  Heard all;
  const std::string big(200'000, 'x');
  all.on_head = [&] { larger.body_limit(200'000); };
  EXPECT_TRUE(larger.feed(octets("POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + big), all));
  EXPECT_EQ(all.text, big);
  RequestParser plain;  // 64 KiB where nobody says otherwise
  EXPECT_FALSE(plain.feed(octets("POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + big), heard));
}

TEST(RequestParser, AChunkedBodyIsBoundToo) {
  RequestParser parser;
  Heard heard;
  heard.on_head = [&] { parser.body_limit(6); };
  EXPECT_TRUE(parser.feed(octets("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), heard));
  EXPECT_FALSE(parser.feed(octets("2\r\nab\r\n"), heard));
}

TEST(RequestParser, HeadsOver16KiBAreRefusedWithoutGrowing) {
  RequestParser parser;
  Heard heard;
  std::size_t fed = 0;
  const std::string line = "X-Filler: " + std::string(990, 'f') + "\r\n";
  auto result = parser.feed(octets("GET / HTTP/1.1\r\n"), heard);
  while (result && fed < 100'000) {
    result = parser.feed(octets(line), heard);
    fed += line.size();
  }
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, FaultKind::too_large);
  EXPECT_LE(fed, 17'500U);
  EXPECT_EQ(heard.heads, 0);
}

TEST(RequestParser, RefusesWhatIsNoHttpOrSmugglesRequests) {
  for (const std::string_view bad : {
           std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n", 25),
           std::string_view("GET / HTTP/2.0\r\n\r\n"),
           std::string_view("GET  / HTTP/1.1\r\n\r\n"),
           std::string_view("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
           std::string_view("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
           std::string_view("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
       }) {
    RequestParser parser;
    Heard heard;
    auto result = parser.feed(octets(bad), heard);
    EXPECT_FALSE(result) << bad;
    EXPECT_EQ(heard.ends, 0) << bad;
  }
}

TEST(ResponseParser, UndoesChunksAndHandsThemOnAtOnce) {
  ResponseParser parser;
  Heard heard;
  const auto upto = kChunked.find("world") + 2;
  EXPECT_EQ(parser.feed(octets(kChunked.substr(0, upto)), heard), upto);
  EXPECT_EQ(heard.text, "hello wo");  // the command channel lives on this: nothing waits for the chunk's end
  EXPECT_TRUE(parser.feed(octets(kChunked.substr(upto)), heard));
  EXPECT_EQ(heard.text, "hello world");
  EXPECT_EQ(heard.ends, 1);
  EXPECT_TRUE(parser.head().chunked);
  EXPECT_EQ(parser.head().fields.find("Trailer"), nullptr);
}

TEST(ResponseParser, OctetByOctet) {
  ResponseParser parser;
  Heard heard;
  for (const char c : kChunked) ASSERT_EQ(parser.feed(octets(std::string_view(&c, 1)), heard), 1U);
  EXPECT_EQ(heard.text, "hello world");
  EXPECT_EQ(heard.ends, 1);
}

TEST(ResponseParser, AnEmptyChunkedBodyWithATrailerOctetByOctet) {
  const std::string_view text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n";
  ResponseParser parser;
  Heard heard;
  for (const char c : text) ASSERT_EQ(parser.feed(octets(std::string_view(&c, 1)), heard), 1U);
  EXPECT_EQ(heard.text, "");
  EXPECT_EQ(heard.ends, 1);
}

TEST(ResponseParser, AnEndlessChunkLineIsRefused) {
  ResponseParser parser;
  Heard heard;
  ASSERT_TRUE(parser.feed(octets("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"), heard));
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) refused = !parser.feed(octets(std::string(1000, 'e')), heard);
  EXPECT_TRUE(refused);
}

TEST(ResponseParser, ABodyWithoutLengthEndsWithTheConnectionOthersMustBeWhole) {
  ResponseParser parser;
  Heard heard;
  ASSERT_TRUE(parser.feed(octets("HTTP/1.0 200 OK\r\n\r\nall of it"), heard));
  EXPECT_EQ(heard.ends, 0);
  EXPECT_TRUE(parser.end(heard));
  EXPECT_EQ(heard.text, "all of it");
  EXPECT_EQ(heard.ends, 1);
  EXPECT_TRUE(parser.end(heard));  // between messages an end is fine

  for (const std::string_view part : {std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
                                      std::string_view("HTTP/1.1 20"), kChunked.substr(0, 60)}) {
    ResponseParser cut;
    ASSERT_TRUE(cut.feed(octets(part), heard));
    auto ended = cut.end(heard);
    ASSERT_FALSE(ended) << part;
    EXPECT_EQ(ended.error().kind, FaultKind::invalid);
  }
}

TEST(ResponseParser, NoBodyWhereNoneMayBe) {
  ResponseParser parser;
  Heard heard;
  parser.expect_no_body();
  const std::string head = "HTTP/1.1 200 Connection established\r\nContent-Length: 100\r\n\r\n";
  EXPECT_EQ(parser.feed(octets(head + "\x16\x03"), heard), head.size());
  EXPECT_EQ(heard.ends, 1);
  const std::string none = "HTTP/1.1 204 No Content\r\n\r\n";
  EXPECT_EQ(parser.feed(octets(none + "HTTP"), heard), none.size());
  const std::string with = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";  // only that one was without
  EXPECT_EQ(parser.feed(octets(with), heard), with.size());
  EXPECT_EQ(heard.text, "ok");
}

TEST(Head, SerialisesWhatParsersRead) {
  auto text = serialise_response(503, {{"Retry-After", "30"}, {"Content-Length", "0"}});
  EXPECT_EQ(text, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n");
  text = serialise_request("POST", "/rts", {{"Host", "h"}, {"Transfer-Encoding", "chunked"}});
  *text += chunk_begin(26);
  *text += "abcdefghijklmnopqrstuvwxyz";
  *text += chunk_end();
  *text += last_chunk();
  RequestParser parser;
  Heard heard;
  EXPECT_EQ(parser.feed(octets(*text), heard), text->size());
  EXPECT_EQ(heard.text, "abcdefghijklmnopqrstuvwxyz");
}

TEST(Head, RefusesInjection) {
  EXPECT_FALSE(serialise_response(200, {{"X", "a\r\nSet-Cookie: b"}}));
  EXPECT_FALSE(serialise_response(200, {{"X", "a\nb"}}));
  EXPECT_FALSE(serialise_response(200, {{"X", std::string("a\0b", 3)}}));
  EXPECT_FALSE(serialise_response(200, {{"X: y\r\nZ", "a"}}));
  EXPECT_FALSE(serialise_response(200, {{"", "a"}}));
  EXPECT_FALSE(serialise_request("GET", "/a b", {}));
  EXPECT_FALSE(serialise_request("GET", "/\r\nHost: x", {}));
  EXPECT_FALSE(serialise_request("GET /", "/", {}));
  EXPECT_FALSE(serialise_request("GET", "", {}));
  EXPECT_TRUE(serialise_response(200, {{"X", "f\xc3\xbcr\talle"}}));
}

TEST(Head, TokensInLists) {
  const Fields fields{{"Connection", "keep-alive , Upgrade"}, {"connection", "x"}};
  EXPECT_TRUE(fields.has_token("CONNECTION", "upgrade"));
  EXPECT_TRUE(fields.has_token("Connection", "X"));
  EXPECT_FALSE(fields.has_token("Connection", "grade"));
  EXPECT_FALSE(fields.has_token("Upgrade", "x"));
}

}  // namespace
}  // namespace tidegate::http
