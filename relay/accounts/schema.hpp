// SPDX-License-Identifier: Apache-2.0
// The accounts database. user_version counts schemas; a newer one than we know is refused.
#pragma once

namespace tidegate::relay {

inline constexpr int schema_version = 2;

inline constexpr const char* schema = R"sql(
CREATE TABLE licence (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  password TEXT NOT NULL,               -- argon2id, PHC form
  seats INTEGER NOT NULL,
  state INTEGER NOT NULL DEFAULT 0,     -- 0 active, 1 suspended
  expires INTEGER NOT NULL DEFAULT 0,   -- unix seconds, 0: never
  created INTEGER NOT NULL
);
CREATE TABLE gateway (
  guid BLOB PRIMARY KEY,                -- first 16 octets of SHA-256(public_key)
  public_key BLOB NOT NULL,
  licence INTEGER NOT NULL REFERENCES licence(id),
  token_hash BLOB NOT NULL,             -- SHA-256 of the LicenseID token
  label TEXT NOT NULL,
  interception INTEGER NOT NULL DEFAULT 0,
  counter INTEGER NOT NULL DEFAULT 0,   -- of the highest instance that was let in
  random INTEGER NOT NULL DEFAULT 0,
  registered INTEGER NOT NULL
);
CREATE TABLE user (
  address TEXT PRIMARY KEY,
  guid BLOB NOT NULL REFERENCES gateway(guid),
  licence INTEGER NOT NULL REFERENCES licence(id),
  password TEXT NOT NULL,
  state INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL
);
CREATE INDEX user_guid ON user(guid);
CREATE INDEX user_licence ON user(licence);
CREATE TABLE device (
  user TEXT NOT NULL REFERENCES user(address) ON DELETE CASCADE,
  id BLOB NOT NULL,
  key BLOB,                             -- bound Ed25519 key; NULL: never bound
  pending_key BLOB,                     -- enrolled, waits for the gateway's DeviceBind
  suite INTEGER NOT NULL,
  state INTEGER NOT NULL DEFAULT 0,     -- 0 in use, 1 locked (password was reset), 2 revoked
  created INTEGER NOT NULL,
  PRIMARY KEY (user, id)
) WITHOUT ROWID;
CREATE TABLE pairing (
  user TEXT NOT NULL REFERENCES user(address) ON DELETE CASCADE,
  handle TEXT NOT NULL,
  expires INTEGER NOT NULL,
  PRIMARY KEY (user, handle)
) WITHOUT ROWID;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,                    -- administrator, gateway label, peer address
  act TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keeps BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
PRAGMA user_version = 1;
)sql";

inline constexpr const char* schema_2 = R"sql(
CREATE TABLE backup (
  guid BLOB PRIMARY KEY REFERENCES gateway(guid),
  version INTEGER NOT NULL,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  restore_key BLOB NOT NULL,            -- Ed25519: whoever has it may fetch the backup
  at INTEGER NOT NULL
);
CREATE INDEX backup_key ON backup(restore_key);
PRAGMA user_version = 2;
)sql";

}  // namespace tidegate::relay
