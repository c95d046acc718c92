// SPDX-License-Identifier: Apache-2.0
#include "device/tree.hpp"

#include <algorithm>

#include "core/sdk/values.hpp"
#include "device/keywords.hpp"
#include "device/names.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr Gid no_gid{};
/// A folder's name while it moves.
std::string between_name(const Gid& gid) { return ".tidegate-" + gid_text(gid); }

constexpr std::size_t name_limit = 240;  // of 255 octets: room for what a mail program appends
constexpr int depth_limit = 64;          // of parents; also ends a loop in a broken tree

/// The gid of "Unfiled", which no store gives out: all ones.
Gid unfiled_gid(Kind kind) {
  Gid gid;
  gid.fill(std::byte{0xFF});
  gid[15] = static_cast<std::byte>(kind);
  return gid;
}

}  // namespace

Tree::Tree(sim::Files& files, Index& index, Places places) : files_(files), index_(index), places_(std::move(places)) {}

void Tree::load() {
  folders_.clear();
  for (const auto& view : index_.views())
    for (auto& row : index_.folders(view.view)) folders_[{view.view, row.info.gid}] = std::move(row);
  std::vector<Move> moves;
  std::set<std::uint64_t> views;
  for (const auto& [view, gid, directory] : index_.moving_folders()) {
    const auto found = folders_.find({view, gid});
    if (found == folders_.end()) continue;
    auto to = found->second;
    to.directory = directory;
    moves.push_back({found->second, to});
    found->second.directory = directory;
    views.insert(view);
  }
  if (moves.empty()) return;
  carry_out(moves);
  for (const auto& move : moves) ensure(move.to);
  for (const auto view : views) record(view);
}

const FolderRow* Tree::find(std::uint64_t view, const Gid& gid) const {
  const auto found = folders_.find({view, gid});
  return found == folders_.end() ? nullptr : &found->second;
}

std::string Tree::path(const FolderRow& folder) const {
  const auto& root = folder.info.kind == Kind::mail ? places_.maildir : places_.vdir;
  return folder.directory.empty() ? root : root + "/" + folder.directory;
}

bool Tree::unfiled(const FolderRow& folder) { return folder.info.gid == unfiled_gid(folder.info.kind); }

std::string Tree::drafts(const FolderRow& folder) const {
  return folder.info.kind == Kind::mail ? path(folder) + "/tmp" : places_.vdir + "/.tmp";
}

FolderPlace Tree::place_of(const FolderRow& folder) const {
  const auto changed = journaled_.changed.find({folder.view, folder.info.gid});
  return changed == journaled_.changed.end() ? FolderPlace{folder.info.parent, folder.info.name} : changed->second;
}

std::vector<std::string> Tree::chain(const FolderRow& folder) const {
  auto at = place_of(folder);
  std::vector<std::string> names{at.name};
  for (int depth = 0; depth < depth_limit && at.parent != no_gid; ++depth) {
    const auto* parent = find(folder.view, at.parent);
    if (parent == nullptr) break;
    at = place_of(*parent);
    names.insert(names.begin(), at.name);
  }
  return names;
}

std::string Tree::shown(const FolderRow& folder) const {
  std::string out;
  for (const auto& name : chain(folder)) out += (out.empty() ? "" : "/") + name;
  return out;
}

std::string Tree::natural(const FolderRow& folder, std::string_view prefix) const {
  const bool mail = folder.info.kind == Kind::mail;
  const bool inbox = mail && folder.info.role == Role::inbox;
  if (inbox && prefix.empty()) return "";
  std::string joined(prefix);
  if (!inbox)
    for (const auto& name : chain(folder)) joined += (joined.empty() ? "" : ".") + folder_component(name);
  if (joined.size() > name_limit) joined = gid_text(folder.info.gid);
  return mail ? "." + joined : std::string(vdir_collection(folder.info.kind)) + "/" + joined;
}

const FolderRow& Tree::home(std::uint64_t view, const std::vector<Gid>& folders, Kind kind) {
  for (const auto& gid : folders)
    if (const auto* found = find(view, gid);
        found != nullptr && (found->info.kind == Kind::mail) == (kind == Kind::mail))
      return *found;
  const auto gid = unfiled_gid(kind);
  if (const auto* found = find(view, gid)) return *found;
  FolderRow row;
  row.view = view;
  row.info.gid = gid;
  row.info.name = "Unfiled";
  row.info.kind = kind;
  const auto key = Key{view, gid};
  const auto before = folders_;
  folders_[key] = row;
  place(view, before);
  return folders_.at(key);
}

bool Tree::exists(const std::string& path) const { return need(files_.info(path)).has_value(); }

const PendingFolders::Made* Tree::made_here(const FolderRow& row) const {
  const FolderPlace place{row.info.parent, row.info.name};
  for (const auto& made : journaled_.made)
    if (made.view == row.view && made.place == place && row.info.kind == Kind::mail) return &made;
  return nullptr;
}

