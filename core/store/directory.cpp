// SPDX-License-Identifier: Apache-2.0
#include "core/store/directory.hpp"

#include <algorithm>
#include <map>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/store/once.hpp"

namespace tidegate::store {

namespace {

constexpr const char* put_meta =
    "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value";

Result<void> put_all(void* sqlite, std::initializer_list<std::pair<std::string_view, View>> values) {
  for (const auto& [key, value] : values) {
    if (auto done = Once(sqlite, put_meta, key, blob(value)).finish(); !done) return done;
  }
  return {};
}

Bytes meta(void* sqlite, std::string_view key) {
  Once query(sqlite, "SELECT value FROM meta WHERE key = ?", key);
  return query.row() ? query.bytes(0) : Bytes();
}

/// GUID = first 128 bits of SHA-256(public key), so that nobody can claim it with another key.
Result<void> derive(Identity& identity) {
  const auto* seed = reinterpret_cast<const unsigned char*>(identity.secret.data());
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, identity.secret.size()), EVP_PKEY_free);
  std::array<unsigned char, 32> octets{};
  std::size_t size = octets.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), octets.data(), &size) != 1) {
    return fault(FaultKind::invalid, "directory",
                 "The gateway's identity in the state file is damaged; restore the state from a backup.");
  }
  identity.public_key.assign(reinterpret_cast<const char*>(octets.data()), size);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_size = 0;
  EVP_Digest(octets.data(), octets.size(), digest.data(), &digest_size, EVP_sha256(), nullptr);
  identity.guid.assign(reinterpret_cast<const char*>(digest.data()), 16);
  return {};
}

class StoredDirectory final : public Directory {
 public:
  StoredDirectory(sim::World& world, Log& log) : world_(world), log_(log) {}
  ~StoredDirectory() override {
    alive_.reset();
    OPENSSL_cleanse(identity_.secret.data(), identity_.secret.size());
    for (auto& [name, user] : users_) OPENSSL_cleanse(user.static_secret.data(), user.static_secret.size());
  }
  StoredDirectory(const StoredDirectory&) = delete;
  StoredDirectory& operator=(const StoredDirectory&) = delete;

  Result<void> load() {
    return log_.transact_at_start([this](void* sqlite) -> Result<void> {
      if (auto done = load_identity(sqlite); !done) return done;
      return load_rows(sqlite);
    });
  }

  const Identity& identity() const override { return identity_; }
  void registered(std::string license_id, std::string relay, Done<void> done) override {
    auto work = [license_id, relay](void* sqlite) {
      return put_all(sqlite, {{"license_id", license_id}, {"relay", relay}});
    };
    write(
        std::move(work),
        [this, license_id, relay] {
          identity_.license_id = license_id;
          identity_.relay = relay;
        },
        std::move(done));
  }

  std::vector<UserRow> users() const override {
    std::vector<UserRow> rows;
    for (const auto& [name, row] : users_) rows.push_back(row);
    return rows;
  }
  const UserRow* user(std::string_view name) const override {
    const auto found = users_.find(name);
    return found == users_.end() ? nullptr : &found->second;
  }
  void add_user(UserRow, Done<void>) override;
  void remove_user(const std::string& user, Done<void>) override;

  std::vector<DeviceRow> devices(std::string_view user) const override {
    std::vector<DeviceRow> rows;
    for (auto at = devices_.lower_bound(std::pair(Bytes(user), Bytes())); at != devices_.end(); ++at) {
      if (at->first.first != user) break;
      rows.push_back(at->second);
    }
    return rows;
  }
  const DeviceRow* device(std::string_view user, View id) const override {
    const auto found = devices_.find(std::pair(Bytes(user), Bytes(id)));
    return found == devices_.end() ? nullptr : &found->second;
  }
  void put_device(DeviceRow, Done<void>) override;
  void revoke_device(const std::string& user, View id, Done<void>) override;

  std::vector<CodeRow> codes() const override {
    std::vector<CodeRow> rows;
    for (const auto& [key, row] : codes_) rows.push_back(row);
    return rows;
  }
  const CodeRow* code(std::string_view user, std::string_view handle) const override {
    const auto found = codes_.find(std::pair(Bytes(user), Bytes(handle)));
    return found == codes_.end() ? nullptr : &found->second;
  }
  void put_code(CodeRow, Done<void>) override;
  void drop_code(const std::string& user, const std::string& handle, Done<void>) override;

 private:
  using Key = std::pair<Bytes, Bytes>;

