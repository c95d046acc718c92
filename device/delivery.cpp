// SPDX-License-Identifier: Apache-2.0
// A mail's row is written before its file appears, so that what a mail program does to the file at once, and a kill
// right after that, is not taken for a new mail or for one that never came. The row waits for no disk: a kill leaves it
// as it is, and after a power cut only what is found counts.
//
//   draft in tmp/ ──row, "delivering" (outlives a kill)──► rename ──fsync──► row, position (outlive a power cut)
#include <algorithm>

#include "device/group.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {

/// Those whose file is the first of their item; of others there is a row already.
void Shelf::announce_mails(bool (*which)(const Put&)) {
  auto& puts = group_->puts;
  const auto due = [&](const Put& put) { return put.first && !put.renamed && which(put); };
  if (std::ranges::none_of(puts, due)) return;
  const auto boot = world_.boot_id();
  Transaction change(index_->database(), Outlives::kill);
  for (auto& put : puts) {
    if (!due(put)) continue;
    if (const auto info = need(files_.info(put.draft)))  // a rename changes neither
      put.row.inode = info->inode, put.row.mtime_ns = info->mtime_ns;
    index_->put(put.row);
    index_->deliver(put.row.view, put.row.gid, boot);
    put.recorded = put.row;
  }
  change.commit();
}

/// Live mail is wanted at once; its fsync and the transaction follow, then the acknowledgement. One transaction for all
/// that came together: a first listing is live to a device that is there, thousands of mails long.
void Shelf::show_live() {
  const auto due = [](const Put& put) { return put.live && put.row.kind == Kind::mail; };
  announce_mails(due);
  for (auto& put : group_->puts)
    if (due(put)) rename_put(put);
}

/// A vdir's file is known by what is recorded of it. Its stamp is the draft's: what is written over it the moment after
/// is an edit.
void Shelf::announce_objects() {
  const auto in_vdir = [](const Put& put) { return put.row.kind != Kind::mail && !put.renamed; };
  if (std::ranges::none_of(group_->puts, in_vdir)) return;
  Transaction intent(index_->database());
  for (auto& put : group_->puts) {
    if (!in_vdir(put)) continue;
    index_->arrive({put.target, put.row.view, put.row.gid, put.row.sha256});
    const auto draft = need(files_.info(put.draft));
    if (draft) put.row.inode = draft->inode, put.row.mtime_ns = draft->mtime_ns;
  }
  intent.commit();
}

/// What an earlier life was putting in its place. In the same boot of the machine names are as that life left them: a
/// file that is neither a draft nor anywhere else had appeared, and somebody has taken it away.
void Shelf::settle_delivering() {
  const auto delivering = index_->delivering();
  if (delivering.empty()) return;
  const auto now = world_.boot_id();
  std::map<std::uint64_t, ItemRow> unplaced;  // by inode
  std::vector<Key> untrue;
  for (const auto& [view, gid, boot] : delivering) {
    const auto row = index_->item(view, gid);
    const auto* folder = row ? tree_->find(view, row->folder) : nullptr;
    if (folder == nullptr) continue;
    auto found = *row;
    if (const auto path = locate(found); path && settle_delivered(*row, *path)) continue;
    const bool appeared = !need(files_.info(tree_->drafts(*folder) + "/" + mail_base(gid, row->size)));
    if (appeared) unplaced.emplace(row->inode, *row);
    if (!appeared || boot != now) untrue.emplace_back(view, gid);
  }
  if (!unplaced.empty()) {
    for (const auto& [key, folder] : tree_->all()) {
      if (folder.info.kind != Kind::mail) continue;
      for (const char* part : {"/new/", "/cur/"}) {
        const auto files = files_.list(tree_->path(folder) + part);
        if (!files) continue;
        for (const auto& file : *files) {
          const auto row = unplaced.find(file.inode);
          if (row == unplaced.end() || row->second.view != key.first || row->second.size != file.size) continue;
          if (settle_delivered(row->second, tree_->path(folder) + part + file.name))
            std::erase(untrue, Key{key.first, row->second.gid});
        }
      }
    }
  }
  Transaction change(index_->database());
  for (const auto& [view, gid] : untrue) index_->erase(view, gid);  // it is delivered again
  index_->delivered();
  change.commit();
}

/// Whether this file is this row's: then it is durable. Where it lies now the next look finds out.
bool Shelf::settle_delivered(const ItemRow& row, const std::string& path) {
  try {
    if (hash_file(files_, path) != row.sha256) return false;
    need(files_.sync(path));
  } catch (const Trouble& trouble) {
    if (trouble.fault.kind != FaultKind::not_found) throw;
    return false;  // renamed at this moment
  }
  need(files_.sync_directory(directory_of(path)));
  return true;
}

}  // namespace tidegate::device
