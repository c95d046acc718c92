// SPDX-License-Identifier: Apache-2.0
// Finding files: a mail program renames them when flags change, and may move them between folders.
#include "device/group.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

std::optional<std::string> search(sim::Files& files, const std::string& folder, const std::string& base) {
  for (const std::string part : {"cur/", "new/"}) {
    const auto listed = files.list(folder + "/" + part);
    if (!listed) continue;
    for (const auto& file : *listed)
      if (file.name == base || file.name.starts_with(base + ":2,")) return part + file.name;
  }
  return std::nullopt;
}

}  // namespace

std::string Shelf::path_of(const ItemRow& row) const {
  const auto* folder = tree_->find(row.view, row.folder);
  return folder == nullptr ? std::string() : tree_->path(*folder) + "/" + row.name;
}

/// Its present path, the row's place brought up to date; none: the file is gone.
std::optional<std::string> Shelf::locate(ItemRow& row) {
  const auto expected = path_of(row);
  if (!expected.empty() && need(files_.info(expected))) return expected;
  if (row.kind != Kind::mail) return std::nullopt;
  const auto base = mail_base(row.gid, row.size);
  const auto* own = tree_->find(row.view, row.folder);
  if (own != nullptr)
    if (const auto name = search(files_, tree_->path(*own), base)) {
      row.name = *name;
      return path_of(row);
    }
  for (const auto& [key, folder] : tree_->all()) {
    if (key.first != row.view || folder.info.kind != Kind::mail || &folder == own) continue;
    if (const auto name = search(files_, tree_->path(folder), base)) {
      row.folder = key.second;
      row.name = *name;
      return path_of(row);
    }
  }
  return std::nullopt;
}

/// Two objects with one UID in one collection would overwrite each other: the second is called by its gid.
std::string Shelf::free_vdir_name(const FolderRow& folder, const Gid& gid, Kind kind, View content) {
  const auto name = vdir_name(gid, kind, content);
  const auto taken = [&] {
    if (index_->named(folder.view, folder.info.gid, name)) return true;
    for (const auto& put : group_->puts)
      if (put.row.view == folder.view && put.row.folder == folder.info.gid && put.row.name == name) return true;
    return false;
  };
  return taken() ? gid_text(gid) + std::string(vdir_suffix(kind)) : name;
}

void Shelf::describe(ItemRow& row) {
  const auto info = need(files_.info(path_of(row)));
  if (!info) return;  // taken away by somebody within these milliseconds: a later scan sees it
  row.inode = info->inode;
  row.mtime_ns = info->mtime_ns;
}

}  // namespace tidegate::device
