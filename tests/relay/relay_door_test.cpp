// SPDX-License-Identifier: Apache-2.0
// The whole relay on virtual time: who gets in, and what accounts decide.
#include "tests/relay/relay_fixture.hpp"

namespace tidegate::relay {
namespace {

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

// DEV-10
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

// Every WakeUp is answered; who asks for answers and reads none is cut off before they fill the relay.
TEST_F(RelayTest, ADeviceThatAsksAndDoesNotReadIsCutOff) {
  licence();
  gateway_up(gateway);
  pair(gateway, device);
  ASSERT_TRUE(device.log_in());
  gateway.channel.reset();
  world.run_for(1s);
  device.reads = false;
  for (int i = 0; i < 200 && relay->status().devices > 0; ++i) {
    for (int j = 0; j < 100; ++j) device.wake_up();
    world.run_for(1s);
  }
  EXPECT_EQ(relay->status().devices, 0U);
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

// DEV-05, DEV-12
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

TEST_F(RelayTest, AnAddedOrRemovedUserIsToldAloneNotWithAllOthers) {
  licence();
  gateway_up(gateway);
  EXPECT_EQ(gateway.request(wire::UserAdd{0, "alice@example.com", "p"}).code, Code::ok);
  EXPECT_EQ(gateway.request(wire::UserAdd{0, "bob@example.com", "p"}).code, Code::ok);
  EXPECT_EQ(gateway.request(wire::UserDelete{0, "alice@example.com"}).code, Code::ok);
  ASSERT_TRUE(gateway.wait([&] { return gateway.all<wire::ActivateUsers>().size() == 4; }));
  const auto told = gateway.all<wire::ActivateUsers>();
  EXPECT_TRUE(told[0].whole);
  const std::pair<std::string, wire::UserState> changes[] = {{"alice@example.com", wire::UserState::active},
                                                             {"bob@example.com", wire::UserState::active},
                                                             {"alice@example.com", wire::UserState::gone}};
  for (std::size_t i = 0; i < std::size(changes); ++i) {
    EXPECT_FALSE(told[i + 1].whole);
    ASSERT_EQ(told[i + 1].users.size(), 1U);
    EXPECT_EQ(told[i + 1].users[0].user, changes[i].first);
    EXPECT_EQ(told[i + 1].users[0].state, changes[i].second);
    EXPECT_EQ(told[i + 1].session, gateway.session);
  }
  EXPECT_EQ(told[2].seats_used, 2U);
  EXPECT_EQ(told[3].seats_used, 1U);
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
            Code::conflict);
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

}  // namespace
}  // namespace tidegate::relay
