// SPDX-License-Identifier: Apache-2.0
// Looks at the directories of the Maildir++ and says which are new, which were renamed and which were taken away. It
// changes nothing, and does not even list the root while its mtime and the tree stand and everything in it is
// explained.
//
// A directory that is gone is another one's former name if that one has its inode (seen in this life) or more than half
// of its files; a folder counts as removed only when no row of the index lies in it any more (its mails go, or are
// held, like any others: device/scan.hpp), no folder is below it, and two looks at least 2 s apart missed it. A new
// directory is told when two such looks saw it. Folders with a role, and the root, are never renamed or removed so.
// On the disk pool's thread; failures are Trouble.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "device/tree.hpp"

namespace tidegate::device {

struct FolderFindings {
  struct Moved {
    Tree::Key folder;
    std::string directory;  ///< below the Maildir's root
  };
  std::vector<std::string> made;  ///< directories, those above first
  std::vector<Moved> moved;       ///< the same
  std::vector<Tree::Key> gone;    ///< those below first
  std::vector<Tree::Key> needed;  ///< they have a role, and their directory is missing
  bool unsettled = false;         ///< something is not certain yet
  bool young = false;             ///< the root changed within the last 2 s: there may be more
};

class FolderScan {
 public:
  FolderScan(sim::Files& files, Index& index, const Tree& tree) : files_(files), index_(index), tree_(tree) {}

  FolderFindings look(bool whole, sim::Instant now);
  void forget();  ///< all it remembers

 private:
  using Directories = std::map<std::string, std::uint64_t>;  ///< name → inode

  Directories list() const;
  void find_moved(const std::vector<const FolderRow*>& missing);
  std::optional<std::string> renamed_to(const FolderRow&) const;
  std::size_t files_of(const FolderRow&, const std::string& directory) const;
  void find_gone(const std::vector<const FolderRow*>& missing, sim::Instant now);
  void find_made(sim::Instant now);
  bool has_below(const FolderRow&) const;

  sim::Files& files_;
  Index& index_;
  const Tree& tree_;
  // remembered
  std::int64_t root_mtime_ = 0;
  sim::Instant root_since_{};  ///< when it was first seen so
  bool settled_ = false;
  std::set<std::string> owned_;  ///< directories of folders
  std::map<Tree::Key, std::uint64_t> inodes_;
  std::map<Tree::Key, sim::Instant> missing_since_;
  std::map<std::string, sim::Instant> foreign_since_;
  // of one look
  FolderFindings findings_;
  Directories foreign_;  ///< Maildirs of no folder
};

}  // namespace tidegate::device
