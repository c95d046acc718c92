// SPDX-License-Identifier: Apache-2.0
#include "core/store/view_edit.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tidegate::store {

namespace {

#define TIDEGATE_ITEM_COLUMNS                                                                                 \
  "SELECT no, gid, scope, id, folders, content_rev, state_rev, keywords, fingerprint, kind, received, size, " \
  "flags, seq_added, seq_body, seq_meta, seq_gone, listing, unmatched, limbo FROM items "

constexpr std::size_t gid_size = 16;

void with_length(Bytes& into, View part) {
  const auto size = static_cast<std::uint32_t>(part.size());
  for (int shift = 24; shift >= 0; shift -= 8) into.push_back(static_cast<char>((size >> shift) & 0xff));
  into.append(part);
}

template <class F>
void each_folder(const Bytes& folders, F&& visit) {
  for (std::size_t at = 0; at + gid_size <= folders.size(); at += gid_size) {
    Gid gid{};
    folders.copy(reinterpret_cast<char*>(gid.data()), gid_size, at);
    visit(gid);
  }
}

}  // namespace

ViewEdit::ViewEdit(Database& database, const EditContext& context, ViewId view)
    : database_(database), context_(context), view_(view) {
  Query query(database_, "SELECT head FROM views WHERE id = ?", view_);
  known_ = query.row();
  if (known_) head_ = stored_head_ = static_cast<std::uint64_t>(query.integer(0));
}

std::int64_t ViewEdit::backend_number(const std::string& name) {
  {
    Query query(database_, "SELECT no FROM backends WHERE name = ?", name);
    if (query.row()) return query.integer(0);
  }
  database_.run("INSERT INTO backends(name) VALUES(?)", name);
  return database_.last_row();
}

Gid ViewEdit::new_gid(std::string_view what, const std::string& backend, View folder, View id) const {
  Bytes named(what);
  with_length(named, backend);
  with_length(named, folder);
  with_length(named, id);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), context_.state_key.data(), static_cast<int>(context_.state_key.size()),
       reinterpret_cast<const unsigned char*>(named.data()), named.size(), digest.data(), &size);
  Gid gid{};
  std::copy_n(reinterpret_cast<const std::byte*>(digest.data()), gid.size(), gid.begin());
  return gid;
}

std::optional<Item> ViewEdit::load(Query& query) {
  if (!query.row()) return std::nullopt;
  Item item;
  item.no = query.integer(0);
  item.gid = query.array<gid_size>(1);
  item.scope = query.integer(2);
  item.id = query.bytes(3);
  item.folders = query.bytes(4);
  item.content_rev = query.bytes(5);
  item.state_rev = query.bytes(6);
  item.keywords = query.bytes(7);
  item.fingerprint = query.bytes(8);
  item.kind = query.integer(9);
  item.received = query.integer(10);
  item.size = query.integer(11);
  item.flags = query.integer(12);
  item.seq_added = query.integer(13);
  item.seq_body = query.integer(14);
  item.seq_meta = query.integer(15);
  item.seq_gone = query.integer(16);
  item.listing = query.integer(17);
  item.unmatched = query.integer(18) != 0;
  item.limbo = query.integer(19) != 0;
  return item;
}

std::optional<Item> ViewEdit::by_id(std::int64_t backend, View id) {
  Query query(database_, TIDEGATE_ITEM_COLUMNS "WHERE view = ? AND backend = ? AND id = ?", view_, backend, blob(id));
  return load(query);
}

std::optional<Item> ViewEdit::by_number(std::int64_t no) {
  Query query(database_, TIDEGATE_ITEM_COLUMNS "WHERE no = ?", no);
  return load(query);
}

std::optional<Item> ViewEdit::in_limbo(std::int64_t backend, View fingerprint) {
  Query query(database_,
              TIDEGATE_ITEM_COLUMNS
              "WHERE no = (SELECT l.item FROM limbo l JOIN items i ON i.no = l.item "
              "WHERE l.view = ? AND l.fingerprint = ? AND i.backend = ? LIMIT 1)",
              view_, blob(fingerprint), backend);
  return load(query);
}

std::optional<Item> ViewEdit::unmatched(std::int64_t scope, View fingerprint) {
  Query query(database_,
              TIDEGATE_ITEM_COLUMNS "WHERE view = ? AND scope = ? AND fingerprint = ? AND unmatched = 1 LIMIT 1", view_,
              scope, blob(fingerprint));
  return load(query);
}

bool ViewEdit::limbo_empty() {
  Query query(database_, "SELECT 1 FROM limbo WHERE view = ? LIMIT 1", view_);
  return !query.row();
}

bool ViewEdit::gid_taken(const Gid& gid) {
  Query query(database_, "SELECT 1 FROM items WHERE view = ? AND gid = ?", view_, blob(gid));
  return query.row();
}

void ViewEdit::enter_folders(const Item& item) {
  each_folder(item.folders, [&](const Gid& folder) {
    database_.run("INSERT OR IGNORE INTO item_folders(view, folder, received, gid, item) VALUES(?, ?, ?, ?, ?)", view_,
                  blob(folder), item.received, blob(item.gid), item.no);
    ++counts_[folder];
  });
}

