// SPDX-License-Identifier: Apache-2.0
#include "core/web/service.hpp"

#include <array>
#include <cstring>
#include <map>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tidegate::web {
namespace {

std::string word(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)}; }
std::string name(std::string_view text) {
  std::string made;
  while (!text.empty()) {
    const auto end = std::min(text.find('.'), text.size());
    made += static_cast<char>(end);
    made += text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return made + '\0';
}
std::string record(unsigned type, const std::string& data) {
  return word(0xC00C) + word(type) + word(1) + std::string("\0\0\x0E\x10", 4) +
         word(static_cast<unsigned>(data.size())) + data;
}
std::string srv(unsigned priority, unsigned weight, unsigned port, std::string_view host) {
  return record(33, word(priority) + word(weight) + word(port) + name(host));
}
std::string txt(const std::vector<std::string>& strings) {
  std::string data;
  for (const auto& each : strings) data += static_cast<char>(each.size()) + each;
  return record(16, data);
}
/// RFC 1035 §4.1: an answer to a question for that name and type.
std::string message(std::string_view of, unsigned type, const std::vector<std::string>& answers, unsigned code = 0) {
  std::string made = word(7) + word(0x8180U | code) + word(1) + word(static_cast<unsigned>(answers.size())) + word(0) +
                     word(0) + name(of) + word(type) + word(1);
  for (const auto& each : answers) made += each;
  return made;
}
Octets octets(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(Service, RecordsAreRead) {
  const auto whole =
      message("_caldavs._tcp.example.org", 33,
              {srv(10, 5, 443, "DAV.Example.org"), txt({"path=/x"}), srv(0, 0, 8443, "b.example.org"),
               srv(0, 0, 0, "no-port.example.org"), srv(1, 1, 1, "bad host.example.org"), srv(1, 1, 1, "")});
  const auto found = read_services(octets(whole));
  ASSERT_TRUE(found) << found.error().text;
  const std::vector<ServiceRecord> wanted{
      {10, 5, 443, "dav.example.org"}, {0, 0, 8443, "b.example.org"}, {1, 1, 1, ""}};
  EXPECT_EQ(*found, wanted);
  // A compressed name (RFC 1035 §4.1.4): what stands in the question from octet 26 on.
  const auto shorter =
      message("_caldavs._tcp.example.org", 33, {record(33, word(0) + word(0) + word(443) + word(0xC01A))});
  ASSERT_TRUE(read_services(octets(shorter)));
  EXPECT_EQ(read_services(octets(shorter))->front().host, "example.org");
}

TEST(Service, PathsAreRead) {
  const auto path = [](const std::vector<std::string>& strings) {
    return read_service_path(octets(message("x.example.org", 16, {txt(strings)}))).value_or("broken");
  };
  EXPECT_EQ(path({"path=/caldav"}), "/caldav");
  EXPECT_EQ(path({"txtvers=1", "PATH=/a/b/", "path=/second"}), "/a/b/");
  EXPECT_EQ(path({"path=no-slash"}), "");
  EXPECT_EQ(path({"path=/a b"}), "");
  EXPECT_EQ(path({"path=/a\r\nHost: x"}), "");
  EXPECT_EQ(path({""}), "");
  EXPECT_EQ(read_service_path(octets(message("x", 16, {record(16, "\x40path=/short")}))).value_or("broken"), "");
}

TEST(Service, WhatIsBrokenHarmsNothing) {
  const auto whole = message("_caldavs._tcp.example.org", 33, {srv(10, 5, 443, "dav.example.org"), txt({"path=/x"})});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = whole.substr(0, size);
    (void)read_services(octets(cut));
    (void)read_service_path(octets(cut));
  }
  std::uint32_t seed = 1;
  for (int turn = 0; turn < 20'000; ++turn) {
    auto bent = whole;
    for (int change = 0; change < 3; ++change) {
      seed = seed * 1664525U + 1013904223U;
      bent[(seed >> 8U) % bent.size()] = static_cast<char>(seed >> 24U);
    }
    if (const auto found = read_services(octets(bent)))
      for (const auto& each : *found) EXPECT_LE(each.host.size(), 253U);
    (void)read_service_path(octets(bent));
  }
  EXPECT_EQ(read_services({}).error().kind, FaultKind::invalid);
  // A name that points to itself.
  EXPECT_TRUE(read_services(octets(message("x", 33, {record(33, word(0) + word(0) + word(1) + word(0xC013))}))));
}

TEST(Service, ARecordThatIsTooShortIsLeftOut) {
  const auto whole = message("_caldavs._tcp.example.org", 33, {srv(1, 2, 3, "a.example.org"), record(33, "\1\2\3")});
  const std::vector<char> exact(whole.begin(), whole.end());  // so that whoever reads on is found out
  const auto found = read_services(std::as_bytes(std::span(exact)));
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->size(), 1U);
}

