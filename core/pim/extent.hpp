// SPDX-License-Identifier: Apache-2.0
// From when until when an event's instances lie: what is remembered of an event instead of reading it again, to tell
// whether a window holds any. Pure.
#pragma once
#include <cstdint>
#include <optional>

#include "core/pim/instances.hpp"

namespace tidegate::pim {

struct Extent {
  std::int64_t begins = 0, ends = 0;  ///< Unix seconds; dates and floating times seen from UTC
  /// There is one instance, which lasts from `begins` to `ends`. Else: no instance lies before or behind these, and
  /// what lies between them only its octets tell.
  bool single = false;
  /// What wanted_between() says of [from, until); none: its octets tell.
  std::optional<bool> wanted(std::int64_t from, std::int64_t until) const;
};

/// None: the object is wanted in every window (no event, without a time), or that cannot be told so simply.
std::optional<Extent> extent_of(View octets, const ZoneSource&);

}  // namespace tidegate::pim
