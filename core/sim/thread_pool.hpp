// SPDX-License-Identifier: Apache-2.0
// The Pool of a real process. A thread is made when work finds none idle, and ends when it had nothing to do for a
// while: the one that was idle last works next, so that a busy hour leaves no threads behind.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/sim/reactor.hpp"

namespace tidegate::sim {

class ThreadPool final : public Pool {
 public:
  static constexpr std::chrono::seconds ordinary_linger{5};

  ThreadPool(std::string_view name, std::size_t threads, std::size_t queue,
             std::chrono::milliseconds linger = ordinary_linger);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  bool submit(Task) override;
  std::size_t threads() const;  ///< at the moment

 private:
  struct Worker {
    std::condition_variable called;
    Task task;  ///< handed to it while it was idle
    std::thread thread;
  };
  void work(std::list<Worker>::iterator);

  const std::string name_;
  const std::size_t most_threads_;
  const std::size_t most_waiting_;
  const std::chrono::milliseconds linger_;
  mutable std::mutex mutex_;
  std::deque<Task> waiting_;  // all below under mutex_
  std::list<Worker> workers_;
  std::vector<std::list<Worker>::iterator> idle_;  ///< the last one works next
  std::vector<std::thread> ended_;                 ///< to be joined
  bool ending_ = false;
};

}  // namespace tidegate::sim
