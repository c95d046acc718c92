// SPDX-License-Identifier: Apache-2.0
// The asking end of the socket: one request, its lines. Reactor thread.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/ctl/protocol.hpp"
#include "core/sim/world.hpp"

namespace tidegate::ctl {

/// tidegatectl's exit codes, as documented in its help and manual page.
enum class Exit : int { done = 0, refused = 1, usage = 2, not_running = 3, denied = 4 };

class Client {
 public:
  /// `line` for each line of the answer as it came and decoded; `end` once, last, never within the call: the fault of
  /// the answer, of the connection, or none.
  using OnLine = std::function<void(std::string_view raw, const Line&)>;
  using OnEnd = std::move_only_function<void(Exit, std::optional<Fault>)>;
  static std::unique_ptr<Client> ask(sim::World&, const std::string& socket, const Request&, OnLine, OnEnd);
  virtual ~Client() = default;  ///< cancels
};

}  // namespace tidegate::ctl
