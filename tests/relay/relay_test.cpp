// SPDX-License-Identifier: Apache-2.0
// The whole relay on virtual time, between scripted gateways and devices.
#include "relay/relay.hpp"

#include <gtest/gtest.h>

#include "relay/admin.hpp"
#include "tests/relay/scripted_peers.hpp"

namespace tidegate::relay {
namespace {

using namespace std::chrono_literals;
using wire::Code;
using wire::Frame;
using wire::FrameType;

Settings settings() {
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
  void gateway_up(TestGateway& gateway) {
    ASSERT_EQ(gateway.registers("acme", "licence-password"), 200U);
    ASSERT_TRUE(gateway.open());
  }
  std::uint64_t unix_now() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(host.reactor().wall().time_since_epoch()).count());
  }
  /// A user with a device that is paired and bound, as far as the relay can tell.
  void pair(TestGateway& gateway, TestDevice& device, const std::string& handle = "ABCDE") {
    ASSERT_EQ(gateway.request(wire::UserAdd{0, device.user, "account-password"}).code, Code::ok);
    ASSERT_EQ(gateway.request(wire::PairingOpen{0, device.user, handle, unix_now() + 1000}).code, Code::ok);
    ASSERT_TRUE(device.enrol("account-password", handle));
    device.wake_up(handle);
    ASSERT_TRUE(gateway.wait([&] { return !gateway.frames_of(FrameType::wake_up).empty(); }));
    const auto session = gateway.frames_of(FrameType::wake_up).back().id;
    ASSERT_EQ(
        gateway
            .request(wire::DeviceBind{0, session, device.user, device.id, device.key.public_key, wire::Suite::noise_1})
            .code,
        Code::ok);
  }
  Frame woken(TestGateway& gateway, TestDevice& device) {
    const auto before = gateway.frames_of(FrameType::wake_up).size();
    device.wake_up();
    EXPECT_TRUE(gateway.wait([&] { return gateway.frames_of(FrameType::wake_up).size() > before; }));
    return gateway.frames_of(FrameType::wake_up).back();
  }

  sim::VirtualWorld world{42};
  sim::VirtualHost& host = world.host("relay");
  sim::VirtualHost& company = world.host("company");
  sim::VirtualHost& phone = world.host("phone");
  std::unique_ptr<Relay> relay;
  TestGateway gateway{world, company, 'g'};
  TestDevice device{world, phone, 'd', "alice@example.com"};
};

TEST_F(RelayTest, CarriesAMessageFromGatewayToDeviceAndBack) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  EXPECT_TRUE(device.last<wire::Welcome>()->gateway_present);
  const auto wake = woken(gateway, device);
  gateway.send(FrameType::wake_up_ack, wake.id, wake.generation, 1, "ack");
  gateway.send(FrameType::sealed, wake.id, wake.generation, 2, Bytes("\x00\xff sealed", 9));
  ASSERT_TRUE(device.wait([&] { return !device.frames_of(FrameType::sealed).empty(); }));
  EXPECT_EQ(device.frames_of(FrameType::sealed)[0].body, Bytes("\x00\xff sealed", 9));
  EXPECT_EQ(device.frames_of(FrameType::sealed)[0].generation, wake.generation);
  device.sealed(2, "from the device");
  ASSERT_TRUE(gateway.wait([&] { return !gateway.frames_of(FrameType::sealed).empty(); }));
  EXPECT_EQ(gateway.frames_of(FrameType::sealed)[0].body, "from the device");
}

TEST_F(RelayTest, TheAnswerOfALaneHoldsTheReceiptOfWhatItBrought) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  const auto wake = woken(gateway, device);
  gateway.frames.clear();
  gateway.post({{wire::Target::device, wake.id, wake.generation, 2, 1, "ack"},
                {wire::Target::device, wake.id, wake.generation, 4, 2, "data"}});
  ASSERT_FALSE(gateway.frames_of(FrameType::credit).empty());
  EXPECT_EQ(*wire::decode_credit(gateway.frames_of(FrameType::credit).back().body),
            (wire::Credit{(256U << 10) + 7, 2}));
}

TEST_F(RelayTest, ManyFramesOfABatchTravelInFewMessages) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  const auto wake = woken(gateway, device);
  std::vector<Frame> batch;
  for (std::uint64_t n = 1; n <= 100; ++n)
    batch.push_back({wire::Target::device, wake.id, wake.generation, 4, n, Bytes(300, 'x')});
  const auto before = device.messages;
  EXPECT_EQ(gateway.post(batch), 200U);
  ASSERT_TRUE(device.wait([&] { return device.frames_of(FrameType::sealed).size() == 100; }));
  EXPECT_LE(device.messages - before, 3U);
}

