// SPDX-License-Identifier: Apache-2.0
// A log on a host of a virtual world, and its callbacks turned into answers.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/sim/virtual_world.hpp"
#include "core/store/log.hpp"

namespace tidegate::store {

/// Runs the world until the one callback came.
template <class T, class Ask>
Result<T> answer_of(sim::VirtualWorld& world, Ask&& ask) {
  auto got = std::make_shared<std::optional<Result<T>>>();
  ask(Done<T>([got](Result<T> result) { got->emplace(std::move(result)); }));
  if (!world.run_until([&] { return got->has_value(); }, std::chrono::seconds(60))) {
    return fault(FaultKind::cancelled, "test", "No answer came.");
  }
  return std::move(**got);
}

inline Upsert item(const std::string& id, const std::string& folder, std::int64_t received, std::uint32_t flags = 0) {
  Upsert u{};
  u.id = id;
  u.folders = {folder};
  u.content_rev = "c";
  u.kind = Kind::mail;
  u.size = 100;
  u.received = std::chrono::sys_seconds(std::chrono::seconds(received));
  u.flags = flags;
  for (std::size_t i = 0; i < 8; ++i) u.fingerprint[i] = static_cast<std::byte>(received >> (8 * i));
  u.fingerprint[19] = std::byte{1};
  return u;
}

inline FolderUpsert folder(const std::string& id, Role role = Role::none) {
  return {{id, {}, id, id, Kind::mail, role, 0}};
}

struct LogBed {
  explicit LogBed(std::uint64_t seed = 1) : world(seed), host(world.host("gateway")) { open(); }
  ~LogBed() { log.reset(); }
  LogBed(const LogBed&) = delete;
  LogBed& operator=(const LogBed&) = delete;

  void open() {
    auto opened = Log::open(host, settings);
    ASSERT_TRUE(opened) << opened.error().text << " " << opened.error().cause;
    log = std::move(*opened);
    log->on_settled([this](ViewId, std::uint64_t head) { settled.push_back(head); });
  }
  void close() { log.reset(); }
  void kill() {
    host.kill([this] { log.reset(); });
    open();
  }
  void power_cut() {
    host.power_cut([this] { log.reset(); });
    open();
  }

  ViewId view(const std::string& user = "ann") {
    return answer_of<ViewRow>(world, [&](auto done) { log->ensure_view(user, user, user, "hq", std::move(done)); })->id;
  }
  Bytes anchor(ViewId view, const std::string& scope) {
    return *answer_of<Bytes>(world, [&](auto done) { log->anchor(view, "mail", scope, std::move(done)); });
  }
  /// From the stored anchor to the one given.
  Result<Applied> apply(ViewId view, const std::string& scope, std::vector<Change> changes, const std::string& to,
                        bool more = false) {
    ApplyPage page{view, "mail", scope, anchor(view, scope), {std::move(changes), to, more}};
    return answer_of<Applied>(world, [&](auto done) { log->apply(std::move(page), std::move(done)); });
  }
  Result<void> expire(ViewId view, const std::string& scope, FaultKind why = FaultKind::anchor_expired) {
    return answer_of<void>(world, [&](auto done) { log->expire_anchor(view, "mail", scope, why, std::move(done)); });
  }
  Head head(ViewId view) {
    return *answer_of<Head>(world, [&](auto done) { log->head(view, std::move(done)); });
  }
  std::vector<ItemRow> changes(ViewId view, std::uint64_t above = 0, std::size_t limit = 100000) {
    return *answer_of<std::vector<ItemRow>>(world,
                                            [&](auto done) { log->changes(view, above, limit, std::move(done)); });
  }
  std::vector<FolderRow> folders(ViewId view) {
    return *answer_of<std::vector<FolderRow>>(world, [&](auto done) { log->folders(view, std::move(done)); });
  }
  FolderRow folder_named(ViewId view, const std::string& id) {
    for (auto& row : folders(view)) {
      if (row.id == id) return row;
    }
    return {};
  }
  std::vector<ItemRow> backfill(ViewId view, const BackfillQuery& query, std::size_t limit) {
    return *answer_of<std::vector<ItemRow>>(world,
                                            [&](auto done) { log->backfill(view, query, limit, std::move(done)); });
  }
  void wait(std::chrono::nanoseconds time) { world.run_for(time); }

  sim::VirtualWorld world;
  sim::VirtualHost& host;
  Settings settings{.path = "state/log.db", .page_cache_mib = 4};
  std::vector<std::uint64_t> settled;
  std::unique_ptr<Log> log;
};

}  // namespace tidegate::store
