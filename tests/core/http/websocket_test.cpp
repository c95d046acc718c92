// SPDX-License-Identifier: Apache-2.0
#include "core/http/websocket.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "core/http/message.hpp"
#include "core/http/utf8.hpp"

namespace tidegate::http::websocket {
namespace {

Octets octets(std::string_view text) { return std::as_bytes(std::span(text)); }
constexpr std::array<std::byte, 4> kMask{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};

struct Heard final : FrameEvents {
  void data(Octets part, bool last) override {
    text.append(reinterpret_cast<const char*>(part.data()), part.size());
    if (last) messages.push_back(std::exchange(text, {}));
  }
  void ping(Octets o) override { pings.emplace_back(reinterpret_cast<const char*>(o.data()), o.size()); }
  void pong(Octets o) override { pongs.emplace_back(reinterpret_cast<const char*>(o.data()), o.size()); }
  void close(std::uint16_t c, std::string_view r) override {
    code = c;
    reason = r;
    ++closes;
  }
  std::string text, reason;
  std::vector<std::string> messages, pings, pongs;
  std::uint16_t code = 0;
  int closes = 0;
};

Result<void> feed(Decoder& decoder, std::string frames, FrameEvents& events) {
  return decoder.feed(std::as_writable_bytes(std::span(frames)), events);
}

TEST(Websocket, TheExamplesOfTheRfc) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // §1.3
  std::string out;
  encode(out, Opcode::text, octets("Hello"), kMask);  // §5.7
  EXPECT_EQ(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  out.clear();
  encode(out, Opcode::text, octets("Hello"));
  EXPECT_EQ(out, "\x81\x05Hello");
  out.clear();
  encode(out, Opcode::binary, octets(std::string(256, 'x')));
  EXPECT_EQ(out.substr(0, 4), std::string("\x82\x7e\x01\x00", 4));
  out.clear();
  encode(out, Opcode::binary, octets(std::string(65536, 'x')));
  EXPECT_EQ(out.substr(0, 10), std::string("\x82\x7f\0\0\0\0\0\x01\0\0", 10));
}

TEST(Websocket, EverySizeComesBackInAnyPieces) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 100000U}) {
    for (const bool masked : {false, true}) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 7);
      std::string out;
      const auto mask = masked ? std::optional(kMask) : std::nullopt;
      encode(out, Opcode::binary, octets(text), mask);
      encode(out, Opcode::ping, octets("p"), mask);
      for (const std::size_t step : {std::size_t{1}, std::size_t{3}, out.size()}) {
        Decoder decoder(masked ? Sender::client : Sender::server, 1 << 20);
        Heard heard;
        for (std::size_t at = 0; at < out.size(); at += step) ASSERT_TRUE(feed(decoder, out.substr(at, step), heard));
        ASSERT_EQ(heard.messages.size(), 1U);
        EXPECT_EQ(heard.messages[0], text);
        EXPECT_EQ(heard.pings, std::vector<std::string>{"p"});
      }
    }
  }
}

TEST(Websocket, FragmentsWithAPingBetween) {
  Decoder decoder(Sender::server, 1 << 20);
  Heard heard;
  ASSERT_TRUE(feed(decoder, std::string("\x02\x03Hel\x89\x01?\x00\x00\x80\x02lo\x8a\x00", 16), heard));
  EXPECT_EQ(heard.messages, std::vector<std::string>{"Hello"});
  EXPECT_EQ(heard.pings, std::vector<std::string>{"?"});
  EXPECT_EQ(heard.pongs, std::vector<std::string>{""});
}

