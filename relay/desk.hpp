// SPDX-License-Identifier: Apache-2.0
// Where blocking work is done for the reactor: the accounts database on one thread, passwords on a few. Called on the
// reactor thread; what `then` gets comes back on the reactor thread, never within the call, and not after the desk is
// gone. False: too much waits, nothing was taken.
#pragma once
#include <memory>
#include <utility>

#include "core/sim/world.hpp"
#include "relay/accounts/accounts.hpp"
#include "relay/accounts/password.hpp"

namespace tidegate::relay {

class Desk {
 public:
  struct Limits {
    std::size_t database_queue = 20'000;
    std::size_t argon2_threads = 2, argon2_queue = 64;
    HashCost cost;
  };
  Desk(sim::World& world, std::unique_ptr<Accounts> accounts, Limits limits)
      : world_(world),
        accounts_(std::move(accounts)),
        cost_(limits.cost),
        database_(world.pool("db", 1, limits.database_queue)),
        argon2_(world.pool("argon2", limits.argon2_threads, limits.argon2_queue)) {}
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  /// work: T(Accounts&), then: void(T).
  template <class Work, class Then>
  [[nodiscard]] bool ask(Work work, Then then) {
    return run(*database_, [this, work = std::move(work)]() mutable { return work(*accounts_); }, std::move(then));
  }
  /// work: T(HashCost), then: void(T).
  template <class Work, class Then>
  [[nodiscard]] bool hash(Work work, Then then) {
    return run(*argon2_, [cost = cost_, work = std::move(work)]() mutable { return work(cost); }, std::move(then));
  }
  /// An entry nobody waits for; a full queue loses it.
  void audit(AuditEntry entry) {
    (void)ask([entry = std::move(entry)](Accounts& accounts) { return accounts.audit(entry); }, [](Result<void>) {});
  }

 private:
  template <class Work, class Then>
  bool run(sim::Pool& pool, Work work, Then then) {
    return pool.submit([reactor = &world_.reactor(), alive = std::weak_ptr<const bool>(alive_), work = std::move(work),
                        then = std::move(then)]() mutable {
      auto value = work();
      reactor->post([alive = std::move(alive), then = std::move(then), value = std::move(value)]() mutable {
        if (!alive.expired()) then(std::move(value));
      });
    });
  }

  sim::World& world_;
  std::unique_ptr<Accounts> accounts_;
  HashCost cost_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  // The pools go first: what runs on them uses the accounts.
  std::unique_ptr<sim::Pool> database_, argon2_;
};

}  // namespace tidegate::relay
