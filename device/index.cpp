// SPDX-License-Identifier: Apache-2.0
#include "device/index.hpp"

#include <algorithm>
#include <cstring>

#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr int schema_version = 7;
constexpr const char* schema_1 = R"(
CREATE TABLE IF NOT EXISTS notes(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS views(
  view INTEGER PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL, position BLOB);
CREATE TABLE IF NOT EXISTS folders(
  view INTEGER NOT NULL, gid BLOB NOT NULL, parent BLOB NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
  role INTEGER NOT NULL, rights INTEGER NOT NULL, seq INTEGER NOT NULL, items INTEGER NOT NULL,
  directory TEXT NOT NULL, mtime_ns INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(view, gid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moving(
  view INTEGER NOT NULL, gid BLOB NOT NULL, directory TEXT NOT NULL, PRIMARY KEY(view, gid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items(
  view INTEGER NOT NULL, gid BLOB NOT NULL, folders BLOB NOT NULL, folder BLOB NOT NULL, name TEXT NOT NULL,
  kind INTEGER NOT NULL, size INTEGER NOT NULL, sha256 BLOB NOT NULL, inode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, base_flags INTEGER NOT NULL, keywords BLOB NOT NULL, content_rev BLOB NOT NULL,
  fingerprint BLOB NOT NULL, received INTEGER NOT NULL, seq INTEGER NOT NULL, stub INTEGER NOT NULL,
  state_rev BLOB, local_flags INTEGER, missing_since INTEGER, canonical_sha256 BLOB,
  PRIMARY KEY(view, gid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS items_by_place ON items(view, folder, name);
CREATE INDEX IF NOT EXISTS items_by_hash ON items(sha256);
CREATE TABLE IF NOT EXISTS leaving(path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS commands(
  id BLOB PRIMARY KEY, view INTEGER NOT NULL, gid BLOB, state INTEGER NOT NULL, body BLOB NOT NULL, result BLOB)
  WITHOUT ROWID;
)";
// Changes made on the device. The first version's `commands` was never written to.
constexpr const char* schema_2 = R"(
DROP TABLE commands;
CREATE TABLE commands(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, view INTEGER NOT NULL, gid BLOB NOT NULL,
  state INTEGER NOT NULL, body BLOB NOT NULL, path TEXT NOT NULL, skip INTEGER NOT NULL, sha256 BLOB NOT NULL,
  at_unix INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX commands_by_item ON commands(view, gid);
ALTER TABLE items ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
CREATE TABLE holds(
  number INTEGER PRIMARY KEY AUTOINCREMENT, view INTEGER NOT NULL, folder BLOB NOT NULL, at_unix INTEGER NOT NULL,
  released INTEGER NOT NULL DEFAULT 0);
CREATE TABLE held(
  view INTEGER NOT NULL, gid BLOB NOT NULL, hold INTEGER NOT NULL, PRIMARY KEY(view, gid)) WITHOUT ROWID;
CREATE TABLE comparing(view INTEGER PRIMARY KEY);
)";
// What came for an item while its removal was under way.
constexpr const char* schema_3 = R"(
ALTER TABLE commands ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0;
)";
// Stubs that are to come whole.
constexpr const char* schema_4 = R"(
CREATE TABLE fetches(
  view INTEGER NOT NULL, gid BLOB NOT NULL, have INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
  sha256 BLOB NOT NULL DEFAULT x'', text TEXT NOT NULL DEFAULT '', PRIMARY KEY(view, gid)) WITHOUT ROWID;
)";
// How often a compare was wished for: a wish that came during one is another. And keywords as letters.
constexpr const char* schema_5 = R"(
ALTER TABLE comparing ADD COLUMN wish INTEGER NOT NULL DEFAULT 1;
ALTER TABLE items ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;
)";
// Changes of a vdir's files go up.
constexpr const char* schema_6 = R"(
ALTER TABLE items ADD COLUMN uid TEXT NOT NULL DEFAULT '';
CREATE INDEX items_by_uid ON items(uid) WHERE uid <> '';
CREATE TABLE arriving(
  path TEXT PRIMARY KEY, view INTEGER NOT NULL, gid BLOB NOT NULL, sha256 BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE delivering(
  view INTEGER NOT NULL, gid BLOB NOT NULL, boot BLOB NOT NULL, PRIMARY KEY(view, gid)) WITHOUT ROWID;
)";
constexpr const char* schema_7 = R"(
ALTER TABLE folders ADD COLUMN color TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 7;
)";

View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }

Gid gid_of(View octets) {
  Gid gid{};
  std::memcpy(gid.data(), octets.data(), std::min(octets.size(), gid.size()));
  return gid;
}

Bytes join(const std::vector<Gid>& gids) {
  Bytes out;
  for (const auto& gid : gids) out += view_of(gid);
  return out;
}

std::vector<Gid> split_gids(View octets) {
  std::vector<Gid> out;
  for (; octets.size() >= sizeof(Gid); octets.remove_prefix(sizeof(Gid))) out.push_back(gid_of(octets));
  return out;
}

Bytes join(const std::vector<std::string>& words) {
  Bytes out;
  for (const auto& word : words) out += word + '\n';
  return out;
}

std::vector<std::string> split_words(View text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end == View::npos ? text.size() : end + 1);
  }
  return out;
}

