// SPDX-License-Identifier: Apache-2.0
// A listening socket and the handshakes that run on it. Only network.cpp sees it.
#pragma once
#include <list>
#include <memory>
#include <string>

#include "core/sim/network.hpp"
#include "core/tls/network.hpp"
#include "core/tls/session.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::tls {

class Acceptor final : public sim::Listening {
 public:
  static Result<std::unique_ptr<sim::Listening>> open(sim::Reactor&, const sim::Listen&, const NetworkLimits&,
                                                      sim::Network::Accepted);
  Acceptor(sim::Reactor&, Fd, Context, const NetworkLimits&, sim::Network::Accepted);
  ~Acceptor() override;
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  std::uint16_t port() const override;

 private:
  struct Handshake {
    Fd fd;
    Ssl ssl;
    std::unique_ptr<FdWait> wait;
    std::unique_ptr<Timer> deadline;
  };
  using Place = std::list<Handshake>::iterator;

  void expect();
  void accept();
  void shake(Place);
  void drop(Place);
  void hand_over(std::unique_ptr<sim::Stream>);
  static void answer_http(int fd);

  sim::Reactor& reactor_;
  const Context context_;
  const NetworkLimits limits_;
  sim::Network::Accepted accepted_;
  std::string unlink_;  ///< the path of an AF_UNIX socket
  std::list<Handshake> handshakes_;
  bool* gone_ = nullptr;
  Fd fd_;
  std::unique_ptr<FdWait> wait_;
  std::unique_ptr<Timer> pause_;
};

}  // namespace tidegate::tls
