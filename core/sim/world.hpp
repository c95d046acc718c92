// SPDX-License-Identifier: Apache-2.0
// All a process of ours takes from the machine, in one place. main() makes the real one (core/sim/real_world.hpp,
// core/tls for its network); tests make hosts of a VirtualWorld (core/sim/virtual_world.hpp).
#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "core/sim/files.hpp"
#include "core/sim/network.hpp"
#include "core/sim/reactor.hpp"
#include "core/sim/watch.hpp"

namespace tidegate::sim {

class World {
 public:
  virtual ~World() = default;
  virtual Reactor& reactor() = 0;
  virtual Network& network() = 0;
  virtual Files& files() = 0;
  /// Hints of what happens in directories. Null: this world gives none (callers then only sweep).
  virtual std::unique_ptr<DirectoryWatch> watch(DirectoryHints hints) = 0;
  /// The name of the SQLite VFS to open databases with (sqlite3_open_v2's last argument); nullptr: SQLite's own.
  virtual const char* sqlite_vfs() const = 0;
  /// At most `threads` threads, at most `queue` tasks waiting.
  virtual std::unique_ptr<Pool> pool(std::string_view name, std::size_t threads, std::size_t queue) = 0;
  /// This boot of the machine; another one after a power cut (Linux: /proc/sys/kernel/random/boot_id).
  virtual Bytes boot_id() const = 0;
};

}  // namespace tidegate::sim