TEST(Service, TheOrderIsByPriorityAndWeight) {
  const std::vector<ServiceRecord> all{
      {20, 0, 1, "last"}, {10, 10, 1, "light"}, {10, 90, 1, "heavy"}, {10, 0, 1, "never"}, {0, 0, 1, ""}};
  std::map<std::string, int> first;
  std::uint32_t seed = 1;
  const auto chance = [&](std::uint32_t below) {
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8U) % below;
  };
  for (int turn = 0; turn < 1000; ++turn) {
    const auto order = in_order(all, chance, 8);
    ASSERT_EQ(order.size(), 4U);
    EXPECT_EQ(order.back().host, "last");
    ++first[order.front().host];
  }
  EXPECT_GT(first["heavy"], 800);
  EXPECT_GT(first["light"], 40);
  EXPECT_LT(first["never"], 50);
  EXPECT_EQ(in_order(all, chance, 2).size(), 2U);
  EXPECT_TRUE(in_order({{0, 0, 1, ""}}, chance, 2).empty());
}

TEST(Service, OnlyWhatIsBelowTheDomainIsIts) {
  EXPECT_TRUE(is_below("example.org", "example.org"));
  EXPECT_TRUE(is_below("dav.example.org", "example.org"));
  EXPECT_FALSE(is_below("badexample.org", "example.org"));
  EXPECT_FALSE(is_below("example.org.evil.net", "example.org"));
  EXPECT_FALSE(is_below("org", "example.org"));
  EXPECT_FALSE(is_below("example.org", ""));
  EXPECT_TRUE(parse_name_server("192.0.2.1:5353"));
  EXPECT_EQ(parse_name_server("192.0.2.1")->port, 53);
  for (const auto* wrong : {"", "ns.example.org", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:x", "::1"})
    EXPECT_FALSE(parse_name_server(wrong)) << wrong;
}

/// A name server on loopback: for each question the message that stands under "TYPE name", with the question's id.
class NameServerPeer {
 public:
  explicit NameServerPeer(std::map<std::string, std::string> answers) : answers_(std::move(answers)) {
    socket_ = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    socklen_t size = sizeof at;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size);
    own_ = at;
    thread_ = std::thread([this] { serve(); });
  }
  ~NameServerPeer() {
    ::sendto(socket_, "", 0, 0, reinterpret_cast<sockaddr*>(&own_), sizeof own_);
    thread_.join();
    ::close(socket_);
  }
  NameServerPeer(const NameServerPeer&) = delete;
  NameServerPeer& operator=(const NameServerPeer&) = delete;
  NameServer server() const { return {"127.0.0.1", ntohs(own_.sin_port)}; }

 private:
  void serve() {
    for (;;) {
      std::array<char, 2048> buffer{};
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto got = ::recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0) return;
      std::string asked, text(buffer.data(), static_cast<std::size_t>(got));
      std::size_t at = 12;
      for (; at < text.size() && text[at] != 0; at += static_cast<unsigned char>(text[at]) + 1U)
        asked += (asked.empty() ? "" : ".") + text.substr(at + 1, static_cast<unsigned char>(text[at]));
      const int type = static_cast<unsigned char>(text[at + 2]);
      const auto found = answers_.find((type == 33 ? "SRV " : "TXT ") + asked);
      auto answer = found == answers_.end() ? message(asked, static_cast<unsigned>(type), {}, 3) : found->second;
      answer.replace(0, 2, text.substr(0, 2));
      ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  std::map<std::string, std::string> answers_;
  int socket_ = -1;
  sockaddr_in own_{};
  std::thread thread_;
};

TEST(Service, ANameServerIsAsked) {
  const std::string of = "_caldavs._tcp.example.org";
  NameServerPeer peer({{"SRV " + of, message(of, 33, {srv(0, 0, 8443, "dav.example.org")})},
                       {"TXT " + of, message(of, 16, {txt({"path=/dav"})})},
                       {"SRV _x._tcp.broken", message("_x._tcp.broken", 33, {}, 2)}});
  const auto server = peer.server();
  const Call call{Clock::now() + std::chrono::seconds(30), {}, 0};
  const auto found = find_services(call, of, &server);
  ASSERT_TRUE(found) << found.error().text << found.error().cause;
  EXPECT_EQ(*found, (std::vector<ServiceRecord>{{0, 0, 8443, "dav.example.org"}}));
  EXPECT_EQ(find_service_path(call, of, &server).value_or("?"), "/dav");
  const auto none = find_services(call, "_carddavs._tcp.example.org", &server);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(find_service_path(call, "_carddavs._tcp.example.org", &server).value_or("?"), "");
  EXPECT_EQ(find_services(call, "_x._tcp.broken", &server).error().kind, FaultKind::unavailable);
  EXPECT_EQ(find_services({Clock::now() - std::chrono::seconds(1), {}, 0}, of, &server).error().kind,
            FaultKind::cancelled);
}

}  // namespace
}  // namespace tidegate::web
