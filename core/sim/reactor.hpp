// SPDX-License-Identifier: Apache-2.0
// The seams for time, randomness and work. Everything the product asks of the machine's clock, timers, random
// source and threads goes through here, so that one thread can run a gateway, a relay, devices and a store on
// virtual time from a seed (docs/decisions/0002-one-reactor.md).
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::sim {

using Task = std::move_only_function<void()>;
using Instant = std::chrono::steady_clock::time_point;   ///< monotonic: for every timer and deadline
using WallTime = std::chrono::system_clock::time_point;  ///< for people and certificates only

/// A process's one event loop. Everything that is neither blocking nor heavy runs on its thread ("the reactor
/// thread"); what blocks goes to a Pool. A "strand" in this house is therefore simply the reactor thread.
class Reactor {
 public:
  virtual ~Reactor() = default;

  virtual Instant now() const noexcept = 0;                ///< any thread
  virtual WallTime wall() const noexcept = 0;              ///< any thread
  virtual void random(std::span<std::byte>) noexcept = 0;  ///< any thread; cryptographic in a real process

  /// Runs the task later on the reactor thread, in the order of posting. Any thread.
  virtual void post(Task) = 0;
  /// Runs the task once at that instant (or soon after). Destroying the timer cancels; the task never runs after
  /// that. Reactor thread only.
  [[nodiscard]] virtual std::unique_ptr<Timer> at(Instant, Task) = 0;
  /// Runs the task once when the file descriptor is readable (or writable). Destroying cancels. Reactor thread only.
  /// The caller keeps the descriptor open until then and closes it himself.
  [[nodiscard]] virtual std::unique_ptr<FdWait> wait(int fd, bool write, Task) = 0;

  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay, Task task) {
    return at(now() + std::chrono::duration_cast<Instant::duration>(delay), std::move(task));
  }
};

/// Threads for what blocks or is heavy, with a bounded queue.
class Pool {
 public:
  virtual ~Pool() = default;  ///< finishes what runs, drops what waits
  /// Runs the work on one of the pool's threads. False: the queue is full, nothing was taken. Any thread.
  /// To come back to the reactor the work posts.
  [[nodiscard]] virtual bool submit(Task) = 0;
};

}  // namespace tidegate::sim
