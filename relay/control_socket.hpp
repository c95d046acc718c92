// SPDX-License-Identifier: Apache-2.0
// The running relay's Unix socket: one line of JSON in, one line out, then it closes. Only root and the relay's own
// user may speak. Reactor thread.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/sim/world.hpp"

namespace tidegate::relay {

class ControlSocket {
 public:
  /// Gets a line and a function to answer it with, later or at once.
  using Serve = std::function<void(std::string line, std::function<void(std::string)> answer)>;
  ControlSocket(sim::Reactor&, Serve);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  Result<void> listen(sim::Network&, const std::string& path);

 private:
  class Peer;
  void accept(std::unique_ptr<sim::Stream>);

  sim::Reactor& reactor_;
  Serve serve_;
  std::unique_ptr<sim::Listening> listening_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Peer>> peers_;
  std::uint64_t next_ = 1;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

/// The other end, for subcommands: asks once. `done` runs once on the reactor thread; fault unavailable: no relay
/// listens there. Destroying it cancels.
class ControlCall {
 public:
  ControlCall(sim::World&, const std::string& path, std::string line, std::function<void(Result<std::string>)> done);
  ~ControlCall();
  ControlCall(const ControlCall&) = delete;
  ControlCall& operator=(const ControlCall&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::relay
