// SPDX-License-Identifier: Apache-2.0
#include "device/folder_changes.hpp"

#include <algorithm>
#include <chrono>

#include "device/names.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

std::string printable(const std::string& name) {
  std::string out;
  for (const char c : name) out += c >= ' ' && c < 0x7F ? c : '?';
  return out;
}

}  // namespace

FolderChanges::Done FolderChanges::take(const FolderFindings& findings) {
  done_ = {};
  for (const auto& key : findings.needed) {
    // A copy: other folders may get their rows meanwhile.
    const auto folder = *tree_.find(key.first, key.second);
    tree_.ensure(folder);
    done_.notes.push_back("The directory of " + tree_.shown(folder) +
                          " was taken away; the mailbox needs that folder, so it is there again.");
  }
  Transaction change(index_.database());
  forget_refused();
  for (const auto& each : findings.moved) moved(each);
  for (const auto& directory : findings.made)
    if (const auto at = spot(directory)) make(*at, directory);
  for (const auto& key : findings.gone)
    command({.view = key.first, .verb = e2e::Verb::remove_folder, .gid = key.second});
  change.commit();
  tree_.mask(journal_.folders());
  return std::move(done_);
}

/// The refusal was told; when the directory has gone as well there is nothing left to say.
void FolderChanges::forget_refused() {
  for (const auto& made : tree_.journaled().made) {
    if (!made.failed || made.directory.empty()) continue;
    if (!need(world_.files().info(tree_.places().maildir + "/" + made.directory))) journal_.erase(made.number);
  }
}

/// The folder that a directory is below, as a place for what is called after it.
std::optional<FolderChanges::Spot> FolderChanges::above(const std::string& directory) {
  const auto views = index_.views();
  const auto first = std::ranges::find(views, std::string(), &ViewRow::prefix);
  if (directory.empty()) {
    if (first == views.end()) return std::nullopt;
    return Spot{first->view, {}};
  }
  for (const auto& view : views)
    if (!view.prefix.empty() && directory == "." + view.prefix) return Spot{view.view, {}};
  if (const auto* folder = tree_.owner_of(directory)) return Spot{folder->view, {folder->info.gid, {}}};
  if (const auto* inbox = tree_.owner_of({}); inbox != nullptr && directory == ".INBOX")
    return Spot{inbox->view, {inbox->info.gid, {}}};
  const auto missing = spot(directory);
  if (missing) make(*missing, {});
  return std::nullopt;
}

std::optional<FolderChanges::Spot> FolderChanges::spot(const std::string& directory) {
  const auto cut = directory.rfind('.');
  auto name = name_of_component(directory.substr(cut + 1));
  if (!name) {
    stays_here(directory, "no folder can be called so");
    return std::nullopt;
  }
  auto at = above(directory.substr(0, cut));
  if (at) at->place.name = std::move(*name);
  return at;
}

void FolderChanges::stays_here(const std::string& directory, const std::string& why) {
  if (!told_.insert(directory).second) return;
  done_.notes.push_back("The directory " + printable(directory) + " below the Maildir stays here only: " + why + ".");
}

void FolderChanges::make(const Spot& at, const std::string& directory) {
  const auto journaled = journal_.folders();
  const bool under_way = std::ranges::any_of(
      journaled.made, [&](const auto& made) { return made.view == at.view && made.place == at.place; });
  if (under_way || tree_.all().empty()) return;
  const auto known = std::ranges::find_if(tree_.all(), [&](const auto& each) {
    return each.first.first == at.view && tree_.place_of(each.second) == at.place && !tree_.gone(each.first);
  });
  if (known != tree_.all().end()) {
    if (!directory.empty())
      stays_here(directory, "the mailbox has a folder of that name, which is the directory " + known->second.directory);
    return;
  }
  command({.view = at.view,
           .verb = e2e::Verb::make_folder,
           .folder = at.place.parent,
           .kind = Kind::mail,
           .name = at.place.name},
          directory);
}

void FolderChanges::moved(const FolderFindings::Moved& moved) {
  const auto at = spot(moved.directory);
  if (!at || at->view != moved.folder.first) return;  // of another mailbox: what is in it moves or stays by itself
  const auto* folder = tree_.find(moved.folder.first, moved.folder.second);
  if (folder == nullptr || at->place.parent == moved.folder.second) return;
  const bool same = tree_.place_of(*folder) == at->place;
  tree_.moved(moved.folder, moved.directory);
  if (same) return;
  command({.view = at->view,
           .verb = e2e::Verb::change_folder,
           .gid = moved.folder.second,
           .folder = at->place.parent,
           .name = at->place.name});
  tree_.mask(journal_.folders());  // those below it are looked up by it
}

void FolderChanges::command(e2e::Command what, std::string path) {
  what.id.resize(16);
  world_.reactor().random(std::as_writable_bytes(std::span(what.id)));
  CommandRow row;
  row.command = std::move(what);
  row.path = std::move(path);
  row.at_unix = std::chrono::duration_cast<std::chrono::seconds>(world_.reactor().wall().time_since_epoch()).count();
  journal_.put(row);
  ++done_.commands;
}

}  // namespace tidegate::device
