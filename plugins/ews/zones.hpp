// SPDX-License-Identifier: Apache-2.0
// Time zones between Windows' ids, which Exchange speaks, and those of calendars. Pure.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "core/pim/component.hpp"
#include "core/pim/zone.hpp"

namespace tidegate::ews {

/// Windows' id for a zone of that name; where no table has it, the one that keeps the same time in the years from
/// `year` on. Empty: none does.
std::string windows_zone(std::string_view tzid, const pim::Zone&, const pim::ZoneSource&, int year);

/// A VTIMEZONE that says what the zone does from `year` on, year for year.
pim::Component zone_component(const std::string& tzid, const pim::Zone&, int year);

}  // namespace tidegate::ews
