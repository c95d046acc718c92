// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/network.hpp"

#include <utility>

#include <openssl/crypto.h>

#include "core/proxy/address.hpp"
#include "core/proxy/refusal.hpp"
#include "core/proxy/tunnel.hpp"
#include "core/sim/thread_pool.hpp"
#include "core/tls/resolve.hpp"

namespace tidegate::proxy {
namespace {

constexpr std::size_t resolver_threads = 2, resolver_queue = 256;

/// One dial through a proxy: its name, CONNECT, then TLS with the target.
class Way final : public std::enable_shared_from_this<Way> {
 public:
  Way(sim::Reactor& reactor, sim::Proxy via, const sim::Endpoint& endpoint, sim::Instant deadline,
      sim::Network::Dialed done)
      : reactor_(reactor),
        via_(std::move(via)),
        endpoint_(endpoint),
        target_(place_of(endpoint.host, endpoint.port)),
        deadline_(deadline),
        done_(std::move(done)) {}

  void begin(sim::Pool& resolvers) {
    timer_ = reactor_.at(deadline_, [this] { finish(std::unexpected(no_answer(via_, target_))); });
    tls::resolve_on(reactor_, resolvers, {.host = via_.host, .port = via_.port}, [weak = weak_from_this()](auto found) {
      if (const auto way = weak.lock(); way && way->done_) way->resolved(std::move(found));
    });
  }

  void cancel() {
    timer_.reset();
    tunnel_.reset();
    handshake_.reset();
    auto done = std::move(done_);
    done_ = nullptr;
  }

 private:
  void resolved(const Result<std::vector<tls::Address>>& found) {
    if (!found) return finish(std::unexpected(unknown_name(via_, found.error().cause)));
    auto whole = via_;
    ::OPENSSL_cleanse(via_.password.data(), via_.password.size());
    tunnel_ = std::make_unique<Tunnel>(reactor_, std::move(whole), *found, target_,
                                       [this](Result<tls::Fd> fd) { tunnelled(std::move(fd)); });
  }

  void tunnelled(Result<tls::Fd> fd) {
    if (!fd) return finish(std::unexpected(std::move(fd.error())));
    timer_.reset();  // the handshake keeps the deadline from now on
    handshake_ = tls::dial_on(reactor_, std::move(*fd), endpoint_, deadline_,
                              [this](auto stream) { finish(std::move(stream)); });
  }

  void finish(Result<std::unique_ptr<sim::Stream>> result) {
    const auto keep = shared_from_this();
    auto done = std::move(done_);
    cancel();
    done(std::move(result));
  }

  sim::Reactor& reactor_;
  sim::Proxy via_;
  const sim::Endpoint endpoint_;
  const std::string target_;
  const sim::Instant deadline_;
  sim::Network::Dialed done_;  ///< null: over
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<sim::Dialing> handshake_;
};

class Hold final : public sim::Dialing {
 public:
  explicit Hold(std::shared_ptr<Way> way) : way_(std::move(way)) {}
  ~Hold() override { way_->cancel(); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  std::shared_ptr<Way> way_;
};

/// A dial that is over before it began; the fault comes in the next turn.
class Refused final : public sim::Dialing {
 public:
  Refused(sim::Reactor& reactor, Fault why, sim::Network::Dialed done)
      : timer_(reactor.at(reactor.now(), [why = std::move(why), done = std::move(done)]() mutable {
          done(std::unexpected(std::move(why)));
        })) {}

 private:
  std::unique_ptr<Timer> timer_;
};

class ProxiedNetwork final : public sim::Network {
 public:
  ProxiedNetwork(sim::Reactor& reactor, const tls::NetworkLimits& limits)
      : reactor_(reactor),
        direct_(tls::make_network(reactor, limits)),
        resolvers_("proxy names", resolver_threads, resolver_queue) {}

  std::unique_ptr<sim::Dialing> dial(const sim::Endpoint& endpoint, sim::Instant deadline, Dialed done) override {
    if (!endpoint.route || !endpoint.unix_path.empty()) return direct_->dial(endpoint, deadline, std::move(done));
    auto via = endpoint.route(endpoint.host, endpoint.port);
    if (!via) return std::make_unique<Refused>(reactor_, std::move(via.error()), std::move(done));
    if (!*via) return direct_->dial(endpoint, deadline, std::move(done));
    auto way = std::make_shared<Way>(reactor_, std::move(**via), endpoint, deadline, std::move(done));
    way->begin(resolvers_);
    return std::make_unique<Hold>(std::move(way));
  }

  Result<std::unique_ptr<sim::Listening>> listen(const sim::Listen& at, Accepted accepted) override {
    return direct_->listen(at, std::move(accepted));
  }

 private:
  sim::Reactor& reactor_;
  std::unique_ptr<sim::Network> direct_;
  sim::ThreadPool resolvers_;
};

}  // namespace

std::unique_ptr<sim::Network> make_network(sim::Reactor& reactor, const tls::NetworkLimits& limits) {
  return std::make_unique<ProxiedNetwork>(reactor, limits);
}

std::unique_ptr<sim::RealWorld> real_world(const tls::NetworkLimits& limits) {
  auto world = std::make_unique<sim::RealWorld>();
  world->use(proxy::make_network(world->reactor(), limits));
  return world;
}

}  // namespace tidegate::proxy
