// SPDX-License-Identifier: Apache-2.0
// One attempt to connect: resolve, each address in turn, TLS. Only network.cpp sees it.
#pragma once
#include <memory>
#include <vector>

#include "core/sim/network.hpp"
#include "core/tls/network.hpp"
#include "core/tls/session.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::tls {

class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(sim::Reactor&, const sim::Endpoint&, sim::Instant deadline, const NetworkLimits&, sim::Network::Dialed);
  void begin(sim::Pool& resolvers);
  void begin_on(Fd connected);  ///< only what follows the connection
  void cancel();                ///< the callback never runs after this

 private:
  void resolved(Result<std::vector<Address>>);
  void next_address();
  void connected();
  void established();
  void expect_until_deadline();
  void shake();
  void finish(Result<std::unique_ptr<sim::Stream>>);
  void wait(bool write, void (Attempt::*then)());

  sim::Reactor& reactor_;
  const sim::Endpoint endpoint_;
  const sim::Instant deadline_;
  const std::chrono::nanoseconds per_address_;
  sim::Network::Dialed done_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  std::string_view stage_ = "name service";
  Fault last_;
  std::unique_ptr<FdWait> wait_;  // before the descriptor it waits for is closed
  std::unique_ptr<Timer> deadline_timer_, address_timer_;
  Fd fd_;
  Ssl ssl_;
  bool over_ = false;
};

}  // namespace tidegate::tls