// --- registration and opening

TEST_F(RelayTest, RegisteringNeedsTheLicencesPassword) {
  licence();
  EXPECT_EQ(gateway.registers("acme", "wrong"), 401U);
  EXPECT_EQ(gateway.registers("nobody", "licence-password"), 401U) << "nobody learns which licences exist";
  EXPECT_FALSE(gateway.open()) << "not registered";
  EXPECT_EQ(gateway.channel->codes.back(), "401");
  EXPECT_EQ(gateway.registers("acme", "licence-password"), 200U);
  EXPECT_TRUE(gateway.open());
}

TEST_F(RelayTest, AnOpeningMustBeSignedForThisConnectionAndKey) {
  licence();
  ASSERT_EQ(gateway.registers("acme", "licence-password"), 200U);
  const auto refused = [&](auto change) {
    gateway.ask();
    auto said = gateway.envelope();
    change(said);
    gateway.enter(said);
    gateway.wait([&] { return gateway.channel->answers.size() > 1 || gateway.session != 0; });
    return gateway.session == 0 ? gateway.channel->codes.back() : "opened";
  };
  EXPECT_EQ(refused([](auto&) {}), "opened");
  EXPECT_EQ(refused([](auto& said) { said.license_id = "other"; }), "401");
  EXPECT_EQ(refused([](auto& said) { said.relay_host = "evil"; }), "600");
  EXPECT_EQ(refused([](auto& said) { said.guid[0] = static_cast<char>(said.guid[0] ^ 1); }), "600");
  EXPECT_EQ(refused([](auto& said) { said.versions = {2}; }), "600");
  EXPECT_EQ(refused([](auto& said) { said.signature = Bytes(64, 'x'); }), "401");
  EXPECT_EQ(refused([&](auto&) { gateway.opened.key.back() = gateway.opened.key.back() == '0' ? '1' : '0'; }), "401");
  EXPECT_EQ(refused([&](auto&) { world.run_for(61s); }), "401") << "the key's minute is over";
}

TEST_F(RelayTest, AKeyIdOpensOnce) {
  licence();
  gateway_up(gateway);
  const auto used = gateway.opened;
  gateway.ask();
  gateway.opened = used;
  gateway.enter(gateway.envelope());
  gateway.wait([&] { return gateway.channel->answers.size() > 1; });
  EXPECT_EQ(gateway.channel->codes.back(), "401");
}

TEST_F(RelayTest, AnEmptyBindingNeedsTheOperatorsFlag) {
  licence();
  ASSERT_EQ(gateway.registers("acme", "licence-password"), 200U);
  const auto open = [&] {
    gateway.ask();
    gateway.enter(gateway.envelope(), true);
    gateway.wait([&] { return gateway.channel->answers.size() > 1 || gateway.session != 0; });
    return gateway.session != 0;
  };
  EXPECT_FALSE(open());
  EXPECT_EQ(gateway.channel->codes.back(), "403");
  ASSERT_TRUE(admin({"gateway", "allow-interception", admin({"gateway", "list"}).rows[0][1]}).ok);
  EXPECT_TRUE(open());
}

TEST_F(RelayTest, OfTwoInstancesTheHigherWinsAndTheOtherIsTold409) {
  licence();
  gateway_up(gateway);
  TestGateway clone(world, world.host("clone"), 'g', 1, 77);
  clone.license_id = gateway.license_id;
  EXPECT_FALSE(clone.open()) << "equal counter, other process";
  EXPECT_EQ(clone.channel->codes.back(), "409");
  clone.instance.counter = 2;
  EXPECT_TRUE(clone.open());
  ASSERT_TRUE(gateway.wait([&] { return gateway.channel->ended || !gateway.all<wire::Refused>().empty(); }));
  ASSERT_FALSE(gateway.all<wire::Refused>().empty());
  EXPECT_EQ(gateway.all<wire::Refused>()[0].code, Code::conflict);
  EXPECT_FALSE(gateway.open());
  EXPECT_EQ(gateway.channel->codes.back(), "409");
  EXPECT_EQ(relay->status().gateways, 1U);
}

