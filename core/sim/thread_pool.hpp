// SPDX-License-Identifier: Apache-2.0
// The Pool of a real process.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/sim/reactor.hpp"

namespace tidegate::sim {

class ThreadPool final : public Pool {
 public:
  ThreadPool(std::string_view name, std::size_t threads, std::size_t queue);  ///< starts a thread when work asks for it
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  bool submit(Task) override;

 private:
  void work();

  const std::string name_;
  const std::size_t most_threads_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable come_;
  std::deque<Task> waiting_;  // all below under mutex_
  std::size_t idle_ = 0;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace tidegate::sim
