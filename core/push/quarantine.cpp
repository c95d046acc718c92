// SPDX-License-Identifier: Apache-2.0
#include "core/push/quarantine.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::push {
namespace {

constexpr std::size_t most_kept = 10'000;  // more are left out for a session only
constexpr std::size_t piece = 256 * 1024;
constexpr std::chrono::seconds longest_pause{24 * 3600};

/// A mailbox that cannot be reached says nothing of the item.
bool speaks_of_item(FaultKind kind) {
  switch (kind) {
    case FaultKind::auth:
    case FaultKind::throttled:
    case FaultKind::cancelled:
    case FaultKind::not_found:
    case FaultKind::anchor_expired:
    case FaultKind::regressed:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::string digits(const store::Gid& gid) {
  std::string text;
  for (const auto octet : gid) text += fmt::format("{:02x}", static_cast<unsigned>(octet));
  return text;
}

Quarantine::Quarantine(sim::World& world, store::Log& log, account::Accounts& accounts, std::chrono::seconds first,
                       Changed changed)
    : world_(world), log_(log), accounts_(accounts), first_(first), changed_(std::move(changed)) {}

Result<void> Quarantine::load() {
  auto loaded = log_.transact_at_start([this](void* sqlite) -> Result<void> {
    if (auto tidy = store::tidy_quarantine(sqlite); !tidy) return tidy;
    auto rows = store::find_quarantine(sqlite);
    if (!rows) return std::unexpected(rows.error());
    for (auto& row : *rows) {
      const Key key{row.view, row.gid};
      kept_[key] = {std::move(row), world_.reactor().now() + first_};
    }
    return {};
  });
  arm();
  return loaded;
}

bool Quarantine::holds(store::ViewId view, const store::ItemRow& row) const {
  const auto found = kept_.find({view, row.gid});
  return found != kept_.end() && row.seq() <= found->second.row.seq;
}

void Quarantine::forget_user(const std::string& user) {
  std::erase_if(kept_, [&](const auto& each) { return each.second.row.user == user; });
  arm();
}

std::vector<store::QuarantineRow> Quarantine::rows() const {
  std::vector<store::QuarantineRow> all;
  for (const auto& [key, kept] : kept_) all.push_back(kept.row);
  std::ranges::sort(all, {}, &store::QuarantineRow::since);
  return all;
}

void Quarantine::add(const std::string& user, store::ViewId view, const store::ItemRow& item, unsigned tries,
                     const Fault& fault, Kept kept) {
  const Key key{view, item.gid};
  const auto found = kept_.find(key);
  if (found == kept_.end() && kept_.size() + writing_ >= most_kept) return kept({});
  store::QuarantineRow row{.view = view,
                           .user = user,
                           .gid = item.gid,
                           .backend = item.backend,
                           .id = item.id,
                           .attempts = tries,
                           .since = found == kept_.end() ? unix_now() : found->second.row.since,
                           .reason = fault.text,
                           .seq = item.seq()};
  keep(key, std::move(row), std::move(kept));
}

/// Disk first: what is passed by because of a row that a crash then loses is never sent.
void Quarantine::keep(const Key& key, store::QuarantineRow row, Kept kept) {
  ++writing_;
  log_.transact([row](void* sqlite) { return store::put_quarantine(sqlite, row); },
                [this, alive = std::weak_ptr(alive_), key, row, kept = std::move(kept)](Result<void> written) mutable {
                  if (alive.expired()) return;
                  --writing_;
                  if (written) {
                    auto& entry = kept_[key];
                    row.attempts += entry.row.attempts;
                    const auto due = later(row.since);
                    entry = {std::move(row), due};
                    arm();
                  }
                  kept(std::move(written));
                });
}

void Quarantine::readable(store::ViewId view, const store::Gid& gid) {
  if (knows(view, gid)) forget({view, gid});
}

/// The row on disk is tidied away with the next one that is found gone, or at the next start.
void Quarantine::gone(store::ViewId view, const store::Gid& gid) {
  if (kept_.erase({view, gid}) != 0) arm();
}

Result<void> Quarantine::retry(std::string_view wanted) {
  bool any = false;
  for (auto& [key, kept] : kept_) {
    if (!digits(key.second).starts_with(wanted)) continue;
    any = true;
    kept.due = world_.reactor().now();
  }
  if (!any && !wanted.empty())
    return fault(FaultKind::not_found, std::string(wanted),
                 "no item in quarantine has that id: tidegatectl quarantine list shows all");
  arm();
  return {};
}

// --- trying again

std::int64_t Quarantine::unix_now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(world_.reactor().wall().time_since_epoch()).count();
}

sim::Instant Quarantine::later(std::int64_t since) const {
  const std::chrono::seconds age(std::max<std::int64_t>(0, unix_now() - since));
  return world_.reactor().now() + std::clamp(age, first_, std::max(first_, longest_pause));
}

void Quarantine::arm() {
  timer_.reset();
  if (kept_.empty() || asking_) return;
  const auto next = std::ranges::min_element(kept_, {}, [](const auto& each) { return each.second.due; });
  timer_ = world_.reactor().at(next->second.due, [this, key = next->first] { ask(key); });
}

void Quarantine::ask(const Key& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return arm();
  asking_ = true;
  log_.items(key.first, {key.second},
             [this, alive = std::weak_ptr(alive_), key](Result<std::vector<store::ItemRow>> rows) {
               if (alive.expired()) return;
               if (!rows) return failed(key, rows.error());
               if (!rows->empty() && rows->front().seq_gone == 0) return read(key, rows->front(), 0);
               kept_.erase(key);
               log_.transact([](void* sqlite) { return store::tidy_quarantine(sqlite); }, [](Result<void>) {});
               asked();
             });
}

void Quarantine::read(const Key& key, const store::ItemRow& row, std::uint64_t from) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return asked();  // by a feed, meanwhile
  accounts_.read(found->second.row.user, key.first, row, from, piece, false,
                 [this, alive = std::weak_ptr(alive_), key, row, from](Result<account::Accounts::Piece> part) {
                   if (alive.expired()) return;
                   if (!part) return failed(key, part.error());
                   const auto reached = from + part->length;
                   if (part->length != 0 && reached < part->total) return read(key, row, reached);
                   if (reached >= part->total) {
                     forget(key);
                     return asked();
                   }
                   failed(key, Fault{FaultKind::invalid, row.backend, "The item ends before its end.", {}, {}});
                 });
}

void Quarantine::failed(const Key& key, const Fault& why) {
  if (const auto found = kept_.find(key); found != kept_.end()) {
    auto row = found->second.row;
    const bool of_item = speaks_of_item(why.kind);
    row.attempts = of_item ? 1 : 0;
    if (of_item) row.reason = why.text;
    found->second.due = later(row.since);
    keep(key, std::move(row), [](Result<void>) {});
  }
  asked();
}

void Quarantine::forget(const Key& key) {
  kept_.erase(key);
  auto head = std::make_shared<std::uint64_t>(0);
  log_.transact([key, head](void* sqlite) { return store::release_quarantine(sqlite, key.first, key.second, *head); },
                [this, alive = std::weak_ptr(alive_), view = key.first, head](Result<void> done) {
                  if (!alive.expired() && done && *head != 0) changed_(view, *head);
                });
  arm();
}

void Quarantine::asked() {
  asking_ = false;
  arm();
}

}  // namespace tidegate::push
