// SPDX-License-Identifier: Apache-2.0
// A relay on virtual time with a scripted gateway and a device, for its tests.
#pragma once
#include <gtest/gtest.h>

#include "relay/admin.hpp"
#include "relay/relay.hpp"
#include "tests/relay/scripted_peers.hpp"

namespace tidegate::relay {

using namespace std::chrono_literals;
using wire::Code;
using wire::Frame;
using wire::FrameType;

inline Settings settings() {
  Settings s;
  s.listen = "0.0.0.0:443";
  s.public_url = "https://relay";
  s.certificate = "/cert.pem";
  s.key = "/key.pem";
  s.state = "/state";
  s.argon2_memory = 8192;
  s.argon2_passes = 1;
  return s;
}

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override { start(settings()); }
  void start(Settings s) {
    relay.reset();
    relay = std::make_unique<Relay>(host, std::move(s));
    const auto fine = relay->start();
    ASSERT_TRUE(fine) << fine.error().text << " " << fine.error().cause;
  }
  AdminAnswer admin(std::vector<std::string> words, std::string password = {}) {
    std::optional<std::string> said;
    relay->administer(std::move(words), std::move(password), [&](std::string text) { said = std::move(text); });
    EXPECT_TRUE(world.run_until([&] { return said.has_value(); }, 10s));
    return *from_json(*said);
  }
  void licence(const char* seats = "10") {
    ASSERT_TRUE(admin({"licence", "add", "acme", "--seats", seats}, "licence-password").ok);
  }
  /// A registered gateway with a session.
  void gateway_up(TestGateway& which) {
    ASSERT_EQ(which.registers("acme", "licence-password"), 200U);
    ASSERT_TRUE(which.open());
  }
  std::uint64_t unix_now() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(host.reactor().wall().time_since_epoch()).count());
  }
  /// A user with a device that is paired and bound, as far as the relay can tell.
  void pair(TestGateway& from, TestDevice& one, const std::string& handle = "ABCDE") {
    ASSERT_EQ(from.request(wire::UserAdd{0, one.user, "account-password"}).code, Code::ok);
    ASSERT_EQ(from.request(wire::PairingOpen{0, one.user, handle, unix_now() + 1000}).code, Code::ok);
    ASSERT_TRUE(one.enrol("account-password", handle));
    const auto before = from.frames_of(FrameType::wake_up).size();
    one.wake_up(handle);
    ASSERT_TRUE(from.wait([&] { return from.frames_of(FrameType::wake_up).size() > before; }));
    const auto session = from.frames_of(FrameType::wake_up).back().id;
    ASSERT_EQ(
        from.request(wire::DeviceBind{0, session, one.user, one.id, one.key.public_key, wire::Suite::noise_1}).code,
        Code::ok);
  }
  Frame woken(TestGateway& from, TestDevice& one) {
    const auto before = from.frames_of(FrameType::wake_up).size();
    one.wake_up();
    EXPECT_TRUE(from.wait([&] { return from.frames_of(FrameType::wake_up).size() > before; }));
    return from.frames_of(FrameType::wake_up).back();
  }

  sim::VirtualWorld world{42};
  sim::VirtualHost& host = world.host("relay");
  sim::VirtualHost& company = world.host("company");
  sim::VirtualHost& phone = world.host("phone");
  std::unique_ptr<Relay> relay;
  TestGateway gateway{world, company, 'g'};
  TestDevice device{world, phone, 'd', "alice@example.com"};
};

}  // namespace tidegate::relay