constexpr const char* item_columns =
    "SELECT gid, folders, folder, name, kind, size, sha256, inode, mtime_ns, base_flags, keywords, content_rev, "
    "fingerprint, received, seq, stub, origin, shown, uid, canonical_sha256 FROM items WHERE view = ?";

ItemRow read_item(std::uint64_t view, const Query& query) {
  ItemRow row;
  row.view = view;
  row.gid = gid_of(query.bytes(0));
  row.folders = split_gids(query.bytes(1));
  row.folder = gid_of(query.bytes(2));
  row.name = query.bytes(3);
  row.kind = static_cast<Kind>(query.integer(4));
  row.size = query.number(5);
  row.sha256 = query.bytes(6);
  row.inode = query.number(7);
  row.mtime_ns = query.integer(8);
  row.base_flags = static_cast<std::uint32_t>(query.integer(9));
  row.keywords = split_words(query.bytes(10));
  row.content_rev = query.bytes(11);
  row.fingerprint = query.bytes(12);
  row.received = query.integer(13);
  row.seq = query.number(14);
  row.stub = query.integer(15) != 0;
  row.origin = static_cast<Origin>(query.integer(16));
  row.shown = static_cast<std::uint32_t>(query.integer(17));
  row.uid = query.bytes(18);
  row.canonical = query.bytes(19);
  return row;
}

}  // namespace

Index::Index(const std::string& path, const char* vfs, bool read_only)
    : database_(path, vfs, vfs == nullptr, read_only) {
  std::int64_t version = 0;
  {
    auto query = database_.query("PRAGMA user_version");
    if (query.next()) version = query.integer(0);
  }
  if (version > schema_version)
    throw Trouble(
        Fault{FaultKind::invalid, path, path + " was written by a newer tidegate-device: install that one.", {}, {}});
  version_ = static_cast<int>(version);
  if (read_only || version == schema_version) return;
  Transaction change(database_);
  if (version < 1) database_.execute(schema_1);
  if (version < 2) database_.execute(schema_2);
  if (version < 3) database_.execute(schema_3);
  if (version < 4) database_.execute(schema_4);
  if (version < 5) database_.execute(schema_5);
  if (version < 6) database_.execute(schema_6);
  database_.execute(schema_7);
  change.commit();
  version_ = schema_version;
}

void ItemRow::take(const e2e::Item& item) {
  view = item.view;
  gid = item.gid;
  folders = item.folders;
  kind = item.kind;
  size = item.size;
  base_flags = item.flags;
  keywords = item.keywords;
  content_rev = item.content_rev;
  fingerprint.assign(reinterpret_cast<const char*>(item.fingerprint.data()), item.fingerprint.size());
  received = item.received;
  seq = item.seq;
  stub = item.stub;
  origin = Origin::store;
}

