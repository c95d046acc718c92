// SPDX-License-Identifier: Apache-2.0
// Devices of suites that do not authenticate the ends: who may come, and that nobody else gets anything.
#include "tests/core/push/sessions_fixture.hpp"

namespace tidegate::push {
namespace {

using wire::Suite;

class AdmittedTest : public SessionsTest {
 protected:
  AdmittedTest() {
    rules.vmes_1 = rules.none = true;
    make();
    terminal.id = Bytes(16, 't');
    now = std::chrono::duration_cast<std::chrono::seconds>(host.reactor().wall().time_since_epoch()).count();
  }
  store::DeviceRow& admit(Suite suite, std::int64_t days = 30) {
    auto& row = directory.owned[{terminal.user, terminal.id}];
    row = {.user = terminal.user,
           .id = terminal.id,
           .suite = static_cast<std::uint32_t>(suite),
           .state = store::DeviceState::pairing,
           .expires = now + days * 86'400};
    return row;
  }
  store::DeviceRow& enrolled(Suite suite) {
    auto& row = admit(suite);
    row.state = store::DeviceState::active;
    row.device_key = key;
    return row;
  }
  std::string handle() const { return e2e::admission_handle(terminal.id); }
  /// Up to where sealed frames may be said.
  std::unique_ptr<DevicePeer> agree(std::uint64_t session, Suite suite, const std::string& by_handle = {}) {
    auto peer = std::make_unique<DevicePeer>(terminal, directory.self.guid, random(), session);
    sessions->frame(peer->wake(by_handle, suite));
    const auto ack = wire::decode_wake_up_ack(take(wire::FrameType::wake_up_ack).body);
    EXPECT_EQ(ack->suite, suite);
    EXPECT_EQ(ack->guid, directory.self.guid);
    if (suite == Suite::none) {
      peer->secured(e2e::secure_none(e2e::max_message));
    } else {
      sessions->frame(peer->point());
      peer->agreed(take(wire::FrameType::handshake).body);
    }
    return peer;
  }
  std::unique_ptr<DevicePeer> greet(std::uint64_t session, Suite suite) {
    auto peer = agree(session, suite);
    sessions->frame(peer->say(e2e::Hello{.device = "terminal", .previous = terminal.previous}));
    terminal.previous = peer->hash;
    return peer;
  }
  wire::Code refused(std::uint64_t session, Suite suite, const std::string& by_handle = {}) {
    DevicePeer peer(terminal, directory.self.guid, random(), session);
    sessions->frame(peer.wake(by_handle, suite));
    return take_closed().code;
  }
  const store::DeviceRow& row() { return directory.owned.at({terminal.user, terminal.id}); }
  Bytes hello_of(const Bytes& device_key) {
    return e2e::encode(e2e::PairingHello{.device_key = device_key, .device_name = "old terminal"});
  }

  fakes::DeviceKeys terminal;
  const Bytes key = Bytes(32, 'k'), other_key = Bytes(32, 'x');
  std::int64_t now = 0;
};

class EachSuite : public AdmittedTest, public testing::WithParamInterface<Suite> {};
INSTANTIATE_TEST_SUITE_P(Admitted, EachSuite, testing::Values(Suite::vmes_1, Suite::none));

TEST_P(EachSuite, EnrolsOnceAndIsServedLikeAnyDevice) {
  admit(GetParam());
  auto first = agree(10, GetParam(), handle());
  sessions->frame(first->say_raw(hello_of(key)));
  const auto done = e2e::decode_pairing_done(octets(first->open_raw(take(wire::FrameType::sealed))));
  ASSERT_TRUE(done);
  EXPECT_EQ(take_closed().code, wire::Code::bye);
  ASSERT_EQ(outlet.requests.size(), 1U);
  const auto& bind = std::get<wire::DeviceBind>(outlet.requests[0]);
  EXPECT_EQ(bind.device_key, key);
  EXPECT_EQ(bind.suite, GetParam());
  EXPECT_EQ(row().name, "old terminal");

  content(1, inbox, 10, "a mail");
  auto peer = greet(11, GetParam());
  auto heard = hear(*peer);
  ASSERT_EQ(only<e2e::HelloAck>(heard).size(), 1U);
  EXPECT_TRUE(only<e2e::HelloAck>(heard)[0].readable_by_relay);
  ASSERT_EQ(only<e2e::Item>(heard).size(), 1U);
  EXPECT_EQ(row().state, store::DeviceState::active);
  EXPECT_EQ(paired, 1);
  content(2, inbox, 20, Bytes(100'000, 'y'));
  changed();
  EXPECT_EQ(only<e2e::Item>(hear(*peer)).size(), 1U);
  EXPECT_TRUE(alarms.empty());
  EXPECT_EQ(sessions->suites_refused(), 0U);
}

TEST_P(EachSuite, ComesAgainAndAgain) {
  enrolled(GetParam());
  for (std::uint64_t session = 20; session < 25; ++session) {
    auto peer = greet(session, GetParam());
    EXPECT_EQ(only<e2e::HelloAck>(hear(*peer)).size(), 1U);
  }
  EXPECT_TRUE(alarms.empty()) << alarms[0];
}

TEST_P(EachSuite, ItsOtherDevicesShowIt) {
  auto before = connect(7);
  EXPECT_FALSE(only<e2e::HelloAck>(hear(*before)).at(0).readable_by_relay);
  admit(GetParam());
  auto after = connect(8);
  EXPECT_TRUE(only<e2e::HelloAck>(hear(*after)).at(0).readable_by_relay) << "from the admission on";
  admit(GetParam()).state = store::DeviceState::revoked;
  auto gone = connect(9);
  EXPECT_FALSE(only<e2e::HelloAck>(hear(*gone)).at(0).readable_by_relay);
}

TEST_P(EachSuite, WhoIsNotAdmittedGetsNothingAndIsCounted) {
  const auto suite = GetParam();
  EXPECT_EQ(refused(30, suite), wire::Code::unauthorized) << "never listed";
  EXPECT_EQ(refused(31, suite, handle()), wire::Code::unauthorized);
  admit(suite, 0);
  EXPECT_EQ(refused(32, suite, handle()), wire::Code::expired);
  enrolled(suite).expires = now;
  EXPECT_EQ(refused(33, suite), wire::Code::expired);
  admit(suite);
  EXPECT_EQ(refused(34, suite), wire::Code::unauthorized) << "not enrolled yet";
  enrolled(suite);
  EXPECT_EQ(refused(35, suite, handle()), wire::Code::conflict) << "in use already";
  enrolled(suite).state = store::DeviceState::revoked;
  EXPECT_EQ(refused(36, suite), wire::Code::revoked);
  EXPECT_EQ(sessions->suites_refused(), 7U);
  EXPECT_EQ(notes.size(), 7U) << "each is one line of the log";
  EXPECT_TRUE(outlet.requests.empty());
}

TEST_P(EachSuite, ASettingThatIsTakenBackShutsThemOut) {
  enrolled(GetParam());
  rules.vmes_1 = rules.none = false;
  make();
  EXPECT_EQ(refused(40, GetParam()), wire::Code::suite_refused);
  EXPECT_EQ(sessions->suites_refused(), 1U);
}

TEST_P(EachSuite, AnotherSuiteThanTheEnrolmentsIsRefusedBothWays) {
  enrolled(GetParam());
  for (const auto named : {Suite::none, Suite::noise_1, Suite::vmes_1, static_cast<Suite>(9)}) {
    if (named == GetParam()) continue;
    EXPECT_EQ(refused(50 + static_cast<std::uint64_t>(named), named), wire::Code::suite_refused);
  }
  EXPECT_EQ(sessions->suites_refused(), 3U);
  EXPECT_EQ(alarms.size(), 3U);
  // A device that is paired properly, by a relay that would like to read it.
  DevicePeer downgraded(device, directory.self.guid, random(), 60);
  sessions->frame(downgraded.wake({}, GetParam()));
  EXPECT_EQ(take_closed().code, wire::Code::suite_refused);
  EXPECT_EQ(sessions->suites_refused(), 4U);
  EXPECT_EQ(alarms.size(), 4U);
}

TEST_P(EachSuite, AnAdmissionEndsARunningSessionToo) {
  enrolled(GetParam()).expires = now + 3600;
  auto peer = greet(70, GetParam());
  EXPECT_EQ(only<e2e::HelloAck>(hear(*peer)).size(), 1U);
  for (int minutes = 0; minutes < 59; ++minutes) {
    world.run_for(1min);
    sessions->frame(peer->say(e2e::Alive{}));
  }
  (void)hear(*peer);
  EXPECT_EQ(sessions->shown().size(), 1U);
  world.run_for(90s);
  (void)hear(*peer);
  EXPECT_TRUE(sessions->shown().empty());
  EXPECT_THAT(notes.back(), testing::HasSubstr("admission has ended"));
}

TEST_P(EachSuite, AnIdBelongsToTheFirstKeyThatEnrols) {
  admit(GetParam());
  auto one = agree(80, GetParam(), handle());
  sessions->frame(one->say_raw(hello_of(key)));
  settle();
  outlet.out.clear();
  auto again = agree(81, GetParam(), handle());
  sessions->frame(again->say_raw(hello_of(key)));
  EXPECT_TRUE(e2e::decode_pairing_done(octets(again->open_raw(take(wire::FrameType::sealed)))))
      << "cut short, repeated";
  EXPECT_EQ(take_closed().code, wire::Code::bye);
  auto thief = agree(82, GetParam(), handle());
  sessions->frame(thief->say_raw(hello_of(other_key)));
  EXPECT_EQ(take_closed().code, wire::Code::conflict);
  EXPECT_EQ(row().device_key, key);
  EXPECT_EQ(outlet.requests.size(), 2U);
  EXPECT_EQ(alarms.size(), 1U);
}

TEST_P(EachSuite, NothingIsServedBeforeTheEnrolmentOrToGarbage) {
  admit(GetParam());
  content(1, inbox, 10, "a mail");
  for (const Bytes& said :
       {e2e::encode(e2e::ToGateway(e2e::Hello{.device = "x"})), Bytes(), Bytes("garbage"), hello_of(Bytes(31, 'k'))}) {
    auto peer = agree(90, GetParam(), handle());
    sessions->frame(peer->say_raw(said));
    EXPECT_EQ(take_closed().code, wire::Code::invalid);
    EXPECT_TRUE(sessions->shown().empty());
  }
  EXPECT_EQ(row().device_key, "");
}

TEST_F(AdmittedTest, PointsThatAreNoneEndTheSession) {
  enrolled(Suite::vmes_1);
  for (const Bytes& point : {Bytes(), Bytes(73, '\0'), "\x06" + Bytes(72, 'x'), "\x04" + Bytes(72, 'x')}) {
    DevicePeer peer(terminal, directory.self.guid, random(), 100);
    sessions->frame(peer.wake({}, Suite::vmes_1));
    take(wire::FrameType::wake_up_ack);
    sessions->frame(peer.frame(wire::FrameType::handshake, point));
    EXPECT_EQ(take_closed().code, wire::Code::crypto);
  }
}

TEST_F(AdmittedTest, SealedFramesBeforeAgreementOrBesideItEndTheSession) {
  enrolled(Suite::vmes_1);
  DevicePeer early(terminal, directory.self.guid, random(), 110);
  sessions->frame(early.wake({}, Suite::vmes_1));
  take(wire::FrameType::wake_up_ack);
  sessions->frame(early.frame(wire::FrameType::sealed, "x"));
  EXPECT_EQ(take_closed().code, wire::Code::invalid);
  DevicePeer twice(terminal, directory.self.guid, random(), 111);
  sessions->frame(twice.wake({}, Suite::vmes_1));
  take(wire::FrameType::wake_up_ack);
  sessions->frame(twice.point());
  sessions->frame(twice.point());
  EXPECT_EQ(take_closed().code, wire::Code::invalid);
  auto replayed = greet(112, Suite::vmes_1);
  (void)hear(*replayed);
  const auto frame = replayed->say(e2e::Alive{});
  sessions->frame(frame);
  settle();
  EXPECT_TRUE(outlet.out.empty());
  sessions->frame(frame);
  EXPECT_EQ(take_closed().code, wire::Code::crypto);
}

TEST_F(AdmittedTest, AgreementsAreLimitedADevice) {
  enrolled(Suite::vmes_1);
  rules.agreements = 3;
  make();
  for (std::uint64_t session = 120; session < 123; ++session) agree(session, Suite::vmes_1);
  DevicePeer peer(terminal, directory.self.guid, random(), 123);
  sessions->frame(peer.wake({}, Suite::vmes_1));
  take(wire::FrameType::wake_up_ack);
  sessions->frame(peer.point());
  EXPECT_EQ(take_closed().code, wire::Code::too_many);
  world.run_for(61s);
  outlet.out.clear();
  agree(124, Suite::vmes_1);
}

TEST_F(AdmittedTest, RevokingEndsASessionInWhateverState) {
  enrolled(Suite::vmes_1);
  DevicePeer agreeing(terminal, directory.self.guid, random(), 130);
  sessions->frame(agreeing.wake({}, Suite::vmes_1));
  take(wire::FrameType::wake_up_ack);
  sessions->frame(agreeing.point());
  sessions->revoked(terminal.user, terminal.id);
  EXPECT_EQ(take_closed().code, wire::Code::revoked);
  settle();
  EXPECT_TRUE(outlet.out.empty()) << "the agreement that was under way comes to nothing";
}

TEST_F(AdmittedTest, ACopyOfATerminalIsNoticedAsAnyDevices) {
  enrolled(Suite::vmes_1);
  for (std::uint64_t session = 140; session < 143; ++session) hear(*greet(session, Suite::vmes_1));
  terminal.previous = Bytes(32, '?');
  hear(*greet(143, Suite::vmes_1));
  EXPECT_EQ(alarms.size(), 1U);
}

}  // namespace
}  // namespace tidegate::push
