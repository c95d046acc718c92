// SPDX-License-Identifier: Apache-2.0
#include "core/sim/thread_pool.hpp"

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

#include <pthread.h>

namespace tidegate::sim {

ThreadPool::ThreadPool(std::string_view name, std::size_t threads, std::size_t queue, std::chrono::milliseconds linger)
    : name_(name.substr(0, 15)),
      most_threads_(std::max<std::size_t>(1, threads)),
      most_waiting_(queue),
      linger_(linger) {}

ThreadPool::~ThreadPool() {
  std::deque<Task> dropped;
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    dropped.swap(waiting_);
    for (const auto& worker : idle_) worker->called.notify_one();
  }
  dropped.clear();
  // None starts or leaves the list any more; who is ending already has put itself into ended_.
  for (auto& worker : workers_) worker.thread.join();
  for (auto& thread : ended_) thread.join();
}

bool ThreadPool::submit(Task task) {
  std::vector<std::thread> ended;
  {
    const std::scoped_lock lock(mutex_);
    if (ending_) return false;
    if (!idle_.empty()) {
      const auto worker = idle_.back();
      idle_.pop_back();
      worker->task = std::move(task);
      worker->called.notify_one();
      return true;
    }
    const bool more = workers_.size() < most_threads_;
    if (!more && waiting_.size() >= most_waiting_) return false;
    waiting_.push_back(std::move(task));
    if (!more) return true;
    const auto worker = workers_.emplace(workers_.end());
    try {
      worker->thread = std::thread([this, worker] { work(worker); });
    } catch (const std::system_error&) {  // the system has no more: those that work take it
      workers_.erase(worker);
      if (!workers_.empty()) return true;
      waiting_.pop_back();
      return false;
    }
    ended.swap(ended_);
  }
  for (auto& thread : ended) thread.join();
  return true;
}

std::size_t ThreadPool::threads() const {
  const std::scoped_lock lock(mutex_);
  return workers_.size();
}

void ThreadPool::work(std::list<Worker>::iterator self) {
  // Signals belong to the reactor thread: a worker's system calls are not to be interrupted.
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), name_.c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    Task task;
    if (!waiting_.empty()) {
      task = std::move(waiting_.front());
      waiting_.pop_front();
    } else {
      if (ending_) return;
      idle_.push_back(self);
      self->called.wait_for(lock, linger_, [&] { return ending_ || self->task; });
      if (!self->task) {
        if (ending_) return;
        std::erase(idle_, self);
        ended_.push_back(std::move(self->thread));
        workers_.erase(self);
        return;
      }
      task = std::exchange(self->task, nullptr);
    }
    lock.unlock();
    task();
    task = nullptr;  // what it captured goes before the thread counts as idle
    lock.lock();
  }
}

}  // namespace tidegate::sim
