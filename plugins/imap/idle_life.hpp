// SPDX-License-Identifier: Apache-2.0
// How long a connection may wait in IDLE before it says so again: as configured, as is known of the server, or shorter
// where connections are found dropped (IMAP-01, IMAP-03). Pure; one thread.
#pragma once
#include <chrono>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::imap {

/// The longest silence that some providers allow, by the host's name (IMAP-03); max() for all others.
std::chrono::milliseconds idle_most(std::string_view host);

// Nothing is learned from one drop, which may be a restart: a second one after about the same time, not in the same
// moment, and with no connection in between that lived longer, shortens the life to three quarters of it.
class IdleLife {
 public:
  explicit IdleLife(std::chrono::milliseconds configured) : life_(configured) {}
  [[nodiscard]] std::chrono::milliseconds now() const { return life_; }
  void survived(std::chrono::milliseconds idle);                       ///< it still answered after so long
  void dropped(std::chrono::milliseconds idle, Clock::time_point at);  ///< it was gone after so long

 private:
  std::chrono::milliseconds life_;
  std::chrono::milliseconds suspect_{0};  ///< 0: none
  Clock::time_point since_{};
};

}  // namespace tidegate::imap
