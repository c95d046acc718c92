// SPDX-License-Identifier: Apache-2.0
#include "core/store/sqlite_log.hpp"

#include "core/store/apply.hpp"
#include "core/store/effects.hpp"
#include "core/store/guard.hpp"
#include "core/store/queries.hpp"
#include "core/store/schema.hpp"
#include "core/store/tombstones.hpp"

namespace tidegate::store {

namespace {

constexpr std::size_t release_at_once = 1000;
constexpr std::chrono::minutes tidy_every{60};
constexpr std::size_t tidy_at_once = 1000;

std::int64_t milliseconds_of(sim::Instant instant) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(instant.time_since_epoch()).count();
}

ViewRow add_view(Database& database, const std::string& user, const std::string& mailbox, const std::string& actor,
                 const std::string& site, View epoch) {
  database.run(
      "INSERT INTO views(user, mailbox, actor, site, epoch) VALUES(?, ?, ?, ?, ?) "
      "ON CONFLICT(user, mailbox, actor) DO UPDATE SET site = excluded.site WHERE site <> excluded.site",
      user, mailbox, actor, site, blob(epoch));
  Query query(database, "SELECT id FROM views WHERE user = ? AND mailbox = ? AND actor = ?", user, mailbox, actor);
  return {query.row() ? static_cast<ViewId>(query.integer(0)) : 0, user, mailbox, actor, site};
}

void remove_user(Database& database, const std::string& user) {
  for (const auto& view : find_views(database, user)) {
    database.run("DELETE FROM limbo WHERE view = ?", view.id);
    database.run("DELETE FROM item_folders WHERE view = ?", view.id);
    database.run("DELETE FROM items WHERE view = ?", view.id);
    database.run("DELETE FROM folders WHERE view = ?", view.id);
    database.run("DELETE FROM anchors WHERE view = ?", view.id);
    database.run("DELETE FROM holds WHERE view = ?", view.id);
    database.run("DELETE FROM quarantine WHERE view = ?", view.id);
    database.run("DELETE FROM chosen_gids WHERE view = ?", view.id);
    database.run("DELETE FROM views WHERE id = ?", view.id);
  }
  database.run("DELETE FROM positions WHERE user = ?", user);
}

/// Contents go over only now that the rows are committed: a page may be applied twice.
Applied with_contents(Outcome outcome, Page& page) {
  for (std::size_t i = 0; i < outcome.applied.changes.size(); ++i) {
    const auto at = outcome.page_index[i];
    if (at >= page.changes.size()) continue;
    if (auto* upsert = std::get_if<Upsert>(&page.changes[at])) {
      outcome.applied.changes[i].content = std::move(upsert->content);
    }
  }
  return std::move(outcome.applied);
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(sim::World& world, const Settings& settings) {
  auto database = Database::open(world, settings.path, Database::Use::write, settings.page_cache_mib * 1024);
  if (!database) return std::unexpected(std::move(database.error()));
  if (auto ready = prepare_schema(**database, settings.path); !ready) return std::unexpected(std::move(ready.error()));
  auto start = begin_start(**database, world);
  if (!start) return std::unexpected(std::move(start.error()));
  auto writer = Writer::make(world, settings.path, std::move(*database), settings.group_window);
  if (!writer) return std::unexpected(std::move(writer.error()));
  auto readers = Readers::make(world, settings.path, settings.readers);
  if (!readers) return std::unexpected(std::move(readers.error()));
  return std::make_unique<SqliteLog>(world, settings, std::move(*start), std::move(*writer), std::move(*readers));
}

SqliteLog::SqliteLog(sim::World& world, Settings settings, Start start, std::unique_ptr<Writer> writer,
                     std::unique_ptr<Readers> readers)
    : world_(world),
      settings_(std::move(settings)),
      start_(std::move(start)),
      readers_(std::move(readers)),
      writer_(std::move(writer)) {
  arm_limbo(settings_.limbo);  // what an earlier process left there
  arm_tidy();
}

SqliteLog::~SqliteLog() {
  limbo_timer_.reset();
  tidy_timer_.reset();
  readers_.reset();
  writer_->finish([](Database& database) { mark_clean_stop(database); });
}

EditContext SqliteLog::context() const {
  return {start_.state_key, start_.counter,       milliseconds_of(world_.reactor().now()),
          wall_seconds(),   settings_.hold_share, settings_.limbo.count()};
}

std::int64_t SqliteLog::wall_seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(world_.reactor().wall().time_since_epoch()).count();
}

void SqliteLog::raise_start_counter(Done<std::uint64_t> done) {
  auto raised = std::make_shared<std::uint64_t>(0);
  Writer::Job job;
  job.alone = job.durable = true;
  job.work = [raised](Database& database) -> Result<void> {
    *raised = raise_counter(database);
    return {};
  };
  job.done = [raised, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    done(*raised);
  };
  writer_->add(std::move(job));
}

// --- views

void SqliteLog::ensure_view(const std::string& user, const std::string& mailbox, const std::string& actor,
                            const std::string& site, Done<ViewRow> done) {
  Bytes epoch(16, '\0');
  world_.reactor().random(std::as_writable_bytes(std::span(epoch)));
  auto row = std::make_shared<ViewRow>();
  Writer::Job job;
  job.durable = true;  // devices hold positions by this number: a lost one must not become somebody else's
  job.work = [=](Database& database) -> Result<void> {
    *row = add_view(database, user, mailbox, actor, site, epoch);
    return {};
  };
  job.done = [row, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    done(std::move(*row));
  };
  writer_->add(std::move(job));
}

void SqliteLog::views(const std::string& user, Done<std::vector<ViewRow>> done) {
  readers_->read<std::vector<ViewRow>>([=](Database& database) { return find_views(database, user); }, std::move(done));
}

void SqliteLog::forget_user(const std::string& user, Done<void> done) {
  Writer::Job job;
  job.alone = job.durable = true;
  job.work = [=](Database& database) -> Result<void> {
    remove_user(database, user);
    return {};
  };
  job.done = std::move(done);
  writer_->add(std::move(job));
}

void SqliteLog::head(ViewId view, Done<Head> done) {
  readers_->read<Head>([=](Database& database) { return find_head(database, view); }, std::move(done));
}

// --- the writing side

void SqliteLog::anchor(ViewId view, const std::string& backend, View scope, Done<Bytes> done) {
  readers_->read<Bytes>(
      [view, backend, scope = Bytes(scope)](Database& database) { return find_anchor(database, view, backend, scope); },
      std::move(done));
}

void SqliteLog::apply(ApplyPage page, Done<Applied> done) {
  struct Work {
    ApplyPage page;
    Outcome outcome;
  };
  auto shared = std::make_shared<Work>(Work{std::move(page), {}});
  Writer::Job job;
  job.weight = shared->page.page.changes.size() + 1;
  job.work = [this, shared](Database& database) -> Result<void> {
    auto made = apply_page(database, context(), shared->page);
    if (!made) return std::unexpected(std::move(made.error()));
    shared->outcome = std::move(*made);
    return {};
  };
  job.done = [this, shared, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    if (shared->outcome.limbo_grew && !limbo_timer_) arm_limbo(settings_.limbo);
    if (!shared->outcome.held.empty()) tell_held(std::move(shared->outcome.held));
    done(with_contents(std::move(shared->outcome), shared->page.page));
  };
  writer_->add(std::move(job));
}

void SqliteLog::expire_anchor(ViewId view, const std::string& backend, View scope, FaultKind why, Done<void> done) {
  Writer::Job job;
  job.weight = 500;
  job.work = [this, view, backend, why, scope = Bytes(scope)](Database& database) -> Result<void> {
    expire(database, context(), view, backend, scope, why);
    return {};
  };
  job.done = std::move(done);
  writer_->add(std::move(job));
}

void SqliteLog::effect(Effect effect, Done<Effected> done) {
  auto effected = std::make_shared<Effected>();
  Writer::Job job;
  job.durable = true;  // the command is told as done next
  const bool buries = effect.what == Effect::What::folder_removed;
  job.work = [this, effected, effect = std::move(effect), now = wall_seconds()](Database& database) -> Result<void> {
    auto made = apply_effect(database, context(), effect, now);
    if (!made) return std::unexpected(std::move(made.error()));
    *effected = *made;
    return {};
  };
  job.done = [this, buries, effected, done = std::move(done)](Result<void> result) mutable {
    if (!result) return done(std::unexpected(std::move(result.error())));
    if (buries && !limbo_timer_) arm_limbo(settings_.limbo);
    done(*effected);
  };
  writer_->add(std::move(job));
}

void SqliteLog::arm_limbo(std::chrono::nanoseconds delay) {
  limbo_timer_ = world_.reactor().after(delay + std::chrono::milliseconds(1), [this] {
    limbo_timer_.reset();
    release();
  });
}

void SqliteLog::release() {
  if (std::exchange(releasing_, true)) return;
  struct Released {
    std::vector<std::pair<ViewId, std::uint64_t>> views;
    std::vector<HoldRow> held;
    std::int64_t next_ms = -1;
  };
  auto shared = std::make_shared<Released>();
  Writer::Job job;
  job.weight = 100;
  job.work = [this, shared](Database& database) -> Result<void> {
    const auto now = context();
    shared->views.clear();
    shared->held = hold_losses(database, now);
    const bool more = release_limbo(database, now, release_at_once, shared->views);
    Query query(database, "SELECT min(due_ms) FROM limbo WHERE hold = 0");
    if (query.row() && !query.null(0))
      shared->next_ms = more ? 0 : std::max<std::int64_t>(0, query.integer(0) - now.now_ms);
    return {};
  };
  job.done = [this, shared](Result<void> result) {
    releasing_ = false;
    if (!result) return arm_limbo(settings_.limbo);  // a full disk: again later
    if (shared->next_ms >= 0 && !limbo_timer_) arm_limbo(std::chrono::milliseconds(shared->next_ms));
    if (const auto heard = held_)
      for (const auto& held : shared->held) heard(held);
    if (const auto heard = settled_)
      for (const auto& [view, head] : shared->views) heard(view, head);
  };
  writer_->add(std::move(job));
}

void SqliteLog::tell_held(std::vector<std::int64_t> numbers) {
  holds([numbers = std::move(numbers), heard = held_](Result<std::vector<HoldRow>> rows) {
    if (!rows || !heard) return;
    for (const auto& row : *rows)
      if (std::ranges::find(numbers, static_cast<std::int64_t>(row.number)) != numbers.end()) heard(row);
  });
}

void SqliteLog::holds(Done<std::vector<HoldRow>> done) {
  readers_->read<std::vector<HoldRow>>([](Database& database) { return find_holds(database); }, std::move(done));
}

void SqliteLog::decide_hold(std::uint64_t number, bool release, Done<void> done) {
  Writer::Job job;
  job.alone = job.durable = true;
  job.work = [number, release](Database& database) { return store::decide_hold(database, number, release); };
  job.done = [this, release, done = std::move(done)](Result<void> result) mutable {
    if (result && release && !limbo_timer_) arm_limbo({});
    done(std::move(result));
  };
  writer_->add(std::move(job));
}

void SqliteLog::arm_tidy() {
  tidy_timer_ = world_.reactor().after(tidy_every, [this] { tidy(); });
}

void SqliteLog::tidy() {
  auto more = std::make_shared<bool>(false);
  Writer::Job job;
  job.weight = 500;
  const auto silent_before =
      wall_seconds() - std::chrono::duration_cast<std::chrono::seconds>(settings_.device_keep).count();
  job.work = [this, more, silent_before](Database& database) -> Result<void> {
    *more = drop_tombstones(database, silent_before, settings_.tombstones_max, tidy_at_once);
    return {};
  };
  job.done = [this, more](Result<void> result) {
    if (result && *more) return tidy();
    arm_tidy();
  };
  writer_->add(std::move(job));
}

// --- the reading side

void SqliteLog::folders(ViewId view, Done<std::vector<FolderRow>> done) {
  readers_->read<std::vector<FolderRow>>([=](Database& database) { return find_folders(database, view); },
                                         std::move(done));
}

void SqliteLog::changes(ViewId view, std::uint64_t above, std::size_t limit, Done<std::vector<ItemRow>> done) {
  readers_->read<std::vector<ItemRow>>([=](Database& database) { return find_changes(database, view, above, limit); },
                                       std::move(done));
}

void SqliteLog::backfill(ViewId view, BackfillQuery query, std::size_t limit, Done<std::vector<ItemRow>> done) {
  readers_->read<std::vector<ItemRow>>([=](Database& database) { return find_backfill(database, view, query, limit); },
                                       std::move(done));
}

void SqliteLog::backfill_remaining(ViewId view, BackfillQuery query, Done<std::uint64_t> done) {
  readers_->read<std::uint64_t>([=](Database& database) { return count_backfill(database, view, query); },
                                std::move(done));
}

void SqliteLog::items(ViewId view, std::vector<Gid> gids, Done<std::vector<ItemRow>> done) {
  readers_->read<std::vector<ItemRow>>(
      [view, gids = std::move(gids)](Database& database) { return find_items(database, view, gids); }, std::move(done));
}

void SqliteLog::chosen(ViewId view, const Gid& gid, Done<Chosen> done) {
  readers_->read<Chosen>([=](Database& database) { return find_chosen(database, view, gid); }, std::move(done));
}

void SqliteLog::buckets(ViewId view, std::vector<Since> folders, Done<std::vector<Bucket>> done) {
  readers_->read<std::vector<Bucket>>(
      [view, folders = std::move(folders)](Database& database) { return find_buckets(database, view, folders); },
      std::move(done));
}

void SqliteLog::bucket(ViewId view, Gid folder, std::uint32_t month, Done<std::vector<ItemRow>> done) {
  readers_->read<std::vector<ItemRow>>([=](Database& database) { return find_bucket(database, view, folder, month); },
                                       std::move(done));
}

// --- positions and other rooms

void SqliteLog::remember_position(const std::string& user, View device_id, ViewId view, std::uint64_t live,
                                  Bytes encoded, Done<void> done) {
  Writer::Job job;
  job.work = [user, device = Bytes(device_id), view, live, encoded = std::move(encoded),
              seen = wall_seconds()](Database& database) -> Result<void> {
    database.run(
        "INSERT INTO positions(user, device, view, live, encoded, seen) VALUES(?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET live = excluded.live, encoded = excluded.encoded, seen = excluded.seen",
        user, blob(device), view, live, blob(encoded), seen);
    return {};
  };
  job.done = std::move(done);
  writer_->add(std::move(job));
}

void SqliteLog::transact(std::move_only_function<Result<void>(void* sqlite)> work, Done<void> done) {
  Writer::Job job;
  job.alone = job.durable = true;
  job.work = [work = std::move(work)](Database& database) mutable { return work(database.raw()); };
  job.done = std::move(done);
  writer_->add(std::move(job));
}

Result<void> SqliteLog::transact_here(std::move_only_function<Result<void>(void* sqlite)> work) {
  return writer_->here([&](Database& database) { return work(database.raw()); });
}

void SqliteLog::look(std::move_only_function<Result<void>(void* sqlite)> work, Done<void> done) {
  readers_->read<std::monostate>(
      [work = std::move(work)](Database& database) mutable -> Result<std::monostate> {
        auto looked = work(database.raw());
        if (!looked) return std::unexpected(std::move(looked.error()));
        return {};
      },
      [done = std::move(done)](Result<std::monostate> result) mutable {
        if (!result) return done(std::unexpected(std::move(result.error())));
        done({});
      });
}

Result<void> SqliteLog::transact_at_start(std::move_only_function<Result<void>(void* sqlite)> work) {
  return writer_->at_once([&](Database& database) { return work(database.raw()); });
}

}  // namespace tidegate::store
