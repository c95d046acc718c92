// SPDX-License-Identifier: Apache-2.0
#include "core/store/folder_edit.hpp"

#include <algorithm>

#include "core/sdk/values.hpp"

namespace tidegate::store {

namespace {

View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }

/// Another folder may have begun with this id and live on under another one: then a count goes into the gid.
Gid fresh_gid(ViewEdit& edit, const ServedBy& by, View id) {
  auto gid = edit.new_gid("folder", by.name, {}, id);
  for (int n = 2;; ++n) {
    Query query(edit.database(), "SELECT 1 FROM folders WHERE view = ? AND gid = ?", edit.view(), blob(gid));
    if (!query.row()) return gid;
    gid = edit.new_gid("folder " + std::to_string(n), by.name, {}, id);
  }
}

struct Known {  ///< a folder of the log
  Gid gid{};
  Bytes id, scope, parent;
  std::string name;
};

Known read_known(const Query& query) {
  return {query.array<16>(0), query.bytes(1), query.bytes(2), query.bytes(3), std::string(query.octets(4))};
}

std::optional<Known> find_live(ViewEdit& edit, std::int64_t backend, const Gid& gid) {
  Query query(
      edit.database(),
      "SELECT gid, id, scope, parent, name FROM folders WHERE view = ? AND backend = ? AND gid = ? AND gone = 0",
      edit.view(), backend, blob(gid));
  if (!query.row()) return std::nullopt;
  return read_known(query);
}

std::vector<Known> children(ViewEdit& edit, std::int64_t backend, View parent) {
  std::vector<Known> found;
  Query query(
      edit.database(),
      "SELECT gid, id, scope, parent, name FROM folders WHERE view = ? AND backend = ? AND parent = ? AND gone = 0",
      edit.view(), backend, blob(parent));
  while (query.row()) found.push_back(read_known(query));
  return found;
}

std::int64_t users_of(ViewEdit& edit, std::int64_t backend, View scope) {
  Query query(edit.database(), "SELECT count(*) FROM folders WHERE view = ? AND backend = ? AND scope = ? AND gone = 0",
              edit.view(), backend, blob(scope));
  return query.row() ? query.integer(0) : 0;
}

/// A folder that somebody removed may have had that id.
void vacate(ViewEdit& edit, std::int64_t backend, const Known& known, const Folder& now) {
  if (known.id == now.id) return;
  edit.database().run(
      "DELETE FROM folders WHERE view = ? AND backend = ? AND id = ? AND gone = 1 AND NOT EXISTS(SELECT 1 FROM "
      "item_folders m WHERE m.view = folders.view AND m.folder = folders.gid)",
      edit.view(), backend, blob(now.id));
}

bool id_taken(ViewEdit& edit, std::int64_t backend, View id) {
  Query query(edit.database(), "SELECT 1 FROM folders WHERE view = ? AND backend = ? AND id = ?", edit.view(), backend,
              blob(id));
  return query.row();
}

}  // namespace

std::int64_t tree_listing(ViewEdit& edit, std::int64_t backend) {
  Query query(edit.database(), "SELECT generation FROM anchors WHERE view = ? AND backend = ? AND scope = x''",
              edit.view(), backend);
  return query.row() ? query.integer(0) : 0;
}

std::optional<Gid> put_folder(ViewEdit& edit, const ServedBy& by, const Folder& f, std::int64_t listing) {
  auto& database = edit.database();
  const std::string_view color = values::is_color(f.color) ? std::string_view(f.color) : std::string_view();
  bool known = false, same = false;
  Gid gid{};
  {
    Query query(database,
                "SELECT gid, scope, parent, name, kind, role, rights, gone, color FROM folders "
                "WHERE view = ? AND backend = ? AND id = ?",
                edit.view(), by.no, blob(f.id));
    known = query.row();
    if (known) gid = query.array<16>(0);
    same = known && query.octets(1) == f.scope && query.octets(2) == f.parent && query.octets(3) == f.name &&
           query.integer(4) == static_cast<int>(f.kind) && query.integer(5) == static_cast<int>(f.role) &&
           query.integer(6) == f.rights && query.integer(7) == 0 && query.octets(8) == color;
  }
  if (same) {
    database.run("UPDATE folders SET listing = ? WHERE view = ? AND gid = ?", listing, edit.view(), blob(gid));
    return std::nullopt;
  }
  const auto seq = edit.next_seq();
  if (known) {
    database.run(
        "UPDATE folders SET scope = ?, parent = ?, name = ?, kind = ?, role = ?, rights = ?, color = ?, seq = ?, "
        "listing = ?, gone = 0 WHERE view = ? AND gid = ?",
        blob(f.scope), blob(f.parent), f.name, f.kind, f.role, f.rights, color, seq, listing, edit.view(), blob(gid));
    return gid;
  }
  gid = fresh_gid(edit, by, f.id);
  database.run(
      "INSERT INTO folders(view, gid, backend, id, scope, parent, name, kind, role, rights, color, seq, "
      "listing) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      edit.view(), blob(gid), by.no, blob(f.id), blob(f.scope), blob(f.parent), f.name, f.kind, f.role, f.rights, color,
      seq, listing);
  return gid;
}

