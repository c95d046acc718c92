// SPDX-License-Identifier: Apache-2.0
#include "core/pim/system_zones.hpp"

#include <gtest/gtest.h>

namespace tidegate::pim {
namespace {

using namespace std::chrono;

TEST(SystemZones, TheMachinesZoneIsWhatLibcTakes) {
  SystemZones zones;
  const auto winter = sys_days(2026y / January / 15), summer = sys_days(2026y / July / 15);
  for (const auto* name :
       {"Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin", "W. Europe Standard Time"}) {
    const auto zone = zones.local(name);
    ASSERT_TRUE(zone) << name;
    EXPECT_EQ(zone->offset(winter), hours(1));
    EXPECT_EQ(zone->offset(summer), hours(2));
  }
  EXPECT_EQ(zones.local("")->offset(summer), seconds(0));
  EXPECT_EQ(zones.local("CET-1CEST"), nullptr) << "not taken for anything";
  EXPECT_EQ(zones.local("/nowhere"), nullptr);
  EXPECT_TRUE(zones.local(nullptr));
}

}  // namespace
}  // namespace tidegate::pim
