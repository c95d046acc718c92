// SPDX-License-Identifier: Apache-2.0
#include "core/store/apply.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/store/effects.hpp"
#include "core/store/folder_edit.hpp"
#include "core/store/guard.hpp"

namespace tidegate::store {

namespace {

constexpr std::array<std::byte, 20> no_fingerprint{};

Bytes joined(const std::vector<std::string>& keywords) {
  Bytes made;
  for (const auto& keyword : keywords) {
    if (keyword.empty() || keyword.find('\0') != std::string::npos) continue;
    made.append(keyword).push_back('\0');
  }
  return made;
}

View view_of(const std::array<std::byte, 20>& fingerprint) {
  return {reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size()};
}
View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }

class PageApply {
 public:
  PageApply(Database& database, const EditContext& context, const ApplyPage& page)
      : database_(database), context_(context), edit_(database, context, page.view), page_(page) {}

  Result<Outcome> run();

 private:
  struct Leaving {  ///< a removal further down in this page
    std::size_t index;
    std::int64_t no;
    Bytes fingerprint;
  };

  bool find_anchor();
  void store_anchor();
  void take(const Change&, std::size_t index);
  void upsert(const Upsert&, std::size_t index);
  std::optional<Item> match(const Upsert&, std::size_t index);
  std::optional<Item> match_fingerprint(const Upsert&, std::size_t index);
  void look_ahead();
  void compare(const Item&, const Upsert&, std::size_t index);
  void add(const Upsert&, std::size_t index);
  void removed(const Removed&);
  void listed(const Listed&);
  void listed_tree();
  void folder(const FolderUpsert&);
  void folder_gone(View id);
  void changed(const Gid&, std::uint64_t seq, const Upsert&, std::size_t index);
  ServedBy served_by() const { return {page_.backend, backend_}; }
  Gid folder_gid(View id, Kind);
  Bytes folder_set(const Upsert&);