std::pair<Gid, bool> name_folder(ViewEdit& edit, const ServedBy& by, View id, View scope, Kind kind) {
  {
    Query query(edit.database(), "SELECT gid FROM folders WHERE view = ? AND backend = ? AND id = ?", edit.view(),
                by.no, blob(id));
    if (query.row()) return {query.array<16>(0), false};
  }
  // Not in the tree yet: the item must not be lost for it. The tree will name it.
  const auto gid = fresh_gid(edit, by, id);
  edit.database().run(
      "INSERT INTO folders(view, gid, backend, id, scope, parent, name, kind, role, rights, seq) "
      "VALUES(?, ?, ?, ?, ?, x'', '', ?, 0, 0, ?)",
      edit.view(), blob(gid), by.no, blob(id), blob(scope), kind, edit.next_seq());
  return {gid, true};
}

bool bury_folder(ViewEdit& edit, const ServedBy& by, View id) {
  auto& database = edit.database();
  Gid gid{};
  Bytes scope;
  {
    Query query(database, "SELECT gid, scope, gone FROM folders WHERE view = ? AND backend = ? AND id = ?", edit.view(),
                by.no, blob(id));
    if (!query.row() || query.integer(2) != 0) return false;
    gid = query.array<16>(0);
    scope = query.bytes(1);
  }
  database.run("UPDATE folders SET gone = 1, seq = ? WHERE view = ? AND gid = ?", edit.next_seq(), edit.view(),
               blob(gid));
  std::vector<std::int64_t> inside;
  {
    Query query(database, "SELECT item FROM item_folders WHERE view = ? AND folder = ?", edit.view(), blob(gid));
    while (query.row()) inside.push_back(query.integer(0));
  }
  for (const auto no : inside) {
    const auto item = edit.by_number(no);
    if (!item) continue;
    if (item->folders.size() <= gid.size()) {
      edit.disappear(*item);
      continue;
    }
    Item after = *item;
    for (std::size_t at = 0; at < after.folders.size(); at += gid.size()) {
      if (View(after.folders).substr(at, gid.size()) == view_of(gid)) after.folders.erase(at, gid.size());
    }
    after.seq_meta = static_cast<std::int64_t>(edit.next_seq());
    edit.update(*item, after, by.no);
  }
  // Its anchor goes with it, unless other folders share the scope: a folder made again under the name is listed anew.
  if (!scope.empty() && users_of(edit, by.no, scope) == 0)
    database.run("DELETE FROM anchors WHERE view = ? AND backend = ? AND scope = ?", edit.view(), by.no, blob(scope));
  return true;
}

void list_anew(ViewEdit& edit, std::int64_t backend, View scope, View now, Relisting why) {
  auto& database = edit.database();
  std::int64_t no = 0;
  {
    Query query(database, "SELECT no FROM anchors WHERE view = ? AND backend = ? AND scope = ?", edit.view(), backend,
                blob(scope));
    if (!query.row()) return;
    no = query.integer(0);
  }
  if (scope != now)
    database.run("DELETE FROM anchors WHERE view = ? AND backend = ? AND scope = ?", edit.view(), backend, blob(now));
  // A doubt that is not settled yet stays one.
  database.run(
      "UPDATE anchors SET scope = ?, anchor = x'', generation = generation + 1, open = 1, expired = max(expired, ?) "
      "WHERE no = ?",
      blob(now), static_cast<std::int64_t>(why), no);
  // By the folders, not by a scan of the view: a small folder's expiry must not cost a large mailbox.
  database.run(
      "UPDATE items SET unmatched = 1 WHERE no IN (SELECT m.item FROM folders f JOIN item_folders m "
      "ON m.view = f.view AND m.folder = f.gid WHERE f.view = ? AND f.backend = ? AND f.scope = ?) AND scope = ? AND "
      "limbo = 0",
      edit.view(), backend, blob(scope), no);
}

std::vector<Bytes> change_folder(ViewEdit& edit, const ServedBy& by, const Gid& gid, const Folder& now,
                                 const std::vector<Folder>& tree) {
  std::vector<Bytes> scopes;
  const auto top = find_live(edit, by.no, gid);
  if (!top) return scopes;
  const auto listing = tree_listing(edit, by.no);
  std::vector<std::pair<Known, Folder>> todo{{*top, now}};
  for (std::size_t at = 0; at < todo.size(); ++at) {
    const auto [was, is] = todo[at];
    for (auto& child : children(edit, by.no, was.id)) {
      const auto found =
          std::ranges::find_if(tree, [&](const Folder& f) { return f.parent == is.id && f.name == child.name; });
      const bool met = std::ranges::any_of(todo, [&](const auto& each) { return each.first.gid == child.gid; });
      if (found != tree.end() && !met) todo.emplace_back(std::move(child), *found);
    }
    if (was.id == is.id && was.scope == is.scope && was.parent == is.parent && was.name == is.name) continue;
    vacate(edit, by.no, was, is);
    // A page was quicker: what it said of both names counts.
    if (was.id != is.id && id_taken(edit, by.no, is.id)) continue;
    if (was.scope != is.scope && users_of(edit, by.no, was.scope) == 1)
      list_anew(edit, by.no, was.scope, is.scope, Relisting::expired);
    edit.database().run(
        "UPDATE folders SET id = ?, scope = ?, parent = ?, name = ?, seq = ?, listing = ? WHERE view = ? AND gid = ?",
        blob(is.id), blob(is.scope), blob(is.parent), is.name, edit.next_seq(), listing, edit.view(), blob(was.gid));
    scopes.push_back(is.scope);
  }
  return scopes;
}

}  // namespace tidegate::store
