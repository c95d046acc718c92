// SPDX-License-Identifier: Apache-2.0
// Real sockets on loopback; certificates are made on the way. No sleeps: the loop runs until something is so.
#include "core/tls/network.hpp"

#include <filesystem>
#include <list>

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "core/tls/session.hpp"
#include "core/tls/socket.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/core/tls/talker.hpp"

namespace tidegate::tls {
namespace {

using namespace std::chrono_literals;
using tests::Certificates;
using tests::Talker;

struct Net : testing::Test {
  explicit Net(const NetworkLimits& limits = {}) : world(real_world(limits)) {}

  void serve(const Certificates::Files& files) {
    listening =
        expect(world->network().listen({.certificate_file = files.certificate, .key_file = files.key},
                                       [this](auto stream) { servers.emplace_back().take(std::move(stream)); }));
  }
  void serve_plain() {
    listening = expect(world->network().listen({}, [this](auto s) { servers.emplace_back().take(std::move(s)); }));
  }
  template <class T>
  static T expect(Result<T> result) {
    EXPECT_TRUE(result) << (result ? "" : result.error().text + result.error().cause);
    return result ? std::move(*result) : T();
  }
  sim::Endpoint there(const std::string& host = "localhost") const {
    return {.host = host, .port = listening ? listening->port() : std::uint16_t{0}, .ca_file = ca.ca_file()};
  }
  /// Dials and runs until there is an answer.
  Result<std::unique_ptr<sim::Stream>> dial(const sim::Endpoint& endpoint, std::chrono::nanoseconds limit = 5s) {
    std::optional<Result<std::unique_ptr<sim::Stream>>> answer;
    const auto dialing = world->network().dial(endpoint, world->reactor().now() + limit,
                                               [&](auto result) { answer = std::move(result); });
    EXPECT_FALSE(answer);  // never within the call
    EXPECT_TRUE(world->run_until([&] { return answer.has_value(); }, 10s));
    return std::move(*answer);
  }
  Fault refused(const sim::Endpoint& endpoint, std::chrono::nanoseconds limit = 5s) {
    auto result = dial(endpoint, limit);
    EXPECT_FALSE(result);
    return result ? Fault{} : result.error();
  }
  bool until(const std::function<bool()>& condition) { return world->run_until(condition, 10s); }

