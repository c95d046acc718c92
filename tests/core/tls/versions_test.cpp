// SPDX-License-Identifier: Apache-2.0
// TLS below 1.2 is refused at both ends, and says so. The other end is OpenSSL's as it is, on a thread.
#include <atomic>
#include <list>
#include <optional>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/tls/network.hpp"
#include "core/tls/socket.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/core/tls/talker.hpp"

namespace tidegate::tls {
namespace {

using namespace std::chrono_literals;
using tests::Certificates;
using tests::Talker;

struct Freed {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// A context that speaks up to that version; the library's own reluctance about old ones is switched off.
std::unique_ptr<SSL_CTX, Freed> speaking(const SSL_METHOD* method, int most) {
  std::unique_ptr<SSL_CTX, Freed> context(SSL_CTX_new(method));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), most);
  return context;
}

struct VersionsTest : testing::Test {
  /// Our client at a server that speaks up to that version; nullopt: connected.
  std::optional<Fault> dial_server_of(int most) {
    Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(listening.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(listening.get(), 1), 0);
    ::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&at), &size);
    const auto files = ca.issue();
    const auto context = speaking(TLS_server_method(), most);
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM), 1);
    std::thread server([&] {
      const Fd peer(::accept(listening.get(), nullptr, nullptr));
      const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
      SSL_set_fd(ssl.get(), peer.get());
      SSL_accept(ssl.get());
      ERR_clear_error();
    });
    std::optional<Result<std::unique_ptr<sim::Stream>>> answer;
    const sim::Endpoint there{.host = "localhost", .port = ntohs(at.sin_port), .ca_file = ca.ca_file()};
    const auto dialing =
        world->network().dial(there, world->reactor().now() + 5s, [&](auto result) { answer = std::move(result); });
    EXPECT_TRUE(world->run_until([&] { return answer.has_value(); }, 10s));
    server.join();
    if (answer && *answer) return std::nullopt;
    return answer ? answer->error() : Fault{};
  }

  /// A client that speaks up to that version at our listener: 0 if it got in, else OpenSSL's reason.
  int client_of(int most) {
    const auto files = ca.issue();
    std::list<Talker> servers;
    auto listening = world->network().listen({.certificate_file = files.certificate, .key_file = files.key},
                                             [&](auto stream) { servers.emplace_back().take(std::move(stream)); });
    EXPECT_TRUE(listening);
    const auto context = speaking(TLS_client_method(), most);
    std::atomic<int> outcome = -1;
    std::thread client([&, port = (*listening)->port()] {
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      at.sin_port = htons(port);
      const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
      const bool fine = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 &&
                        SSL_set_fd(ssl.get(), fd.get()) == 1 && SSL_connect(ssl.get()) == 1;
      outcome = fine ? 0 : ERR_GET_REASON(ERR_peek_error());
      ERR_clear_error();
    });
    EXPECT_TRUE(world->run_until([&] { return outcome >= 0; }, 10s));
    client.join();
    return outcome;
  }

  Certificates ca;
  std::unique_ptr<sim::RealWorld> world = real_world();
};

TEST_F(VersionsTest, AServerOfElevenIsRefusedInWords) {
  const auto fault = dial_server_of(TLS1_1_VERSION);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, FaultKind::invalid);
  EXPECT_NE(fault->text.find("speaks only TLS older than 1.2"), std::string::npos) << fault->text << fault->cause;
  EXPECT_FALSE(dial_server_of(TLS1_2_VERSION));
  EXPECT_FALSE(dial_server_of(TLS1_3_VERSION));
}

TEST_F(VersionsTest, AClientOfElevenDoesNotGetIn) {
  EXPECT_EQ(client_of(TLS1_1_VERSION), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
  EXPECT_EQ(client_of(TLS1_2_VERSION), 0);
  EXPECT_EQ(client_of(TLS1_3_VERSION), 0);
}

}  // namespace
}  // namespace tidegate::tls
