// SPDX-License-Identifier: Apache-2.0
#include "core/journal/folder_verbs.hpp"

#include <algorithm>

namespace tidegate::journal {

namespace {

constexpr int pages_most = 10'000;

Fault endless() {
  return {FaultKind::unavailable, "back-end", "The listing of a folder has no end; it is tried again later.", {}, {}};
}

/// All folders as the back-end has them now.
Result<std::vector<Folder>> tree_of(const Call& call, Session& session) {
  std::vector<Folder> all;
  Bytes anchor;
  for (int pages = 0; pages < pages_most; ++pages) {
    auto page = session.changes(call, {}, anchor, {});
    if (!page) return std::unexpected(std::move(page.error()));
    for (auto& change : page->changes) {
      const auto* gone = std::get_if<FolderRemoved>(&change);
      auto* named = std::get_if<FolderUpsert>(&change);
      const auto& id = gone != nullptr ? gone->id : named != nullptr ? named->folder.id : Bytes();
      std::erase_if(all, [&](const Folder& folder) { return folder.id == id; });
      if (named != nullptr) all.push_back(std::move(named->folder));
    }
    if (!page->more) return all;
    anchor = std::move(page->anchor);
  }
  return std::unexpected(endless());
}

const Folder* find(const std::vector<Folder>& tree, View parent, const std::string& name) {
  const auto found =
      std::ranges::find_if(tree, [&](const Folder& each) { return each.parent == parent && each.name == name; });
  return found == tree.end() ? nullptr : &*found;
}

bool names(const std::vector<Folder>& tree, View id) {
  return std::ranges::any_of(tree, [&](const Folder& each) { return each.id == id; });
}

/// Whether anything lies in a folder: the beginning of a listing tells.
Result<bool> empty(const Call& call, Session& session, const Folder& folder) {
  Bytes anchor;
  for (int pages = 0; pages < pages_most; ++pages) {
    auto page = session.changes(call, folder.scope, anchor, {});
    if (!page) return std::unexpected(std::move(page.error()));
    for (const auto& change : page->changes)
      if (const auto* there = std::get_if<Upsert>(&change))
        if (std::ranges::find(there->folders, folder.id) != there->folders.end()) return false;
    if (!page->more) return true;
    anchor = std::move(page->anchor);
  }
  return std::unexpected(endless());
}

}  // namespace

std::optional<Fault> make_folder(const Call& call, Session& session, const Order& order, Outcome& outcome,
                                 Attempt& attempt) {
  Folder like{};
  like.parent = order.folder.id;
  like.name = order.command.name;
  like.kind = order.command.kind;
  auto made = session.make_folder(call, like, attempt);
  if (made) {
    outcome.folder = std::move(*made);
    return std::nullopt;
  }
  if (made.error().kind != FaultKind::exists) return std::move(made.error());
  const auto tree = tree_of(call, session);
  if (!tree) return tree.error();
  const auto* there = find(*tree, like.parent, like.name);
  if (there == nullptr || (there->kind == Kind::mail) != (like.kind == Kind::mail)) return std::move(made.error());
  outcome.folder = *there;
  return std::nullopt;
}

std::optional<Fault> change_folder(const Call& call, Session& session, const Order& order, Outcome& outcome) {
  Folder changed = order.to;
  changed.parent = order.folder.id;
  changed.name = order.command.name;
  if (order.repeated) {
    auto tree = tree_of(call, session);
    if (!tree) return std::move(tree.error());
    const auto* done = find(*tree, changed.parent, changed.name);
    if (done != nullptr && (done->id == order.to.id || !names(*tree, order.to.id))) {
      outcome.folder = *done;
      outcome.tree = std::move(*tree);
      return std::nullopt;
    }
  }
  auto done = session.change_folder(call, changed);
  if (!done) return std::move(done.error());
  outcome.folder = std::move(*done);
  if (outcome.folder->id == order.to.id) return std::nullopt;
  // Failing that, the next page of the tree tells of the folders below it, as of new ones.
  if (auto tree = tree_of(call, session)) outcome.tree = std::move(*tree);
  return std::nullopt;
}

std::optional<Fault> remove_folder(const Call& call, Session& session, const Order& order) {
  const auto stays = [](const char* why) { return Fault{FaultKind::conflict, "command", why, {}, {}}; };
  const auto tree = tree_of(call, session);
  if (!tree) return tree.error();
  if (std::ranges::any_of(*tree, [&](const Folder& each) { return each.parent == order.to.id; }))
    return stays("There are folders below it: it stays.");
  const auto nothing = empty(call, session, order.to);
  if (!nothing) return nothing.error();
  if (!*nothing) return stays("There are messages in it that were not removed: it stays.");
  auto done = session.remove_folder(call, order.to.id);
  if (!done) return std::move(done.error());
  return std::nullopt;
}

}  // namespace tidegate::journal
