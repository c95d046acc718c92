// SPDX-License-Identifier: Apache-2.0
// Time zones: offsets over time, from a VTIMEZONE (RFC 5545 §3.6.5) or from a compiled file of the tz database (RFC
// 8536). Pure.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/pim/component.hpp"
#include "core/pim/rule.hpp"
#include "core/pim/values.hpp"

namespace tidegate::pim {

class Zone {
 public:
  static std::shared_ptr<const Zone> utc();
  static std::shared_ptr<const Zone> fixed(std::chrono::seconds offset);
  /// Faults: invalid, with the line.
  static Result<std::shared_ptr<const Zone>> from_component(const Component& vtimezone, Effort&);
  static std::optional<std::shared_ptr<const Zone>> from_tzif(View octets);

  std::chrono::seconds offset(Utc) const;
  Local local(Utc at) const;
  /// RFC 5545 §3.3.5: a time that is there twice is the first one; one that is not there is reckoned with the offset
  /// before the gap.
  Utc utc(Local) const;

 private:
  struct Change {
    std::int64_t at;             ///< UTC
    std::int32_t before, after;  ///< offsets
    std::int64_t wall() const { return at + std::max(before, after); }
  };
  std::int32_t first_ = 0;
  std::vector<Change> changes_;  ///< ascending

  void settle(std::vector<std::pair<std::int64_t, std::int32_t>> onsets);
  friend class TzifReader;
};

/// Zones by their Olson name, from wherever; none: not known there.
using ZoneSource = std::function<std::shared_ptr<const Zone>(const std::string& olson)>;

/// Changes are known from 1900 to here; behind it the last offset holds.
inline constexpr int zone_years_end = 2150;

}  // namespace tidegate::pim
