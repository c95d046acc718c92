// SPDX-License-Identifier: Apache-2.0
// SQLite on a MemoryDisk: locks, WAL's shared memory, and xSync that alone makes durable. One thread.
#pragma once
#include <memory>
#include <string>

#include "core/sim/memory_disk.hpp"

namespace tidegate::sim {

/// Registered with SQLite under `name` while it lives; close every database opened through it before.
class MemoryVfs {
 public:
  MemoryVfs(std::string name, MemoryDisk&, VirtualClock&);
  ~MemoryVfs();
  MemoryVfs(const MemoryVfs&) = delete;
  MemoryVfs& operator=(const MemoryVfs&) = delete;

  const char* name() const;
  /// Files opened from now on belong to this life; those of an earlier, dead one answer every call with an I/O
  /// error, and their locks and shared memory are gone.
  void live(std::shared_ptr<const Life>);
  /// How far the host's wall clock is off.
  void skew(std::chrono::seconds);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::sim
