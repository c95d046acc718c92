// SPDX-License-Identifier: Apache-2.0
#include "core/tls/blocking.hpp"

#include <array>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "core/tls/network.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/core/tls/talker.hpp"

namespace tidegate::tls {
namespace {

using namespace std::chrono_literals;
using tests::Certificates;
using tests::Talker;

/// A server that echoes, on a thread of its own.
class Echo {
 public:
  explicit Echo(const sim::Listen& at, std::string greeting = {}) {
    std::promise<std::uint16_t> ready;
    auto port = ready.get_future();
    thread_ = std::jthread([this, at, greeting, &ready] {
      auto world = real_world();
      world_ = world.get();
      std::list<Peer> peers;
      auto listening = world->network().listen(at, [&](auto stream) {
        peers.emplace_back().take(std::move(stream));
        peers.back().talker.say(greeting);
      });
      ready.set_value((*listening)->port());
      world->run();
      const std::scoped_lock until_stop_returned(stopping_);
    });
    port_ = port.get();
  }
  ~Echo() {
    const std::scoped_lock lock(stopping_);
    world_->stop();
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  struct Peer final : sim::StreamEvents {
    void take(std::unique_ptr<sim::Stream> stream) {
      talker.take(std::move(stream));
      talker.stream->events(this);
      readable();
    }
    void readable() override {
      talker.readable();
      talker.say(std::exchange(talker.heard, {}));
    }
    void writable() override { talker.writable(); }
    Talker talker;
  };
  std::mutex stopping_;  ///< the world lives until stop() has returned
  std::jthread thread_;
  sim::RealWorld* world_ = nullptr;
  std::uint16_t port_ = 0;
};

struct Blocking : testing::Test {
  Call call(std::chrono::milliseconds limit = 10s) { return {Clock::now() + limit, stop.get_token(), 0}; }
  static std::string read(BlockingTls& connection, std::size_t count, const Call& call) {
    std::string all(count, '\0');
    std::size_t had = 0;
    while (had < count) {
      auto got = connection.read(std::as_writable_bytes(std::span(all)).subspan(had), call);
      if (!got || *got == 0) break;
      had += *got;
    }
    all.resize(had);
    return all;
  }
  Certificates ca;
  std::stop_source stop;
};

Octets octets(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_F(Blocking, TlsBothWays) {
  const auto files = ca.issue();
  Echo echo({.certificate_file = files.certificate, .key_file = files.key}, "* OK\r\n");
  auto connection = connect_blocking({.host = "localhost", .port = echo.port(), .ca_file = ca.ca_file()}, call());
  ASSERT_TRUE(connection) << connection.error().text;
  auto& c = **connection;
  EXPECT_TRUE(c.tls());
  EXPECT_EQ(read(c, 6, call()), "* OK\r\n");
  EXPECT_FALSE(c.pending());
  ASSERT_TRUE(c.write(octets("x"), call()));
  EXPECT_EQ(read(c, 1, call()), "x");
  ASSERT_TRUE(c.write(octets(std::string(20'000, 'p')), call()));
  EXPECT_EQ(read(c, 1, call()), "p");  // the rest of that record waits inside TLS, where no poll sees it
  EXPECT_TRUE(c.pending());
  EXPECT_EQ(read(c, 19'999, call()), std::string(19'999, 'p'));
}

TEST_F(Blocking, PlainAndUnix) {
  Echo echo({}, "hi");
  auto connection = connect_blocking({.host = "127.0.0.1", .port = echo.port(), .tls = false}, call());
  ASSERT_TRUE(connection);
  EXPECT_FALSE((*connection)->tls());
  EXPECT_EQ(read(**connection, 2, call()), "hi");
  const auto path = (ca.directory() / "s").string();
  Echo local({.unix_path = path}, "ho");
  connection = connect_blocking({.unix_path = path}, call());
  ASSERT_TRUE(connection);
  EXPECT_EQ(read(**connection, 2, call()), "ho");
}

TEST_F(Blocking, DeadlineAndStopEndAReadAtOnceAndItGoesOnAfterwards) {
  Echo echo({});
  auto connection = connect_blocking({.host = "127.0.0.1", .port = echo.port(), .tls = false}, call());
  ASSERT_TRUE(connection);
  std::array<std::byte, 8> buffer;
  auto got = (*connection)->read(buffer, call(20ms));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, FaultKind::cancelled);

  std::promise<void> reading;
  std::jthread stopper([&] {
    reading.get_future().wait();
    stop.request_stop();
  });
  const auto start = Clock::now();
  reading.set_value();
  got = (*connection)->read(buffer, call(60s));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, FaultKind::cancelled);
  EXPECT_LT(Clock::now() - start, 10s);

  stop = {};
  ASSERT_TRUE((*connection)->write(octets("later"), call()));
  EXPECT_EQ(read(**connection, 5, call()), "later");
}

TEST_F(Blocking, ShutFromAnotherThreadEndsARead) {
  Echo echo({});
  auto connection = connect_blocking({.host = "127.0.0.1", .port = echo.port(), .tls = false}, call());
  ASSERT_TRUE(connection);
  std::jthread other([&] { (*connection)->shut(); });
  std::array<std::byte, 8> buffer;
  auto got = (*connection)->read(buffer, call(60s));
  EXPECT_TRUE(!got || *got == 0);
}

TEST_F(Blocking, TheSameSentencesAsOnTheReactor) {
  const auto files = ca.issue({.name = "other.example"});
  Echo echo({.certificate_file = files.certificate, .key_file = files.key});
  auto wrong = connect_blocking({.host = "localhost", .port = echo.port(), .ca_file = ca.ca_file()}, call());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, FaultKind::denied);
  EXPECT_NE(wrong.error().text.find("other.example"), std::string::npos);
  Echo plain({}, "* OK no TLS here\r\n");
  wrong = connect_blocking({.host = "127.0.0.1", .port = plain.port(), .ca_file = ca.ca_file()}, call());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, FaultKind::invalid);
  Echo mute({});
  wrong = connect_blocking({.host = "127.0.0.1", .port = mute.port(), .ca_file = ca.ca_file()}, call(300ms));
  ASSERT_FALSE(wrong);
}

TEST_F(Blocking, RefusedIsSaid) {
  std::uint16_t port = 0;
  {
    Echo gone({});
    port = gone.port();
  }
  auto refused = connect_blocking({.host = "127.0.0.1", .port = port, .tls = false}, call());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("refused"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::tls
