// SPDX-License-Identifier: Apache-2.0
// The suites' names, as people read and type them.
#pragma once
#include <optional>
#include <string_view>

#include "core/wire/control.hpp"

namespace tidegate::wire {

constexpr std::string_view to_string(Suite suite) noexcept {
  switch (suite) {
    case Suite::none:
      return "none";
    case Suite::noise_1:
      return "noise-1";
    case Suite::vmes_1:
      return "vmes-1";
  }
  return "unknown";
}

constexpr std::optional<Suite> suite_named(std::string_view name) noexcept {
  for (const auto suite : {Suite::none, Suite::noise_1, Suite::vmes_1})
    if (to_string(suite) == name) return suite;
  return std::nullopt;
}

}  // namespace tidegate::wire