TEST_F(RelayTest, TheSameInstanceComesBackQuietly) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  woken(gateway, device);
  const auto old = std::move(gateway.channel);
  const auto old_session = gateway.session;
  device.controls.clear();
  ASSERT_TRUE(gateway.open());
  EXPECT_GT(gateway.session, old_session);
  ASSERT_TRUE(device.wait([&] { return device.closed().has_value(); }));
  EXPECT_EQ(device.closed()->code, Code::gateway_away);
  world.run_for(1s);
  for (const auto& control : device.controls)
    if (const auto* state = std::get_if<wire::GatewayState>(&control)) EXPECT_TRUE(state->present);
  woken(gateway, device);
}

TEST_F(RelayTest, LanesOfAnOldSessionAreTurnedAway) {
  licence();
  gateway_up(gateway);
  const auto session = gateway.session;
  const auto key = gateway.opened;
  ASSERT_TRUE(gateway.open());
  const auto now = gateway.session;
  gateway.session = session;
  EXPECT_EQ(gateway.post({}), 409U);
  gateway.session = now;
  EXPECT_EQ(gateway.post({}), 200U);
  EXPECT_EQ(gateway.post({}, 20), 400U) << "20 lanes, from 0";
  gateway.opened = key;
  EXPECT_EQ(gateway.post({}), 409U) << "the key of another session";
}

// --- heartbeats

TEST_F(RelayTest, AGatewayThatAnswersNoHeartbeatIsAwayAndItsDevicesHearIt) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  woken(gateway, device);
  world.run_for(60s);
  EXPECT_EQ(relay->status().gateways, 1U);
  EXPECT_GE(gateway.all<wire::Heartbeat>().size(), 6U);
  gateway.answer_heartbeats = false;
  ASSERT_TRUE(device.wait([&] { return device.last<wire::GatewayState>().has_value(); }, 31s));
  EXPECT_FALSE(device.last<wire::GatewayState>()->present);
  EXPECT_EQ(device.closed()->code, Code::gateway_away);
  EXPECT_FALSE(device.ended) << "the device stays";
}

TEST_F(RelayTest, ADeadGatewayMachineIsFoundByItsHeartbeats) {
  licence();
  gateway_up(gateway);
  world.blackhole("relay", "company");
  EXPECT_TRUE(world.run_until([&] { return relay->status().gateways == 0; }, 60s));
}

// --- devices at the door

TEST_F(RelayTest, EnrolmentNeedsPasswordHandleAndSignature) {
  licence();
  gateway_up(gateway);
  ASSERT_EQ(gateway.request(wire::UserAdd{0, device.user, "account-password"}).code, Code::ok);
  EXPECT_FALSE(device.enrol("account-password", "ABCDE"));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::not_found) << "no code is open";
  ASSERT_EQ(gateway.request(wire::PairingOpen{0, device.user, "ABCDE", unix_now() + 100}).code, Code::ok);
  EXPECT_FALSE(device.enrol("wrong", "ABCDE"));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::unauthorized);
  const auto wrong_password = device.last<wire::Refused>()->text;
  TestDevice stranger(world, phone, 's', "nobody@example.com");
  EXPECT_FALSE(stranger.enrol("account-password", "ABCDE"));
  EXPECT_EQ(stranger.last<wire::Refused>()->text, wrong_password) << "nobody learns which users exist";
  ASSERT_TRUE(device.connect());
  auto said = device.enrolment("account-password", "ABCDE");
  said.signature[5] = static_cast<char>(said.signature[5] ^ 1);
  device.say(said);
  ASSERT_TRUE(device.wait([&] { return device.ended; }));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::unauthorized);
  EXPECT_TRUE(device.enrol("account-password", "ABCDE"));
  EXPECT_FALSE(device.log_in()) << "enrolled is not bound";
}

TEST_F(RelayTest, ALoginProvesTheKeyOnThisConnection) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.connect());
  const auto replayed = device.login();
  ASSERT_TRUE(device.connect());
  device.say(replayed);
  ASSERT_TRUE(device.wait([&] { return device.ended; }));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::unauthorized);
  EXPECT_TRUE(device.log_in());
}

