// SPDX-License-Identifier: Apache-2.0
#include "core/sim/virtual_world.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tidegate::sim {
namespace {

using namespace std::chrono_literals;

Octets octets(std::string_view text) { return std::as_bytes(std::span(text)); }

/// Reads all that comes into a string; writes a text as room allows.
struct Talker final : StreamEvents {
  std::unique_ptr<Stream> stream;
  std::string heard, to_say;
  bool ended = false, failed = false;

  void take(std::unique_ptr<Stream> s) {
    stream = std::move(s);
    stream->events(this);
    readable();
    writable();
  }
  void say(std::string_view text) {
    to_say += text;
    writable();
  }
  void readable() override {
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const auto io = stream->read(buffer);
      if (io.state == IoState::end) ended = true;
      if (io.state == IoState::failed) failed = true;
      if (io.state != IoState::ok) return;
      heard.append(reinterpret_cast<const char*>(buffer.data()), io.octets);
    }
  }
  void writable() override {
    while (!to_say.empty()) {
      const auto io = stream->write(octets(to_say));
      if (io.state == IoState::failed) failed = true;
      if (io.state != IoState::ok) return;
      to_say.erase(0, io.octets);
    }
  }
};

struct Pair {
  explicit Pair(std::uint64_t seed, bool tls = false) : world(seed) {
    Listen at{.host = "0.0.0.0", .port = 443, .certificate_file = tls ? "x.pem" : ""};
    listening = *world.host("server").network().listen(at, [this](auto stream) { server.take(std::move(stream)); });
    dialing = world.host("client").network().dial({.host = "server", .port = 443, .tls = tls}, world.now() + 10s,
                                                  [this](auto stream) {
                                                    ASSERT_TRUE(stream);
                                                    client.take(std::move(*stream));
                                                  });
    EXPECT_TRUE(world.run_until([this] { return client.stream && server.stream; }, 1s));
  }
  VirtualWorld world;
  Talker client, server;
  std::unique_ptr<Listening> listening;
  std::unique_ptr<Dialing> dialing;
};

TEST(VirtualWorld, TimersRunInOrderOfTimeAndADayTakesNoTime) {
  VirtualWorld world(1);
  auto& reactor = world.host("a").reactor();
  std::vector<int> ran;
  auto late = reactor.after(24h, [&] { ran.push_back(3); });
  auto soon = reactor.after(1s, [&] { ran.push_back(2); });
  auto never = reactor.after(2s, [&] { ran.push_back(9); });
  reactor.post([&] { ran.push_back(1); });
  never.reset();
  const auto start = world.now();
  world.run_for(25h);
  EXPECT_EQ(ran, (std::vector{1, 2, 3}));
  EXPECT_EQ(world.now() - start, 25h);
}

TEST(VirtualWorld, PostsKeepTheirOrder) {
  VirtualWorld world(1);
  std::string ran;
  for (char c = 'a'; c < 'k'; ++c) world.host("a").reactor().post([&ran, c] { ran += c; });
  world.run_for(1s);
  EXPECT_EQ(ran, "abcdefghij");
}

TEST(VirtualWorld, WhatIsSentArrivesOnceInOrderBothWays) {
  Pair pair(7);
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + ",";
  pair.client.say(text);
  pair.server.say("hello");
  EXPECT_TRUE(pair.world.run_until([&] { return pair.server.heard.size() >= text.size(); }, 60s));
  EXPECT_EQ(pair.server.heard, text);
  EXPECT_EQ(pair.client.heard, "hello");
}

