// SPDX-License-Identifier: Apache-2.0
// The arguments of `tidegate-device send`: those of sendmail that mail programs use. Pure.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::device {

struct SendArguments {
  std::string state;         ///< --state; empty: the default
  bool from_header = false;  ///< -t
  bool dots = true;          ///< no -i, no -oi
  std::vector<std::string> recipients;
};

/// nullopt: the first word that is no option is not `send`. Fault invalid: an option that is not known.
Result<std::optional<SendArguments>> read_send_arguments(const std::vector<std::string>& words);

}  // namespace tidegate::device