TEST_F(RelayTest, WrongPasswordsLockTheAccountAndAreAudited) {
  licence();
  gateway_up(gateway);
  ASSERT_EQ(gateway.request(wire::UserAdd{0, device.user, "account-password"}).code, Code::ok);
  ASSERT_EQ(gateway.request(wire::PairingOpen{0, device.user, "ABCDE", unix_now() + 1000}).code, Code::ok);
  for (int i = 0; i < 6; ++i) EXPECT_FALSE(device.enrol("wrong", "ABCDE"));
  EXPECT_FALSE(device.enrol("account-password", "ABCDE")) << "even the right one";
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::too_many);
  EXPECT_GT(device.last<wire::Refused>()->retry_after_ms, 0U);
  world.run_for(2s);
  EXPECT_TRUE(device.enrol("account-password", "ABCDE"));
  bool audited = false;
  for (const auto& row : admin({"audit"}).rows) audited |= row[2] == "lockout" && row[3] == device.user;
  EXPECT_TRUE(audited);
}

TEST_F(RelayTest, GarbageAtTheDoorIsRefusedAndHarmsNobody) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  TestDevice bad(world, phone, 'b', "bad@example.com");
  ASSERT_TRUE(bad.connect());
  bad.sealed(1, "before login");
  EXPECT_TRUE(bad.wait([&] { return bad.ended; }));
  EXPECT_EQ(bad.last<wire::Refused>()->code, Code::invalid);
  for (const auto& octets :
       {Bytes(1000, '\xff'), Bytes("\x82\x85\x01\x02\x03\x04\xfe\xfd\xfc\xfb\x00", 11), Bytes("\x82\x05hello", 7)}) {
    ASSERT_TRUE(bad.connect());
    bad.raw(octets);
    EXPECT_TRUE(bad.wait([&] { return bad.ended; }));
  }
  ASSERT_TRUE(bad.connect());
  EXPECT_TRUE(bad.wait([&] { return bad.ended; }, 40s)) << "silence is refused too";
  EXPECT_FALSE(device.ended);
  woken(gateway, device);
}