std::optional<ItemRow> Index::item(std::uint64_t view, const Gid& gid) {
  static const std::string sql = std::string(item_columns) + " AND gid = ?";
  auto query = database_.query(sql.c_str());
  query.bind(view).bind(view_of(gid));
  if (!query.next()) return std::nullopt;
  return read_item(view, query);
}

void Index::put(const ItemRow& row) {
  auto query = database_.query(
      "INSERT OR REPLACE INTO items(view, gid, folders, folder, name, kind, size, sha256, inode, mtime_ns, base_flags, "
      "keywords, content_rev, fingerprint, received, seq, stub, origin, shown, uid, canonical_sha256) VALUES(?, ?, ?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  query.bind(row.view).bind(view_of(row.gid)).bind(View(join(row.folders))).bind(view_of(row.folder)).text(row.name);
  query.bind(static_cast<int>(row.kind)).bind(row.size).bind(View(row.sha256)).bind(row.inode).bind(row.mtime_ns);
  query.bind(row.base_flags).bind(View(join(row.keywords))).bind(View(row.content_rev)).bind(View(row.fingerprint));
  query.bind(row.received).bind(row.seq).bind(row.stub ? 1 : 0).bind(static_cast<int>(row.origin));
  query.bind(row.shown).text(row.uid).bind(View(row.canonical)).run();
}

void Index::erase(std::uint64_t view, const Gid& gid) {
  database_.query("DELETE FROM items WHERE view = ? AND gid = ?").bind(view).bind(view_of(gid)).run();
}

void Index::each(std::uint64_t view, const std::function<void(const ItemRow&)>& visit) {
  auto query = database_.query(item_columns);
  query.bind(view);
  while (query.next()) visit(read_item(view, query));
}

void Index::each_in(std::uint64_t view, const Gid& folder, const std::function<void(PlaceRow&)>& visit) {
  auto query = database_.query(
      "SELECT gid, name, size, inode, mtime_ns, base_flags, keywords, shown FROM items WHERE view = ? AND folder = ?");
  query.bind(view).bind(view_of(folder));
  while (query.next()) {
    PlaceRow row{gid_of(query.bytes(0)),
                 query.bytes(1),
                 query.number(2),
                 query.number(3),
                 query.integer(4),
                 static_cast<std::uint32_t>(query.integer(5)),
                 split_words(query.bytes(6)),
                 static_cast<std::uint32_t>(query.integer(7))};
    visit(row);
  }
}

std::vector<ItemRow> Index::with_hash(std::uint64_t view, View sha256) {
  static const std::string sql = [] {
    std::string text = item_columns;
    return text.insert(text.find(" WHERE"), " INDEXED BY items_by_hash") + " AND sha256 = ?";
  }();
  std::vector<ItemRow> out;
  auto query = database_.query(sql.c_str());
  query.bind(view).bind(sha256);
  while (query.next()) out.push_back(read_item(view, query));
  return out;
}

std::vector<ItemRow> Index::with_uid(std::uint64_t view, const Gid& folder, std::string_view uid) {
  static const std::string sql = [] {
    std::string text = item_columns;
    return text.insert(text.find(" WHERE"), " INDEXED BY items_by_uid") + " AND folder = ? AND uid = ? AND uid <> ''";
  }();
  std::vector<ItemRow> out;
  auto query = database_.query(sql.c_str());
  query.bind(view).bind(view_of(folder)).text(uid);
  while (query.next()) out.push_back(read_item(view, query));
  return out;
}

std::vector<ItemRow> Index::stub_copies(std::uint64_t view) {
  static const std::string sql = std::string(item_columns) + " AND stub = 1 AND origin = 1";
  std::vector<ItemRow> out;
  auto query = database_.query(sql.c_str());
  query.bind(view);
  while (query.next()) out.push_back(read_item(view, query));
  return out;
}

std::uint64_t Index::count_in(std::uint64_t view, const Gid& folder) {
  auto query = database_.query("SELECT count(*) FROM items WHERE view = ? AND folder = ?");
  query.bind(view).bind(view_of(folder));
  return query.next() ? query.number(0) : 0;
}

void Index::want_compare(std::uint64_t view) {
  database_
      .query("INSERT INTO comparing(view, wish) VALUES(?, 1) ON CONFLICT(view) DO UPDATE SET wish = comparing.wish + 1")
      .bind(view)
      .run();
}

std::uint64_t Index::compare_wish(std::uint64_t view) {
  auto query = database_.query("SELECT wish FROM comparing WHERE view = ?");
  return query.bind(view).next() ? query.number(0) : 0;
}

void Index::compared(std::uint64_t view, std::uint64_t wish) {
  database_.query("DELETE FROM comparing WHERE view = ? AND wish = ?").bind(view).bind(wish).run();
}

std::vector<std::uint64_t> Index::wanted_compares() {
  std::vector<std::uint64_t> out;
  auto query = database_.query("SELECT view FROM comparing");
  while (query.next()) out.push_back(query.number(0));
  return out;
}

std::uint64_t Index::count(std::uint64_t view) {
  auto query = database_.query("SELECT count(*) FROM items WHERE view = ?");
  query.bind(view);
  return query.next() ? query.number(0) : 0;
}

bool Index::named(std::uint64_t view, const Gid& folder, const std::string& name) {
  auto query = database_.query("SELECT 1 FROM items WHERE view = ? AND folder = ? AND name = ?");
  return query.bind(view).bind(view_of(folder)).text(name).next();
}

std::vector<FolderRow> Index::folders(std::uint64_t view) {
  std::vector<FolderRow> out;
  auto query = database_.query(
      "SELECT gid, parent, name, kind, role, rights, seq, items, directory, color FROM folders WHERE view = ?");
  query.bind(view);
  while (query.next()) {
    FolderRow row;
    row.view = view;
    row.info.gid = gid_of(query.bytes(0));
    row.info.parent = gid_of(query.bytes(1));
    row.info.name = query.bytes(2);
    row.info.kind = static_cast<Kind>(query.integer(3));
    row.info.role = static_cast<Role>(query.integer(4));
    row.info.rights = static_cast<std::uint32_t>(query.integer(5));
    row.info.seq = query.number(6);
    row.info.items = query.number(7);
    row.directory = query.bytes(8);
    row.info.color = query.bytes(9);
    out.push_back(std::move(row));
  }
  return out;
}

void Index::put(const FolderRow& row) {
  auto query = database_.query(
      "INSERT OR REPLACE INTO folders(view, gid, parent, name, kind, role, rights, seq, items, directory, color) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  query.bind(row.view).bind(view_of(row.info.gid)).bind(view_of(row.info.parent)).text(row.info.name);
  query.bind(static_cast<int>(row.info.kind)).bind(static_cast<int>(row.info.role)).bind(row.info.rights);
  query.bind(row.info.seq).bind(row.info.items).text(row.directory).text(row.info.color).run();
}

void Index::erase_folder(std::uint64_t view, const Gid& gid) {
  database_.query("DELETE FROM folders WHERE view = ? AND gid = ?").bind(view).bind(view_of(gid)).run();
}

void Index::move_folder(std::uint64_t view, const Gid& gid, const std::string& directory) {
  database_.query("INSERT OR REPLACE INTO moving(view, gid, directory) VALUES(?, ?, ?)")
      .bind(view)
      .bind(view_of(gid))
      .text(directory)
      .run();
}

std::vector<std::tuple<std::uint64_t, Gid, std::string>> Index::moving_folders() {
  std::vector<std::tuple<std::uint64_t, Gid, std::string>> out;
  auto query = database_.query("SELECT view, gid, directory FROM moving");
  while (query.next()) out.emplace_back(query.number(0), gid_of(query.bytes(1)), query.bytes(2));
  return out;
}

void Index::folders_moved() { database_.execute("DELETE FROM moving"); }

bool Index::empty(std::uint64_t view, const Gid& folder) {
  auto query = database_.query("SELECT 1 FROM items WHERE view = ? AND folder = ? LIMIT 1");
  return !query.bind(view).bind(view_of(folder)).next();
}

std::vector<ViewRow> Index::views() {
  std::vector<ViewRow> out;
  auto query = database_.query("SELECT view, name, prefix, position FROM views ORDER BY view");
  while (query.next()) {
    ViewRow row{query.number(0), query.bytes(1), query.bytes(2), std::nullopt};
    if (const auto octets = query.bytes(3); !octets.empty()) {
      // Unreadable: as if there were none; the gateway then compares instead of trusting us.
      if (auto position = e2e::decode_position(std::as_bytes(std::span(octets)))) row.position = std::move(*position);
    }
    out.push_back(std::move(row));
  }
  return out;
}

void Index::put_view(std::uint64_t view, std::string_view name, std::string_view prefix) {
  database_
      .query(
          "INSERT INTO views(view, name, prefix) VALUES(?, ?, ?) ON CONFLICT(view) DO UPDATE SET name = excluded.name")
      .bind(view)
      .text(name)
      .text(prefix)
      .run();
}

void Index::put_position(const e2e::Position& position) {
  database_
      .query(
          "INSERT INTO views(view, name, prefix, position) VALUES(?, '', '', ?) "
          "ON CONFLICT(view) DO UPDATE SET position = excluded.position")
      .bind(position.view)
      .bind(View(e2e::encode(position)))
      .run();
}

void Index::arrive(const Arriving& file) {
  auto query = database_.query("INSERT OR REPLACE INTO arriving(path, view, gid, sha256) VALUES(?, ?, ?, ?)");
  query.text(file.path).bind(file.view).bind(view_of(file.gid)).bind(View(file.sha256)).run();
}
void Index::arrived(const std::string& path) {
  database_.query("DELETE FROM arriving WHERE path = ?").text(path).run();
}

std::vector<Index::Arriving> Index::arriving() {
  std::vector<Arriving> out;
  auto query = database_.query("SELECT path, view, gid, sha256 FROM arriving");
  while (query.next()) out.push_back({query.bytes(0), query.number(1), gid_of(query.bytes(2)), query.bytes(3)});
  return out;
}

void Index::leave(const std::string& path) {
  database_.query("INSERT OR REPLACE INTO leaving(path) VALUES(?)").text(path).run();
}
void Index::left(const std::string& path) { database_.query("DELETE FROM leaving WHERE path = ?").text(path).run(); }

std::vector<std::string> Index::leaving() {
  std::vector<std::string> out;
  auto query = database_.query("SELECT path FROM leaving");
  while (query.next()) out.push_back(query.bytes(0));
  return out;
}

void Index::deliver(std::uint64_t view, const Gid& gid, View boot) {
  auto query = database_.query("INSERT OR REPLACE INTO delivering(view, gid, boot) VALUES(?, ?, ?)");
  query.bind(view).bind(view_of(gid)).bind(boot).run();
}
void Index::delivered() { database_.query("DELETE FROM delivering").run(); }

std::vector<std::tuple<std::uint64_t, Gid, Bytes>> Index::delivering() {
  std::vector<std::tuple<std::uint64_t, Gid, Bytes>> out;
  auto query = database_.query("SELECT view, gid, boot FROM delivering");
  while (query.next()) out.emplace_back(query.number(0), gid_of(query.bytes(1)), query.bytes(2));
  return out;
}

Bytes Index::note(std::string_view key) {
  auto query = database_.query("SELECT value FROM notes WHERE key = ?");
  query.text(key);
  return query.next() ? query.bytes(0) : Bytes();
}

void Index::note(std::string_view key, View value) {
  database_.query("INSERT OR REPLACE INTO notes(key, value) VALUES(?, ?)").text(key).bind(value).run();
}

void Index::forget_notes() { database_.execute("DELETE FROM notes"); }

void Index::erase_everything() {
  Transaction change(database_);
  for (const char* sql :
       {"DELETE FROM items", "DELETE FROM folders", "DELETE FROM views", "DELETE FROM leaving", "DELETE FROM moving",
        "DELETE FROM commands", "DELETE FROM holds", "DELETE FROM held", "DELETE FROM comparing", "DELETE FROM fetches",
        "DELETE FROM arriving", "DELETE FROM delivering"})
    database_.execute(sql);
  change.commit();
}

}  // namespace tidegate::device