TEST(Websocket, WhatAPeerMustNotSend) {
  struct Case {
    std::string frames;
    Close code;
  };
  const std::string too_long_ping = "\x89\x7e\x00\x7e" + std::string(126, 'x');
  const std::vector<Case> cases = {
      {std::string("\xc2\x00", 2), Close::protocol_error},                  // a reserved bit
      {std::string("\x83\x00", 2), Close::protocol_error},                  // unknown kind
      {std::string("\x8b\x00", 2), Close::protocol_error},                  // unknown control
      {std::string("\x09\x00", 2), Close::protocol_error},                  // a ping in pieces
      {std::string("\x89\x7e\x00\x7e", 4), Close::protocol_error},          // a ping over 125
      {std::string("\x80\x00", 2), Close::protocol_error},                  // goes on without a beginning
      {std::string("\x02\x01x\x02\x01y", 6), Close::protocol_error},        // begins within another
      {std::string("\x82\x85\x01\x02\x03\x04", 6), Close::protocol_error},  // a server's is masked
      {std::string("\x82\x7e\x00\x7d", 4), Close::protocol_error},          // not the shortest length
      {std::string("\x82\x7f\0\0\0\0\0\0\xff\xff", 10), Close::protocol_error},
      {std::string("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10), Close::protocol_error},
      {std::string("\x81\x01x", 3), Close::unsupported},  // text
      {std::string("\x82\x7f\0\0\0\0\0\x10\0\x01", 10), Close::too_big},
      {std::string("\x88\x01x", 3), Close::protocol_error},           // half a code
      {std::string("\x88\x02\x03\xed", 4), Close::protocol_error},    // 1005
      {std::string("\x88\x03\x03\xe8\xff", 5), Close::invalid_text},  // a reason that is no UTF-8
  };
  for (const auto& [frames, code] : cases) {
    Decoder decoder(Sender::server, 1 << 20);
    Heard heard;
    auto result = feed(decoder, frames, heard);
    ASSERT_FALSE(result) << testing::PrintToString(frames);
    EXPECT_EQ(decoder.close_code(), code) << testing::PrintToString(frames);
    EXPECT_TRUE(heard.messages.empty());
  }
  Decoder server(Sender::client, 1 << 20);
  Heard heard;
  EXPECT_FALSE(feed(server, std::string("\x82\x01x", 3), heard));  // a client's is not masked
}

TEST(Websocket, TheLimitHoldsOverFragments) {
  Decoder decoder(Sender::server, 5);
  Heard heard;
  ASSERT_TRUE(feed(decoder, std::string("\x82\x05Hello\x02\x03Hel", 12), heard));
  auto result = feed(decoder, std::string("\x80\x03lo!", 5), heard);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, FaultKind::too_large);
}

TEST(Websocket, Closing) {
  std::string out;
  encode_close(out, Close::going_away, "drain");
  Decoder decoder(Sender::server, 100);
  Heard heard;
  ASSERT_TRUE(feed(decoder, out + std::string("\x82\x01x", 3), heard));
  EXPECT_EQ(heard.code, 1001);
  EXPECT_EQ(heard.reason, "drain");
  EXPECT_TRUE(decoder.closed());
  EXPECT_TRUE(heard.messages.empty());  // what follows a close is not heard
  Decoder silent(Sender::server, 100);
  ASSERT_TRUE(feed(silent, std::string("\x88\x00", 2), heard));
  EXPECT_EQ(heard.code, 1005);
  out.clear();
  std::string reason(121, 'a');
  reason += "\xe2\x82\xac";  // a euro sign that does not fit any more
  encode_close(out, Close::normal, reason);
  EXPECT_EQ(out.size(), 2U + 2 + 121);
}

TEST(Websocket, AnIdleDecoderIsSmall) { EXPECT_LE(sizeof(Decoder), 100U); }

struct NoBody final : MessageEvents {
  void head() override {}
  void body(Octets) override {}
  void complete() override {}
};

TEST(Websocket, OpeningFromEndToEnd) {
  const std::string nonce = "0123456789abcdef";
  auto request = request_opening("relay.example", "/device", octets(nonce), {{"X-Device", "1"}});
  ASSERT_TRUE(request);
  RequestParser server;
  NoBody events;
  ASSERT_EQ(server.feed(octets(*request), events), request->size());
  auto answer = accept_opening(server.head());
  ASSERT_TRUE(answer);
  ResponseParser client;
  ASSERT_EQ(client.feed(octets(*answer + "\x82"), events), answer->size());
  EXPECT_TRUE(check_opening(client.head(), octets(nonce)));
  EXPECT_FALSE(check_opening(client.head(), octets("fedcba9876543210")));
}

TEST(Websocket, OpeningsThatAreNone) {
  const Fields good{{"Upgrade", "WebSocket"},
                    {"Connection", "keep-alive, Upgrade"},
                    {"Sec-WebSocket-Version", "13"},
                    {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  RequestHead head;
  head.method = "GET";
  head.target = "/";
  head.fields = good;
  ASSERT_TRUE(accept_opening(head));
  for (std::size_t without = 0; without < good.all().size(); ++without) {
    head.fields = {};
    for (std::size_t i = 0; i < good.all().size(); ++i)
      if (i != without) head.fields.add(good.all()[i].name, good.all()[i].value);
    EXPECT_FALSE(accept_opening(head)) << good.all()[without].name;
  }
  head.fields = good;
  head.method = "POST";
  EXPECT_FALSE(accept_opening(head));
  ResponseHead refused;
  refused.status = 403;
  auto result = check_opening(refused, octets("0123456789abcdef"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, FaultKind::denied);
}

TEST(Utf8, OnlyWellFormed) {
  for (const char* good : {"", "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8c\x8a", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "a\xff"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

}  // namespace
}  // namespace tidegate::http::websocket
