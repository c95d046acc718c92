// SPDX-License-Identifier: Apache-2.0
// How long a connection may be silent before something must be said on it: as configured, or shorter where connections
// are found dropped by what lies between (routers, proxies, servers). Pure; one thread.
#pragma once
#include <chrono>

#include "core/sdk/store.hpp"

namespace tidegate::tls {

// Nothing is learned from one drop, which may be a restart: a second one after about the same time, not in the same
// moment, and with no connection in between that lived longer, shortens the life to three quarters of it. Never below
// 20 seconds: what drops connections sooner has another trouble than silence.
class SilentLife {
 public:
  explicit SilentLife(std::chrono::milliseconds configured) : life_(configured) {}
  [[nodiscard]] std::chrono::milliseconds now() const { return life_; }
  void survived(std::chrono::milliseconds silence);                       ///< it still answered after so long
  void dropped(std::chrono::milliseconds silence, Clock::time_point at);  ///< it was gone after so long

 private:
  std::chrono::milliseconds life_;
  std::chrono::milliseconds suspect_{0};  ///< 0: none
  Clock::time_point since_{};
};

}  // namespace tidegate::tls
