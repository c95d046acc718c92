// SPDX-License-Identifier: Apache-2.0
// Reading connections and their threads.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/store/database.hpp"
#include "core/store/log.hpp"

namespace tidegate::store {

class Readers {
 public:
  static Result<std::unique_ptr<Readers>> make(sim::World&, const std::string& path, std::size_t count);
  ~Readers();  ///< no callback runs any more
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// Runs ask(Database&) -> T on a reader thread; `done` runs on the reactor thread. Reactor thread. At most 100,000
  /// questions wait; beyond that they are refused (unavailable).
  template <class T, class Ask>
  void read(Ask ask, Done<T> done) {
    if (waiting_.load(std::memory_order_relaxed) >= most_waiting) {
      answer<T>(std::move(done), std::unexpected(busy()));
      return;
    }
    ++waiting_;
    const bool taken = pool_->submit([this, ask = std::move(ask), done = std::move(done)]() mutable {
      auto database = take();
      Result<T> result = ask(*database);
      if (database->failed()) result = std::unexpected(database->take_fault());
      give(std::move(database));
      --waiting_;
      answer<T>(std::move(done), std::move(result));
    });
    if (!taken) --waiting_;  // cannot be: the pool's queue is longer
  }

 private:
  static constexpr std::size_t most_waiting = 100'000;

  explicit Readers(sim::World& world) : world_(world) {}
  static Fault busy();
  std::unique_ptr<Database> take();
  void give(std::unique_ptr<Database>);

  template <class T>
  void answer(Done<T> done, Result<T> result) {
    world_.reactor().post(
        [alive = std::weak_ptr(alive_), done = std::move(done), result = std::move(result)]() mutable {
          if (!alive.expired()) done(std::move(result));
        });
  }

  sim::World& world_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::atomic<std::size_t> waiting_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Database>> free_;  // under mutex_: as many as threads
  std::unique_ptr<sim::Pool> pool_;
};

}  // namespace tidegate::store
