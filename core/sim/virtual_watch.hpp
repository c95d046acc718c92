// SPDX-License-Identifier: Apache-2.0
// DirectoryWatch of one life of a simulated host: tells what its MemoryDisk saw, as an event of its own. Only
// virtual_world.cpp sees it.
#pragma once
#include <memory>
#include <set>
#include <string>

#include "core/sim/memory_disk.hpp"
#include "core/sim/watch.hpp"

namespace tidegate::sim {

class VirtualWatch final : public DirectoryWatch {
 public:
  VirtualWatch(MemoryDisk& disk, Reactor& reactor, std::shared_ptr<const Life> life, DirectoryHints hints)
      : disk_(disk), state_(std::make_shared<State>(State{{}, std::move(hints)})) {
    number_ = disk_.hear([&reactor, life = std::move(life), state = std::weak_ptr(state_)](const DirectoryHint& hint) {
      const auto known = state.lock();
      if (life->dead || !known || !known->wanted.contains(hint.directory)) return;
      reactor.post([state, hint] {
        if (const auto alive = state.lock()) alive->hints(hint);
      });
    });
  }
  ~VirtualWatch() override { disk_.deaf(number_); }
  VirtualWatch(const VirtualWatch&) = delete;
  VirtualWatch& operator=(const VirtualWatch&) = delete;

  void watch(const std::vector<std::string>& directories) override {
    state_->wanted = {directories.begin(), directories.end()};
  }

 private:
  struct State {
    std::set<std::string> wanted;
    DirectoryHints hints;
  };
  MemoryDisk& disk_;
  std::shared_ptr<State> state_;
  std::uint64_t number_ = 0;
};

}  // namespace tidegate::sim
