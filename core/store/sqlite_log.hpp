// SPDX-License-Identifier: Apache-2.0
// The Log over one SQLite database: a writer, readers, and the two clocks it keeps itself (limbo, tombstones).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/store/log.hpp"
#include "core/store/readers.hpp"
#include "core/store/start.hpp"
#include "core/store/view_edit.hpp"
#include "core/store/writer.hpp"

namespace tidegate::store {

class SqliteLog final : public Log {
 public:
  SqliteLog(sim::World&, Settings, Start, std::unique_ptr<Writer>, std::unique_ptr<Readers>);
  ~SqliteLog() override;
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  std::uint64_t start_counter() const override { return start_.counter; }

  void raise_start_counter(Done<std::uint64_t>) override;
  void ensure_view(const std::string& user, const std::string& mailbox, const std::string& actor,
                   const std::string& site, Done<ViewRow>) override;
  void views(const std::string& user, Done<std::vector<ViewRow>>) override;
  void forget_user(const std::string& user, Done<void>) override;
  void head(ViewId, Done<Head>) override;

  void anchor(ViewId, const std::string& backend, View scope, Done<Bytes>) override;
  void apply(ApplyPage, Done<Applied>) override;
  void expire_anchor(ViewId, const std::string& backend, View scope, FaultKind why, Done<void>) override;
  void effect(Effect, Done<Effected>) override;
  void on_settled(std::function<void(ViewId, std::uint64_t)> heard) override { settled_ = std::move(heard); }

  void on_held(std::function<void(const HoldRow&)> heard) override { held_ = std::move(heard); }
  void holds(Done<std::vector<HoldRow>>) override;
  void decide_hold(std::uint64_t number, bool release, Done<void>) override;

  void folders(ViewId, Done<std::vector<FolderRow>>) override;
  void changes(ViewId, std::uint64_t above, std::size_t limit, Done<std::vector<ItemRow>>) override;
  void backfill(ViewId, BackfillQuery, std::size_t limit, Done<std::vector<ItemRow>>) override;
  void backfill_remaining(ViewId, BackfillQuery, Done<std::uint64_t>) override;
  void items(ViewId, std::vector<Gid>, Done<std::vector<ItemRow>>) override;
  void chosen(ViewId, const Gid&, Done<Chosen>) override;
  void buckets(ViewId, std::vector<Since> folders, Done<std::vector<Bucket>>) override;
  void bucket(ViewId, Gid folder, std::uint32_t month, Done<std::vector<ItemRow>>) override;

  void remember_position(const std::string& user, View device_id, ViewId, std::uint64_t live, Bytes encoded,
                         Done<void>) override;
  void transact(std::move_only_function<Result<void>(void* sqlite)>, Done<void>) override;
  Result<void> transact_here(std::move_only_function<Result<void>(void* sqlite)>) override;
  void look(std::move_only_function<Result<void>(void* sqlite)>, Done<void>) override;
  Result<void> transact_at_start(std::move_only_function<Result<void>(void* sqlite)>) override;

 private:
  EditContext context() const;
  std::int64_t wall_seconds() const;
  void arm_limbo(std::chrono::nanoseconds);
  void release();
  void tell_held(std::vector<std::int64_t> numbers);
  void arm_tidy();
  void tidy();

  sim::World& world_;
  const Settings settings_;
  const Start start_;
  std::function<void(ViewId, std::uint64_t)> settled_;
  std::function<void(const HoldRow&)> held_;
  std::unique_ptr<Timer> limbo_timer_, tidy_timer_;
  bool releasing_ = false;
  std::unique_ptr<Readers> readers_;
  std::unique_ptr<Writer> writer_;  // after readers_: it ends first and closes the database last but one
};

}  // namespace tidegate::store
