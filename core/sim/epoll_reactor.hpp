// SPDX-License-Identifier: Apache-2.0
// The Reactor of a real process: one epoll instance, timers in a map, posts behind a mutex. An idle wait costs about
// 100 octets: the relay holds one for every device.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/sim/reactor.hpp"

namespace tidegate::sim {

class EpollReactor final : public Reactor {
 public:
  EpollReactor();
  ~EpollReactor() override;
  EpollReactor(const EpollReactor&) = delete;
  EpollReactor& operator=(const EpollReactor&) = delete;

  Instant now() const noexcept override;
  WallTime wall() const noexcept override;
  void random(std::span<std::byte>) noexcept override;
  void post(Task) override;
  std::unique_ptr<Timer> at(Instant, Task) override;
  std::unique_ptr<FdWait> wait(int fd, bool write, Task) override;

  /// One round: what was posted, what is due, what is ready; waits for something at most until `limit`.
  /// Reactor thread only.
  void turn(Instant limit);
  void wake() noexcept;  ///< any thread, also a signal handler: ends the waiting of turn()

 private:
  struct Wait;
  struct Due;
  using Key = std::pair<Instant, std::uint64_t>;
  struct Slot {
    Wait* reader = nullptr;
    Wait* writer = nullptr;
    std::uint32_t generation = 0;  ///< events of an older arming are stale
    bool known = false;            ///< perhaps in the epoll set (a closed descriptor leaves it by itself)
  };

  void run_posted();
  void run_due();
  void sleep(Instant limit);
  void ready(int fd, std::uint32_t generation, std::uint32_t events);
  void arm(int fd);
  void forget(Wait&) noexcept;

  int epoll_ = -1;
  int wake_ = -1;
  std::uint64_t next_timer_ = 0;
  std::map<Key, Task> timers_;
  std::vector<Slot> slots_;  ///< by descriptor
  std::mutex mutex_;
  std::vector<Task> posted_;  ///< under mutex_
  std::vector<Task> running_;
  std::atomic<bool> woken_ = false;
};

}  // namespace tidegate::sim
