// SPDX-License-Identifier: Apache-2.0
// What a person's mail program did to directories becomes commands on folders: rows and journal change in one
// transaction, nothing on the disk. On the disk pool's thread; failures are Trouble.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/sim/world.hpp"
#include "device/folder_scan.hpp"
#include "device/journal.hpp"

namespace tidegate::device {

class FolderChanges {
 public:
  FolderChanges(sim::World& world, Index& index, Tree& tree)
      : world_(world), index_(index), tree_(tree), journal_(index.database()) {}

  struct Done {
    std::size_t commands = 0;
    std::vector<std::string> notes;
  };
  Done take(const FolderFindings&);

 private:
  struct Spot {  ///< where in the tree a directory is
    std::uint64_t view = 0;
    FolderPlace place;
  };
  /// Nullopt: no folder can be called so (noted once), or the one above it is still to be made.
  std::optional<Spot> spot(const std::string& directory);
  std::optional<Spot> above(const std::string& directory);
  void moved(const FolderFindings::Moved&);
  void make(const Spot&, const std::string& directory);
  void forget_refused();
  void stays_here(const std::string& directory, const std::string& why);
  void command(e2e::Command, std::string path = {});

  sim::World& world_;
  Index& index_;
  Tree& tree_;
  Journal journal_;
  std::set<std::string> told_;  ///< directories that stay here only
  // of one take()
  Done done_;
};

}  // namespace tidegate::device
