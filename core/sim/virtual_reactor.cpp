// SPDX-License-Identifier: Apache-2.0
#include "core/sim/virtual_reactor.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::sim {
namespace {

using std::chrono::microseconds;

class VirtualTimer final : public Timer {
 public:
  VirtualTimer(VirtualClock& clock, VirtualClock::Key key) : clock_(clock), key_(key) {}
  ~VirtualTimer() override { clock_.cancel(key_); }
  VirtualTimer(const VirtualTimer&) = delete;
  VirtualTimer& operator=(const VirtualTimer&) = delete;

 private:
  VirtualClock& clock_;
  VirtualClock::Key key_;
};

class DeadTimer final : public Timer {};
class NeverReady final : public FdWait {};

}  // namespace

WallTime VirtualReactor::wall() const noexcept {
  const auto run = std::chrono::duration_cast<WallTime::duration>(clock_.now().time_since_epoch());
  return WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)) + run + skew_;
}

void VirtualReactor::post(Task task) {
  // A microsecond each: a program that posts to itself without end cannot stop virtual time.
  if (!life_->dead) clock_.add(clock_.now() + microseconds(1), life_->host, std::move(task));
}

std::unique_ptr<Timer> VirtualReactor::at(Instant when, Task task) {
  if (life_->dead) return std::make_unique<DeadTimer>();
  return std::make_unique<VirtualTimer>(
      clock_, clock_.add(std::max(when, clock_.now() + microseconds(1)), life_->host, std::move(task)));
}

std::unique_ptr<FdWait> VirtualReactor::wait(int, bool, Task) { return std::make_unique<NeverReady>(); }

VirtualPool::VirtualPool(VirtualClock& clock, std::shared_ptr<const Life> life, std::size_t threads, std::size_t queue)
    : clock_(clock), life_(std::move(life)), threads_(std::max<std::size_t>(1, threads)), most_(threads_ + queue) {}

VirtualPool::~VirtualPool() { waiting_->closed = true; }

bool VirtualPool::submit(Task task) {
  if (life_->dead || waiting_->tasks >= most_) return false;
  auto when = clock_.now() + clock_.between(microseconds(5), microseconds(500));
  if (threads_ == 1) when = last_ = std::max(when, last_);
  ++waiting_->tasks;
  clock_.add(when, life_->host, [waiting = waiting_, task = std::move(task)]() mutable {
    --waiting->tasks;
    if (!waiting->closed) task();
  });
  return true;
}

}  // namespace tidegate::sim
