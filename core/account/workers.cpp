// SPDX-License-Identifier: Apache-2.0
#include "core/account/workers.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>

namespace tidegate::account {

struct Workers::Shared {
  std::mutex mutex;
  std::condition_variable left;
  std::size_t inside = 0;           ///< calls on a thread just now
  sim::Reactor* reactor = nullptr;  ///< null: the Workers are gone, perhaps the world as well
};

Workers::Workers(sim::World& world, std::string backend, std::size_t threads, Limits limits)
    : world_(world),
      backend_(std::move(backend)),
      threads_(std::max<std::size_t>(2, threads)),
      limits_(limits),
      shared_(std::make_shared<Shared>()),
      pool_(world.pool(backend_, threads_ * 2, threads_ * 2)) {
  shared_->reactor = &world.reactor();
}

Workers::~Workers() {
  timer_.reset();
  for (auto& running : running_) running.stop.request_stop();
  alive_.reset();  // answers under way find nobody
  std::unique_lock lock(shared_->mutex);
  const bool all = shared_->left.wait_for(lock, limits_.farewell, [&] { return shared_->inside == 0; });
  shared_->reactor = nullptr;
  lock.unlock();
  // A thread that hangs in a plugin can't be ended; to wait for it would hang the gateway's stop as well.
  if (!all) (void)pool_.release();
}

Fault Workers::threw(const char* what) {
  return Fault{FaultKind::unavailable,
               "plugin",
               "The back-end's plugin failed; its log line says why.",
               fmt::format("it threw {}", what),
               {}};
}

void Workers::add(Job job) {
  (job.live ? live_ : rest_).push_back(std::move(job));
  pump();
}

bool Workers::next(Job& job) {
  if (!live_.empty()) {
    job = std::move(live_.front());
    live_.pop_front();
    return true;
  }
  const auto reserved = std::max<std::size_t>(1, threads_ / 4);
  if (rest_.empty() || rest_running_ >= threads_ - reserved) return false;
  job = std::move(rest_.front());
  rest_.pop_front();
  return true;
}

void Workers::pump() {
  // Each stuck call has a substitute as long as there are threads.
  while (running_.size() < threads_ * 2 && running_.size() - stuck_ < threads_) {
    Job job;
    if (!next(job)) return;
    start(std::move(job));
  }
}

void Workers::start(Job job) {
  auto& running = running_.emplace_back();
  running.number = ++number_;
  running.live = job.live;
  running.deadline = world_.reactor().now() + limits_.call;
  running.done = std::move(job.done);
  if (!running.live) ++rest_running_;
  Call call{running.deadline, running.stop.get_token(), running.number};
  auto task = [this, shared = shared_, alive = std::weak_ptr(alive_), call = std::move(call),
               work = std::move(job.work)]() mutable {
    {
      const std::scoped_lock lock(shared->mutex);
      if (shared->reactor == nullptr) return;
      ++shared->inside;
    }
    work(call);
    work = nullptr;
    const std::scoped_lock lock(shared->mutex);
    if (shared->reactor != nullptr) {
      shared->reactor->post([this, alive, number = call.trace] {
        if (!alive.expired()) finished(number);
      });
    }
    --shared->inside;
    shared->left.notify_all();
  };
  const auto number = running.number;
  if (!pool_->submit(std::move(task))) {  // cannot be: no more run than it has threads
    world_.reactor().post([this, alive = std::weak_ptr(alive_), number] {
      if (!alive.expired()) finished(number);
    });
  }
  arm();
}

void Workers::finished(std::uint64_t number) {
  const auto found = std::ranges::find(running_, number, &Running::number);
  if (found == running_.end()) return;
  auto done = std::move(found->done);
  if (found->stuck) {
    --stuck_;
  } else if (!found->live) {
    --rest_running_;
  }
  running_.erase(found);
  const std::weak_ptr alive = alive_;
  pump();
  if (done) done(std::nullopt);
}

void Workers::arm() {
  // Not disarmed when a call ends: one timer per deadline's length, not one per call.
  if (timer_ || running_.empty()) return;
  auto next = sim::Instant::max();
  for (const auto& running : running_) {
    if (running.stuck) continue;
    const bool stopping = running.stop.stop_requested();
    next = std::min(next, running.deadline + (stopping ? limits_.patience : std::chrono::milliseconds(0)));
  }
  if (next == sim::Instant::max()) return;
  timer_ = world_.reactor().at(next, [this] { look(); });
}

void Workers::look() {
  timer_.reset();
  const auto now = world_.reactor().now();
  std::vector<std::move_only_function<void(std::optional<Fault>)>> given_up;
  for (auto& running : running_) {
    if (running.stuck || now < running.deadline) continue;
    running.stop.request_stop();
    if (now < running.deadline + limits_.patience) continue;
    running.stuck = true;
    ++stuck_;
    if (!running.live) --rest_running_;
    given_up.push_back(std::exchange(running.done, nullptr));
  }
  arm();
  pump();
  const std::weak_ptr alive = alive_;
  for (auto& done : given_up) {
    if (alive.expired()) return;
    done(Fault{
        FaultKind::unavailable, backend_, "The back-end did not answer in time and is treated as stuck.", {}, {}});
  }
}

}  // namespace tidegate::account
