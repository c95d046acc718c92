// SPDX-License-Identifier: Apache-2.0
// sync.proto against the tables of the codec: what protobuf writes we read and write again, octet for octet.
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "core/e2e/sync.hpp"
#include "core/e2e/sync.pb.h"
#include "tests/core/e2e/fixtures.hpp"
#include "tests/core/wire/random_message.hpp"

namespace tidegate::e2e {
namespace {

using test::octets_of;

template <class Message>
void goes_through(int times, auto decoder) {
  tidegate::test::RandomMessage random(20250202);
  std::map<int, int> seen;
  for (int n = 0; n < times; ++n) {
    Message message;
    random.fill(message);
    const auto octets = message.SerializeAsString();
    const auto ours = decoder(octets_of(octets));
    ASSERT_TRUE(ours.has_value()) << ours.error().cause << "\n" << message.DebugString();
    ASSERT_EQ(encode(*ours), octets) << message.DebugString();
    if constexpr (requires { message.message_case(); }) ++seen[message.message_case()];
  }
  if constexpr (requires(Message m) { m.message_case(); }) {
    EXPECT_EQ(static_cast<int>(seen.size()), Message::descriptor()->field_count()) << "an alternative was never tried";
  }
}

TEST(SyncSchema, ToDevice) { goes_through<sync::ToDevice>(4000, decode_to_device); }
TEST(SyncSchema, ToGateway) { goes_through<sync::ToGateway>(3000, decode_to_gateway); }
TEST(SyncSchema, PairingHello) { goes_through<sync::PairingHello>(100, decode_pairing_hello); }
TEST(SyncSchema, PairingDone) { goes_through<sync::PairingDone>(100, decode_pairing_done); }
TEST(SyncSchema, Position) { goes_through<sync::Position>(300, decode_position); }

TEST(SyncSchema, EveryAlternativeIsInBoth) {
  EXPECT_EQ(static_cast<std::size_t>(sync::ToDevice::descriptor()->field_count()) + 1, std::variant_size_v<ToDevice>);
  EXPECT_EQ(static_cast<std::size_t>(sync::ToGateway::descriptor()->field_count()) + 1, std::variant_size_v<ToGateway>);
}

TEST(SyncSchema, NumbersOfEnumsAgree) {
  EXPECT_EQ(static_cast<int>(Compression::zstd), sync::COMPRESSION_ZSTD);
  EXPECT_EQ(static_cast<int>(Kind::file), sync::KIND_FILE);
  EXPECT_EQ(static_cast<int>(Kind::contact), sync::KIND_CONTACT);
  EXPECT_EQ(static_cast<int>(Role::tasks), sync::ROLE_TASKS);
  EXPECT_EQ(static_cast<int>(Role::junk), sync::ROLE_JUNK);
  EXPECT_EQ(static_cast<int>(Verb::set_flags), sync::VERB_SET_FLAGS);
  EXPECT_EQ(static_cast<int>(Verb::remove_folder), sync::VERB_REMOVE_FOLDER);
}

}  // namespace
}  // namespace tidegate::e2e
