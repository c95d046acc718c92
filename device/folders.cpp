// SPDX-License-Identifier: Apache-2.0
// Folders both ways (decision 0040): what was done to directories here goes up, results come back, and a folder that
// the store removed is made again for what is new in it here.
#include <algorithm>

#include "device/group.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr Gid no_gid{};

}  // namespace

void Shelf::scan_folders(const ScanOrder& order, Scanned& out) {
  leave_gone_folders();
  tree_->retire_gone();
  tree_->mask(journal_->folders());
  const auto findings = folder_scan_->look(order.whole, world_.reactor().now());
  check_root(places_.maildir, false);  // it may have been unmounted meanwhile: then all of that is untrue
  auto taken = folder_changes_->take(findings);
  out.commands += taken.commands;
  out.notes = std::move(taken.notes);
  out.unsettled |= findings.unsettled;
  out.again |= findings.young;
}

/// What the store never had goes with no folder of its own accord: without a row it is new again, in a directory that
/// is no folder's, and that directory is made a folder again.
void Shelf::leave_gone_folders() {
  for (const auto& key : tree_->gone()) {
    const auto* folder = tree_->find(key.first, key.second);
    if (folder == nullptr || folder->info.kind != Kind::mail) continue;
    std::vector<Gid> inside;
    index_->each_in(key.first, key.second, [&](const PlaceRow& row) { inside.push_back(row.gid); });
    for (const auto& gid : inside)
      if (const auto row = index_->item(key.first, gid); row && row->origin != Origin::store) leave_to_itself(*row);
  }
}

void Shelf::leave_to_itself(const ItemRow& row) {
  const auto live = journal_->of(row.view, row.gid);
  if (std::ranges::any_of(live, [](const CommandRow& each) { return each.state == CommandRow::State::sent; }))
    return;  // its result tells
  auto found = row;
  const auto path = locate(found);
  if (!path || found.folder != row.folder) return;  // the next look decides
  // First a name that is not ours: a file called by a gid that no row has counts as left over from a delivery.
  const auto to = directory_of(*path) + "/made." + last_of(*path);
  need(files_.rename(*path, to));
  need(files_.sync_directory(directory_of(to)));
  Transaction change(index_->database());
  for (const auto& each : live) journal_->erase(each.number);
  for (const auto& each : journal_->failed_of(row.view, row.gid)) journal_->erase(each.number);
  index_->erase(row.view, row.gid);
  change.commit();
}

/// First what the store has, then the journal's end of it, then the directories: a kill between them leaves what the
/// next result or tree puts right.
void Shelf::take_folder_result(CommandRow command, const e2e::CommandResult& result) {
  const auto said = command.command;
  const Key key{said.view, said.gid};
  const bool done = result.fault == 0;
  const bool not_there = !done && static_cast<FaultKind>(result.fault - 1) == FaultKind::not_found;
  if (done && said.verb == e2e::Verb::make_folder && result.gid != no_gid) {
    FolderRow made;
    made.view = said.view;
    made.info.gid = result.gid;
    made.info.parent = said.folder;
    made.info.name = said.name;
    made.info.kind = said.kind;
    made.directory = command.path;
    tree_->adopt(made);
  }
  if (done && said.verb == e2e::Verb::change_folder) tree_->confirm(key, {said.folder, said.name});
  Ended ended;
  ended.command = std::move(command);
  ended.text = result.text;
  ended.forget = done || (not_there && said.verb != e2e::Verb::make_folder);
  group_->ended.push_back(std::move(ended));
  flush();
  tree_->mask(journal_->folders());
  if (said.verb == e2e::Verb::remove_folder && (done || not_there)) {
    tree_->drop(key);
  } else if (said.verb == e2e::Verb::remove_folder) {
    if (const auto* folder = tree_->find(key.first, key.second)) make_ready(FolderRow(*folder));
  }
  tree_->settle(said.view);
}

/// Somebody has removed its directory, and something comes into it: then it is there again.
void Shelf::make_ready(const FolderRow& folder) {
  if (!need(files_.info(tree_->path(folder)))) tree_->ensure(folder);
}

}  // namespace tidegate::device
