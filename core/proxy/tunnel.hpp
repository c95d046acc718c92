// SPDX-License-Identifier: Apache-2.0
// One CONNECT through an HTTP proxy, by libcurl on the reactor: no thread, no waiting. What it hands over is a socket
// that leads to the target. Reactor thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/sim/network.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::proxy {

class Tunnel {
 public:
  using Done = std::move_only_function<void(Result<tls::Fd>)>;

  /// `addresses`: of the proxy, tried in turn. `target`: "host:port", which only the proxy resolves. `done` runs once,
  /// never within the call; it may destroy the tunnel. Faults: see core/proxy/refusal.hpp. It has no deadline of its
  /// own: destroying it gives up.
  Tunnel(sim::Reactor&, sim::Proxy, const std::vector<tls::Address>& addresses, std::string target, Done);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  struct Curl;  // libcurl's side, in tunnel.cpp

 private:
  struct Watch {
    int what = 0;  ///< CURL_POLL_…
    std::unique_ptr<FdWait> in, out;
  };

  void act(int socket, int what);
  void arm();
  void over(int result);
  Result<tls::Fd> take();
  Fault why(int result) const;
  void close();

  sim::Reactor& reactor_;
  sim::Proxy via_;
  const std::string target_;
  Done done_;
  std::map<int, Watch> sockets_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Curl> curl_;
};

}  // namespace tidegate::proxy
