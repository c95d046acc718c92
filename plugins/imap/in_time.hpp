// SPDX-License-Identifier: Apache-2.0
// Law 9 before anything is begun: a command cut short costs the connection. By the clock of core/tls, which ends the
// waiting of those that are under way.
#pragma once
#include <string>

#include "core/sdk/store.hpp"

namespace tidegate::imap {

inline Result<void> in_time(const Call& call, const std::string& where) {
  if (!call.stop.stop_requested() && Clock::now() < call.deadline) return {};
  return fault(FaultKind::cancelled, where, "The call was stopped or its time was over before it began.");
}

}  // namespace tidegate::imap