  Result<void> load_identity(void* sqlite);
  Result<void> load_rows(void* sqlite);
  /// Memory follows the disk: `then` runs once the transaction is durable.
  template <class Work, class Then>
  void write(Work work, Then then, Done<void> done) {
    log_.transact(std::move(work), [alive = std::weak_ptr(alive_), then = std::move(then),
                                    done = std::move(done)](Result<void> result) mutable {
      if (alive.expired()) return;
      if (result) then();
      if (done) done(std::move(result));
    });
  }

  sim::World& world_;
  Log& log_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  Identity identity_;
  std::map<std::string, UserRow, std::less<>> users_;
  std::map<Key, DeviceRow> devices_;
  std::map<Key, CodeRow> codes_;
};

Result<void> StoredDirectory::load_identity(void* sqlite) {
  identity_.secret = meta(sqlite, "identity");
  if (identity_.secret.empty()) {
    identity_.secret.resize(32);
    world_.reactor().random(std::as_writable_bytes(std::span(identity_.secret)));
    if (auto done = put_all(sqlite, {{"identity", identity_.secret}}); !done) return done;
  }
  identity_.license_id = meta(sqlite, "license_id");
  identity_.relay = meta(sqlite, "relay");
  return derive(identity_);
}

Result<void> StoredDirectory::load_rows(void* sqlite) {
  Once users(sqlite, "SELECT user, site, static_secret, static_public, added FROM users");
  while (users.row()) {
    UserRow row{users.bytes(0), users.bytes(1), users.bytes(2), users.bytes(3), users.integer(4)};
    users_.emplace(row.user, std::move(row));
  }
  if (auto done = users.finish(); !done) return done;
  Once devices(
      sqlite,
      "SELECT user, id, name, suite, state, static_public, device_key, last_hash, previous_hash, paired, seen, "
      "expires FROM devices");
  while (devices.row()) {
    DeviceRow row;
    row.user = devices.bytes(0);
    row.id = devices.bytes(1);
    row.name = devices.bytes(2);
    row.suite = static_cast<std::uint32_t>(devices.integer(3));
    row.state = static_cast<DeviceState>(devices.integer(4));
    row.static_public = devices.bytes(5);
    row.device_key = devices.bytes(6);
    row.last_hash = devices.bytes(7);
    row.previous_hash = devices.bytes(8);
    row.paired = devices.integer(9);
    row.seen = devices.integer(10);
    row.expires = devices.integer(11);
    devices_.emplace(Key(row.user, row.id), std::move(row));
  }
  if (auto done = devices.finish(); !done) return done;
  Once codes(sqlite, "SELECT user, handle, secret, expires, bound_static, bound_device FROM codes");
  while (codes.row()) {
    CodeRow row{codes.bytes(0), codes.bytes(1), codes.bytes(2), codes.integer(3), codes.bytes(4), codes.bytes(5)};
    codes_.emplace(Key(row.user, row.handle), std::move(row));
  }
  return codes.finish();
}

void StoredDirectory::add_user(UserRow row, Done<void> done) {
  auto work = [row](void* sqlite) -> Result<void> {
    auto added =
        Once(sqlite, "INSERT INTO users(user, site, static_secret, static_public, added) VALUES(?, ?, ?, ?, ?)",
             row.user, row.site, blob(row.static_secret), blob(row.static_public), row.added)
            .finish();
    if (!added && added.error().kind == FaultKind::exists) {
      added.error().text = "This user is served already.";
      added.error().where = row.user;
    }
    return added;
  };
  write(std::move(work), [this, row] { users_.insert_or_assign(row.user, row); }, std::move(done));
}

void StoredDirectory::remove_user(const std::string& user, Done<void> done) {
  auto work = [user](void* sqlite) -> Result<void> {
    for (const auto* sql : {"DELETE FROM codes WHERE user = ?", "DELETE FROM devices WHERE user = ?",
                            "DELETE FROM commands WHERE user = ?", "DELETE FROM command_contents WHERE user = ?",
                            "DELETE FROM send_ledger WHERE user = ?", "DELETE FROM scheduling_ledger WHERE user = ?",
                            "DELETE FROM positions WHERE user = ?", "DELETE FROM users WHERE user = ?"}) {
      if (auto gone = Once(sqlite, sql, user).finish(); !gone) return gone;
    }
    return {};
  };
  write(
      std::move(work),
      [this, user] {
        std::erase_if(codes_, [&](const auto& entry) { return entry.first.first == user; });
        std::erase_if(devices_, [&](const auto& entry) { return entry.first.first == user; });
        users_.erase(user);
      },
      std::move(done));
}

