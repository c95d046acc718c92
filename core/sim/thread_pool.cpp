// SPDX-License-Identifier: Apache-2.0
#include "core/sim/thread_pool.hpp"

#include <algorithm>
#include <csignal>

#include <pthread.h>

namespace tidegate::sim {

ThreadPool::ThreadPool(std::string_view name, std::size_t threads, std::size_t queue)
    : name_(name.substr(0, 15)), most_threads_(std::max<std::size_t>(1, threads)), most_waiting_(queue) {}

ThreadPool::~ThreadPool() {
  std::deque<Task> dropped;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    dropped.swap(waiting_);
  }
  come_.notify_all();
  dropped.clear();
  for (auto& thread : threads_) thread.join();
}

bool ThreadPool::submit(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    const bool more_threads = threads_.size() < most_threads_;
    if (ending_) return false;
    if (waiting_.size() >= idle_ && !more_threads && waiting_.size() - idle_ >= most_waiting_) return false;
    waiting_.push_back(std::move(task));
    if (waiting_.size() > idle_ && more_threads) {
      threads_.emplace_back([this] { work(); });
      ++idle_;  // it is on its way to the queue
    }
  }
  come_.notify_one();
  return true;
}

void ThreadPool::work() {
  // Signals belong to the reactor thread: a worker's system calls are not to be interrupted.
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    come_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    auto task = std::move(waiting_.front());
    waiting_.pop_front();
    --idle_;
    lock.unlock();
    task();
    task = nullptr;  // what it captured goes before the thread counts as idle
    lock.lock();
    ++idle_;
  }
}

}  // namespace tidegate::sim
