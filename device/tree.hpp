// SPDX-License-Identifier: Apache-2.0
// Which directory each folder is (names: device/names.hpp). Mail: Maildir++ below the Maildir's root, the inbox of the
// first view being the root itself; the rest: vdir collections. On the disk pool's thread; failures are Trouble.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/sim/files.hpp"
#include "device/index.hpp"

namespace tidegate::device {

struct Places {
  std::string state;    ///< device.db, device.key, status
  std::string maildir;  ///< root of the Maildir++
  std::string vdir;     ///< root of calendars/, contacts/, …
};

class Tree {
 public:
  using Key = std::pair<std::uint64_t, Gid>;

  Tree(sim::Files& files, Index& index, Places places);
  void load();                    ///< from the index; finishes moves of directories that were cut short
  void ensure(const FolderRow&);  ///< its directories are there (somebody may have removed them)

  /// Makes, renames and removes directories as the store's tree says, then records them. Repeating it after a crash at
  /// any step ends in the same. A folder that is gone but still has files of ours stays until they are gone too.
  void apply(const e2e::Folders&);

  const FolderRow* find(std::uint64_t view, const Gid&) const;
  /// Where an item with these folders lies: its first known one; "Unfiled" if the store named none that we know.
  const FolderRow& home(std::uint64_t view, const std::vector<Gid>& folders, Kind);
  std::string path(const FolderRow&) const;
  std::string shown(const FolderRow&) const;  ///< for people: "INBOX", "Work/Plans"
  const std::map<Key, FolderRow>& all() const { return folders_; }
  const Places& places() const { return places_; }
  static bool unfiled(const FolderRow&);  ///< the store has no such folder: it is for what named none
  /// Where files of that folder are written before they get their name.
  std::string drafts(const FolderRow&) const;
  void clear() { folders_.clear(); }
  void remove_directory(const FolderRow&);  ///< as far as it is empty

 private:
  struct Move {
    FolderRow from;
    FolderRow to;
  };
  std::string natural(const FolderRow&, std::string_view prefix) const;
  std::vector<std::string> chain(const FolderRow&) const;
  void place(std::uint64_t view, const std::map<Key, FolderRow>& before);
  bool taken(const FolderRow& to, const FolderRow& from, const std::map<Key, FolderRow>& before) const;
  void carry_out(const std::vector<Move>&);
  void record(std::uint64_t view);
  void retire(std::uint64_t view, const std::set<Gid>& gone);
  bool exists(const std::string& path) const;

  sim::Files& files_;
  Index& index_;
  Places places_;
  std::map<Key, FolderRow> folders_;
};

}  // namespace tidegate::device