  Database& database_;
  const EditContext& context_;
  ViewEdit edit_;
  const ApplyPage& page_;
  Outcome outcome_;
  std::int64_t backend_ = 0;
  std::int64_t scope_ = 0;  ///< anchors.no
  std::int64_t generation_ = 1;
  Relisting expired_ = Relisting::no;
  bool open_ = false, limbo_empty_ = true, stream_ended_ = false;
  Bytes stored_anchor_;
  std::map<Bytes, Gid, std::less<>> folders_;
  std::optional<std::vector<Leaving>> leaving_;
};

Result<Outcome> PageApply::run() {
  if (!edit_.known()) return fault(FaultKind::not_found, "log", "This mailbox is not known to the log (any more).");
  backend_ = edit_.backend_number(page_.backend);
  const bool fresh = !find_anchor();
  if (stored_anchor_ != page_.from) {
    return fault(FaultKind::conflict, "log", "Another page was applied in the meantime; the back-end is asked again.");
  }
  outcome_.applied.head = edit_.head();
  const bool nothing = page_.page.changes.empty() && page_.page.anchor == stored_anchor_ && !open_ && !page_.page.more;
  if (nothing && !fresh) return std::move(outcome_);
  if (fresh) {
    database_.run("INSERT INTO anchors(view, backend, scope, anchor) VALUES(?, ?, ?, x'')", page_.view, backend_,
                  blob(page_.scope));
    scope_ = database_.last_row();
  }
  limbo_empty_ = edit_.limbo_empty();
  for (std::size_t i = 0; i < page_.page.changes.size(); ++i) take(page_.page.changes[i], i);
  store_anchor();
  edit_.finish();
  outcome_.applied.head = edit_.head();
  outcome_.limbo_grew = edit_.limbo_grew();
  return std::move(outcome_);
}

bool PageApply::find_anchor() {
  Query query(database_,
              "SELECT no, anchor, generation, open, expired FROM anchors WHERE view = ? AND backend = ? AND scope = ?",
              page_.view, backend_, blob(page_.scope));
  if (!query.row()) return false;
  scope_ = query.integer(0);
  stored_anchor_ = query.bytes(1);
  generation_ = query.integer(2);
  open_ = query.integer(3) != 0;
  expired_ = static_cast<Relisting>(query.integer(4));
  return true;
}

void PageApply::store_anchor() {
  // A page without more ends its stream: what it named must not count as named by the next one.
  if (!page_.page.more && !stream_ended_) ++generation_;
  database_.run("UPDATE anchors SET anchor = ?, generation = ?, open = ?, expired = ? WHERE no = ?",
                blob(page_.page.anchor), generation_, page_.page.more, static_cast<std::int64_t>(expired_), scope_);
}

void PageApply::take(const Change& change, std::size_t index) {
  stream_ended_ = false;
  if (const auto* u = std::get_if<Upsert>(&change)) {
    if (!u->id.empty() && !u->folders.empty()) upsert(*u, index);
  } else if (const auto* r = std::get_if<Removed>(&change)) {
    removed(*r);
  } else if (const auto* l = std::get_if<Listed>(&change)) {
    listed(*l);
  } else if (const auto* f = std::get_if<FolderUpsert>(&change)) {
    if (!f->folder.id.empty()) folder(*f);
  } else if (const auto* g = std::get_if<FolderRemoved>(&change)) {
    folder_gone(g->id);
  }
}

// --- items

void PageApply::upsert(const Upsert& u, std::size_t index) {
  if (const auto found = match(u, index)) {
    compare(*found, u, index);
  } else {
    add(u, index);
  }
}

std::optional<Item> PageApply::match(const Upsert& u, std::size_t index) {
  auto found = edit_.by_id(backend_, u.id);
  const bool told_apart = u.fingerprint != no_fingerprint;
  if (found && found->seq_gone == 0 && expired_ != Relisting::no && told_apart && found->unmatched &&
      found->fingerprint != view_of(u.fingerprint)) {
    // Numbers began anew and this one hit an old one: another item (UIDVALIDITY may repeat).
    edit_.vacate(*found);
    found.reset();
  }
  if (found && found->seq_gone == 0) return found;
  if (!u.was.empty()) {
    if (auto earlier = edit_.by_id(backend_, u.was)) {
      if (found) edit_.vacate(*found);
      return earlier;
    }
  }
  if (told_apart) {
    if (auto same = match_fingerprint(u, index)) {
      if (found) edit_.vacate(*found);
      return same;
    }
  }
  return found;  // none, or a tombstone that comes back
}

std::optional<Item> PageApply::match_fingerprint(const Upsert& u, std::size_t index) {
  const auto fingerprint = view_of(u.fingerprint);
  if (expired_ != Relisting::no) {
    if (auto found = edit_.unmatched(scope_, fingerprint)) return found;
  }
  if (!limbo_empty_) {
    if (auto found = edit_.in_limbo(backend_, fingerprint)) return found;
  }
  look_ahead();
  for (auto& leaving : *leaving_) {
    if (leaving.index < index || leaving.no == 0 || leaving.fingerprint != fingerprint) continue;
    return edit_.by_number(std::exchange(leaving.no, 0));
  }
  return std::nullopt;
}

/// A move whose two halves are in one page may come new home first.
void PageApply::look_ahead() {
  if (leaving_) return;
  leaving_.emplace();
  for (std::size_t i = 0; i < page_.page.changes.size(); ++i) {
    const auto* r = std::get_if<Removed>(&page_.page.changes[i]);
    if (r == nullptr) continue;
    const auto item = edit_.by_id(backend_, r->id);
    if (item && item->seq_gone == 0 && !item->limbo) leaving_->push_back({i, item->no, item->fingerprint});
  }
}

void PageApply::compare(const Item& before, const Upsert& u, std::size_t index) {
  Item after = before;
  after.id = u.id;
  after.scope = scope_;
  after.folders = folder_set(u);
  after.content_rev = u.content_rev;
  after.state_rev = u.state_rev;
  after.keywords = joined(u.keywords);
  if (u.fingerprint != no_fingerprint) after.fingerprint = Bytes(view_of(u.fingerprint));
  after.kind = static_cast<std::int64_t>(u.kind);
  after.received = u.received.time_since_epoch().count();
  after.size = static_cast<std::int64_t>(u.size);
  after.flags = u.flags;
  after.listing = generation_;
  const bool back = before.seq_gone > 0;
  const bool body = after.content_rev != before.content_rev || after.kind != before.kind;
  const bool meta = after.flags != before.flags || after.keywords != before.keywords ||
                    after.folders != before.folders || after.received != before.received || after.size != before.size;
  if (!back && !body && !meta) {
    if (after.id == before.id && after.scope == before.scope && after.fingerprint == before.fingerprint) {
      edit_.mark_named(before, generation_, u.state_rev);
    } else {
      edit_.update(before, after, backend_);  // another id for the same item: no device hears of it
    }
    return;
  }
  const auto seq = static_cast<std::int64_t>(edit_.next_seq());
  if (back) {
    after.seq_added = seq;
    after.seq_gone = 0;
  }
  if (body) after.seq_body = seq;
  if (meta) after.seq_meta = seq;
  edit_.update(before, after, backend_);
  changed(after.gid, static_cast<std::uint64_t>(seq), u, index);
}

void PageApply::add(const Upsert& u, std::size_t index) {
  Item item;
  item.id = u.id;
  item.scope = scope_;
  item.folders = folder_set(u);
  item.content_rev = u.content_rev;
  item.state_rev = u.state_rev;
  item.keywords = joined(u.keywords);
  item.fingerprint = Bytes(view_of(u.fingerprint));
  item.kind = static_cast<std::int64_t>(u.kind);
  item.received = u.received.time_since_epoch().count();
  item.size = static_cast<std::int64_t>(u.size);
  item.flags = u.flags;
  item.listing = generation_;
  const auto chosen = chosen_for(database_, page_.view, backend_, u.id);
  item.gid = chosen ? *chosen : edit_.new_gid("item", page_.backend, u.folders.front(), u.id);
  // A gid is taken when an item that first had this id lives on under another one: then the count goes into it.
  for (int n = 2; edit_.gid_taken(item.gid); ++n) {
    item.gid = edit_.new_gid("item " + std::to_string(n), page_.backend, u.folders.front(), u.id);
  }
  item.seq_added = static_cast<std::int64_t>(edit_.next_seq());
  edit_.insert(item, backend_);
  changed(item.gid, static_cast<std::uint64_t>(item.seq_added), u, index);
}

void PageApply::changed(const Gid& gid, std::uint64_t seq, const Upsert& u, std::size_t index) {
  outcome_.applied.changes.push_back({gid, seq, std::nullopt, u.content_rev});
  outcome_.page_index.push_back(index);
}

void PageApply::removed(const Removed& r) {
  const auto item = edit_.by_id(backend_, r.id);
  if (!item || item->seq_gone > 0) return;
  if (r.folder.empty()) {
    // It went to another scope under the same id, and that scope's page came first.
    if (item->scope != scope_) return;
    edit_.disappear(*item);
    limbo_empty_ = false;
    return;
  }
  const auto gid = folder_gid(r.folder, static_cast<Kind>(item->kind));
  Item after = *item;
  for (std::size_t at = 0; at < after.folders.size(); at += gid.size()) {
    if (View(after.folders).substr(at, gid.size()) != view_of(gid)) continue;
    after.folders.erase(at, gid.size());
    break;
  }
  if (after.folders.size() == item->folders.size()) return;
  if (after.folders.empty()) {
    edit_.disappear(*item);
    limbo_empty_ = false;
    return;
  }
  after.seq_meta = static_cast<std::int64_t>(edit_.next_seq());
  edit_.update(*item, after, backend_);
  outcome_.applied.changes.push_back({after.gid, static_cast<std::uint64_t>(after.seq_meta), {}, after.content_rev});
  outcome_.page_index.push_back(SIZE_MAX);
}

/// The end of a listing: what the stream did not name is gone.
void PageApply::listed(const Listed& l) {
  if (l.scope != page_.scope) return;  // a back-end speaks for the scope it was asked for, no other
  if (page_.scope.empty()) listed_tree();
  std::set<std::int64_t> missing;
  {
    Query query(database_,
                "SELECT i.no FROM folders f JOIN item_folders m ON m.view = f.view AND m.folder = f.gid "
                "JOIN items i ON i.no = m.item "
                "WHERE f.view = ? AND f.backend = ? AND f.scope = ? AND i.scope = ? AND i.listing <> ? AND i.limbo = 0",
                page_.view, backend_, blob(page_.scope), scope_, generation_);
    while (query.row()) missing.insert(query.integer(0));
  }
  std::map<Bytes, std::int64_t> holds;  // by folder
  for (const auto no : missing) {
    const auto item = edit_.by_number(no);
    if (!item) continue;
    std::int64_t hold = 0;
    if (expired_ == Relisting::regressed) {
      const auto place = holds.try_emplace(item->folders.substr(0, sizeof(Gid))).first;
      if (place->second == 0) place->second = hold_regressed(database_, page_.view, place->first, context_);
      hold = place->second;
    }
    edit_.disappear(*item, hold);
  }
  for (const auto& [folder, number] : holds) outcome_.held.push_back(number);
  if (!missing.empty()) limbo_empty_ = false;
  ++generation_;
  stream_ended_ = true;
  expired_ = Relisting::no;
}

// --- folders

void PageApply::listed_tree() {
  std::vector<Bytes> missing;
  {
    Query query(database_, "SELECT id FROM folders WHERE view = ? AND backend = ? AND gone = 0 AND listing <> ?",
                page_.view, backend_, generation_);
    while (query.row()) missing.push_back(query.bytes(0));
  }
  const auto belief = believe_tree(database_, page_.view, backend_, missing, context_);
  if (belief.hold != 0) outcome_.held.push_back(belief.hold);
  if (!belief.yes) return;
  for (const auto& id : missing) folder_gone(id);
}

void PageApply::folder(const FolderUpsert& change) {
  if (const auto gid = put_folder(edit_, served_by(), change.folder, generation_)) {
    folders_.insert_or_assign(change.folder.id, *gid);
    outcome_.applied.folders_changed = true;
  }
}

void PageApply::folder_gone(View id) {
  if (!bury_folder(edit_, served_by(), id)) return;
  outcome_.applied.folders_changed = true;
  limbo_empty_ = false;
}

Gid PageApply::folder_gid(View id, Kind kind) {
  if (const auto found = folders_.find(id); found != folders_.end()) return found->second;
  const auto named = name_folder(edit_, served_by(), id, page_.scope, kind);
  outcome_.applied.folders_changed |= named.second;
  return folders_.emplace(Bytes(id), named.first).first->second;
}

Bytes PageApply::folder_set(const Upsert& u) {
  if (u.folders.size() == 1) return Bytes(view_of(folder_gid(u.folders.front(), u.kind)));
  std::set<Bytes> gids;
  for (const auto& id : u.folders) gids.insert(Bytes(view_of(folder_gid(id, u.kind))));
  Bytes made;
  for (const auto& gid : gids) made += gid;
  return made;
}

}  // namespace

