// SPDX-License-Identifier: Apache-2.0
// What calendars call time zones (TZID), and what they mean: Olson names, Windows names, Outlook's display names, names
// behind a maker's prefix, offsets. What is not known stays unknown: it is never taken for GMT. Pure.
#pragma once
#include <span>

#include "core/pim/zone.hpp"

namespace tidegate::pim {

struct ZoneName {
  std::string_view name, olson;
};
std::span<const ZoneName> windows_zones();    ///< in order of their names, whatever the case
std::span<const ZoneName> displayed_zones();  ///< Windows' display names without "(UTC+01:00) "
std::span<const ZoneName> renamed_zones();    ///< `name`: the present one; `olson`: the former

struct NamedZone {
  std::string olson;  ///< empty: an offset that no Olson zone has
  std::shared_ptr<const Zone> zone;
};
/// None: nobody knows that name.
std::optional<NamedZone> find_zone(std::string_view tzid, const ZoneSource&);

}  // namespace tidegate::pim
