// SPDX-License-Identifier: Apache-2.0
#include "core/tls/network.hpp"

#include <csignal>
#include <utility>

#include "core/sim/thread_pool.hpp"
#include "core/tls/dial.hpp"
#include "core/tls/listen.hpp"

namespace tidegate::tls {
namespace {

class Hold final : public sim::Dialing {
 public:
  explicit Hold(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
  ~Hold() override { attempt_->cancel(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  std::shared_ptr<Attempt> attempt_;
};

class RealNetwork final : public sim::Network {
 public:
  RealNetwork(sim::Reactor& reactor, const NetworkLimits& limits)
      : reactor_(reactor), limits_(limits), resolvers_("resolver", limits.resolvers, 4096) {}

  std::unique_ptr<sim::Dialing> dial(const sim::Endpoint& endpoint, sim::Instant deadline, Dialed done) override {
    auto attempt = std::make_shared<Attempt>(reactor_, endpoint, deadline, limits_, std::move(done));
    attempt->begin(resolvers_);
    return std::make_unique<Hold>(std::move(attempt));
  }

  Result<std::unique_ptr<sim::Listening>> listen(const sim::Listen& at, Accepted accepted) override {
    return Acceptor::open(reactor_, at, limits_, std::move(accepted));
  }

 private:
  sim::Reactor& reactor_;
  const NetworkLimits limits_;
  sim::ThreadPool resolvers_;
};

}  // namespace

std::unique_ptr<sim::Network> make_network(sim::Reactor& reactor, const NetworkLimits& limits) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(): a closed peer must be an error, not the end
  return std::make_unique<RealNetwork>(reactor, limits);
}

std::unique_ptr<sim::Dialing> dial_on(sim::Reactor& reactor, Fd fd, const sim::Endpoint& endpoint,
                                      sim::Instant deadline, sim::Network::Dialed done) {
  auto attempt = std::make_shared<Attempt>(reactor, endpoint, deadline, NetworkLimits{}, std::move(done));
  attempt->begin_on(std::move(fd));
  return std::make_unique<Hold>(std::move(attempt));
}

std::unique_ptr<sim::RealWorld> real_world(const NetworkLimits& limits) {
  auto world = std::make_unique<sim::RealWorld>();
  world->use(make_network(world->reactor(), limits));
  return world;
}

}  // namespace tidegate::tls
