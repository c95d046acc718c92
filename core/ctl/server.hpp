// SPDX-License-Identifier: Apache-2.0
// The daemon's side of local administration. All of it on the reactor thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/ctl/access.hpp"
#include "core/ctl/protocol.hpp"
#include "core/sim/world.hpp"

namespace tidegate::ctl {

class Asker;

/// The answer to one request; may be kept and finished later. Dropped unfinished, it says so itself. When the asker
/// has gone everything is without effect.
class Reply {
 public:
  Reply(Reply&&) noexcept;
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  void say(std::string text);
  void columns(std::vector<Column>, bool upright = false);
  void row(Row);
  void ok();          ///< the last line
  void fail(Fault);   ///< the last line
  bool gone() const;  ///< nobody waits any more: the asker has ended his side

 private:
  friend class Asker;
  explicit Reply(std::weak_ptr<Asker> asker) : asker_(std::move(asker)) {}
  void send(const Line&);
  std::weak_ptr<Asker> asker_;
};

/// Reactor thread; must not destroy the server ("stop" posts).
using Handler = std::function<void(const Request&, Reply)>;

class CtlServer {
 public:
  static constexpr std::size_t most_askers = 32;
  static constexpr std::chrono::seconds idle_most{60};  ///< a connection that asks nothing is closed
  /// Octets of answer that wait for one asker who does not read; beyond, his connection is closed.
  static constexpr std::size_t most_waiting = std::size_t{16} << 20;

  /// Listens at that path. Faults: exists (another daemon runs), denied.
  static Result<std::unique_ptr<CtlServer>> make(sim::World&, const std::string& path, Access);
  ~CtlServer();

  /// Before the reactor runs, once a command. Unknown commands are answered `unsupported` with the nearest one.
  void on(std::string command, Handler);

  struct State;  ///< server.cpp only

 private:
  explicit CtlServer(std::unique_ptr<State>);
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::ctl
