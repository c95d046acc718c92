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
#include "device/pending.hpp"

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
  void load();  ///< from the index; finishes moves of directories that were cut short
  /// Its directories are there (somebody may have removed them), with its name, and its colour if that is another than
  /// was told before.
  void ensure(const FolderRow&, const std::string& shown_color = {});

  /// Makes, renames and removes directories as the store's tree says, then records them. Repeating it after a crash at
  /// any step ends in the same. A folder that is gone but still has files of ours stays until they are gone too. One
  /// that was made here keeps its directory.
  void apply(const e2e::Folders&);
  void retire_gone();  ///< those whose files are gone by now

  // What was done to directories here (device/folder_scan.hpp).
  /// The commands that have no result yet: until then names here are as they ask for.
  void mask(PendingFolders journaled) { journaled_ = std::move(journaled); }
  FolderPlace place_of(const FolderRow&) const;  ///< parent and name, as they are here
  /// Its directory is another one, by somebody's hand. Within the caller's transaction.
  void moved(const Key&, const std::string& directory);
  /// The store has a folder that was made here, for that directory (empty: it gets one). Repeating it changes nothing.
  void adopt(const FolderRow&);
  /// The store took the place that a command asked for. Within the caller's transaction.
  void confirm(const Key&, const FolderPlace&);
  void settle(std::uint64_t view);  ///< directories are called as the names are
  void drop(const Key&);            ///< the store removed it for us; stays while a file of ours is in it
  bool gone(const Key& key) const { return gone_.contains(key); }  ///< from the store
  const std::set<Key>& gone() const { return gone_; }
  const PendingFolders& journaled() const { return journaled_; }

  const FolderRow* find(std::uint64_t view, const Gid&) const;
  const FolderRow* owner_of(const std::string& directory) const;  ///< mail only; none: a directory of no folder
  /// Where an item with these folders lies: its first known one; "Unfiled" if the store named none that we know.
  const FolderRow& home(std::uint64_t view, const std::vector<Gid>& folders, Kind);
  std::string path(const FolderRow&) const;
  std::string shown(const FolderRow&) const;  ///< for people: "INBOX", "Work/Plans"
  const std::map<Key, FolderRow>& all() const { return folders_; }
  const Places& places() const { return places_; }
  static bool unfiled(const FolderRow&);  ///< the store has no such folder: it is for what named none
  /// Where files of that folder are written before they get their name.
  std::string drafts(const FolderRow&) const;
  void clear() { folders_.clear(), gone_.clear(); }
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
  void label(const FolderRow&, const std::string& shown_color);
  void record(std::uint64_t view);
  const PendingFolders::Made* made_here(const FolderRow&) const;
  bool exists(const std::string& path) const;

  sim::Files& files_;
  Index& index_;
  Places places_;
  std::map<Key, FolderRow> folders_;
  std::set<Key> gone_;  ///< from the store; the next session's tree tells again
  PendingFolders journaled_;
};

}  // namespace tidegate::device
