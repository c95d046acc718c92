// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/backup.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/e2e/backup.hpp"
#include "core/e2e/digest.hpp"
#include "core/gateway/recovery.hpp"
#include "core/store/snapshot.hpp"

namespace tidegate::gateway {
namespace {

using namespace std::chrono_literals;
using wire::Code;

constexpr std::size_t block = 2 * wire::backup_part;  // lane 0 stays quick for others even at 1 Mbit/s
constexpr std::size_t write_at = std::size_t{256} << 10;
constexpr unsigned strikes_most = 5, conflicts_most = 3;
constexpr std::chrono::milliseconds after_failure = 1h;

}  // namespace

Backup::Backup(Wiring wiring) : wiring_(std::move(wiring)), pool_(wiring_.world.pool("backup", 1, 16)) {}

Backup::~Backup() {
  *stop_ = true;
  alive_.reset();
  pool_.reset();
}

Result<std::unique_ptr<Backup>> Backup::make(Wiring wiring) {
  std::unique_ptr<Backup> made(new Backup(std::move(wiring)));
  auto state = store::load_backup_state(made->wiring_.log);
  if (!state) return std::unexpected(std::move(state.error()));
  made->version_ = state->version;
  made->restored_from_ = state->restored_from;
  made->kept_ = state->kept;
  // What an earlier process sealed is older than what it left.
  (void)made->wiring_.world.files().remove(made->wiring_.spool);
  return made;
}

void Backup::start() {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(wiring_.world.reactor().wall().time_since_epoch());
  const auto next = std::chrono::seconds(kept_.at) + wiring_.every - now;
  arm(std::max<std::chrono::milliseconds>(wiring_.soon, std::min<std::chrono::milliseconds>(next, wiring_.every)));
}

void Backup::soon() {
  if (busy_) again_ = true;
  arm(wiring_.soon);
}

/// The earlier of two wins.
void Backup::arm(std::chrono::milliseconds delay) {
  const auto at = wiring_.world.reactor().now() + delay;
  if (busy_ || (due_ && *due_ <= at)) return;
  due_ = at;
  timer_ = wiring_.world.reactor().at(at, [this] { take(); });
}

void Backup::now(store::Done<Kept> done) {
  if (busy_) {
    // The one under way began before this question.
    again_ = true;
    asked_again_.push_back(std::move(done));
    return;
  }
  asked_.push_back(std::move(done));
  take();
}

// --- sealing

void Backup::take() {
  if (busy_) return;
  busy_ = true;
  again_ = false;
  due_.reset();
  timer_.reset();
  const auto version = under_way_ = ++version_;
  store::put_backup_version(
      wiring_.log, version, if_alive([this, version](Result<void> durable) {
        if (!durable) return failed(durable.error());
        const bool taken = pool_->submit(
            [this, version, stop = stop_, alive = std::weak_ptr(alive_), &reactor = wiring_.world.reactor()] {
              auto sealed = seal(wiring_, version, *stop);
              reactor.post([this, alive, sealed = std::move(sealed)]() mutable {
                if (alive.expired()) return;
                if (!sealed) return failed(sealed.error());
                sealed_ = std::move(*sealed);
                strikes_ = 0;
                begin();
              });
            });
        if (!taken) failed({FaultKind::unavailable, "backup", "the gateway is too busy to make a backup", {}, {}});
      }));
}

/// On the pool; touches nothing of ours but the wiring, which outlives it.
Result<Backup::Sealed> Backup::seal(const Wiring& wiring, std::uint64_t version, const std::atomic<bool>& stop) {
  auto& files = wiring.world.files();
  auto key = load_recovery_key(wiring.world, wiring.key_path);
  if (!key) return std::unexpected(std::move(key.error()));
  e2e::BackupSealer sealer(*key, wiring.guid, version,
                           [&](std::span<std::byte> into) { wiring.world.reactor().random(into); });
  OPENSSL_cleanse(key->data(), key->size());
  (void)files.remove(wiring.spool);
  if (auto made = files.create(wiring.spool, {}, 0600); !made) return std::unexpected(std::move(made.error()));
  Sealed sealed;
  e2e::Digest digest;
  Bytes out;
  const auto write = [&]() -> Result<void> {
    digest.add(out);
    sealed.size += out.size();
    auto written = files.append(wiring.spool, out);
    out.clear();
    return written;
  };
  const auto at = std::chrono::duration_cast<std::chrono::seconds>(wiring.world.reactor().wall().time_since_epoch());
  auto done = store::write_snapshot(wiring.world, wiring.database, at.count(), [&](View plain) -> Result<void> {
    if (stop) return fault(FaultKind::cancelled, "backup", "the gateway is stopping");
    sealer.add(plain, out);
    return out.size() < write_at ? Result<void>() : write();
  });
  if (done) {
    sealer.finish(out);
    done = write();
  }
  if (!done) {
    (void)files.remove(wiring.spool);
    return std::unexpected(std::move(done.error()));
  }
  sealed.sha256 = digest.finish();
  return sealed;
}

// --- sending

void Backup::opened() {
  if (!std::exchange(waiting_for_channel_, false)) return;
  timer_.reset();
  begin();
}

void Backup::begin() {
  auto key = load_recovery_key(wiring_.world, wiring_.key_path);
  if (!key) return failed(key.error());
  const auto login = e2e::restore_login(*key);
  OPENSSL_cleanse(key->data(), key->size());
  wiring_.request(
      wire::BackupBegin{.version = under_way_,
                        .size = sealed_.size,
                        .sha256 = sealed_.sha256,
                        .restore_key = Bytes(reinterpret_cast<const char*>(login.open.data()), login.open.size())},
      if_alive([this](wire::Answer answer) { begun(answer); }));
}

void Backup::begun(const wire::Answer& answer) {
  if (answer.code == Code::unavailable) return wait_for_channel();
  if (answer.code == Code::conflict && answer.number >= under_way_ && ++conflicts_ <= conflicts_most) {
    // The relay's is no older: this state was set back. Ours is what counts from now on.
    version_ = std::max(version_, answer.number);
    busy_ = false;
    return take();
  }
  if (answer.code != Code::ok) return failed({FaultKind::denied, "backup", answer.text, {}, {}});
  at_ = reached_ = std::min(answer.number, sealed_.size);
  if (at_ == sealed_.size) return complete();
  send();
}

void Backup::send() {
  const bool taken =
      pool_->submit([this, at = at_, alive = std::weak_ptr(alive_), &world = wiring_.world, path = wiring_.spool] {
        auto octets = world.files().read_part(path, at, block);
        world.reactor().post([this, at, alive, octets = std::move(octets)]() mutable {
          if (alive.expired()) return;
          if (!octets || octets->empty())
            return failed({FaultKind::unavailable, wiring_.spool, "the sealed backup cannot be read again", {}, {}});
          refused_.reset();
          unanswered_ = (octets->size() + wire::backup_part - 1) / wire::backup_part;
          for (std::size_t part = 0; part < octets->size(); part += wire::backup_part)
            wiring_.request(
                wire::BackupPart{
                    .version = under_way_, .from = at + part, .octets = octets->substr(part, wire::backup_part)},
                if_alive([this](wire::Answer answer) { sent(answer); }));
        });
      });
  if (!taken) failed({FaultKind::unavailable, "backup", "the gateway is too busy to send a backup", {}, {}});
}

void Backup::sent(const wire::Answer& answer) {
  if (answer.code == Code::ok)
    reached_ = std::max(reached_, std::min(answer.number, sealed_.size));
  else if (!refused_)
    refused_ = answer;  // what follows it only follows from it
  if (--unanswered_ > 0) return;
  if (reached_ == sealed_.size) return complete();
  strikes_ = reached_ > at_ ? 0 : strikes_ + 1;
  at_ = reached_;
  if (strikes_ > strikes_most)
    return failed({FaultKind::unavailable, "backup", "the relay takes nothing of the backup", {}, {}});
  if (!refused_) return send();
  if (refused_->code == Code::unavailable) return wait_for_channel();
  if (refused_->code == Code::not_found) return begin();  // the relay was started anew
  failed({FaultKind::denied, "backup", refused_->text, {}, {}});
}

/// opened() goes on; or a while later, if the channel was there all the time.
void Backup::wait_for_channel() {
  waiting_for_channel_ = true;
  timer_ = wiring_.world.reactor().after(60s, [this] { opened(); });
}

// --- the end

void Backup::complete() {
  const auto at = std::chrono::duration_cast<std::chrono::seconds>(wiring_.world.reactor().wall().time_since_epoch());
  const Kept kept{under_way_, sealed_.size, at.count()};
  store::put_backup_kept(wiring_.log, kept, if_alive([this, kept](Result<void> durable) {
                           if (!durable) return failed(durable.error());
                           kept_ = kept;
                           trouble_.clear();
                           wiring_.note(
                               2, fmt::format("backup {} is at the relay: {} octets, sealed", kept.version, kept.size));
                           answer(kept);
                           rest(again_ ? wiring_.soon : wiring_.every);
                         }));
}

void Backup::failed(const Fault& why) {
  if (why.text != trouble_) wiring_.alarm("the state could not be backed up at the relay: " + why.text);
  trouble_ = why.text;
  answer(std::unexpected(why));
  rest(std::min(after_failure, wiring_.every));
}

void Backup::answer(const Result<Kept>& result) {
  for (auto& done : std::exchange(asked_, {})) done(result);
}

void Backup::rest(std::chrono::milliseconds until_next) {
  conflicts_ = 0;
  (void)wiring_.world.files().remove(wiring_.spool);
  waiting_for_channel_ = false;
  timer_.reset();
  busy_ = false;
  asked_ = std::exchange(asked_again_, {});
  if (!asked_.empty()) return take();
  arm(until_next);
}

void Backup::heard(std::uint64_t version) {
  // After a restore our own numbers go on beyond those that may have been lost, whenever the device comes.
  const bool lost = restored_from_ != 0 && version > restored_from_ && version <= restored_from_ + store::numbers_lost;
  const bool ahead = version > version_ && version <= version_ + (std::uint64_t{1} << 32);
  if (!lost && !ahead) return;
  wiring_.alarm(
      fmt::format("a device knows backup {} of this gateway, whose own last is {}: its state was set back to an "
                  "older copy. Revocations since then are lost: look at tidegatectl device list.",
                  version, lost ? restored_from_ : version_));
  if (lost) {
    restored_from_ = version;
    store::put_restored_from(wiring_.log, version, [](const Result<void>&) {});
  }
  if (!ahead) return;
  // Later ones are to be higher than any that was told, and one alarm is enough.
  version_ = version;
  store::put_backup_version(wiring_.log, version, [](const Result<void>&) {});
}

}  // namespace tidegate::gateway
