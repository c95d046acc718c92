// SPDX-License-Identifier: Apache-2.0
#include "core/store/schema.hpp"

#include <array>

#include <fmt/format.h>

namespace tidegate::store {

namespace {

// Conventions: `view` is views.id, `backend` is backends.no, `scope` in items is anchors.no; seconds are unix
// seconds; sets (folders of an item: gids of 16 octets in a row; keywords: each followed by 0x00) are blobs.
constexpr const char* version_1 = R"sql(
CREATE TABLE meta(           -- state_key, boot_id, clean, start_counter, limbo stamps, identity, backup version
  key   TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE backends(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE views(
  id      INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: devices hold positions by it
  user    TEXT NOT NULL, mailbox TEXT NOT NULL, actor TEXT NOT NULL, site TEXT NOT NULL,
  epoch   BLOB NOT NULL,
  head    INTEGER NOT NULL DEFAULT 0,         -- the stored counter: the last seq given out
  floor   INTEGER NOT NULL DEFAULT 0,         -- tombstones up to here were dropped
  UNIQUE(user, mailbox, actor)
);

CREATE TABLE anchors(
  no         INTEGER PRIMARY KEY,
  view       INTEGER NOT NULL, backend INTEGER NOT NULL, scope BLOB NOT NULL,
  anchor     BLOB NOT NULL,
  generation INTEGER NOT NULL DEFAULT 1,      -- of the page stream under way: what it names carries this number
  open       INTEGER NOT NULL DEFAULT 0,      -- the last page said there is more
  expired    INTEGER NOT NULL DEFAULT 0,      -- Relisting: the listing under way may match by fingerprint
  UNIQUE(view, backend, scope)
);

CREATE TABLE folders(
  no      INTEGER PRIMARY KEY,
  view    INTEGER NOT NULL, gid BLOB NOT NULL, backend INTEGER NOT NULL, id BLOB NOT NULL,
  scope   BLOB NOT NULL, parent BLOB NOT NULL, name TEXT NOT NULL,
  kind    INTEGER NOT NULL, role INTEGER NOT NULL, rights INTEGER NOT NULL,
  seq     INTEGER NOT NULL, items INTEGER NOT NULL DEFAULT 0, gone INTEGER NOT NULL DEFAULT 0,
  listing INTEGER NOT NULL DEFAULT 0,         -- generation of the tree's stream that named it last
  UNIQUE(view, backend, id), UNIQUE(view, gid)
);

CREATE TABLE items(
  no          INTEGER PRIMARY KEY,
  view        INTEGER NOT NULL, gid BLOB NOT NULL,
  backend     INTEGER NOT NULL, scope INTEGER NOT NULL,
  id          BLOB,                           -- null: a tombstone whose id went to another item
  folders     BLOB NOT NULL,
  content_rev BLOB NOT NULL, state_rev BLOB NOT NULL,
  kind        INTEGER NOT NULL, received INTEGER NOT NULL, size INTEGER NOT NULL,
  flags       INTEGER NOT NULL, keywords BLOB NOT NULL, fingerprint BLOB NOT NULL,
  seq_added   INTEGER NOT NULL, seq_body INTEGER NOT NULL, seq_meta INTEGER NOT NULL, seq_gone INTEGER NOT NULL,
  seq         INTEGER NOT NULL,               -- the highest of the four
  listing     INTEGER NOT NULL,               -- generation of the stream that named it last
  unmatched   INTEGER NOT NULL DEFAULT 0,     -- its scope's anchor expired and the listing has not named it yet
  limbo       INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX items_by_id ON items(view, backend, id);
CREATE UNIQUE INDEX items_by_gid ON items(view, gid);
CREATE INDEX items_by_seq ON items(view, seq);
CREATE INDEX items_unmatched ON items(view, scope, fingerprint) WHERE unmatched = 1;
CREATE INDEX items_gone ON items(view, seq_gone) WHERE seq_gone > 0;

CREATE TABLE item_folders(   -- for back-fill and compare; without what is gone
  view INTEGER NOT NULL, folder BLOB NOT NULL, received INTEGER NOT NULL, gid BLOB NOT NULL, item INTEGER NOT NULL,
  PRIMARY KEY(view, folder, received, gid)
) WITHOUT ROWID;

CREATE TABLE limbo(          -- disappeared, not yet a tombstone
  item  INTEGER PRIMARY KEY, view INTEGER NOT NULL, fingerprint BLOB NOT NULL,
  start INTEGER NOT NULL,    -- start counter of the process that wrote due_ms (its monotonic clock)
  due_ms INTEGER NOT NULL,
  hold  INTEGER NOT NULL DEFAULT 0            -- holds.no, when the guard keeps it
);
CREATE INDEX limbo_by_fingerprint ON limbo(view, fingerprint);
CREATE INDEX limbo_by_due ON limbo(due_ms) WHERE hold = 0;

CREATE TABLE positions(      -- as last acknowledged; the device's own word counts
  user TEXT NOT NULL, device BLOB NOT NULL, view INTEGER NOT NULL,
  live INTEGER NOT NULL, encoded BLOB NOT NULL, seen INTEGER NOT NULL,
  PRIMARY KEY(user, device, view)
) WITHOUT ROWID;
CREATE INDEX positions_by_view ON positions(view);

CREATE TABLE users(
  user TEXT PRIMARY KEY, site TEXT NOT NULL, static_secret BLOB NOT NULL, static_public BLOB NOT NULL,
  added INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE devices(
  user TEXT NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL, suite INTEGER NOT NULL, state INTEGER NOT NULL,
  static_public BLOB NOT NULL, device_key BLOB NOT NULL, last_hash BLOB NOT NULL, previous_hash BLOB NOT NULL,
  paired INTEGER NOT NULL, seen INTEGER NOT NULL, settings BLOB NOT NULL DEFAULT x'',
  PRIMARY KEY(user, id)
) WITHOUT ROWID;

CREATE TABLE codes(
  user TEXT NOT NULL, handle TEXT NOT NULL, secret BLOB NOT NULL, expires INTEGER NOT NULL,
  bound_static BLOB NOT NULL, bound_device BLOB NOT NULL,
  PRIMARY KEY(user, handle)
) WITHOUT ROWID;

CREATE TABLE commands(
  user TEXT NOT NULL, device BLOB NOT NULL, id BLOB NOT NULL, view INTEGER NOT NULL,
  turn INTEGER NOT NULL,                      -- a user's commands are carried out in this order
  body BLOB NOT NULL,                         -- as it came, without its content
  state INTEGER NOT NULL,                     -- 0 its content is coming, 1 received, 2 started, 3 done, 4 held (result: holds.no)
  note BLOB NOT NULL DEFAULT x'',             -- the Attempt's
  result BLOB NOT NULL DEFAULT x'',
  received INTEGER NOT NULL,
  PRIMARY KEY(user, device, id)
) WITHOUT ROWID;

CREATE TABLE command_contents(                -- until the command is done
  user TEXT NOT NULL, device BLOB NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL, octets BLOB NOT NULL,
  PRIMARY KEY(user, device, id, at)
) WITHOUT ROWID;

CREATE TABLE chosen_gids(                     -- of items that devices created, for a day: what pages and commands name
  view INTEGER NOT NULL, backend INTEGER NOT NULL, id BLOB NOT NULL, gid BLOB NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY(view, backend, id)
) WITHOUT ROWID;
CREATE INDEX chosen_gids_by_gid ON chosen_gids(view, gid);

CREATE TABLE send_ledger(    -- every mail handed to SMTP, before it is
  user TEXT NOT NULL, command BLOB NOT NULL, message_id TEXT NOT NULL,
  state INTEGER NOT NULL,                     -- 1 about to, 2 accepted, 3 refused, 4 unknown
  attempts INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(user, command)
) WITHOUT ROWID;

CREATE TABLE holds(          -- disappearances and removals that wait for somebody's word
  no INTEGER PRIMARY KEY, view INTEGER NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
  since INTEGER NOT NULL, decision INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE quarantine(     -- items that cannot be read, with the reason
  view INTEGER NOT NULL, backend INTEGER NOT NULL, id BLOB NOT NULL,
  attempts INTEGER NOT NULL, since INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(view, backend, id)
) WITHOUT ROWID;
)sql";

/// Until when an administrator admitted a device whose suite does not authenticate it; 0: paired, no end.
constexpr const char* version_2 = "ALTER TABLE devices ADD COLUMN expires INTEGER NOT NULL DEFAULT 0";

/// Where an item was before it is where it is: devices that want some folders only hear of moves in and out of them.
constexpr const char* version_3 = R"sql(
ALTER TABLE items ADD COLUMN seq_moved  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE items ADD COLUMN moved_from BLOB NOT NULL DEFAULT x'';
)sql";

/// Answers to invitations, before they leave (scheduling.hpp).
constexpr const char* version_4 = R"sql(
CREATE TABLE scheduling_ledger(
  user TEXT NOT NULL, key BLOB NOT NULL,
  answer BLOB NOT NULL,                       -- the last one
  message_id TEXT NOT NULL,
  state INTEGER NOT NULL,                     -- 1 about to, 2 taken, 3 refused
  at INTEGER NOT NULL,
  PRIMARY KEY(user, key)
) WITHOUT ROWID;
)sql";

constexpr const char* version_5 = "ALTER TABLE folders ADD COLUMN color TEXT NOT NULL DEFAULT ''";

constexpr std::array versions{version_1, version_2, version_3, version_4, version_5};
static_assert(versions.size() == schema_version);

std::int64_t pragma(Database& database, const char* literal) {
  Query query(database, literal);
  return query.row() ? query.integer(0) : 0;
}

}  // namespace

Result<void> prepare_schema(Database& database, const std::string& path) {
  const auto tables = pragma(database, "SELECT count(*) FROM sqlite_schema");
  const auto ours = pragma(database, "PRAGMA application_id");
  const auto version = pragma(database, "PRAGMA user_version");
  if (database.failed()) return std::unexpected(database.take_fault());
  if (tables > 0 && ours != application_id) {
    return fault(FaultKind::invalid, path, "This file is a database of another program; name another state file.");
  }
  if (version > schema_version) {
    return fault(FaultKind::invalid, path,
                 fmt::format("The state was written by a newer Tidegate (schema {}, this one knows {}); "
                             "install the newer version again.",
                             version, schema_version));
  }
  if (!database.execute("PRAGMA journal_mode=WAL")) return std::unexpected(database.take_fault());
  if (version == schema_version) return {};
  database.begin();
  for (auto next = static_cast<std::size_t>(version); next < versions.size(); ++next) database.execute(versions[next]);
  database.execute(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", application_id, schema_version).c_str());
  if (database.failed()) {
    auto fault = database.take_fault();
    database.rollback();
    return std::unexpected(std::move(fault));
  }
  return database.commit();
}

}  // namespace tidegate::store
