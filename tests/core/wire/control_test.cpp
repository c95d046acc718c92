// SPDX-License-Identifier: Apache-2.0
#include "core/wire/control.hpp"

#include <gtest/gtest.h>

#include "core/wire/fields.hpp"

namespace tidegate::wire {
namespace {

Bytes to_hex(View octets) {
  Bytes out;
  for (const char c : octets) {
    out += "0123456789abcdef"[static_cast<std::uint8_t>(c) >> 4];
    out += "0123456789abcdef"[static_cast<std::uint8_t>(c) & 15];
  }
  return out;
}

const Bytes id(16, '\x11');
const Bytes key(32, '\x22');
const Bytes signature(64, '\x33');

TEST(Control, EveryAlternativeComesBackEqual) {
  const std::vector<Control> all{
      ActivateUsers{.whole = false,
                    .users = {{"u@example.com", UserState::suspended, "no"}},
                    .seats = 5,
                    .seats_used = 2,
                    .session = 9},
      StartupReport{{{"u@example.com", false, "unknown here"}}},
      Heartbeat{3, 20'000},
      HeartbeatAck{3},
      UserAdd{1, "u@example.com", "secret"},
      UserDelete{2, "u@example.com"},
      UserReset{3, "u@example.com", "other"},
      DeviceBind{4, 12, "u@example.com", id, key, Suite::vmes_1},
      DeviceRevoke{5, "u@example.com", id},
      PairingOpen{6, "u@example.com", "H4NDL", 1'700'000'000},
      Answer{6, Code::too_many, "later", 5000, 65'536},
      Notice{Code::forbidden, "u@example.com", "licence expires"},
      Alert{"u@example.com", id, ""},
      BackupBegin{7, 3, 100'000, key, key},
      BackupPart{8, 3, 65'536, "octets"},
      Challenge{1, key},
      Enrol{"u@example.com", "secret", id, key, Suite::noise_1, "H4NDL", "relay.example.net", signature},
      Login{"u@example.com", id, "relay.example.net", signature},
      Welcome{true, "hello", 240'000},
      Refused{Code::unauthorized, "wrong", 1},
      GatewayState{true, "here"}};
  ASSERT_EQ(all.size() + 1, std::variant_size_v<Control>);
  for (const Control& message : all) {
    const Frame frame = to_frame(message);
    EXPECT_EQ(frame.target, Target::relay);
    EXPECT_EQ(frame.number, 0U);
    const auto back = to_control(frame);
    ASSERT_TRUE(back.has_value()) << back.error().cause;
    EXPECT_EQ(*back, message) << message.index();
  }
}

TEST(Control, StructDefaultsAreNotTakenForAbsentFields) {
  // proto3: absent is zero, whatever the struct begins with.
  const auto users = to_control({.type = to_frame(ActivateUsers{}).type});
  EXPECT_FALSE(std::get<ActivateUsers>(*users).whole);
  EXPECT_EQ(std::get<Heartbeat>(*to_control({.type = to_frame(Heartbeat{}).type})).next_ms, 0U);
  EXPECT_EQ(decode_wake_up("")->suite, Suite::none);
  EXPECT_TRUE(decode_rts_connection("")->versions.empty());
}

TEST(Control, AnUnknownTypeIsSkipped) {
  for (const std::uint32_t type : {0U, 14U, 31U, 38U, 4'000'000'000U}) {
    const auto control = to_control({.type = type, .body = "\xff\xff"});
    ASSERT_TRUE(control.has_value());
    EXPECT_TRUE(std::holds_alternative<std::monostate>(*control)) << type;
  }
}

TEST(Control, AFrameOfAnotherTargetIsNoControlMessage) {
  EXPECT_FALSE(to_control({.target = Target::device, .type = 3}).has_value());
}

TEST(Control, GoldenOctets) {
  EXPECT_EQ(to_hex(encode(WakeUp{1, Suite::noise_1, "u@x.y", id, "H4NDL"})),
            "080110011a057540782e792210"
            "11111111111111111111111111111111"
            "2a0548344e444c");
  EXPECT_EQ(to_hex(encode(Credit{65536, 12})), "08808004100c");
  const Frame heartbeat = to_frame(Heartbeat{1, 10'000});
  EXPECT_EQ(heartbeat.type, 3U);
  EXPECT_EQ(to_hex(heartbeat.body), "080110904e");
  EXPECT_EQ(to_frame(Login{}).type, 34U);
}

TEST(Control, BoundsAreChecked) {
  const auto refused = [](const WakeUp& message, View cause) {
    const auto back = decode_wake_up(encode(message));
    ASSERT_FALSE(back.has_value());
    EXPECT_EQ(back.error().kind, FaultKind::invalid);
    EXPECT_NE(back.error().cause.find(cause), Bytes::npos) << back.error().cause;
  };
  EXPECT_TRUE(decode_wake_up(encode(WakeUp{.user = Bytes(320, 'a')})).has_value());
  refused({.user = Bytes(321, 'a')}, "too long");
  refused({.user = "\xc3\x28"}, "UTF-8");
  refused({.device_id = Bytes(15, 'a')}, "too short");
  refused({.device_id = Bytes(17, 'a')}, "too long");
  refused({.handle = Bytes(17, 'a')}, "too long");

  RtsConnection envelope{.versions = std::vector<std::uint32_t>(17, 1)};
  EXPECT_FALSE(decode_rts_connection(encode(envelope)).has_value());
  ActivateUsers users{.users = std::vector<ActivateUsers::User>(max_users + 1)};
  EXPECT_FALSE(to_control(to_frame(users)).has_value());
  users.users.pop_back();
  EXPECT_TRUE(to_control(to_frame(users)).has_value());
}

TEST(Control, ASentenceIsMendedRatherThanRefused) {
  const auto back = decode_closed(encode(Closed{Code::gap, Bytes(1023, 'a') + "é" + "b", 0}));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->text, Bytes(1023, 'a'));  // cut at a character's border
  EXPECT_EQ(decode_closed(encode(Closed{Code::gap,
                                        "a\xff"
                                        "b",
                                        0}))
                ->text,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Control, UnpackedNumbersAreReadToo) {
  const auto back = decode_rts_connection("\x20\x01\x22\x02\x02\x03");
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->versions, (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST(Utf8, Table) {
  for (const View good :
       {"", "abc", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(good));
  for (const View bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
                         "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(SignatureInputs, AreALabelAndPartsWithLengths) {
  using namespace std::string_literals;
  RtsConnection envelope;
  envelope.relay_host = "relay.example.net";
  envelope.guid = id;
  envelope.instance = {0x0102030405060708, 0x1112131415161718};
  const Bytes hash(32, 'h');
  EXPECT_EQ(opening_signature_input(envelope, "events.example.net", "K1", "secret", "", hash),
            "tidegate-rts-1 connect\0\0\x11relay.example.net\0\x12"s + "events.example.net\0\x02K1\0\x06secret\0\x10"s +
                id + "\0\x10\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18\0\0\0\x20"s + hash);
  EXPECT_EQ(registration_signature_input({.license = "ACME", .public_key = key, .relay_host = "r"}, "bind"),
            "tidegate-rts-1 register\0\0\x01r\0\x04"s + "ACME\0\x20"s + key + "\0\x04"s + "bind");
  EXPECT_EQ(restore_signature_input({.restore_key = key, .from = 7, .relay_host = "r"}, "K1", "secret", "bind"),
            "tidegate-rts-1 restore\0\0\x01r\0\x02K1\0\x06secret\0\x20"s + key + "\0\x04"s + "bind");
  EXPECT_EQ(device_signature_input("r", "n", "u", "x", "y"),
            "tidegate-device-1 login\0\0\x01r\0\x01n\0\x01u\0\x01x\0\x01y"s);
}

TEST(SignatureInputs, ShiftedPartsDiffer) {
  EXPECT_NE(device_signature_input("ab", "c", "u", "d", ""), device_signature_input("a", "bc", "u", "d", ""));
  EXPECT_THROW(device_signature_input(Bytes(65536, 'x'), "", "", "", ""), std::length_error);
}

}  // namespace
}  // namespace tidegate::wire
