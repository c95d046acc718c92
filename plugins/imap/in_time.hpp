// SPDX-License-Identifier: Apache-2.0
// Law 9 before anything is begun: a command cut short costs the connection.
#pragma once
#include <string>

#include "core/sdk/store.hpp"

namespace tidegate::imap {

inline Result<void> in_time(const Call& call, Clock::time_point now, const std::string& where) {
  if (!call.stop.stop_requested() && now < call.deadline) return {};
  return fault(FaultKind::cancelled, where, "The call was stopped or its time was over before it began.");
}

}  // namespace tidegate::imap