void StoredDirectory::put_device(DeviceRow row, Done<void> done) {
  auto work = [row](void* sqlite) -> Result<void> {
    // A session that was under way when the device was revoked must not bring it back: only a pairing does.
    auto put =
        Once(sqlite,
             "INSERT INTO devices(user, id, name, suite, state, static_public, device_key, last_hash, previous_hash, "
             "paired, seen, expires) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(user, id) DO UPDATE SET "
             "name = excluded.name, suite = excluded.suite, state = excluded.state, "
             "static_public = excluded.static_public, device_key = excluded.device_key, "
             "last_hash = excluded.last_hash, previous_hash = excluded.previous_hash, paired = excluded.paired, "
             "seen = excluded.seen, expires = excluded.expires "
             "WHERE devices.state <> ? OR (excluded.state = ? AND excluded.static_public <> x'')",
             row.user, blob(row.id), row.name, row.suite, row.state, blob(row.static_public), blob(row.device_key),
             blob(row.last_hash), blob(row.previous_hash), row.paired, row.seen, row.expires, DeviceState::revoked,
             DeviceState::pairing)
            .finish();
    if (put && sqlite3_changes(static_cast<sqlite3*>(sqlite)) == 0)
      return fault(FaultKind::denied, row.user, "This device was revoked.");
    return put;
  };
  write(std::move(work), [this, row] { devices_.insert_or_assign(Key(row.user, row.id), row); }, std::move(done));
}

void StoredDirectory::revoke_device(const std::string& user, View id, Done<void> done) {
  const Key key(user, Bytes(id));
  auto work = [key](void* sqlite) -> Result<void> {
    auto marked = Once(sqlite,
                       "UPDATE devices SET state = ?, static_public = x'', device_key = x'', last_hash = x'', "
                       "previous_hash = x'' WHERE user = ? AND id = ?",
                       DeviceState::revoked, key.first, blob(key.second))
                      .finish();
    if (!marked) return marked;
    if (sqlite3_changes(static_cast<sqlite3*>(sqlite)) == 0) {
      return fault(FaultKind::not_found, key.first, "This user has no such device.");
    }
    // It no longer holds the floor of the tombstones, and no code leads back to it.
    if (auto gone =
            Once(sqlite, "DELETE FROM codes WHERE user = ? AND bound_device = ?", key.first, blob(key.second)).finish();
        !gone)
      return gone;
    return Once(sqlite, "DELETE FROM positions WHERE user = ? AND device = ?", key.first, blob(key.second)).finish();
  };
  write(
      std::move(work),
      [this, key] {
        std::erase_if(codes_, [&](const auto& entry) {
          return entry.first.first == key.first && entry.second.bound_device == key.second;
        });
        const auto found = devices_.find(key);
        if (found == devices_.end()) return;
        auto& row = found->second;
        row.state = DeviceState::revoked;
        for (auto* secret : {&row.static_public, &row.device_key, &row.last_hash, &row.previous_hash}) secret->clear();
      },
      std::move(done));
}

void StoredDirectory::put_code(CodeRow row, Done<void> done) {
  auto work = [row](void* sqlite) {
    return Once(sqlite,
                "INSERT INTO codes(user, handle, secret, expires, bound_static, bound_device) VALUES(?, ?, ?, ?, ?, ?) "
                "ON CONFLICT(user, handle) DO UPDATE SET secret = excluded.secret, expires = excluded.expires, "
                "bound_static = excluded.bound_static, bound_device = excluded.bound_device",
                row.user, row.handle, blob(row.secret), row.expires, blob(row.bound_static), blob(row.bound_device))
        .finish();
  };
  write(std::move(work), [this, row] { codes_.insert_or_assign(Key(row.user, row.handle), row); }, std::move(done));
}

void StoredDirectory::drop_code(const std::string& user, const std::string& handle, Done<void> done) {
  const Key key(user, handle);
  auto work = [key](void* sqlite) {
    return Once(sqlite, "DELETE FROM codes WHERE user = ? AND handle = ?", key.first, key.second).finish();
  };
  write(std::move(work), [this, key] { codes_.erase(key); }, std::move(done));
}

}  // namespace

bool Directory::readable_by_relay(std::string_view user, std::int64_t now) const {
  return std::ranges::any_of(devices(user), [now](const auto& device) { return device.readable_by_relay(now); });
}

Result<std::unique_ptr<Directory>> Directory::open(sim::World& world, Log& log) {
  auto made = std::make_unique<StoredDirectory>(world, log);
  if (auto loaded = made->load(); !loaded) return std::unexpected(std::move(loaded.error()));
  return made;
}

}  // namespace tidegate::store