TEST_F(RelayTest, HttpThatIsNoneOfOursGetsAnAnswerAndANumber) {
  TestHttp http(phone);
  http.request("GET", "/", {});
  http.request("GET", "/healthz", {});
  http.request("GET", "/device", {});
  ASSERT_TRUE(world.run_until([&] { return http.answers.size() == 3; }, 10s));
  EXPECT_EQ(http.answers[0].first, 404U);
  EXPECT_EQ(http.codes[0], "404");
  EXPECT_EQ(http.answers[1], (std::pair<unsigned, Bytes>{200, "ok\n"}));
  EXPECT_EQ(http.answers[2].first, 400U);
  TestHttp junk(phone);
  junk.send("\x16\x03\x01 garbage\r\n\r\n");
  EXPECT_TRUE(world.run_until([&] { return junk.ended; }, 40s));
  TestHttp slow(phone);
  slow.send("POST /rts/register HTTP/1.1\r\nHost: relay\r\n");
  EXPECT_TRUE(world.run_until([&] { return slow.ended; }, 40s)) << "a request that never ends";
  TestHttp large(phone);
  large.request("POST", "/rts/register", {}, Bytes(100'000, 'x'));
  EXPECT_TRUE(world.run_until([&] { return !large.answers.empty() || large.ended; }, 40s));
  ASSERT_FALSE(large.answers.empty());
  EXPECT_EQ(large.answers[0].first, 413U);
}

TEST_F(RelayTest, BrokenBatchesAreRefusedAndTheSessionGoesOn) {
  licence();
  gateway_up(gateway);
  const auto post = [&](Bytes body) {
    TestHttp http(company);
    http.request("POST", "/rts/data",
                 {{"Tidegate-Key-Id", gateway.opened.key_id},
                  {"Tidegate-Key", gateway.opened.key},
                  {"Tidegate-Session", std::to_string(gateway.session)},
                  {"Tidegate-Lane", "3"}},
                 body);
    world.run_until([&] { return !http.answers.empty() || http.ended; }, 20s);
    return http.answers.empty() ? 0U : http.answers[0].first;
  };
  EXPECT_EQ(post(Bytes("\xff\xff\xff\xff", 4)), 413U);
  EXPECT_EQ(post(Bytes("\0\0\0\3\xff\xff\xff", 7)), 400U);
  EXPECT_EQ(post(Bytes("\0\0\0\7abc", 7)), 400U) << "ends in the midst of a frame";
  EXPECT_EQ(post(Bytes(2'000'000, '\0')), 413U);
  EXPECT_EQ(post({}), 200U);
  EXPECT_EQ(relay->status().gateways, 1U);
}

TEST_F(RelayTest, SilentDevicesArePingedAndDeadOnesForgotten) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  world.run_for(std::chrono::minutes(20));
  EXPECT_GE(device.pings, 4);
  EXPECT_EQ(relay->status().devices, 1U);
  device.pongs = false;
  EXPECT_TRUE(world.run_until([&] { return relay->status().devices == 0; }, 280s));
}

// --- harm done by one to others

TEST_F(RelayTest, ASlowReaderHoldsNobodyUpAndIsHeldByItsCredit) {
  licence();
  gateway_up(gateway);
  TestDevice slow(world, world.host("slow"), 's', "slow@example.com");
  pair(gateway, slow, "SLOWW");
  pair(gateway, device);
  ASSERT_TRUE(slow.log_in());
  ASSERT_TRUE(device.log_in());
  const auto slow_wake = woken(gateway, slow);
  const auto wake = woken(gateway, device);
  slow.reads = false;
  // 64 KiB fit the socket, 256 KiB the window; beyond is over credit.
  std::uint64_t up_to = 256U << 10, sent = 0, number = 0;
  while (sent + 16'000 <= up_to) {
    gateway.send(FrameType::sealed, slow_wake.id, slow_wake.generation, ++number, Bytes(16'000, 'x'));
    sent += 16'000;
    for (const auto& credit : gateway.frames_of(FrameType::credit))
      if (credit.id == slow_wake.id) up_to = std::max(up_to, wire::decode_credit(credit.body)->up_to);
    ASSERT_LT(sent, 2U << 20) << "credit grew without anybody reading";
  }
  EXPECT_LE(relay->status().queued_octets, 300U << 10);
  gateway.send(FrameType::sealed, wake.id, wake.generation, 1, "quick");
  EXPECT_TRUE(device.wait([&] { return !device.frames_of(FrameType::sealed).empty(); }, 1s));
  gateway.send(FrameType::sealed, slow_wake.id, slow_wake.generation, ++number, Bytes(60'000, 'x'));
  world.run_for(1s);
  bool closed = false;
  for (const auto& frame : gateway.frames_of(FrameType::close))
    closed |= frame.id == slow_wake.id && wire::decode_closed(frame.body)->code == Code::over_credit;
  EXPECT_TRUE(closed);
  EXPECT_FALSE(device.closed());
}

// --- accounts at work

TEST_F(RelayTest, SeatsOwnersAndResetsAreAnsweredWithTheirCode) {
  licence("1");
  gateway_up(gateway);
  EXPECT_EQ(gateway.request(wire::UserAdd{0, "alice@example.com", "p"}).code, Code::ok);
  EXPECT_EQ(gateway.request(wire::UserAdd{0, "alice@example.com", "p"}).code, Code::ok) << "repeated";
  EXPECT_EQ(gateway.request(wire::UserAdd{0, "bob@example.com", "p"}).code, Code::forbidden);
  EXPECT_EQ(gateway.request(wire::UserReset{0, "carol@example.com", "p"}).code, Code::forbidden);
  TestGateway other(world, world.host("other"), 'o');
  gateway_up(other);
  EXPECT_EQ(other.request(wire::UserAdd{0, "alice@example.com", "p"}).code, Code::conflict);
  EXPECT_EQ(other.request(wire::UserDelete{0, "alice@example.com"}).code, Code::conflict);
  EXPECT_EQ(gateway.request(wire::UserDelete{0, "alice@example.com"}).code, Code::ok);
  EXPECT_EQ(gateway.request(wire::UserDelete{0, "alice@example.com"}).code, Code::ok) << "repeated";
  EXPECT_EQ(other.request(wire::UserAdd{0, "alice@example.com", "p"}).code, Code::ok);
}

TEST_F(RelayTest, APasswordResetShutsTheDeviceOutUntilItEnrolsAgain) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  EXPECT_EQ(gateway.request(wire::UserReset{0, device.user, "new-password"}).code, Code::ok);
  EXPECT_TRUE(device.wait([&] { return device.ended; }));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::unauthorized);
  EXPECT_FALSE(device.log_in());
  EXPECT_FALSE(device.enrol("account-password", ""));
  EXPECT_TRUE(device.enrol("new-password", ""));
  woken(gateway, device);
  EXPECT_TRUE(device.log_in());
}

TEST_F(RelayTest, RevokingEndsTheConnectionAndTheNextLogin) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  EXPECT_EQ(gateway.request(wire::DeviceRevoke{0, device.user, device.id}).code, Code::ok);
  EXPECT_TRUE(device.wait([&] { return device.ended; }));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::revoked);
  EXPECT_FALSE(device.log_in());
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::revoked);
}