TEST(VirtualWorld, AWriterIsHeldBackByAReaderThatDoesNotRead) {
  VirtualWorld world(3);
  std::unique_ptr<Stream> deaf;
  Talker client;
  auto listening = world.host("s").network().listen({.port = 1}, [&](auto s) { deaf = std::move(s); });
  auto dialing = world.host("c").network().dial({.host = "s", .port = 1, .tls = false}, world.now() + 1s,
                                                [&](auto s) { client.take(std::move(*s)); });
  ASSERT_TRUE(world.run_until([&] { return client.stream && deaf; }, 1s));
  client.say(std::string(1'000'000, 'x'));
  world.run_for(60s);
  EXPECT_EQ(client.to_say.size(), 1'000'000U - 65'536U);
  Talker reader;
  reader.take(std::move(deaf));
  EXPECT_TRUE(world.run_until([&] { return reader.heard.size() == 1'000'000; }, 60s));
}

TEST(VirtualWorld, FinishIsAnOrderlyEndAfterWhatWasWritten) {
  Pair pair(4);
  pair.client.say("last words");
  pair.client.stream->finish();
  pair.world.run_for(1s);
  EXPECT_EQ(pair.server.heard, "last words");
  EXPECT_TRUE(pair.server.ended);
  pair.server.say("still heard");
  pair.world.run_for(1s);
  EXPECT_EQ(pair.client.heard, "still heard");
}

TEST(VirtualWorld, DestroyingAStreamEndsTheOther) {
  Pair pair(4);
  pair.client.stream.reset();
  pair.world.run_for(1s);
  EXPECT_TRUE(pair.server.ended);
}

TEST(VirtualWorld, BindingsAgreeOnTlsAndAreEmptyWithout) {
  Pair pair(5, true);
  EXPECT_EQ(pair.client.stream->channel_binding().size(), 32U);
  EXPECT_EQ(pair.client.stream->channel_binding(), pair.server.stream->channel_binding());
  Pair plain(5);
  EXPECT_TRUE(plain.client.stream->channel_binding().empty());
}

TEST(VirtualWorld, DialFaults) {
  VirtualWorld world(6);
  auto& client = world.host("c");
  world.host("s");
  std::vector<Fault> faults;
  auto note = [&](auto result) {
    ASSERT_FALSE(result);
    faults.push_back(result.error());
  };
  auto listening = world.host("s").network().listen({.port = 5}, [](auto) { FAIL(); });
  auto a = client.network().dial({.host = "nobody", .port = 1}, world.now() + 1s, note);
  world.run_for(2s);
  auto b = client.network().dial({.host = "s", .port = 1}, world.now() + 1s, note);
  world.run_for(2s);
  auto c = client.network().dial({.host = "s", .port = 5, .tls = true}, world.now() + 1s, note);
  world.run_for(2s);
  world.blackhole("c", "s");
  auto d = client.network().dial({.host = "s", .port = 5, .tls = false}, world.now() + 1s, note);
  world.run_for(2s);
  ASSERT_EQ(faults.size(), 4U);
  EXPECT_NE(faults[0].text.find("No address"), std::string::npos);
  EXPECT_NE(faults[1].text.find("refused"), std::string::npos);
  EXPECT_EQ(faults[2].kind, FaultKind::invalid);
  EXPECT_NE(faults[3].text.find("in time"), std::string::npos);
}

TEST(VirtualWorld, ADialThatWasDroppedNeverAnswers) {
  VirtualWorld world(6);
  Talker server;
  auto listening = world.host("s").network().listen({.port = 5}, [&](auto s) { server.take(std::move(s)); });
  auto dialing =
      world.host("c").network().dial({.host = "s", .port = 5, .tls = false}, world.now() + 1s, [](auto) { FAIL(); });
  ASSERT_TRUE(world.run_until([&] { return server.stream != nullptr; }, 1s));
  dialing.reset();
  world.run_for(5s);
  EXPECT_TRUE(server.ended);
}

TEST(VirtualWorld, ABlackHoleTellsNobodyUntilTheSendersTimeOutAndHealingDelivers) {
  Pair pair(8);
  pair.world.blackhole("client", "server");
  pair.client.say("through the hole");
  pair.world.run_for(20s);
  EXPECT_EQ(pair.server.heard, "");
  EXPECT_FALSE(pair.client.failed);
  pair.world.heal("client", "server");
  pair.world.run_for(20s);
  EXPECT_EQ(pair.server.heard, "through the hole");
  pair.world.blackhole("client", "server");
  pair.client.say("gone");
  pair.world.run_for(40s);
  EXPECT_TRUE(pair.client.failed);
  EXPECT_FALSE(pair.server.failed);  // half-open: the other end cannot know
}

TEST(VirtualWorld, ACutBreaksBothEndsAndRefusesDialsUntilHealed) {
  Pair pair(9);
  pair.world.cut("client", "server");
  pair.world.run_for(2s);
  EXPECT_TRUE(pair.client.failed);
  EXPECT_TRUE(pair.server.failed);
  EXPECT_FALSE(pair.client.stream->fault().text.empty());
  int refused = 0, reached = 0;
  auto count = [&](auto result) { ++(result ? reached : refused); };
  auto again = pair.world.host("client").network().dial({.host = "server", .port = 443, .tls = false},
                                                        pair.world.now() + 1s, count);
  pair.world.run_for(2s);
  pair.world.heal("client", "server");
  again = pair.world.host("client").network().dial({.host = "server", .port = 443, .tls = false}, pair.world.now() + 1s,
                                                   count);
  pair.world.run_for(2s);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(reached, 1);
}

TEST(VirtualWorld, LostConnectionsFailAtBothEnds) {
  Pair pair(10);
  pair.world.lose_connections(1.0);
  pair.client.say("x");
  pair.world.run_for(1s);
  EXPECT_TRUE(pair.client.failed);
  EXPECT_TRUE(pair.server.failed);
}

TEST(VirtualWorld, AKilledProcessLeavesNoTaskAndItsPeersSeeAReset) {
  Pair pair(11);
  auto& server = pair.world.host("server");
  const auto boot = server.boot_id();
  bool ran = false;
  auto timer = server.reactor().after(1s, [&] { ran = true; });
  server.reactor().post([&] { ran = true; });
  auto& old = server.reactor();
  server.kill([&] {
    pair.listening.reset();
    timer.reset();
    old.post([&] { ran = true; });  // what a destructor may still try
  });
  pair.world.run_for(5s);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(pair.client.failed);
  EXPECT_EQ(pair.server.stream->read({}).state, IoState::failed);
  EXPECT_EQ(server.boot_id(), boot);
  bool next = false;
  server.reactor().post([&] { next = true; });  // the host is up again
  EXPECT_TRUE(server.network().listen({.port = 443}, [](auto) {}));
  pair.world.run_for(1s);
  EXPECT_TRUE(next);
  server.power_cut();
  EXPECT_NE(server.boot_id(), boot);
}

TEST(VirtualWorld, ADialOfAKilledProcessAnswersNobody) {
  VirtualWorld world(12);
  Talker server;
  auto listening = world.host("s").network().listen({.port = 5}, [&](auto s) { server.take(std::move(s)); });
  auto dialing =
      world.host("c").network().dial({.host = "s", .port = 5, .tls = false}, world.now() + 1s, [](auto) { FAIL(); });
  world.host("c").kill();
  world.run_for(5s);
}

TEST(VirtualWorld, UnixPathsAreWithinAHost) {
  VirtualWorld world(13);
  Talker server, client;
  auto listening =
      world.host("a").network().listen({.unix_path = "/run/x"}, [&](auto s) { server.take(std::move(s)); });
  auto there = world.host("a").network().dial({.unix_path = "/run/x"}, world.now() + 1s,
                                              [&](auto s) { client.take(std::move(*s)); });
  auto elsewhere =
      world.host("b").network().dial({.unix_path = "/run/x"}, world.now() + 1s, [](auto s) { EXPECT_FALSE(s); });
  client.to_say = "hi";
  world.run_for(1s);
  EXPECT_EQ(server.heard, "hi");
  EXPECT_EQ(server.stream->peer_uid(), 0);
}

TEST(VirtualWorld, APoolHasABoundAndOneThreadKeepsTheOrder) {
  VirtualWorld world(14);
  auto pool = world.host("a").pool("p", 1, 3);
  std::string ran;
  for (char c = 'a'; c < 'e'; ++c) EXPECT_TRUE(pool->submit([&ran, c] { ran += c; }));
  EXPECT_FALSE(pool->submit([&ran] { ran += 'x'; }));
  world.run_for(1s);
  EXPECT_EQ(ran, "abcd");
  EXPECT_TRUE(pool->submit([&ran] { ran += 'x'; }));
  pool.reset();
  world.run_for(1s);
  EXPECT_EQ(ran, "abcd");
}

TEST(VirtualWorld, WallClocksCanBeWrongWhileMonotonicTimeIsNot) {
  VirtualWorld world(15);
  auto& a = world.host("a").reactor();
  auto& b = world.host("b").reactor();
  world.skew_wall("b", 24h);
  EXPECT_EQ(b.wall() - a.wall(), 24h);
  EXPECT_EQ(a.now(), b.now());
}

std::uint64_t busy_run(std::uint64_t seed) {
  Pair pair(seed);
  pair.world.lose_connections(0.01);
  for (int i = 0; i < 50; ++i) {
    pair.client.say(std::string(1000, 'c'));
    pair.server.say(std::string(100, 's'));
    pair.world.run_for(std::chrono::milliseconds(pair.world.random() % 20));
    if (pair.client.failed || pair.server.failed) break;
  }
  pair.world.host("server").power_cut();
  pair.world.run_for(10s);
  return pair.world.trace();
}

TEST(VirtualWorld, TheSameSeedGivesTheSameRun) {
  EXPECT_EQ(busy_run(42), busy_run(42));
  EXPECT_NE(busy_run(42), busy_run(43));
}

}  // namespace
}  // namespace tidegate::sim
