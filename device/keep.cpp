// SPDX-License-Identifier: Apache-2.0
// Files that are here already when something comes for them: what was done to them on this device is kept (design:
// state, rule 8).
#include <algorithm>

#include <fmt/format.h>

#include "device/group.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {

/// The same octets are on disk already: with a row (only flags or folders changed), as the file that an earlier life
/// had renamed when it was cut off, or as one that was made here.
bool Shelf::keep_or_adopt(const e2e::Item& item, const std::optional<ItemRow>& row, const Bytes& hash) {
  if (!row) return adopt_stray(item, hash) || adopt_made_here(item, hash);
  // What was fetched, or made here, stays whole.
  const bool whole = item.stub && !row->stub && (row->origin != Origin::store || row->content_rev == item.content_rev);
  if (row->sha256 != hash && !whole) return false;
  auto kept = *row;
  // A file that is not there may have been taken away: what comes before the look that is certain does not put it back.
  const auto pending = journal_->pending(item.view, item.gid);
  restate(kept, {item.folders, item.flags, item.keywords}, pending, pending);
  const auto place = std::make_pair(kept.folder, kept.name);
  kept.take(item);
  std::tie(kept.folder, kept.name) = place;
  if (whole) kept.size = row->size, kept.stub = false;
  group_->rows.push_back(std::move(kept));
  return true;
}

bool Shelf::adopt_stray(const e2e::Item& item, const Bytes& hash) {
  const auto strays = strays_.find({item.view, item.gid});
  if (strays == strays_.end()) return false;
  const auto paths = std::move(strays->second);
  strays_.erase(strays);
  ItemRow adopted;
  bool found = false;
  for (const auto& path : paths) {
    const auto octets = found ? Result<Bytes>(Bytes()) : files_.read(path);
    if (found || !octets || sha256(*octets) != hash) {
      group_->leaves.push_back(path);
      continue;
    }
    adopted.take(item);
    adopted.sha256 = hash;
    for (const auto& [key, folder] : tree_->all())
      if (key.first == item.view && directory_of(directory_of(path)) == tree_->path(folder))
        adopted.folder = key.second;
    adopted.name = last_of(directory_of(path)) + "/" + last_of(path);
    found = true;
  }
  if (!found) return false;
  const auto pending = journal_->pending(item.view, item.gid);
  const auto to = home(adopted, pending).info.gid;
  // What it showed may be the store's flags or the user's: keep both.
  const auto directory = tree_->path(*tree_->find(item.view, to));
  put_at(adopted, to,
         keywords_->give_marks(directory, pending.flags(item.flags | (flags_of_name(adopted.name) & shown_flags)),
                               pending.keywords(item.keywords)));
  adopted.shown = flags_of_name(adopted.name) & ~shown_flags;
  describe(adopted);
  group_->syncs.push_back(path_of(adopted));
  group_->directories.insert(directory_of(path_of(adopted)));
  group_->rows.push_back(std::move(adopted));
  return true;
}

/// A create's echo that the gateway saw first, under a gid of its own: the same octets in the same folder are the same
/// item, one to one.
bool Shelf::adopt_made_here(const e2e::Item& item, const Bytes& hash) {
  for (auto& made : index_->with_hash(item.view, hash)) {
    if (made.origin == Origin::store || group_->touched.contains({made.view, made.gid})) continue;
    const auto pending = journal_->pending(made.view, made.gid);
    if (std::ranges::find(item.folders, home(made, pending).info.gid) == item.folders.end()) continue;
    const auto folder = made.folder;
    if (!locate(made) || made.folder != folder) continue;
    group_->touched.insert({made.view, made.gid});
    rename_item(made, item.gid);
    restate(made, {item.folders, item.flags, item.keywords}, pending, pending);
    const auto place = std::make_pair(made.folder, made.name);
    made.take(item);
    std::tie(made.folder, made.name) = place;
    group_->rows.push_back(std::move(made));
    return true;
  }
  return false;
}

/// Where an item lies if nothing unknown was done to its file.
const FolderRow& Shelf::home(const ItemRow& row, const Pending& pending) {
  if (const auto& moved = pending.folder())
    if (const auto* folder = tree_->find(row.view, *moved)) return *folder;
  return tree_->home(row.view, row.folders, row.kind);
}

/// What its name is to show in `to`: what the store has now, and what was done to the file since it was as told.
/// `recorded`: its row; `found`: where its file is, and gets `shown`.
std::uint32_t Shelf::merged(const ItemRow& recorded, ItemRow& found, const Gid& to, const Stored& told,
                            const Stored& now) {
  if (found.kind != Kind::mail) return 0;
  const auto from = tree_->path(*tree_->find(recorded.view, recorded.folder));
  const auto into = tree_->path(*tree_->find(recorded.view, to));
  const auto was = keywords_->marks(from, told.flags, told.keywords), shows = flags_of_name(found.name);
  const auto flags = merge_flags(was & shown_flags, shows & shown_flags, now.flags & shown_flags);
  const auto given = keywords_->give_marks(into, flags, now.keywords);
  found.shown = given & ~shown_flags;
  // Letters of a file that somebody moved are those of the folder it was in, and mean nothing where it is.
  if (found.folder != recorded.folder) return given;
  const MarkChange change(was, recorded.shown, shows);
  auto words = now.keywords;
  for (const auto& word : keywords_->words(from, change.cleared)) std::erase(words, word);
  for (auto& word : keywords_->words(from, change.set))
    if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  return keywords_->give_marks(into, flags, words) | (from == into ? change.set & ~keywords_->known(from) : 0);
}