void Tree::apply(const e2e::Folders& message) {
  auto before = folders_;
  std::set<Gid> named;
  for (const auto& info : message.folders) {
    const Key key{message.view, info.gid};
    named.insert(info.gid);
    if (info.gone) {
      gone_.insert(key);
      continue;
    }
    gone_.erase(key);
    auto& row = folders_[key];
    // A folder never changes between mail and the rest: its files would be in the wrong kind of directory.
    if (!row.directory.empty() && (row.info.kind == Kind::mail) != (info.kind == Kind::mail)) continue;
    row.view = message.view;
    row.info = info;
    if (before.contains(key)) continue;
    // Its directory is here already, and is nobody's.
    if (const auto* made = made_here(row); made != nullptr && !made->directory.empty() &&
                                           owner_of(made->directory) == nullptr &&
                                           exists(places_.maildir + "/" + made->directory)) {
      row.directory = made->directory;
      before[key] = row;
    }
  }
  if (message.whole)
    for (const auto& [key, row] : folders_)
      if (key.first == message.view && !named.contains(key.second) && !unfiled(row)) gone_.insert(key);
  place(message.view, before);
  for (const auto& [key, row] : before)
    if (key.first == message.view && made_here(row) != nullptr && exists(path(row))) ensure(row);
  retire_gone();
}

const FolderRow* Tree::owner_of(const std::string& directory) const {
  const auto found = std::ranges::find_if(folders_, [&](const auto& each) {
    return each.second.directory == directory && each.second.info.kind == Kind::mail;
  });
  return found == folders_.end() ? nullptr : &found->second;
}

void Tree::moved(const Key& key, const std::string& directory) {
  auto& row = folders_.at(key);
  row.directory = directory;
  index_.put(row);
}

void Tree::adopt(const FolderRow& row) {
  const Key key{row.view, row.info.gid};
  if (folders_.contains(key)) return;
  auto before = folders_;
  const bool nobodys = !row.directory.empty() && owner_of(row.directory) == nullptr;
  folders_[key] = row;
  if (nobodys) before[key] = row;
  place(row.view, before);
  if (const auto& placed = folders_.at(key); exists(path(placed))) ensure(placed);
}

void Tree::confirm(const Key& key, const FolderPlace& place) {
  const auto found = folders_.find(key);
  if (found == folders_.end()) return;
  found->second.info.parent = place.parent;
  found->second.info.name = place.name;
  index_.put(found->second);
}

void Tree::settle(std::uint64_t view) {
  const auto before = folders_;
  place(view, before);
}

void Tree::drop(const Key& key) {
  gone_.insert(key);
  retire_gone();
}

void Tree::place(std::uint64_t view, const std::map<Key, FolderRow>& before) {
  std::string prefix;
  for (const auto& row : index_.views())
    if (row.view == view) prefix = row.prefix;
  std::set<std::string> used;
  for (const auto& [key, row] : folders_)
    if (key.first != view) used.insert(row.directory);
  // Who already has a name keeps it; only then may others ask for it.
  std::vector<FolderRow*> waiting;
  std::map<Gid, std::string> wanted;
  for (auto& [key, row] : folders_) {
    if (key.first != view) continue;
    const auto old = before.find(key);
    wanted[key.second] = natural(row, prefix);
    // What once was the root's inbox (or was not) stays so: the root itself cannot move.
    if (old != before.end() && old->second.directory.empty() != wanted[key.second].empty())
      wanted[key.second] = old->second.directory;
    const auto own = wanted[key.second] + "~" + gid_text(key.second).substr(0, 6);
    if (old != before.end() && (old->second.directory == wanted[key.second] || old->second.directory == own))
      used.insert(old->second.directory);
    else
      waiting.push_back(&row);
  }
  std::vector<Move> moves;
  for (auto* row : waiting) {
    auto directory = wanted[row->info.gid];
    if (used.contains(directory))
      directory += (directory.empty() ? ".INBOX~" : "~") + gid_text(row->info.gid).substr(0, 6);
    const auto old = before.find({view, row->info.gid});
    row->directory = directory;
    if (old != before.end() && taken(*row, old->second, before))
      row->directory += "~" + gid_text(row->info.gid).substr(0, 6);
    used.insert(row->directory);
    if (old != before.end()) moves.push_back({old->second, *row});
  }
  if (!moves.empty()) {
    Transaction intent(index_.database());
    for (const auto& move : moves) index_.move_folder(view, move.to.info.gid, move.to.directory);
    intent.commit();
    carry_out(moves);
  }
  for (const auto* row : waiting) ensure(*row);
  for (const auto& [key, row] : folders_) {
    const auto old = before.find(key);
    if (key.first != view || old == before.end() || row.info.kind == Kind::mail) continue;
    if (row.info.name == old->second.info.name && row.info.color == old->second.info.color) continue;
    // Before it is recorded: after a kill the same difference is found again.
    ensure(row, old->second.info.color);
  }
  record(view);
}

