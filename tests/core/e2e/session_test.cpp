// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/session.hpp"

#include <gtest/gtest.h>

#include "core/e2e/sync.hpp"
#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;
using namespace std::string_literals;

constexpr std::size_t limit = max_message;

struct Pipe {
  Sealer sealer;
  Opener opener;
};
Pipe make_pipe(std::size_t message_limit = limit) {
  auto [first, second] = split_pair();
  return {Sealer(std::move(first.send)), Opener(std::move(second.receive), message_limit)};
}

/// A frame of any plaintext, sealed right: what a broken other end could send.
struct Forge {
  Cipher cipher;
  Opener opener;
  Result<std::vector<Bytes>> send(Bytes plain) {
    Bytes body;
    cipher.seal_to(body, octets_of(plain));
    return opener.open(octets_of(body));
  }
};
Forge make_forge(std::size_t message_limit = limit) {
  auto [first, second] = split_pair();
  return {std::move(first.send), Opener(std::move(second.receive), message_limit)};
}

TEST(Prologue, GoldenOctets) {
  EXPECT_EQ(prologue(Pattern::kk, "G", "user", "D", "wake", ""),
            "tidegate noise-1\0\x01"
            "1\0\x02KK\0\x01G\0\x04user\0\x01"
            "D\0\x04wake\0\0"s);
  EXPECT_EQ(prologue(Pattern::xx_psk3, "", "", "", "", "ack"),
            "tidegate noise-1\0\x01"
            "1\0\x06XXpsk3\0\0\0\0\0\0\0\0\0\x03"
            "ack"s);
  EXPECT_NE(prologue(Pattern::kk, "a", "bc", "", "", ""), prologue(Pattern::kk, "ab", "c", "", "", ""));
}

TEST(Padding, Table) {
  const std::pair<std::size_t, std::size_t> table[] = {{0, 256},     {1, 256},       {256, 256},    {257, 512},
                                                       {4095, 4096}, {4096, 4096},   {4097, 4352},  {8191, 8192},
                                                       {8193, 8704}, {16000, 16384}, {16384, 16384}};
  for (const auto& [size, padded] : table) EXPECT_EQ(padded_size(size), padded) << size;
  for (std::size_t size = 1; size <= max_noise_message; ++size) {
    ASSERT_GE(padded_size(size), size);
    ASSERT_LE(padded_size(size), max_noise_message);
    if (size > 4096) {
      ASSERT_LE(padded_size(size) - size, size / 8);
    }
  }
}

TEST(Sealed, RandomMessagesComeOutWholeAndInOrder) {
  std::mt19937_64 random(5);
  for (int run = 0; run < 20; ++run) {
    Pipe pipe = make_pipe();
    std::vector<Bytes> sent, received;
    for (int n = 0; n < 60; ++n) {
      if (random() % 3 != 0) {
        Bytes message(random() % (std::size_t{1} << (random() % 18)), static_cast<char>(random()));
        sent.push_back(message);
        pipe.sealer.push(std::move(message));
      }
      for (auto frames = random() % 4; frames > 0; --frames) {
        const Bytes body = pipe.sealer.next();
        if (body.empty()) continue;
        ASSERT_LE(body.size(), max_noise_message);
        ASSERT_EQ(body.size(), padded_size(body.size()));
        auto opened = pipe.opener.open(octets_of(body));
        ASSERT_TRUE(opened.has_value()) << opened.error().cause;
        for (Bytes& message : *opened) received.push_back(std::move(message));
      }
    }
    while (!pipe.sealer.empty()) {
      auto opened = pipe.opener.open(octets_of(pipe.sealer.next()));
      ASSERT_TRUE(opened.has_value());
      for (Bytes& message : *opened) received.push_back(std::move(message));
    }
    ASSERT_EQ(received, sent);
    ASSERT_EQ(pipe.sealer.queued(), 0U);
    ASSERT_TRUE(pipe.sealer.next().empty());
  }
}

TEST(Sealed, ManySmallMessagesShareAFrame) {
  Pipe pipe = make_pipe();
  for (int i = 0; i < 20; ++i) pipe.sealer.push("ten octets");
  EXPECT_EQ(pipe.sealer.queued(), 280U);
  const Bytes body = pipe.sealer.next();
  EXPECT_EQ(body.size(), 512U);
  EXPECT_TRUE(pipe.sealer.empty());
  EXPECT_EQ(pipe.opener.open(octets_of(body))->size(), 20U);
}