/// What the store has now, what is on its way there (`before` until now, `after` from now on), and what was done to the
/// file since the last look, on top of each other.
void Shelf::restate(ItemRow& row, const Stored& now, const Pending& before, const Pending& after) {
  const auto recorded = row;
  const bool there = locate(row).has_value();
  const auto was = home(row, before).info.gid;
  const auto told = Stored{row.folders, row.base_flags, row.keywords}.with(before);
  row.folders = now.folders;
  row.base_flags = now.flags;
  row.keywords = now.keywords;
  const auto is = home(row, after).info.gid;
  if (!there) {
    row.inode = 0;  // the next look decides what that means, also if the file is where it was
    return;
  }
  const bool moved_here = row.folder != recorded.folder;  // and no command tells of it
  const auto to = !moved_here && row.folder == was ? is : row.folder;
  put_at(row, to, merged(recorded, row, to, told, now.with(after)));
  if (!moved_here) return;
  row.folder = recorded.folder;  // the next look finds that out
  row.inode = 0;                 // also if it has been put back by then, and lies where it lay
}

/// Renames its file so.
void Shelf::put_at(ItemRow& row, const Gid& folder, std::uint32_t marks) {
  const auto from = path_of(row);
  const bool moves = folder != row.folder;
  row.folder = folder;
  if (row.kind == Kind::mail) row.name = renamed_for(row.name, base_of(row.name), marks);
  if (moves && row.kind != Kind::mail && need(files_.info(path_of(row))))
    row.name = gid_text(row.gid) + std::string(vdir_suffix(row.kind));
  const auto to = path_of(row);
  if (from == to) return;
  need(files_.rename(from, to));
  group_->directories.insert(directory_of(from));
  group_->directories.insert(directory_of(to));
}

/// An item gets the gid by which the gateway knows it: file and row.
void Shelf::rename_item(ItemRow& row, const Gid& gid) {
  const auto from = path_of(row);
  group_->erased.push_back({row.view, row.gid});
  group_->renamed.emplace_back(row.view, row.gid, gid);
  row.gid = gid;
  if (row.kind != Kind::mail) return;
  row.name = renamed_for(row.name, mail_base(gid, row.size), flags_of_name(row.name));
  need(files_.rename(from, path_of(row)));
  group_->directories.insert(directory_of(from));
  group_->directories.insert(directory_of(path_of(row)));
}

/// Somebody changed the octets of this file, and no command tells of it.
bool Shelf::edited(const ItemRow& row, const std::string& path) {
  const auto info = need(files_.info(path));
  if (!info || (info->inode == row.inode && info->mtime_ns == row.mtime_ns && info->size == row.size)) return false;
  return !ours_unrecorded(path) && hash_file(files_, path) != row.sha256;
}

/// It was delivered, and a kill came before its row was written.
bool Shelf::ours_unrecorded(const std::string& path) {
  const auto found = arriving_.find(path);
  return found != arriving_.end() && need(files_.info(path)) && hash_file(files_, path) == found->second.sha256;
}

/// Of an item that comes again, or never will. A file that somebody has written over stays, and is his.
void Shelf::drop_unrecorded(std::uint64_t view, const Gid& gid, const std::string& but) {
  for (const auto& [path, file] : arriving_) {
    if (file.view != view || file.gid != gid) continue;
    if (path != but && ours_unrecorded(path)) group_->leaves.push_back(path);
    group_->unrecorded.push_back(path);
  }
  std::erase_if(arriving_, [&](const auto& each) { return each.second.view == view && each.second.gid == gid; });
}

/// A version that lost against the store's: kept where a person finds it, never sent.
void Shelf::keep_aside(const Gid& gid, Kind kind, const std::string& path) {
  std::string aside = places_.vdir + "/Conflicts";
  auto name = gid_text(gid) + "-" + last_of(path);
  if (kind == Kind::mail) {
    aside = places_.maildir + "/.Conflicts";
    for (const char* part : {"/tmp", "/new", "/cur"}) need(files_.make_directories(aside + part));
    if (!need(files_.info(aside + "/maildirfolder"))) need(files_.create(aside + "/maildirfolder", {}));
    need(files_.sync_directory(aside));
    aside += "/new";
    name = gid_text(gid) + "-1";
  } else {
    need(files_.make_directories(aside));
  }
  const auto first = name;
  // The same octets are there if a power cut divided this very rename: then they take their own place.
  const auto another = [&] {
    const auto there = aside + "/" + name;
    return need(files_.info(there)) && hash_file(files_, there) != hash_file(files_, path);
  };
  for (int n = 2; another(); ++n) name = fmt::format("{}-{}", first, n);
  need(files_.rename(path, aside + "/" + name));
  group_->directories.insert(aside);
  group_->directories.insert(directory_of(path));
  applied_.notes.push_back(
      "Something was changed both here and in the mailbox: the mailbox's version stays, yours is " + aside + "/" +
      name + ".");
}

}  // namespace tidegate::device
