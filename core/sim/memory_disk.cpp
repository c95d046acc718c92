// SPDX-License-Identifier: Apache-2.0
#include "core/sim/memory_disk.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tidegate::sim {
namespace {

constexpr std::uint64_t kSector = 512;

}  // namespace

MemoryDisk::Node::~Node() { disk_.used_ -= data_.size(); }

bool MemoryDisk::Node::write(std::uint64_t at, View octets) {
  const auto end = at + octets.size();
  const auto grows = end > data_.size() ? end - data_.size() : 0;
  if (grows > 0 && (disk_.used_ >= disk_.limit_ || disk_.limit_ - disk_.used_ < grows)) return false;
  Undo undo{.at = at, .old_size = data_.size(), .before = {}, .after = std::string(octets)};
  if (at < data_.size()) undo.before = data_.substr(at, octets.size());
  undo_.push_back(std::move(undo));
  if (grows > 0) data_.resize(end);
  disk_.used_ += grows;
  std::ranges::copy(octets, data_.begin() + static_cast<std::ptrdiff_t>(at));
  mtime_ = disk_.clock_.now().time_since_epoch().count();
  return true;
}

void MemoryDisk::Node::truncate(std::uint64_t size) {
  if (size > data_.size()) {
    write(size - 1, std::string(1, '\0'));
    return;
  }
  undo_.push_back({.at = size, .old_size = data_.size(), .before = data_.substr(size), .after = {}, .cut = true});
  disk_.used_ -= data_.size() - size;
  data_.resize(size);
  mtime_ = disk_.clock_.now().time_since_epoch().count();
}

void MemoryDisk::Node::lose_unsynced(VirtualClock& clock) {
  const auto changes = std::exchange(undo_, {});
  disk_.used_ -= data_.size();
  for (auto it = changes.rbegin(); it != changes.rend(); ++it) {
    data_.resize(std::max<std::uint64_t>(it->old_size, it->at + it->before.size()));
    std::ranges::copy(it->before, data_.begin() + static_cast<std::ptrdiff_t>(it->at));
    data_.resize(it->old_size);
  }
  for (const auto& change : changes) {
    const auto fate = clock.below(4);  // 0: lost, 1: torn, else kept
    if (fate == 0) continue;
    if (change.cut) {
      if (fate != 1 && change.at < data_.size()) data_.resize(change.at);
      continue;
    }
    for (std::uint64_t from = change.at; from < change.at + change.after.size();) {
      const auto end = std::min((from / kSector + 1) * kSector, change.at + change.after.size());
      if (fate != 1 || clock.below(2) == 0) {
        if (data_.size() < end) data_.resize(end);
        data_.replace(from, end - from, change.after, from - change.at, end - from);
      }
      from = end;
    }
  }
  disk_.used_ += data_.size();
}

MemoryDisk::MemoryDisk(VirtualClock& clock) : clock_(clock) {
  auto root = std::make_shared<Node>(*this, next_inode_++, true);
  names_["/"] = root;
  durable_["/"] = root;
}

std::string MemoryDisk::parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

void MemoryDisk::apply(std::map<std::string, NodePtr>& names, const NameChange& change) {
  if (!change.cleared.empty()) names.erase(change.cleared);
  if (!change.set.empty()) names[change.set] = change.node;
}

MemoryDisk::NodePtr MemoryDisk::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

MemoryDisk::NodePtr MemoryDisk::nameless() { return std::make_shared<Node>(*this, next_inode_++, false); }

MemoryDisk::NodePtr MemoryDisk::make(const std::string& path, bool directory) {
  const auto above = find(parent(path));
  if (names_.contains(path) || !above || !above->directory()) return nullptr;
  auto node = std::make_shared<Node>(*this, next_inode_++, directory);
  node->mtime_ = above->mtime_ = clock_.now().time_since_epoch().count();
  changes_.push_back({.set = path, .cleared = {}, .node = node});
  apply(names_, changes_.back());
  tell(path, false);
  return node;
}