  Certificates ca;
  std::unique_ptr<sim::RealWorld> world;
  std::unique_ptr<sim::Listening> listening;
  std::list<Talker> servers;
};

bool says(const Fault& fault, std::string_view words) { return fault.text.find(words) != std::string::npos; }

TEST_F(Net, OctetsBothWaysAndAnOrderlyEnd) {
  serve(ca.issue());
  Talker client;
  client.take(expect(dial(there())));
  ASSERT_TRUE(until([&] { return servers.size() == 1; }));
  std::string big;
  for (int i = 0; i < 300'000; ++i) big += std::to_string(i);
  client.say(big);
  servers.front().say("hello");
  ASSERT_TRUE(until([&] { return servers.front().heard.size() == big.size() && client.heard == "hello"; }));
  EXPECT_EQ(servers.front().heard, big);
  client.stream->finish();
  ASSERT_TRUE(until([&] { return servers.front().ended; }));
  servers.front().say("still heard");
  ASSERT_TRUE(until([&] { return client.heard == "hellostill heard"; }));
  EXPECT_TRUE(client.stream->peer().starts_with("127.0.0.1:") || client.stream->peer().starts_with("[::1]:"));
  EXPECT_EQ(client.stream->peer_uid(), -1);
}

TEST_F(Net, ChannelBindingsAgreeAndDifferByConnection) {
  serve(ca.issue());
  auto one = expect(dial(there()));
  auto two = expect(dial(there()));
  ASSERT_TRUE(until([&] { return servers.size() == 2; }));
  EXPECT_EQ(one->channel_binding().size(), 32U);
  EXPECT_EQ(one->channel_binding(), servers.front().stream->channel_binding());
  EXPECT_NE(one->channel_binding(), two->channel_binding());
}

TEST_F(Net, PlainTcpWhereAskedFor) {
  serve_plain();
  auto endpoint = there("127.0.0.1");
  endpoint.tls = false;
  Talker client;
  client.take(expect(dial(endpoint)));
  client.say("plain");
  ASSERT_TRUE(until([&] { return servers.size() == 1 && servers.front().heard == "plain"; }));
  EXPECT_TRUE(client.stream->channel_binding().empty());
  client.stream->finish();
  EXPECT_TRUE(until([&] { return servers.front().ended; }));
}

TEST_F(Net, AnAddressInDigitsIsVerifiedAsOne) {
  serve(ca.issue({.name = "127.0.0.1"}));
  EXPECT_TRUE(dial(there("127.0.0.1")));
}

TEST_F(Net, WrongNameSaysForWhichItIs) {
  serve(ca.issue({.name = "mail.example.com"}));
  const auto fault = refused(there());
  EXPECT_EQ(fault.kind, FaultKind::denied);
  EXPECT_TRUE(says(fault, "mail.example.com")) << fault.text;
}

TEST_F(Net, ExpiredAndNotYetValidSpeakOfTheClock) {
  serve(ca.issue({.from = -48h, .until = -24h}));
  auto fault = refused(there());
  EXPECT_EQ(fault.kind, FaultKind::denied);
  EXPECT_TRUE(says(fault, "expired") && says(fault, "clock")) << fault.text;
  serve(ca.issue({.from = 24h, .until = 48h}));
  fault = refused(there());
  EXPECT_TRUE(says(fault, "valid only from") && says(fault, "clock")) << fault.text;
}

TEST_F(Net, AForeignAuthorityIsNamed) {
  Certificates other("Interceptor 3000");
  serve(other.issue());
  const auto fault = refused(there());
  EXPECT_EQ(fault.kind, FaultKind::denied);
  EXPECT_TRUE(says(fault, "Interceptor 3000")) << fault.text;
}

TEST_F(Net, APinIsAcceptedAloneInWhateverCase) {
  const auto files = ca.issue();
  serve(files);
  auto endpoint = there();
  endpoint.pin = files.pin;
  EXPECT_TRUE(dial(endpoint));
  for (auto& c : endpoint.pin) c = static_cast<char>(std::toupper(c));
  EXPECT_TRUE(dial(endpoint));  // and this one by a resumed session
  endpoint.pin = ca.issue().pin;
  const auto fault = refused(endpoint);
  EXPECT_EQ(fault.kind, FaultKind::denied);
  EXPECT_TRUE(says(fault, files.pin)) << fault.text;
}

TEST_F(Net, NoTlsThereIsSaid) {
  serve_plain();
  std::optional<Fault> fault;
  const auto dialing =
      world->network().dial(there(), world->reactor().now() + 5s, [&](auto result) { fault = result.error(); });
  ASSERT_TRUE(until([&] { return servers.size() == 1; }));
  servers.front().say("* OK IMAP4rev1 ready\r\n");
  ASSERT_TRUE(until([&] { return fault.has_value(); }));
  EXPECT_EQ(fault->kind, FaultKind::invalid);
  EXPECT_TRUE(says(*fault, "speaks no TLS")) << fault->text;
}

TEST_F(Net, PlainHttpOnATlsPortIsToldSo) {
  serve(ca.issue());
  auto endpoint = there();
  endpoint.tls = false;
  Talker client;
  client.take(expect(dial(endpoint)));
  client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(until([&] { return client.ended || client.failed; }));
  EXPECT_TRUE(client.heard.starts_with("HTTP/1.1 400 ")) << client.heard;
  EXPECT_NE(client.heard.find("This port speaks TLS"), std::string::npos);
  EXPECT_TRUE(servers.empty());
}

TEST_F(Net, NobodyThereNobodyOfThatNameNoAnswer) {
  serve_plain();
  auto endpoint = there();
  listening.reset();
  EXPECT_TRUE(says(refused(endpoint), "refused the connection"));
  EXPECT_TRUE(says(refused({.host = std::string(64, 'a') + ".invalid"}), "No address is known"));
  EXPECT_EQ(refused({.host = ""}).kind, FaultKind::unavailable);
  // A listener that takes the connection and never speaks TLS: the deadline answers.
  serve_plain();
  const auto fault = refused(there(), 50ms);
  EXPECT_EQ(fault.kind, FaultKind::unavailable);
  EXPECT_TRUE(says(fault, "in time (TLS handshake)")) << fault.text;
}

TEST_F(Net, ADroppedDialNeverAnswers) {
  serve(ca.issue());
  auto dialing = world->network().dial(there(), world->reactor().now() + 5s, [](auto) { FAIL(); });
  bool later = false;
  dialing.reset();
  const auto timer = world->reactor().after(50ms, [&] { later = true; });
  ASSERT_TRUE(until([&] { return later; }));
}

TEST_F(Net, AStreamMayBeDestroyedWithinItsEvent) {
  serve(ca.issue());
  Talker client;
  client.take(expect(dial(there())));
  ASSERT_TRUE(until([&] { return servers.size() == 1; }));
  struct Ends final : sim::StreamEvents {
    std::unique_ptr<sim::Stream> stream;
    void readable() override { stream.reset(); }
    void writable() override {}
  } ends;
  ends.stream = std::move(servers.front().stream);
  ends.stream->events(&ends);
  client.say("x");
  ASSERT_TRUE(until([&] { return client.ended || client.failed; }));
  EXPECT_EQ(ends.stream, nullptr);
}

TEST_F(Net, ACutConnectionIsAFaultAndNoOrderlyEnd) {
  serve(ca.issue());  // a peer that dies without close_notify: its socket is shut below TLS
  Talker client;
  client.take(expect(dial(there())));
  ASSERT_TRUE(until([&] { return servers.size() == 1; }));
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_storage data{};
    socklen_t size = sizeof data;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&data), &size) != 0) continue;
    ::shutdown(fd, SHUT_WR);
  }
  ASSERT_TRUE(until([&] { return client.failed; }));
  EXPECT_FALSE(client.ended);
  EXPECT_TRUE(says(client.stream->fault(), "cut off")) << client.stream->fault().text;
}

