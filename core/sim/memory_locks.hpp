// SPDX-License-Identifier: Apache-2.0
// SQLite's locks and the shared memory of its WAL index between the connections of one simulated process
// (sqlite.org/lockingv3.html, sqlite.org/walformat.html §2). Only memory_vfs.cpp sees it.
#pragma once
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tidegate::sim {

using Owner = const void*;  ///< an open file handle

/// One database file: shared → reserved → pending → exclusive, the numbers of SQLITE_LOCK_*.
class FileLocks {
 public:
  bool take(Owner, int level);
  void release(Owner, int level);  ///< down to shared (1) or none (0)
  bool reserved() const { return reserved_ != nullptr; }

 private:
  std::set<Owner> shared_;
  Owner reserved_ = nullptr;
  Owner pending_ = nullptr;  ///< also while exclusive
};

/// The "-shm" of one database: gone when the last handle leaves.
class SharedMemory {
 public:
  void* region(std::size_t index, std::size_t size, bool extend);
  bool lock(Owner, int first, int count, bool exclusive);
  void unlock(Owner, int first, int count);
  void leave(Owner owner) { unlock(owner, 0, kLocks); }

 private:
  static constexpr int kLocks = 8;  // SQLITE_SHM_NLOCK
  struct Lock {
    std::set<Owner> shared;
    Owner exclusive = nullptr;
  };
  std::array<Lock, kLocks> locks_;
  std::vector<std::unique_ptr<char[]>> regions_;
};

class MemoryLocks {
 public:
  std::shared_ptr<FileLocks> of(const std::string& path) { return find(files_, path); }
  std::shared_ptr<SharedMemory> shared(const std::string& path) { return find(shared_, path); }

 private:
  template <class T>
  static std::shared_ptr<T> find(std::map<std::string, std::weak_ptr<T>>& all, const std::string& path) {
    auto found = all[path].lock();
    if (!found) all[path] = found = std::make_shared<T>();
    return found;
  }
  std::map<std::string, std::weak_ptr<FileLocks>> files_;
  std::map<std::string, std::weak_ptr<SharedMemory>> shared_;
};

}  // namespace tidegate::sim
