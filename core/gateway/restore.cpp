// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/restore.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "core/e2e/backup.hpp"
#include "core/gateway/recovery.hpp"
#include "core/link/retrieval.hpp"

namespace tidegate::gateway {
namespace {

constexpr std::size_t read_at_once = std::size_t{256} << 10;

class Restore final : public Restoring {
 public:
  Restore(sim::World& world, const Config& config, RestoreOrder order,
          std::move_only_function<void(Result<Restored>)> done)
      : world_(world), files_(world.files()), config_(config), order_(std::move(order)), done_(std::move(done)) {
    const auto& state = config_.gateway.state;
    fetched_ = state / "restore.sealed";
    database_ = state / "restore.db";
    if (auto ready = prepare(); !ready) {
      end(std::unexpected(std::move(ready.error())));
      return;
    }
    const auto login = e2e::restore_login(order_.key);
    const auto seed = login.secret.octets();
    retrieving_ = link::retrieve_backup(
        world_, config_.link,
        {.seed = Bytes(reinterpret_cast<const char*>(seed.data()), seed.size()),
         .from = order_.file.empty() ? 0 : UINT64_MAX,
         .take = [this](const wire::Retrieved& piece) { return files_.append(fetched_, piece.octets); },
         .done = [this](Result<wire::Retrieved> answer) { answered(std::move(answer)); }});
  }
  ~Restore() override { OPENSSL_cleanse(order_.key.data(), order_.key.size()); }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  /// What an earlier try left goes; a state stays.
  Result<void> prepare() {
    const auto& state = config_.gateway.state;
    if (auto made = files_.make_directories(state); !made) return made;
    auto there = files_.info(state_path(config_));
    if (!there) return std::unexpected(std::move(there.error()));
    if (*there)
      return fault(
          FaultKind::exists, state_path(config_),
          "this gateway has a state; a restore is for one that lost it. Move the directory's files away first, "
          "if you are sure");
    for (const auto& left : {fetched_, database_, database_ + "-wal", database_ + "-shm", database_ + "-journal"})
      if (auto gone = files_.remove(left); !gone && gone.error().kind != FaultKind::not_found) return gone;
    return files_.create(fetched_, {}, 0600);
  }

  void answered(Result<wire::Retrieved> answer) {
    if (answer) {
      newest_ = answer->version;
    } else if (order_.file.empty()) {
      return end(std::unexpected(std::move(answer.error())));
    } else if (!order_.accept_older) {
      return end(fault(FaultKind::denied, order_.file,
                       "whether this copy is the newest could not be asked (" + answer.error().text +
                           "); --accept-older takes it all the same"));
    }
    auto opened = open(order_.file.empty() ? fetched_ : order_.file);
    if (!opened) return end(std::unexpected(std::move(opened.error())));
    end(name_state(*opened));
  }

  Result<Restored> open(const std::string& sealed) {
    auto import = store::SnapshotImport::make(world_, database_);
    if (!import) return std::unexpected(std::move(import.error()));
    e2e::BackupOpener opener(order_.key);
    bool checked = false;
    for (std::uint64_t at = 0;;) {
      auto octets = files_.read_part(sealed, at, read_at_once);
      if (!octets) return std::unexpected(std::move(octets.error()));
      if (octets->empty()) break;
      at += octets->size();
      Bytes plain;
      auto fed = opener.feed(*octets, plain);
      if (fed && !plain.empty() && !std::exchange(checked, true)) fed = check_age(opener.head()->version);
      if (fed) fed = (*import)->feed(plain);
      OPENSSL_cleanse(plain.data(), plain.size());
      if (!fed) return std::unexpected(std::move(fed.error()));
    }
    if (auto whole = opener.finish(); !whole) return std::unexpected(std::move(whole.error()));
    const auto version = opener.head()->version;
    auto contents = (*import)->finish(std::max(version, newest_));
    if (!contents) return std::unexpected(std::move(contents.error()));
    return Restored{version, newest_, *contents};
  }

  Result<void> check_age(std::uint64_t version) const {
    if (version >= newest_ || order_.accept_older) return {};
    return fault(
        FaultKind::denied, "backup",
        fmt::format("this is backup {}, and the relay knows of backup {}: what was paired and revoked in between "
                    "would be lost. Find the newer one, or take this with --accept-older",
                    version, newest_));
  }

  /// The key first: a state without its key would make another one.
  Result<Restored> name_state(Restored made) {
    auto done = put_recovery_key(world_, recovery_path(config_), order_.key);
    if (done) done = files_.sync(database_);
    if (done) done = files_.rename(database_, state_path(config_));
    if (done) done = files_.sync_directory(config_.gateway.state);
    if (!done) return std::unexpected(std::move(done.error()));
    (void)files_.remove(fetched_);
    return made;
  }

  void end(Result<Restored> result) {
    if (!result) (void)files_.remove(fetched_);
    timer_ = world_.reactor().at(world_.reactor().now(), [this, result = std::move(result)]() mutable {
      auto done = std::move(done_);
      done(std::move(result));
    });
  }

  sim::World& world_;
  sim::Files& files_;
  Config config_;
  RestoreOrder order_;
  std::move_only_function<void(Result<Restored>)> done_;
  std::string fetched_, database_;
  std::uint64_t newest_ = 0;
  std::unique_ptr<link::Retrieving> retrieving_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace

std::unique_ptr<Restoring> restore(sim::World& world, const Config& config, RestoreOrder order,
                                   std::move_only_function<void(Result<Restored>)> done) {
  return std::make_unique<Restore>(world, config, std::move(order), std::move(done));
}

}  // namespace tidegate::gateway