TEST_F(Net, BadFilesAreNamed) {
  const auto files = ca.issue();
  const auto other = ca.issue();
  auto result = world->network().listen({.certificate_file = "/no/such.pem", .key_file = files.key}, [](auto) {});
  ASSERT_FALSE(result);
  EXPECT_TRUE(says(result.error(), "/no/such.pem is not there"));
  result = world->network().listen({.certificate_file = files.certificate, .key_file = other.key}, [](auto) {});
  ASSERT_FALSE(result);
  EXPECT_TRUE(says(result.error(), "no private key for the certificate"));
  result = world->network().listen({.certificate_file = files.key, .key_file = files.key}, [](auto) {});
  ASSERT_FALSE(result);
  EXPECT_TRUE(says(result.error(), "no certificate chain"));
  serve(files);
  auto endpoint = there();
  endpoint.ca_file = "/no/ca.pem";
  EXPECT_TRUE(says(refused(endpoint), "/no/ca.pem is not there"));
}

TEST_F(Net, APortInUseIsSaid) {
  serve_plain();
  auto again = world->network().listen({.port = listening->port()}, [](auto) {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, FaultKind::exists);
}

TEST_F(Net, UnixSocketsKnowTheirPeerAndReplaceAStaleOne) {
  const auto path = (ca.directory() / "ctl.sock").string();
  const sim::Listen at{.unix_path = path};
  auto accepted = [this](auto stream) { servers.emplace_back().take(std::move(stream)); };
  listening = expect(world->network().listen(at, accepted));
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_FALSE(world->network().listen(at, accepted));  // a living one is not robbed
  Talker client;
  client.take(expect(dial({.unix_path = path})));
  client.say("status");
  ASSERT_TRUE(until([&] { return !servers.empty() && servers.back().heard == "status"; }));
  EXPECT_EQ(servers.back().stream->peer_uid(), static_cast<int>(::getuid()));
  listening.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(says(refused({.unix_path = path}), "is the service running"));
  // One left behind by a killed process: bound, nobody listening.
  auto address = *unix_address(path);
  Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address.data), address.size), 0);
  dead.reset();
  EXPECT_TRUE(world->network().listen(at, accepted));
}

struct FewHandshakes : Net {
  FewHandshakes() : Net(NetworkLimits{.handshakes = 2, .handshake_deadline = 1s}) {}
};

TEST_F(FewHandshakes, SilentConnectionsHoldOthersUpOnlyForTheDeadline) {
  serve(ca.issue());
  auto silent = there("127.0.0.1");
  silent.tls = false;
  std::vector<std::unique_ptr<sim::Stream>> hold;
  for (int i = 0; i < 2; ++i) hold.push_back(expect(dial(silent)));
  const auto start = world->reactor().now();
  EXPECT_TRUE(dial(there()));  // waits in the backlog until the two are dropped
  EXPECT_GE(world->reactor().now() - start, 500ms);
}

TEST_F(Net, SessionsAreResumed) {
  serve(ca.issue());
  // A ticket comes with the first octets from the server; the second handshake then needs no certificate.
  Talker first;
  first.take(expect(dial(there())));
  ASSERT_TRUE(until([&] { return servers.size() == 1; }));
  servers.front().say("x");
  ASSERT_TRUE(until([&] { return first.heard == "x"; }));
  auto fd = expect(begin_connect(resolve(there("127.0.0.1"), true)->front(), "there"));
  auto endpoint = there();
  auto ssl = expect(client_ssl(endpoint, fd.get()));
  std::unique_ptr<FdWait> wait;
  bool done = false;
  std::function<void()> go = [&] {
    const auto step = handshake(ssl.get());
    ASSERT_NE(step, Step::failed) << handshake_fault(endpoint).text;
    done = step == Step::done;
    if (!done) wait = world->reactor().wait(fd.get(), step == Step::want_write, [&] { go(); });
  };
  wait = world->reactor().wait(fd.get(), true, [&] { go(); });
  ASSERT_TRUE(until([&] { return done; }));
  EXPECT_EQ(SSL_session_reused(ssl.get()), 1);
  EXPECT_EQ(SSL_version(ssl.get()), TLS1_3_VERSION);
}

}  // namespace
}  // namespace tidegate::tls
