// SPDX-License-Identifier: Apache-2.0
// A proxy on loopback that answers each CONNECT as the test says, octet for octet, and where told leads on to a port.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/sim/world.hpp"

namespace tidegate::tests {

class ScriptedProxy {
 public:
  struct Answer {
    std::string octets = {};
    bool tunnel = false;  ///< from then on octets go to `target` and back
    bool close = false;
  };
  static Answer let_through() { return {"HTTP/1.1 200 Connection established\r\n\r\n", true}; }
  /// 407, kept alive unless `close`; `fields` end with CRLF.
  static Answer demand(std::string_view fields, bool close = false);

  explicit ScriptedProxy(sim::World&);
  ~ScriptedProxy();
  ScriptedProxy(const ScriptedProxy&) = delete;
  ScriptedProxy& operator=(const ScriptedProxy&) = delete;

  std::function<Answer(const std::string& head)> script = [](const auto&) { return let_through(); };
  std::vector<std::string> heads;  ///< each as it came, with the empty line
  std::size_t accepted = 0;
  std::uint16_t target = 0;
  std::uint16_t port() const { return listening_->port(); }
  void stop() { listening_.reset(); }

 private:
  struct Side;
  class Connection;
  sim::World& world_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::unique_ptr<sim::Listening> listening_;
};

/// Of a head; "" if it isn't there.
std::string field(std::string_view head, std::string_view name);

}  // namespace tidegate::tests