void ViewEdit::quit_folders(const Item& item) {
  each_folder(item.folders, [&](const Gid& folder) {
    database_.run("DELETE FROM item_folders WHERE view = ? AND folder = ? AND received = ? AND gid = ?", view_,
                  blob(folder), item.received, blob(item.gid));
    --counts_[folder];
  });
}

void ViewEdit::insert(Item& item, std::int64_t backend) {
  database_.run(
      "INSERT INTO items(view, gid, backend, scope, id, folders, content_rev, state_rev, kind, received, size, flags, "
      "keywords, fingerprint, seq_added, seq_body, seq_meta, seq_gone, seq, listing) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?)",
      view_, blob(item.gid), backend, item.scope, blob(item.id), blob(item.folders), blob(item.content_rev),
      blob(item.state_rev), item.kind, item.received, item.size, item.flags, blob(item.keywords),
      blob(item.fingerprint), item.seq_added, item.seq_added, item.listing);
  item.no = database_.last_row();
  enter_folders(item);
}

void ViewEdit::update(const Item& before, const Item& after, std::int64_t backend) {
  const auto seq = std::max(std::max(after.seq_added, after.seq_body), std::max(after.seq_meta, after.seq_gone));
  const bool same_place = before.scope == after.scope && before.id == after.id && before.folders == after.folders &&
                          before.received == after.received && before.content_rev == after.content_rev &&
                          before.size == after.size && before.kind == after.kind && before.seq_gone == after.seq_gone &&
                          before.seq_added == after.seq_added && before.fingerprint == after.fingerprint;
  if (before.limbo) leave_limbo(before);
  if (same_place) {  // flags and keywords: by far the most frequent, touches one index only
    database_.run(
        "UPDATE items SET state_rev = ?, flags = ?, keywords = ?, seq_meta = ?, seq = ?, listing = ?, unmatched = 0, "
        "limbo = 0 WHERE no = ?",
        blob(after.state_rev), after.flags, blob(after.keywords), after.seq_meta, seq, after.listing, after.no);
    return;
  }
  if (before.seq_gone == 0) quit_folders(before);
  database_.run("UPDATE items SET id = NULL WHERE view = ? AND backend = ? AND id = ? AND no <> ?", view_, backend,
                blob(after.id), after.no);
  database_.run(
      "UPDATE items SET scope = ?, id = ?, folders = ?, content_rev = ?, state_rev = ?, kind = ?, received = ?, "
      "size = ?, flags = ?, keywords = ?, fingerprint = ?, seq_added = ?, seq_body = ?, seq_meta = ?, seq_gone = ?, "
      "seq = ?, listing = ?, unmatched = 0, limbo = 0 WHERE no = ?",
      after.scope, blob(after.id), blob(after.folders), blob(after.content_rev), blob(after.state_rev), after.kind,
      after.received, after.size, after.flags, blob(after.keywords), blob(after.fingerprint), after.seq_added,
      after.seq_body, after.seq_meta, after.seq_gone, seq, after.listing, after.no);
  if (after.seq_gone == 0) enter_folders(after);
  if (before.folders != after.folders)
    database_.run("UPDATE items SET seq_moved = ?, moved_from = ? WHERE no = ?", seq, blob(before.folders), after.no);
}

void ViewEdit::mark_named(const Item& item, std::int64_t listing, View state_rev) {
  if (item.limbo) leave_limbo(item);
  if (item.listing == listing && !item.unmatched && !item.limbo && item.state_rev == state_rev) return;
  database_.run("UPDATE items SET listing = ?, state_rev = ?, unmatched = 0, limbo = 0 WHERE no = ?", listing,
                blob(state_rev), item.no);
}

void ViewEdit::vacate(const Item& item) { database_.run("UPDATE items SET id = NULL WHERE no = ?", item.no); }

void ViewEdit::disappear(const Item& item, std::int64_t hold) {
  if (item.limbo || item.seq_gone > 0) return;
  if (context_.limbo_ms <= 0 && hold == 0) {
    bury(item);
    return;
  }
  database_.run("INSERT OR REPLACE INTO limbo(item, view, fingerprint, start, due_ms, hold) VALUES(?, ?, ?, ?, ?, ?)",
                item.no, view_, blob(item.fingerprint), context_.start, context_.now_ms + context_.limbo_ms, hold);
  database_.run("UPDATE items SET limbo = 1, unmatched = 0 WHERE no = ?", item.no);
  limbo_grew_ = true;
}

void ViewEdit::bury(const Item& item) {
  if (item.seq_gone > 0) return;
  if (item.limbo) leave_limbo(item);
  quit_folders(item);
  const auto seq = next_seq();
  database_.run("UPDATE items SET seq_gone = ?, seq = ?, limbo = 0, unmatched = 0 WHERE no = ?", seq, seq, item.no);
}

void ViewEdit::leave_limbo(const Item& item) { database_.run("DELETE FROM limbo WHERE item = ?", item.no); }

void ViewEdit::finish() {
  for (const auto& [folder, by] : counts_) {
    if (by == 0) continue;
    database_.run("UPDATE folders SET items = max(0, items + ?) WHERE view = ? AND gid = ?", by, view_, blob(folder));
  }
  counts_.clear();
  if (head_ == stored_head_) return;
  database_.run("UPDATE views SET head = ? WHERE id = ?", head_, view_);
  stored_head_ = head_;
}

}  // namespace tidegate::store
