// SPDX-License-Identifier: Apache-2.0
// A world of which every dial fails as told, or goes on as before: a proxy with its own mind on the way.
#pragma once
#include <memory>
#include <optional>
#include <utility>

#include "core/sim/world.hpp"

namespace tidegate::tests {

class RefusingWorld final : public sim::World, sim::Network {
 public:
  explicit RefusingWorld(sim::World& inner) : inner_(inner) {}

  std::optional<Fault> why;  ///< of every dial from now on
  int dials = 0;

  sim::Reactor& reactor() override { return inner_.reactor(); }
  sim::Network& network() override { return *this; }
  sim::Files& files() override { return inner_.files(); }
  std::unique_ptr<sim::DirectoryWatch> watch(sim::DirectoryHints hints) override {
    return inner_.watch(std::move(hints));
  }
  const char* sqlite_vfs() const override { return inner_.sqlite_vfs(); }
  std::unique_ptr<sim::Pool> pool(std::string_view name, std::size_t threads, std::size_t queue) override {
    return inner_.pool(name, threads, queue);
  }
  Bytes boot_id() const override { return inner_.boot_id(); }

 private:
  struct Refused final : sim::Dialing {
    std::unique_ptr<Timer> timer;
  };
  std::unique_ptr<sim::Dialing> dial(const sim::Endpoint& endpoint, sim::Instant deadline, Dialed done) override {
    ++dials;
    if (!why) return inner_.network().dial(endpoint, deadline, std::move(done));
    auto refused = std::make_unique<Refused>();
    refused->timer = reactor().at(
        reactor().now(), [fault = *why, done = std::move(done)]() mutable { done(std::unexpected(std::move(fault))); });
    return refused;
  }
  Result<std::unique_ptr<sim::Listening>> listen(const sim::Listen& at, Accepted accepted) override {
    return inner_.network().listen(at, std::move(accepted));
  }

  sim::World& inner_;
};

}  // namespace tidegate::tests
