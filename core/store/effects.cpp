// SPDX-License-Identifier: Apache-2.0
#include "core/store/effects.hpp"

#include <algorithm>

#include "core/store/folder_edit.hpp"

namespace tidegate::store {

namespace {

constexpr std::int64_t choice_kept = 24 * 3600;  ///< seconds; a listing names a new item long before

View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }

struct Place {  ///< of an item's row
  Item item;
  std::int64_t backend = 0;
};

std::optional<Place> find(ViewEdit& edit, const Gid& gid) {
  std::int64_t no = 0;
  Place place;
  {
    Query query(edit.database(), "SELECT no, backend FROM items WHERE view = ? AND gid = ? AND seq_gone = 0",
                edit.view(), blob(gid));
    if (!query.row()) return std::nullopt;
    no = query.integer(0);
    place.backend = query.integer(1);
  }
  auto item = edit.by_number(no);
  if (!item) return std::nullopt;
  place.item = std::move(*item);
  return place;
}

/// Sorted as the back-ends give them: the page that tells of the same set is then no change.
Bytes with_keywords(const Bytes& before, const FlagDelta& delta) {
  if (delta.keywords_add.empty() && delta.keywords_clear.empty()) return before;
  std::vector<Bytes> words;
  const auto in = [](const std::vector<std::string>& given, View word) {
    return std::ranges::find(given, word) != given.end();
  };
  for (std::size_t at = 0; at < before.size();) {
    const auto end = before.find('\0', at);
    const auto word = View(before).substr(at, end - at);
    if (!in(delta.keywords_clear, word) && !in(delta.keywords_add, word)) words.emplace_back(word);
    at = end == Bytes::npos ? before.size() : end + 1;
  }
  for (const auto& word : delta.keywords_add)
    if (!word.empty() && word.find('\0') == std::string::npos) words.push_back(word);
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  Bytes made;
  for (const auto& word : words) made.append(word).push_back('\0');
  return made;
}

std::uint64_t flag(ViewEdit& edit, const Effect& effect) {
  const auto place = find(edit, effect.gid);
  if (!place) return 0;
  Item after = place->item;
  after.flags = (after.flags | effect.flags.add) & ~static_cast<std::int64_t>(effect.flags.clear);
  after.keywords = with_keywords(after.keywords, effect.flags);
  if (after.flags == place->item.flags && after.keywords == place->item.keywords)
    return static_cast<std::uint64_t>(std::max(place->item.seq_meta, place->item.seq_added));
  after.seq_meta = static_cast<std::int64_t>(edit.next_seq());
  edit.update(place->item, after, place->backend);
  return static_cast<std::uint64_t>(after.seq_meta);
}

/// The scope of a folder as anchors number them; 0: it was never asked for.
std::int64_t scope_of(ViewEdit& edit, std::int64_t backend, const Gid& folder) {
  Query query(edit.database(),
              "SELECT a.no FROM folders f JOIN anchors a ON a.view = f.view AND a.backend = f.backend AND "
              "a.scope = f.scope WHERE f.view = ? AND f.gid = ? AND f.backend = ?",
              edit.view(), blob(folder), backend);
  return query.row() ? query.integer(0) : 0;
}

std::uint64_t move(ViewEdit& edit, const Effect& effect) {
  // Without the new id the item goes on by its fingerprint, when the pages of both folders come.
  if (effect.written.id.empty()) return 0;
  const auto place = find(edit, effect.gid);
  if (!place) {  // created by a device, and no page has named it yet
    edit.database().run("UPDATE OR REPLACE chosen_gids SET id = ? WHERE view = ? AND gid = ?", blob(effect.written.id),
                        edit.view(), blob(effect.gid));
    return 0;
  }
  Item after = place->item;
  const auto at = after.folders.find(view_of(effect.from));
  if (at != Bytes::npos) after.folders.erase(at, effect.from.size());
  if (after.folders.find(view_of(effect.to)) == Bytes::npos) after.folders += view_of(effect.to);
  const auto scope = scope_of(edit, place->backend, effect.to);
  if (scope == 0) return 0;
  if (after.folders == place->item.folders && after.id == effect.written.id) return 0;
  // A page that came first may have made another row for the moved item: this one is the older and stays.
  if (auto twin = edit.by_id(place->backend, effect.written.id); twin && twin->no != after.no && twin->seq_gone == 0) {
    edit.bury(*twin);
    edit.vacate(*twin);
  }
  after.id = effect.written.id;
  after.scope = scope;
  after.state_rev = effect.written.state_rev;
  after.seq_meta = static_cast<std::int64_t>(edit.next_seq());
  edit.update(place->item, after, place->backend);
  return static_cast<std::uint64_t>(after.seq_meta);
}

/// Only on top of what was edited: what a page has told of it since is newer.
std::uint64_t update(ViewEdit& edit, const Effect& effect) {
  const auto& rev = effect.written.content_rev;
  const auto place = find(edit, effect.gid);
  if (rev.empty() || !place) return 0;
  if (place->item.content_rev != effect.edited)
    return static_cast<std::uint64_t>(std::max(place->item.seq_added, place->item.seq_body));
  Item after = place->item;
  after.content_rev = rev;
  after.state_rev = effect.written.state_rev;
  if (effect.written.same_octets) after.size = static_cast<std::int64_t>(effect.size);
  after.seq_body = static_cast<std::int64_t>(edit.next_seq());
  edit.update(place->item, after, place->backend);
  return static_cast<std::uint64_t>(after.seq_body);
}

std::uint64_t remove(ViewEdit& edit, const Effect& effect) {
  edit.database().run("DELETE FROM chosen_gids WHERE view = ? AND gid = ?", edit.view(), blob(effect.gid));
  const auto place = find(edit, effect.gid);
  if (!place) return 0;
  edit.bury(place->item);
  return edit.head();
}

Effected create(ViewEdit& edit, const Effect& effect, std::int64_t now_unix) {
  Effected made{.gid = effect.gid};
  if (effect.written.id.empty()) return made;
  auto& database = edit.database();
  const auto backend = edit.backend_number(effect.backend);
  // Also if a page named it first: commands that the device has sent already name it by its own gid.
  database.run("INSERT OR REPLACE INTO chosen_gids(view, backend, id, gid, since) VALUES(?, ?, ?, ?, ?)", edit.view(),
               backend, blob(effect.written.id), blob(effect.gid), now_unix);
  database.run("DELETE FROM chosen_gids WHERE since < ?", now_unix - choice_kept);
  if (const auto there = edit.by_id(backend, effect.written.id); there && there->seq_gone == 0) {
    made.gid = there->gid;
    made.seq = static_cast<std::uint64_t>(std::max(there->seq_added, std::max(there->seq_body, there->seq_meta)));
  }
  return made;
}

bool is_live(ViewEdit& edit, std::int64_t backend, View folder, Gid& gid) {
  Query query(edit.database(), "SELECT gid FROM folders WHERE view = ? AND backend = ? AND id = ? AND gone = 0",
              edit.view(), backend, blob(folder));
  if (!query.row()) return false;
  gid = query.array<16>(0);
  return true;
}

void make_folder(ViewEdit& edit, const Effect& effect, Effected& made) {
  const ServedBy by{effect.backend, edit.backend_number(effect.backend)};
  // What is there already the tree has described better than the verb can.
  if (is_live(edit, by.no, effect.folder.id, made.gid)) return;
  if (const auto gid = put_folder(edit, by, effect.folder, tree_listing(edit, by.no))) made.gid = *gid;
  made.scopes.push_back(effect.folder.scope);
}

void remove_folder(ViewEdit& edit, const Effect& effect) {
  const ServedBy by{effect.backend, edit.backend_number(effect.backend)};
  Bytes id;
  {
    Query query(edit.database(), "SELECT id FROM folders WHERE view = ? AND backend = ? AND gid = ?", edit.view(),
                by.no, blob(effect.gid));
    if (!query.row()) return;
    id = query.bytes(0);
  }
  bury_folder(edit, by, id);
}

void change_folder(ViewEdit& edit, const Effect& effect, Effected& made) {
  const ServedBy by{effect.backend, edit.backend_number(effect.backend)};
  made.scopes = change_folder(edit, by, effect.gid, effect.folder, effect.tree);
}

}  // namespace

