// SPDX-License-Identifier: Apache-2.0
// The one writing connection and its thread: groups what waits into transactions, answers right after the commit, has
// the WAL synced on another thread (at once for what must be durable, else within 20 ms), checkpoints on a third.
//
// A waiting change never waits for company: a group is what gathered while the last one was committed.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/store/database.hpp"

namespace tidegate::store {

class Writer {
 public:
  using Finished = std::move_only_function<void(Result<void>)>;
  struct Job {
    std::size_t weight = 1;  ///< changes in it
    bool alone = false;      ///< a transaction of its own; its fault rolls back
    bool durable = false;    ///< answered after the sync
    /// May run again, after a roll-back, unless alone.
    std::move_only_function<Result<void>(Database&)> work;
    Finished done;  ///< on the reactor thread
  };

  static Result<std::unique_ptr<Writer>> make(sim::World&, const std::string& path, std::unique_ptr<Database>,
                                              std::chrono::milliseconds group_window);
  ~Writer();  ///< no callback runs any more; call finish() first to keep what is queued
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void add(Job);  ///< reactor thread
  /// Ends the threads, writes what is queued, then runs the last word in a durable transaction.
  void finish(std::move_only_function<void(Database&)> last);
  /// Durable when it returns; waits for the group under way. Any thread but the reactor's.
  Result<void> here(std::move_only_function<Result<void>(Database&)>);
  Result<void> at_once(std::move_only_function<Result<void>(Database&)>);  ///< durable; only before anything was added

 private:
  using Answers = std::vector<std::pair<Finished, Result<void>>>;

  Writer(sim::World&, std::unique_ptr<Database> write, std::unique_ptr<Database> sync, std::unique_ptr<Database> move,
         std::chrono::milliseconds group_window);
  void drain();
  std::vector<Job> take_group();
  void run_group(std::vector<Job>);
  bool attempt(std::vector<Job>&, std::vector<Result<void>>& results);
  void attempt_alone(Job&, Result<void>&);
  void conclude(std::vector<Job>&, std::vector<Result<void>>&);
  void answer(Answers, bool dirty);
  void sync_soon();
  void submit_sync();
  void sync();
  void rest_later();
  void rest();
  void consider_checkpoint();
  void checkpoint();

  sim::World& world_;
  const std::chrono::milliseconds group_window_;
  std::unique_ptr<Database> write_, sync_, move_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();

  std::mutex write_mutex_;  ///< who uses write_; wal_pages_ and checkpointed_at_ with it

  std::mutex mutex_;
  std::deque<Job> queue_;  // below: under mutex_
  bool draining_ = false;
  bool ending_ = false;
  std::vector<Finished> to_sync_;
  bool sync_submitted_ = false;
  bool checkpointing_ = false;

  int wal_pages_ = 0;
  int checkpointed_at_ = 0;
  std::unique_ptr<Timer> sync_timer_, rest_timer_;  // reactor thread
  sim::Instant added_at_{};                         // reactor thread
  std::unique_ptr<sim::Pool> writing_, syncing_, moving_;
};

}  // namespace tidegate::store