Result<Outcome> apply_page(Database& database, const EditContext& context, const ApplyPage& page) {
  return PageApply(database, context, page).run();
}

void expire(Database& database, const EditContext& context, ViewId view, const std::string& backend, View scope,
            FaultKind why) {
  ViewEdit edit(database, context, view);
  list_anew(edit, edit.backend_number(backend), scope, scope,
            why == FaultKind::regressed ? Relisting::regressed : Relisting::expired);
}

bool release_limbo(Database& database, const EditContext& context, std::size_t limit,
                   std::vector<std::pair<ViewId, std::uint64_t>>& touched) {
  std::map<ViewId, std::vector<std::int64_t>> due;
  std::size_t count = 0;
  {
    Query query(database,
                "SELECT view, item FROM limbo WHERE hold = 0 AND (due_ms <= ? OR start <> ?) ORDER BY due_ms LIMIT ?",
                context.now_ms, context.start, limit);
    for (; query.row(); ++count) due[static_cast<ViewId>(query.integer(0))].push_back(query.integer(1));
  }
  for (const auto& [view, items] : due) {
    ViewEdit edit(database, context, view);
    for (const auto no : items) {
      if (const auto item = edit.by_number(no)) edit.bury(*item);
    }
    edit.finish();
    touched.emplace_back(view, edit.head());
  }
  return count == limit;
}

}  // namespace tidegate::store
