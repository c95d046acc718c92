// SPDX-License-Identifier: Apache-2.0
#include "core/store/writer.hpp"

#include <algorithm>

namespace tidegate::store {

namespace {

constexpr std::size_t most_changes = 1000;     ///< a group
constexpr std::size_t most_waiting = 100'000;  ///< jobs; beyond that they are refused
constexpr std::chrono::milliseconds sync_within{20};
constexpr std::chrono::seconds rest_after{30};
constexpr int checkpoint_every = 4000;  ///< pages of 4 KiB
/// A checkpoint beside a busy writer never reaches the WAL's end, and the WAL never begins anew; from here on the
/// writer does the last stretch itself.
constexpr int wal_bound = 65536;

Fault too_busy() {
  return Fault{FaultKind::unavailable, "log", "The gateway's state cannot keep up; it is asked again later.", {}, {}};
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::make(sim::World& world, const std::string& path,
                                             std::unique_ptr<Database> write, std::chrono::milliseconds group_window) {
  auto sync = Database::open(world, path, Database::Use::read, 256);
  if (!sync) return std::unexpected(std::move(sync.error()));
  auto move = Database::open(world, path, Database::Use::read, 256);
  if (!move) return std::unexpected(std::move(move.error()));
  return std::unique_ptr<Writer>(new Writer(world, std::move(write), std::move(*sync), std::move(*move), group_window));
}

Writer::Writer(sim::World& world, std::unique_ptr<Database> write, std::unique_ptr<Database> sync,
               std::unique_ptr<Database> move, std::chrono::milliseconds group_window)
    : world_(world),
      group_window_(group_window),
      write_(std::move(write)),
      sync_(std::move(sync)),
      move_(std::move(move)),
      writing_(world.pool("log-write", 1, 4)),
      syncing_(world.pool("log-sync", 1, 4)),
      moving_(world.pool("log-checkpoint", 1, 4)) {
  sqlite3_wal_hook(
      write_->raw(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<Writer*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

Writer::~Writer() {
  alive_.reset();
  writing_.reset();
  syncing_.reset();
  moving_.reset();
}

void Writer::add(Job job) {
  added_at_ = world_.reactor().now();
  if (!rest_timer_) rest_later();
  Answers refused;
  bool start = false;
  {
    const std::scoped_lock lock(mutex_);
    if (queue_.size() >= most_waiting) {
      refused.emplace_back(std::move(job.done), std::unexpected(too_busy()));
    } else {
      queue_.push_back(std::move(job));
      start = !std::exchange(draining_, true);
    }
  }
  if (!refused.empty()) {
    answer(std::move(refused), false);
  } else if (start && !writing_->submit([this] { drain(); })) {
    const std::scoped_lock lock(mutex_);
    draining_ = false;  // the next one tries again
  }
}

void Writer::drain() {
  for (auto group = take_group(); !group.empty(); group = take_group()) run_group(std::move(group));
}

std::vector<Writer::Job> Writer::take_group() {
  std::vector<Job> group;
  std::size_t weight = 0;
  const std::scoped_lock lock(mutex_);
  while (!queue_.empty()) {
    auto& next = queue_.front();
    if (!group.empty() && (next.alone || weight + next.weight > most_changes)) break;
    weight += next.weight;
    const bool alone = next.alone;
    group.push_back(std::move(next));
    queue_.pop_front();
    if (alone) break;
  }
  if (group.empty()) draining_ = false;
  return group;
}

void Writer::run_group(std::vector<Job> group) {
  std::vector<Result<void>> results;
  std::unique_lock lock(write_mutex_);
  if (group.front().alone) {
    attempt_alone(group.front(), results.emplace_back());
  } else if (!attempt(group, results)) {
    // One of them hit an error of the database: each for itself, so that it harms only itself.
    results.assign(group.size(), {});
    for (std::size_t i = 0; i < group.size(); ++i) attempt_alone(group[i], results[i]);
  }
  lock.unlock();
  conclude(group, results);
  lock.lock();
  consider_checkpoint();
}

Result<void> Writer::here(std::move_only_function<Result<void>(Database&)> work) {
  Job job;
  job.work = std::move(work);
  Result<void> result;
  const std::scoped_lock lock(write_mutex_);
  attempt_alone(job, result);
  return result ? write_->sync_wal() : result;
}

bool Writer::attempt(std::vector<Job>& group, std::vector<Result<void>>& results) {
  const auto until = world_.reactor().now() + group_window_;
  write_->begin();
  for (auto& job : group) {
    results.push_back(job.work(*write_));
    if (write_->failed() || world_.reactor().now() >= until) break;
  }
  if (write_->failed()) {
    (void)write_->take_fault();
    write_->rollback();
    return false;
  }
  if (!write_->commit()) return false;
  if (results.size() == group.size()) return true;
  // Out of time: the rest goes first in the next group.
  const std::scoped_lock lock(mutex_);
  while (group.size() > results.size()) {
    queue_.push_front(std::move(group.back()));
    group.pop_back();
  }
  return true;
}

void Writer::attempt_alone(Job& job, Result<void>& result) {
  write_->begin();
  if (!write_->failed()) result = job.work(*write_);
  if (write_->failed()) {
    result = std::unexpected(write_->take_fault());
    write_->rollback();
  } else if (!result) {
    write_->rollback();
  } else {
    result = write_->commit();
  }
}

void Writer::conclude(std::vector<Job>& group, std::vector<Result<void>>& results) {
  Answers answers;
  bool durable = false;
  bool dirty = false;
  {
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < group.size(); ++i) {
      dirty |= results[i].has_value();
      if (group[i].durable && results[i]) {
        to_sync_.push_back(std::move(group[i].done));
        durable = true;
      } else if (group[i].done) {
        answers.emplace_back(std::move(group[i].done), std::move(results[i]));
      }
    }
  }
  if (durable) submit_sync();
  if (!answers.empty() || dirty) answer(std::move(answers), dirty && !durable);
}

void Writer::answer(Answers answers, bool dirty) {
  world_.reactor().post([this, alive = std::weak_ptr(alive_), answers = std::move(answers), dirty]() mutable {
    if (alive.expired()) return;
    if (dirty) sync_soon();
    for (auto& [done, result] : answers) {
      done(std::move(result));
      if (alive.expired()) return;
    }
  });
}

void Writer::rest_later() {
  rest_timer_ = world_.reactor().at(added_at_ + rest_after, [this] {
    rest_timer_.reset();
    if (world_.reactor().now() - added_at_ < rest_after) return rest_later();
    (void)writing_->submit([this] { rest(); });  // too busy: no rest
  });
}

/// Nothing to write for a while: the cache that a busy hour filled goes back.
void Writer::rest() {
  const std::scoped_lock lock(write_mutex_);
  write_->release_memory();
}

void Writer::sync_soon() {
  if (sync_timer_) return;
  sync_timer_ = world_.reactor().after(sync_within, [this] {
    sync_timer_.reset();
    submit_sync();
  });
}

void Writer::submit_sync() {
  {
    const std::scoped_lock lock(mutex_);
    if (ending_ || std::exchange(sync_submitted_, true)) return;
  }
  if (!syncing_->submit([this] { sync(); })) {
    const std::scoped_lock lock(mutex_);
    sync_submitted_ = false;
  }
}

void Writer::sync() {
  std::vector<Finished> waiting;
  {
    const std::scoped_lock lock(mutex_);
    sync_submitted_ = false;
    waiting.swap(to_sync_);
  }
  const auto result = sync_->sync_wal();
  Answers answers;
  for (auto& done : waiting) {
    if (done) answers.emplace_back(std::move(done), result);
  }
  // What could not be synced is tried again, as long as it takes; what asked for it has heard of the fault.
  if (!answers.empty() || !result) answer(std::move(answers), !result);
}

void Writer::consider_checkpoint() {
  if (wal_pages_ < checkpointed_at_) checkpointed_at_ = 0;  // the WAL began anew
  if (wal_pages_ - checkpointed_at_ < checkpoint_every) return;
  {
    const std::scoped_lock lock(mutex_);
    if (ending_ || checkpointing_) return;
    checkpointing_ = wal_pages_ < wal_bound;
  }
  checkpointed_at_ = wal_pages_;
  if (wal_pages_ >= wal_bound) {
    sqlite3_wal_checkpoint_v2(write_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  } else if (!moving_->submit([this] { checkpoint(); })) {
    const std::scoped_lock lock(mutex_);
    checkpointing_ = false;
  }
}

void Writer::checkpoint() {
  sqlite3_wal_checkpoint_v2(move_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  const std::scoped_lock lock(mutex_);
  checkpointing_ = false;
}

void Writer::finish(std::move_only_function<void(Database&)> last) {
  alive_.reset();
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  sync_timer_.reset();
  rest_timer_.reset();
  writing_.reset();
  syncing_.reset();
  moving_.reset();
  drain();
  (void)at_once([&](Database& database) -> Result<void> {
    last(database);
    return {};
  });
}

Result<void> Writer::at_once(std::move_only_function<Result<void>(Database&)> work) {
  if (!write_->execute("PRAGMA synchronous=FULL")) return std::unexpected(write_->take_fault());
  Job job;
  job.work = std::move(work);
  Result<void> result;
  attempt_alone(job, result);
  write_->execute("PRAGMA synchronous=NORMAL");
  if (write_->failed()) (void)write_->take_fault();
  return result;
}

}  // namespace tidegate::store