TEST_F(RelayTest, ADeviceKeyThatDiffersFromTheSealedOneIsNotBound) {
  licence();
  gateway_up(gateway);
  ASSERT_EQ(gateway.request(wire::UserAdd{0, device.user, "account-password"}).code, Code::ok);
  ASSERT_EQ(gateway.request(wire::PairingOpen{0, device.user, "ABCDE", unix_now() + 100}).code, Code::ok);
  ASSERT_TRUE(device.enrol("account-password", "ABCDE"));
  EXPECT_EQ(gateway.request(wire::DeviceBind{0, 1, device.user, device.id, Bytes(32, 'x'), wire::Suite::noise_1}).code,
            Code::forbidden);
  EXPECT_FALSE(device.log_in());
}

TEST_F(RelayTest, SuspendingTakesEffectAtOnce) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  ASSERT_TRUE(admin({"user", "suspend", device.user}).ok);
  EXPECT_TRUE(device.wait([&] { return device.ended; }));
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::forbidden);
  ASSERT_TRUE(gateway.wait(
      [&] { return gateway.all<wire::ActivateUsers>().back().users[0].state == wire::UserState::suspended; }));
  EXPECT_FALSE(device.log_in());
  ASSERT_TRUE(admin({"user", "resume", device.user}).ok);
  ASSERT_TRUE(device.log_in());
  ASSERT_TRUE(admin({"licence", "suspend", "acme"}).ok);
  EXPECT_TRUE(device.wait([&] { return device.ended; }));
  EXPECT_TRUE(gateway.wait([&] { return relay->status().gateways == 0; }));
  EXPECT_FALSE(gateway.open());
  EXPECT_EQ(gateway.channel->codes.back(), "403");
  ASSERT_TRUE(admin({"licence", "resume", "acme"}).ok);
  EXPECT_TRUE(gateway.open());
}

TEST_F(RelayTest, AStormIsLetInAtTheConfiguredPace) {
  auto s = settings();
  s.handshakes_per_second = 3;
  relay.reset();
  start(s);
  std::vector<std::unique_ptr<TestHttp>> storm;
  for (int i = 0; i < 5; ++i) {
    storm.push_back(std::make_unique<TestHttp>(phone));
    storm.back()->send(
        *http::websocket::request_opening("relay", "/device", std::as_bytes(std::span("0123456789abcdef", 16))));
  }
  world.run_for(500ms);
  int in = 0, later = 0;
  for (const auto& one : storm) {
    in += one->status == 101;
    if (one->status != 503) continue;
    ++later;
    EXPECT_GE(std::stoi(one->retries[0]), 1);
  }
  EXPECT_EQ(in, 3);
  EXPECT_EQ(later, 2);
}

// --- the relay's own life

TEST_F(RelayTest, DrainingTellsEverybodyWhenToComeBack) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  bool done = false;
  relay->drain([&] { done = true; });
  ASSERT_TRUE(world.run_until([&] { return done; }, 10s));
  world.run_for(1s);
  ASSERT_TRUE(device.last<wire::Refused>());
  EXPECT_EQ(device.last<wire::Refused>()->code, Code::unavailable);
  EXPECT_GE(device.last<wire::Refused>()->retry_after_ms, 1000U);
  ASSERT_FALSE(gateway.all<wire::Refused>().empty());
  EXPECT_EQ(gateway.all<wire::Refused>()[0].code, Code::unavailable);
}

TEST_F(RelayTest, AKilledRelayLosesNothingItAnswered) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  host.power_cut([&] { relay.reset(); });
  start(settings());
  ASSERT_TRUE(gateway.open());
  EXPECT_EQ(gateway.all<wire::ActivateUsers>()[0].users.size(), 1U);
  ASSERT_TRUE(device.log_in());
  woken(gateway, device);
}

TEST_F(RelayTest, MemoryIsGivenBackWhenAllAreGone) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  const auto wake = woken(gateway, device);
  device.reads = false;
  for (std::uint64_t n = 1; n <= 10; ++n)
    gateway.send(FrameType::sealed, wake.id, wake.generation, n, Bytes(20'000, 'x'));
  EXPECT_GT(relay->status().queued_octets, 0U);
  phone.kill();
  company.kill();
  EXPECT_TRUE(world.run_until([&] { return relay->status().devices == 0 && relay->status().gateways == 0; }, 120s));
  world.run_for(1s);
  EXPECT_EQ(relay->status().queued_octets, 0U);
}

}  // namespace
}  // namespace tidegate::relay
