// SPDX-License-Identifier: Apache-2.0
// rts.proto against the tables of the codec: what protobuf writes we read and write again, octet for octet.
#include <functional>
#include <map>

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "core/wire/control.hpp"
#include "core/wire/fields.hpp"
#include "core/wire/rts.pb.h"
#include "tests/core/wire/random_message.hpp"

namespace tidegate::wire {
namespace {

using Recode = std::function<Result<Bytes>(View)>;

Recode body(auto decoder) {
  return [decoder](View octets) -> Result<Bytes> {
    auto message = decoder(octets);
    if (!message) return std::unexpected(message.error());
    return encode(*message);
  };
}

Recode control(std::uint32_t type) {
  return [type](View octets) -> Result<Bytes> {
    auto message = to_control({.type = type, .body = Bytes(octets)});
    if (!message) return std::unexpected(message.error());
    const Frame again = to_frame(*message);
    if (again.type != type || again.target != Target::relay) return fault(FaultKind::invalid, "test", "another type");
    return again.body;
  };
}

Result<Bytes> frame(View octets) {
  auto decoded = decode(octets_of(octets));
  if (!decoded) return std::unexpected(decoded.error());
  Bytes out;
  encode_to(out, *decoded);
  return out.substr(4);
}

/// "CONTROL_TYPE_USER_ADD" → "UserAdd"
std::string message_name(std::string_view value) {
  std::string name;
  bool upper = true;
  for (const char c : value.substr(std::string_view("CONTROL_TYPE_").size())) {
    if (c != '_') name += upper ? c : static_cast<char>(std::tolower(c));
    upper = c == '_';
  }
  return name;
}

std::map<std::string, Recode> codecs() {
  std::map<std::string, Recode> all{
      {"Frame", frame},
      {"WakeUp", body(decode_wake_up)},
      {"WakeUpAck", body(decode_wake_up_ack)},
      {"Closed", body(decode_closed)},
      {"Credit", body(decode_credit)},
      {"StreamOpen", body(decode_stream_open)},
      {"StreamReset", body(decode_stream_reset)},
      {"RtsConnection", body(decode_rts_connection)},
      {"Register", body(decode_register)},
      {"Registered", body(decode_registered)},
      {"Opened", body(decode_opened)},
      {"Retrieve", body(decode_retrieve)},
      {"Retrieved", body(decode_retrieved)},
  };
  const auto* types = rts::ControlType_descriptor();
  for (int i = 1; i < types->value_count(); ++i)
    all.emplace(message_name(types->value(i)->name()), control(static_cast<std::uint32_t>(types->value(i)->number())));
  return all;
}

TEST(RtsSchema, EveryMessageOfTheSchemaGoesThroughOurCodecUnchanged) {
  const auto* file = google::protobuf::DescriptorPool::generated_pool()->FindFileByName("core/wire/rts.proto");
  ASSERT_NE(file, nullptr);
  const auto all = codecs();
  test::RandomMessage random(20250101);
  for (int i = 0; i < file->message_type_count(); ++i) {
    const auto* type = file->message_type(i);
    if (type->name() == "Instance") continue;  // only inside RtsConnection
    const auto codec = all.find(type->name());
    ASSERT_NE(codec, all.end()) << type->name() << " is in the schema only";
    for (int n = 0; n < 300; ++n) {
      const std::unique_ptr<google::protobuf::Message> message(
          google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
      random.fill(*message);
      const auto octets = message->SerializeAsString();
      const auto again = codec->second(octets);
      ASSERT_TRUE(again.has_value()) << type->name() << ": " << again.error().cause << "\n" << message->DebugString();
      ASSERT_EQ(*again, octets) << type->name() << "\n" << message->DebugString();
    }
  }
}

TEST(RtsSchema, NumbersOfEnumsAgree) {
  EXPECT_EQ(static_cast<int>(Target::stream), rts::TARGET_STREAM);
  EXPECT_EQ(static_cast<int>(FrameType::wake_up), rts::FRAME_TYPE_WAKE_UP);
  EXPECT_EQ(static_cast<int>(FrameType::wake_up_ack), rts::FRAME_TYPE_WAKE_UP_ACK);
  EXPECT_EQ(static_cast<int>(FrameType::handshake), rts::FRAME_TYPE_HANDSHAKE);
  EXPECT_EQ(static_cast<int>(FrameType::sealed), rts::FRAME_TYPE_SEALED);
  EXPECT_EQ(static_cast<int>(FrameType::close), rts::FRAME_TYPE_CLOSE);
  EXPECT_EQ(static_cast<int>(FrameType::credit), rts::FRAME_TYPE_CREDIT);
  EXPECT_EQ(static_cast<int>(FrameType::stream_reset), rts::FRAME_TYPE_STREAM_RESET);
  EXPECT_EQ(static_cast<int>(Suite::vmes_1), rts::SUITE_VMES_1);
  EXPECT_EQ(static_cast<int>(Code::expired), rts::CODE_EXPIRED);
  EXPECT_EQ(static_cast<int>(Code::too_many), rts::CODE_TOO_MANY);
  EXPECT_EQ(static_cast<int>(UserState::gone), rts::USER_STATE_GONE);
}

}  // namespace
}  // namespace tidegate::wire
