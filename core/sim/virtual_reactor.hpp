// SPDX-License-Identifier: Apache-2.0
// Reactor and Pool of one life of a simulated host. Only virtual_world.cpp sees them.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>

#include "core/sim/reactor.hpp"
#include "core/sim/virtual_clock.hpp"

namespace tidegate::sim {

class VirtualReactor final : public Reactor {
 public:
  VirtualReactor(VirtualClock& clock, std::shared_ptr<const Life> life, const std::chrono::seconds& skew)
      : clock_(clock), life_(std::move(life)), skew_(skew) {}

  Instant now() const noexcept override { return clock_.now(); }
  WallTime wall() const noexcept override;
  void random(std::span<std::byte> into) noexcept override { clock_.fill(into); }
  void post(Task) override;
  std::unique_ptr<Timer> at(Instant, Task) override;
  std::unique_ptr<FdWait> wait(int fd, bool write, Task) override;

 private:
  VirtualClock& clock_;
  std::shared_ptr<const Life> life_;
  const std::chrono::seconds& skew_;
};

class VirtualPool final : public Pool {
 public:
  VirtualPool(VirtualClock& clock, std::shared_ptr<const Life> life, std::size_t threads, std::size_t queue);
  ~VirtualPool() override;
  VirtualPool(const VirtualPool&) = delete;
  VirtualPool& operator=(const VirtualPool&) = delete;
  bool submit(Task) override;

 private:
  struct Waiting {
    std::size_t tasks = 0;
    bool closed = false;
  };
  VirtualClock& clock_;
  std::shared_ptr<const Life> life_;
  std::size_t threads_;
  std::size_t most_;
  Instant last_{};  ///< one thread keeps the order
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace tidegate::sim
