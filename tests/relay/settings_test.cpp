// SPDX-License-Identifier: Apache-2.0
#include "relay/settings.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace tidegate::relay {
namespace {

TEST(RelaySample, IsWhatStandsInEtc) {
  std::ifstream in(std::string(std::getenv("TIDEGATE_SOURCE")) + "/etc/relay.ini", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(text, table().sample())
      << "write it anew: build/asan/bin/tidegate-relay config sample > etc/relay.ini && scripts/manual.py";
}

TEST(RelaySample, AsItIsItNamesTheFirstSettingToFillIn) {
  auto ini = config::parse_ini("t.ini", table().sample());
  ASSERT_TRUE(ini) << ini.error().text;
  auto read = table().read(*ini);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().text.contains("lacks public_url")) << read.error().text;
}

}  // namespace
}  // namespace tidegate::relay