std::uint64_t MemoryDisk::hear(std::function<void(const DirectoryHint&)> listener) {
  listeners_[++next_listener_] = std::move(listener);
  return next_listener_;
}

void MemoryDisk::tell(const std::string& path, bool deleted) {
  for (const auto& [number, listener] : listeners_)
    listener({.directory = parent(path), .name = path.substr(path.rfind('/') + 1), .deleted = deleted});
}

bool MemoryDisk::erase(const std::string& path) {
  const auto node = find(path);
  if (!node || path == "/" || (node->directory() && !list(path).empty())) return false;
  find(parent(path))->mtime_ = clock_.now().time_since_epoch().count();
  changes_.push_back({.set = {}, .cleared = path, .node = nullptr});
  apply(names_, changes_.back());
  tell(path, true);
  return true;
}

bool MemoryDisk::rename(const std::string& from, const std::string& to) {
  const auto node = find(from);
  const auto above = find(parent(to));
  const auto there = find(to);
  if (!node || !above || !above->directory() || from == to) return node && from == to;
  if (there && (there->directory() || node->directory())) return false;
  find(parent(from))->mtime_ = above->mtime_ = clock_.now().time_since_epoch().count();
  std::vector<NameChange> all{{.set = to, .cleared = from, .node = node}};
  // A directory takes along what is below it, each as part of the change.
  for (auto at = names_.upper_bound(from + "/"); at != names_.end() && at->first.starts_with(from + "/"); ++at)
    all.push_back({.set = to + at->first.substr(from.size()), .cleared = at->first, .node = at->second});
  for (auto& change : all) {
    apply(names_, change);
    changes_.push_back(std::move(change));
  }
  tell(from, false);
  tell(to, false);
  return true;
}

std::vector<std::pair<std::string, MemoryDisk::NodePtr>> MemoryDisk::list(const std::string& directory) const {
  std::vector<std::pair<std::string, NodePtr>> found;
  const auto prefix = directory == "/" ? directory : directory + "/";
  for (auto at = names_.upper_bound(prefix); at != names_.end() && at->first.starts_with(prefix); ++at)
    if (at->first.find('/', prefix.size()) == std::string::npos)
      found.emplace_back(at->first.substr(prefix.size()), at->second);
  return found;
}

void MemoryDisk::sync_names(const std::string& directory) {
  std::set<std::string> covered{directory};  // and all above, as journaling file systems do
  for (auto path = directory; path != "/"; path = parent(path)) covered.insert(parent(path));
  const auto in = [&](const std::string& path) { return !path.empty() && covered.contains(parent(path)); };
  std::vector<NameChange> left;
  for (auto& change : changes_) {
    if (!in(change.set) && !in(change.cleared)) {
      left.push_back(std::move(change));
      continue;
    }
    // A rename of which only the new directory was synced may still show the old name, too; never neither.
    if (!change.set.empty() && !change.cleared.empty() && !in(change.cleared)) {
      durable_[change.set] = change.node;
      left.push_back({.set = {}, .cleared = change.cleared, .node = nullptr});
    } else {
      apply(durable_, change);
    }
  }
  changes_ = std::move(left);
  synced();
}

void MemoryDisk::sync_everything() {
  for (const auto& [path, node] : names_) node->sync();
  durable_ = names_;
  changes_.clear();
}

void MemoryDisk::synced() {
  ++syncs_;
  if (on_sync) on_sync(syncs_);
}

void MemoryDisk::lose_unsynced() {
  const auto kept = clock_.below(changes_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) apply(durable_, changes_[i]);
  changes_.clear();
  names_ = durable_;
  // What hangs in the air, its directory having been lost, is lost with it.
  for (auto at = names_.begin(); at != names_.end();)
    at = at->first == "/" || names_.contains(parent(at->first)) ? std::next(at) : names_.erase(at);
  durable_ = names_;
  for (auto& [path, node] : names_) node->lose_unsynced(clock_);
}

}  // namespace tidegate::sim