TEST(Sealed, AnEmptyMessageIsAMessage) {
  Pipe pipe = make_pipe();
  pipe.sealer.push("");
  EXPECT_FALSE(pipe.sealer.empty());
  EXPECT_EQ(pipe.opener.open(octets_of(pipe.sealer.next())).value(), std::vector<Bytes>{""});
}

TEST(Sealed, WhatIsNotSealedCanBeOvertaken) {
  Pipe pipe = make_pipe();
  pipe.sealer.push(Bytes(20'000, 'a'));
  pipe.sealer.push("back-fill");
  std::vector<Bytes> received;
  const auto pass = [&] {
    for (Bytes& message : *pipe.opener.open(octets_of(pipe.sealer.next()))) received.push_back(std::move(message));
  };
  pass();  // part of the first
  pipe.sealer.push_first("live");
  while (!pipe.sealer.empty()) pass();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[1], "live");
  EXPECT_EQ(received[2], "back-fill");
  pipe.sealer.push("second");
  pipe.sealer.push_first("first");
  EXPECT_EQ(pipe.opener.open(octets_of(pipe.sealer.next())).value(), (std::vector<Bytes>{"first", "second"}));
}

TEST(Sealed, ALostFrameEndsIt) {
  Pipe pipe = make_pipe();
  pipe.sealer.push("one");
  (void)pipe.sealer.next();
  pipe.sealer.push("two");
  const Bytes two = pipe.sealer.next();
  const auto opened = pipe.opener.open(octets_of(two));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, FaultKind::invalid);
}

TEST(Sealed, ARepeatedFrameEndsIt) {
  Pipe pipe = make_pipe();
  pipe.sealer.push("one");
  const Bytes one = pipe.sealer.next();
  ASSERT_TRUE(pipe.opener.open(octets_of(one)).has_value());
  EXPECT_FALSE(pipe.opener.open(octets_of(one)).has_value());
  pipe.sealer.push("two");
  EXPECT_FALSE(pipe.opener.open(octets_of(pipe.sealer.next())).has_value());  // for good
}

TEST(Sealed, OneWrongBitOrAMissingOctetEndsIt) {
  for (const std::size_t at : {0, 1, 100, 255}) {
    Pipe pipe = make_pipe();
    pipe.sealer.push("one");
    Bytes body = pipe.sealer.next();
    body[at] ^= 1;
    EXPECT_FALSE(pipe.opener.open(octets_of(body)).has_value());
  }
  for (const std::size_t size : {0, 1, 15, 16, 255}) {
    Pipe pipe = make_pipe();
    pipe.sealer.push("one");
    EXPECT_FALSE(pipe.opener.open(octets_of(View(pipe.sealer.next()).substr(0, size))).has_value());
  }
}

TEST(Sealed, ABrokenPlaintextIsRefused) {
  const std::pair<const char*, Bytes> table[] = {{"nothing", ""s},
                                                 {"half a count", "\0"s},
                                                 {"count over the plaintext",
                                                  "\0\x05"
                                                  "abcd"s},
                                                 {"padding not zero", "\0\x04\0\0\0\0\0\x01"s},
                                                 {"last octet of padding", "\0\0"s + Bytes(300, '\0') + "\x80"}};
  for (const auto& [name, plain] : table) {
    Forge forge = make_forge();
    const auto opened = forge.send(plain);
    ASSERT_FALSE(opened.has_value()) << name;
    EXPECT_EQ(opened.error().kind, FaultKind::invalid) << name;
    EXPECT_FALSE(forge.send("\0\0"s).has_value()) << name;
  }
  Forge large = make_forge();
  EXPECT_FALSE(large.send(Bytes(max_noise_message, '\0')).has_value());  // with its tag over 16 KiB
}

TEST(Sealed, ALengthMayBeCutAnywhere) {
  Forge forge = make_forge();
  EXPECT_TRUE(forge.send("\0\x01\0"s)->empty());
  EXPECT_TRUE(forge.send("\0\x02\0\0"s)->empty());
  EXPECT_TRUE(forge.send("\0\0"s)->empty());
  EXPECT_TRUE(forge
                  .send("\0\x02\x03"
                        "a"s)
                  ->empty());
  EXPECT_EQ(forge
                .send("\0\x03"
                      "bc\0"s)
                .value(),
            std::vector<Bytes>{"abc"});
}

TEST(Sealed, AMessageOverTheLimitIsRefusedBeforeItCame) {
  Forge forge = make_forge(1000);
  const auto opened = forge.send("\0\x04\0\0\x03\xe9"s);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind, FaultKind::too_large);
  Forge good = make_forge(1000);
  EXPECT_TRUE(good.send("\0\x04\0\0\x03\xe8"s).has_value());
}

}  // namespace
}  // namespace tidegate::e2e
