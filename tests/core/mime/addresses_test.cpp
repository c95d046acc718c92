// SPDX-License-Identifier: Apache-2.0
#include "core/mime/addresses.hpp"

#include <gtest/gtest.h>

namespace tidegate::mime {
namespace {

using Words = std::vector<std::string>;

TEST(Addresses, OfOddLists) {
  EXPECT_EQ(addresses_of(" , ;"), Words{});
  EXPECT_EQ(addresses_of("<a@b>"), Words{"a@b"});
  EXPECT_EQ(addresses_of("\"a,b\"@c, \"x\\\"y\" <d@e"), (Words{"\"a,b\"@c", "d@e"}));
  EXPECT_EQ(addresses_of("(((("), Words{});
  EXPECT_EQ(addresses_of("\"\\"), Words{"\"\\"});
}

}  // namespace
}  // namespace tidegate::mime