/// A directory of the new name is there, is none of ours, and is not simply the move that an earlier life finished.
bool Tree::taken(const FolderRow& to, const FolderRow& from, const std::map<Key, FolderRow>& before) const {
  for (const auto& [key, row] : before)
    if (row.directory == to.directory) return false;  // moves away itself
  FolderRow between = from;
  between.directory = between_name(from.info.gid);
  return !from.directory.empty() && exists(path(to)) && (exists(path(from)) || exists(path(between)));
}

void Tree::carry_out(const std::vector<Move>& moves) {
  const auto root = [&](const Move& move) {
    return move.from.info.kind == Kind::mail ? places_.maildir : places_.vdir;
  };
  const auto between = [&](const Move& move) { return root(move) + "/" + between_name(move.from.info.gid); };
  // Through a name of their own, since two folders may have changed names with each other; and in two recorded steps,
  // since after a crash a directory's name alone does not tell whose it is. The root never moves.
  if (index_.note("moving_phase") != "2") {
    for (const auto& move : moves)
      if (!move.from.directory.empty() && exists(path(move.from)) && !exists(between(move)))
        need(files_.rename(path(move.from), between(move)));
    for (const auto& move : moves) need(files_.sync_directory(root(move)));
    index_.note("moving_phase", "2");
  }
  for (const auto& move : moves) {
    if (exists(between(move)) && !exists(path(move.to))) need(files_.rename(between(move), path(move.to)));
  }
  for (const auto& move : moves) need(files_.sync_directory(root(move)));
}

void Tree::record(std::uint64_t view) {
  Transaction change(index_.database());
  for (const auto& [key, row] : folders_)
    if (key.first == view) index_.put(row);
  index_.folders_moved();
  index_.note("moving_phase", "");
  change.commit();
}

void Tree::ensure(const FolderRow& row, const std::string& shown_color) {
  const auto directory = path(row);
  if (row.info.kind != Kind::mail) {
    need(files_.make_directories(directory));
    need(files_.make_directories(drafts(row)));
    label(row, shown_color);
    need(files_.sync_directory(directory));
    need(files_.sync_directory(places_.vdir + "/" + std::string(vdir_collection(row.info.kind))));
    need(files_.sync_directory(places_.vdir));
    return;
  }
  for (const char* part : {"/tmp", "/new", "/cur"}) need(files_.make_directories(directory + part));
  // Maildir++: marks a folder of a Maildir.
  if (!row.directory.empty() && !exists(directory + "/maildirfolder"))
    need(files_.create(directory + "/maildirfolder", {}));
  need(files_.sync_directory(directory));
  need(files_.sync_directory(places_.maildir));
}

/// vdir storage format: what people call it is the content of the file "displayname", its colour that of "color". A
/// colour that somebody chose here stays until the store tells another one.
void Tree::label(const FolderRow& row, const std::string& shown_color) {
  const auto directory = path(row);
  const auto write = [&](const std::string& name, View text) {
    const auto draft = drafts(row) + "/" + name + "-" + gid_text(row.info.gid);
    if (exists(draft)) need(files_.remove(draft));
    need(files_.create(draft, text));
    need(files_.sync(draft));
    need(files_.rename(draft, directory + "/" + name));
  };
  write("displayname", shown(row));
  if (row.info.color == shown_color) return;
  if (values::is_color(row.info.color)) {
    write("color", row.info.color);
  } else if (const auto there = files_.read(directory + "/color", 64); there && *there == shown_color) {
    need(files_.remove(directory + "/color"));
  }
}

void Tree::remove_directory(const FolderRow& row) {
  const auto directory = path(row);
  // What is not empty stays: a user may keep files of his own there.
  if (row.info.kind == Kind::mail) {
    if (row.directory.empty()) return;
    for (const char* part : {"/cur", "/new", "/tmp"})
      if (const auto gone = files_.remove(directory + part); !gone && gone.error().kind != FaultKind::not_found) return;
    (void)files_.remove(directory + "/maildirfolder");
    (void)files_.remove(directory + "/" + Keywords::file_name);
  } else {
    for (const char* name : {"/displayname", "/color"}) (void)files_.remove(directory + name);
  }
  (void)files_.remove(directory);
}

void Tree::retire_gone() {
  for (auto at = gone_.begin(); at != gone_.end();) {
    const auto found = folders_.find(*at);
    if (found != folders_.end() && !index_.empty(at->first, at->second)) {
      ++at;
      continue;
    }
    if (found != folders_.end()) {
      remove_directory(found->second);
      index_.erase_folder(at->first, at->second);
      folders_.erase(found);
    }
    at = gone_.erase(at);
  }
}

}  // namespace tidegate::device
