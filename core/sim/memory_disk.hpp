// SPDX-License-Identifier: Apache-2.0
// A disk in memory that knows what is durable: octets after the file's sync, names after the directory's. A power cut
// keeps or loses each write since then by the dice, a write perhaps only in part (whole sectors of 512 octets), and
// a beginning of the changes of names. Files (files_of) and SQLite (memory_vfs.hpp) both lie on it. One thread.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/sim/files.hpp"
#include "core/sim/virtual_clock.hpp"
#include "core/sim/watch.hpp"

namespace tidegate::sim {

class MemoryDisk {
 public:
  /// A file or directory; lives on while it is open though its name is gone.
  class Node {
   public:
    explicit Node(MemoryDisk& disk, std::uint64_t inode, bool directory)
        : disk_(disk), inode_(inode), directory_(directory) {}
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    bool directory() const { return directory_; }
    std::uint64_t inode() const { return inode_; }
    const std::string& data() const { return data_; }
    std::int64_t mtime() const { return mtime_; }
    bool write(std::uint64_t at, View octets);  ///< false: the disk is full, nothing was written
    void truncate(std::uint64_t size);
    void sync() { undo_.clear(); }
    bool durable() const { return undo_.empty(); }

   private:
    friend class MemoryDisk;
    struct Undo {  ///< one change since the last sync
      std::uint64_t at = 0;
      std::uint64_t old_size = 0;
      std::string before, after;
      bool cut = false;  ///< a truncation to `at`
    };
    void lose_unsynced(VirtualClock&);
    MemoryDisk& disk_;
    std::uint64_t inode_;
    bool directory_;
    std::int64_t mtime_ = 0;
    std::string data_;
    std::vector<Undo> undo_;
  };
  using NodePtr = std::shared_ptr<Node>;

  explicit MemoryDisk(VirtualClock& clock);
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  NodePtr find(const std::string& path) const;
  NodePtr make(const std::string& path, bool directory);  ///< null: the name is taken, or there is no such directory
  bool erase(const std::string& path);
  bool rename(const std::string& from, const std::string& to);
  std::vector<std::pair<std::string, NodePtr>> list(const std::string& directory) const;  ///< last components
  void sync_names(const std::string& directory);  ///< the names in it (and those above it) are durable
  void sync_everything();                         ///< all contents and all names
  NodePtr nameless();                             ///< an open file without a name

  void limit(std::uint64_t octets) { limit_ = octets; }  ///< writes that would go over it fail: disk full
  std::uint64_t used() const { return used_; }
  /// Every sync is told: its count. For tests that cut the power at the n-th one.
  std::function<void(std::uint64_t)> on_sync;
  void synced();

  /// Every change of a name is told. The number is for deaf().
  std::uint64_t hear(std::function<void(const DirectoryHint&)>);
  void deaf(std::uint64_t number) { listeners_.erase(number); }

  void lose_unsynced();  ///< the power cut

 private:
  struct NameChange {
    std::string set, cleared;  ///< either may be empty; both: a rename
    NodePtr node;
  };
  static std::string parent(const std::string& path);
  static void apply(std::map<std::string, NodePtr>& names, const NameChange&);
  void tell(const std::string& path, bool deleted);

  VirtualClock& clock_;
  std::uint64_t next_inode_ = 1;
  std::uint64_t used_ = 0;
  std::uint64_t limit_ = UINT64_MAX;
  std::uint64_t syncs_ = 0;
  std::map<std::string, NodePtr> names_;  // nodes count themselves out of used_: they go first
  std::map<std::string, NodePtr> durable_;
  std::map<std::uint64_t, std::function<void(const DirectoryHint&)>> listeners_;
  std::uint64_t next_listener_ = 0;
  std::vector<NameChange> changes_;  ///< names_ = durable_ + these, in order
};

/// The Files seam on such a disk, for one life of a host.
std::unique_ptr<Files> files_of(MemoryDisk&, std::shared_ptr<const Life>);

}  // namespace tidegate::sim
