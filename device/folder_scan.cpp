// SPDX-License-Identifier: Apache-2.0
#include "device/folder_scan.hpp"

#include <algorithm>

#include "device/names.hpp"
#include "device/scan.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

/// Ours, and no folder: what lost a conflict, and directories while they are moved (device/tree.cpp).
bool own(const std::string& directory) {
  return directory == ".Conflicts" || directory == ".Unfiled" || directory.starts_with(".tidegate");
}

bool shorter(const std::string& a, const std::string& b) { return std::pair(a.size(), a) < std::pair(b.size(), b); }

}  // namespace

void FolderScan::forget() {
  settled_ = false;
  inodes_.clear();
  missing_since_.clear();
  foreign_since_.clear();
}

FolderFindings FolderScan::look(bool whole, sim::Instant now) {
  findings_ = {};
  const auto root = need(files_.info(tree_.places().maildir));
  const auto mtime = root ? root->mtime_ns : 0;
  std::set<std::string> owned;
  for (const auto& [key, folder] : tree_.all()) owned.insert(folder.directory);
  const bool same_tree = owned == owned_;  // what was a folder may be none any more, and its directory is still there
  owned_ = std::move(owned);
  if (settled_ && same_tree && mtime == root_mtime_ && !whole) return {};
  if (mtime != root_mtime_ || root_since_ == sim::Instant{}) root_since_ = now;
  root_mtime_ = mtime;
  foreign_ = list();
  std::vector<const FolderRow*> missing;
  std::map<Tree::Key, std::uint64_t> inodes;
  for (const auto& [key, folder] : tree_.all()) {
    if (folder.info.kind != Kind::mail || folder.directory.empty() || Tree::unfiled(folder)) continue;
    const auto there = foreign_.extract(folder.directory);
    if (there)
      inodes[key] = there.mapped();
    else if (!tree_.journaled().removed.contains(key) && !tree_.gone(key))
      missing.push_back(&folder);
  }
  for (const auto& made : tree_.journaled().made) foreign_.erase(made.directory);
  std::erase_if(foreign_, [&](const auto& each) {
    const auto path = tree_.places().maildir + "/" + each.first;
    return own(each.first) || !(need(files_.info(path + "/cur")) || need(files_.info(path + "/new")));
  });
  find_moved(missing);
  find_gone(missing, now);
  find_made(now);
  for (const auto* folder : missing)  // may be back under another name
    if (const auto old = inodes_.find({folder->view, folder->info.gid}); old != inodes_.end()) inodes.insert(*old);
  inodes_ = std::move(inodes);
  // A stamp is no finer than the clock of the file system: what came right after our look may bear the same one.
  findings_.young = now - root_since_ < Scan::settling;
  settled_ = missing.empty() && foreign_.empty() && !findings_.young;
  return std::move(findings_);
}

FolderScan::Directories FolderScan::list() const {
  Directories out;
  for (const auto& found : need(files_.list(tree_.places().maildir)))
    if (found.directory && found.name.size() > 1 && found.name[0] == '.') out.emplace(found.name, found.inode);
  return out;
}

void FolderScan::find_moved(const std::vector<const FolderRow*>& missing) {
  for (const auto* folder : missing) {
    if (folder->info.role != Role::none) {
      findings_.needed.emplace_back(folder->view, folder->info.gid);
      continue;
    }
    if (auto to = renamed_to(*folder)) {
      foreign_.erase(*to);
      findings_.moved.push_back({{folder->view, folder->info.gid}, std::move(*to)});
    }
  }
  std::ranges::sort(findings_.moved, shorter, &FolderFindings::Moved::directory);
}

std::optional<std::string> FolderScan::renamed_to(const FolderRow& folder) const {
  const auto inode = inodes_.find({folder.view, folder.info.gid});
  const auto rows = static_cast<std::size_t>(index_.count_in(folder.view, folder.info.gid));
  for (const auto& [directory, of] : foreign_)
    if (inode != inodes_.end() && inode->second == of) return directory;
  for (const auto& [directory, of] : foreign_)
    if (rows != 0 && files_of(folder, directory) * 2 > rows) return directory;
  return std::nullopt;
}

/// How many of a folder's files lie in a directory, under the names they have had.
std::size_t FolderScan::files_of(const FolderRow& folder, const std::string& directory) const {
  std::set<std::string> bases;
  for (const char* part : {"/cur", "/new"}) {
    auto listed = files_.list(tree_.places().maildir + "/" + directory + part);
    if (!listed && listed.error().kind == FaultKind::not_found) continue;
    for (const auto& file : need(std::move(listed))) bases.emplace(base_of(file.name));
  }
  std::size_t found = 0;
  index_.each_in(folder.view, folder.info.gid,
                 [&](const PlaceRow& row) { found += bases.contains(std::string(base_of(row.name))) ? 1 : 0; });
  return found;
}

bool FolderScan::has_below(const FolderRow& folder) const {
  return std::ranges::any_of(tree_.all(), [&](const auto& each) {
    return each.first.first == folder.view && tree_.place_of(each.second).parent == folder.info.gid &&
           !tree_.journaled().removed.contains(each.first) && !tree_.gone(each.first);
  });
}

void FolderScan::find_gone(const std::vector<const FolderRow*>& missing, sim::Instant now) {
  std::map<Tree::Key, sim::Instant> since;
  std::vector<const FolderRow*> gone;
  for (const auto* folder : missing) {
    const Tree::Key key{folder->view, folder->info.gid};
    const bool renamed = std::ranges::any_of(findings_.moved, [&](const auto& moved) { return moved.folder == key; });
    if (renamed || folder->info.role != Role::none || has_below(*folder)) continue;
    const auto old = missing_since_.find(key);
    since[key] = old == missing_since_.end() ? now : old->second;
    if (!index_.empty(key.first, key.second)) continue;  // its mails first
    if (now - since[key] >= Scan::settling)
      gone.push_back(folder);
    else
      findings_.unsettled = true;
  }
  std::ranges::sort(gone, [](const auto* a, const auto* b) { return shorter(b->directory, a->directory); });
  for (const auto* folder : gone) findings_.gone.emplace_back(folder->view, folder->info.gid);
  missing_since_ = std::move(since);
}

void FolderScan::find_made(sim::Instant now) {
  std::map<std::string, sim::Instant> since;
  for (const auto& [directory, inode] : foreign_) {
    const auto old = foreign_since_.find(directory);
    const auto first = since[directory] = old == foreign_since_.end() ? now : old->second;
    if (now - first >= Scan::settling)
      findings_.made.push_back(directory);
    else
      findings_.unsettled = true;
  }
  std::ranges::sort(findings_.made, shorter);
  foreign_since_ = std::move(since);
}

}  // namespace tidegate::device