Result<Effected> apply_effect(Database& database, const EditContext& context, const Effect& effect,
                              std::int64_t now_unix) {
  ViewEdit edit(database, context, effect.view);
  if (!edit.known()) return fault(FaultKind::not_found, "log", "This mailbox is not known to the log (any more).");
  Effected made{.gid = effect.gid};
  const auto before = edit.head();
  switch (effect.what) {
    case Effect::What::flags:
      made.seq = flag(edit, effect);
      break;
    case Effect::What::moved:
      made.seq = move(edit, effect);
      break;
    case Effect::What::removed:
      made.seq = remove(edit, effect);
      break;
    case Effect::What::created:
      made = create(edit, effect, now_unix);
      break;
    case Effect::What::updated:
      made.seq = update(edit, effect);
      break;
    case Effect::What::folder_made:
      make_folder(edit, effect, made);
      break;
    case Effect::What::folder_changed:
      change_folder(edit, effect, made);
      break;
    case Effect::What::folder_removed:
      remove_folder(edit, effect);
      break;
  }
  edit.finish();
  made.head = edit.head();
  if (effect.what >= Effect::What::folder_made && made.head != before) made.seq = made.head;
  return made;
}

std::optional<Gid> chosen_for(Database& database, ViewId view, std::int64_t backend, View id) {
  Query query(database, "SELECT gid FROM chosen_gids WHERE view = ? AND backend = ? AND id = ?", view, backend,
              blob(id));
  if (!query.row()) return std::nullopt;
  return query.array<16>(0);
}

Chosen find_chosen(Database& database, ViewId view, const Gid& gid) {
  Query query(database,
              "SELECT b.name, c.id, i.gid FROM chosen_gids c JOIN backends b ON b.no = c.backend LEFT JOIN items i ON "
              "i.view = c.view AND i.backend = c.backend AND i.id = c.id AND i.seq_gone = 0 "
              "WHERE c.view = ? AND c.gid = ?",
              view, blob(gid));
  if (!query.row()) return {};
  return {query.null(2) ? gid : query.array<16>(2), query.bytes(0), query.bytes(1)};
}

}  // namespace tidegate::store
