// SPDX-License-Identifier: Apache-2.0
#include "core/push/feed.hpp"

#include <algorithm>

#include "core/e2e/windows.hpp"
#include "core/push/policy.hpp"
#include "core/push/quarantine.hpp"

namespace tidegate::push {
namespace {

constexpr std::size_t rows_a_batch = 128;
constexpr std::int64_t seconds_a_day = 86400;
constexpr std::chrono::seconds retry_first{1}, retry_ceiling{60};

e2e::Folders folders_message(store::ViewId view, const std::vector<store::FolderRow>& rows) {
  e2e::Folders message;
  message.view = view;
  message.whole = true;
  for (const auto& row : rows)
    message.folders.push_back({.gid = row.gid,
                               .parent = row.parent,
                               .name = row.name,
                               .kind = row.kind,
                               .role = row.role,
                               .rights = row.rights,
                               .seq = row.seq,
                               .items = row.items,
                               .gone = row.gone,
                               .color = row.color});
  return message;
}

}  // namespace

Feed::Feed(const Wiring& wiring, std::string user, store::ViewRow view, e2e::Compression compression,
           e2e::Settings settings, bool listing, Sink sink)
    : wiring_(wiring),
      user_(std::move(user)),
      view_(std::move(view)),
      compression_(compression),
      settings_(std::move(settings)),
      sink_(std::move(sink)),
      listing_(listing) {}

void Feed::stop() {
  stopped_ = true;
  retry_.reset();
  log_retry_.reset();
  queue_.clear();
}

void Feed::start(e2e::Position position, std::uint64_t head) {
  position_ = std::move(position);
  head_ = head;
  started_ = true;
  mark_due_ = true;  // a new device stores its first position at once
  sink_.progress();
}

void Feed::changed(std::uint64_t head, bool folders) {
  head_ = std::max(head_, head);
  folders_due_ |= folders;
  if (started_ && position_.live < head_) put_back();
  sink_.progress();
}

void Feed::wants(e2e::Settings settings) {
  settings_ = std::move(settings);
  policy_due_ = true;
  sink_.progress();
}

void Feed::day() {
  const auto today = wiring_.unix_now() / seconds_a_day;
  if (std::exchange(day_, today) == today) return;
  policy_due_ = true;
  sink_.progress();
}

bool Feed::caught_up() const noexcept {
  return started_ && !policy_due_ && queue_.empty() && !asking_ && position_.live >= head_ &&
         std::ranges::all_of(position_.jobs, &e2e::Job::done);
}

e2e::Job* Feed::job(std::uint64_t id) {
  auto found = std::ranges::find(position_.jobs, id, &e2e::Job::id);
  return found == position_.jobs.end() ? nullptr : &*found;
}

void Feed::step(const std::function<bool()>& room) {
  if (stopped_) return;
  if (compare_waits_) return end_wait();
  while (!queue_.empty() && !folders_due_ && room())
    if (!emit_front()) break;
  read_ahead();
  if (asking_ || !room()) return;
  if (folders_due_) return ask_folders();
  if (policy_due_ && started_ && !comparing_) adopt_policy();
  if (!queue_.empty()) return;
  if (comparing_) {
    if (!wanted_buckets_.empty()) return compare_pages();
    if (!wanted_items_.empty() || !wanted_metas_.empty()) return compare_items();
    if (compare_last_) ended_compare();
    return;
  }
  if (!started_) return;
  if (live_complete_) {
    live_complete_ = false;
    position_.live = std::max(position_.live, batch_head_);
    // What was left out may come under another number; its content must still be owed then.
    if (left_out_.empty()) position_.base = position_.live;
    mark_due_ = true;
  }
  if (auto* finished = job(complete_job_)) {
    finished->done = true;
    mark_due_ = true;
  }
  complete_job_ = 0;
  if (mark_due_ || (listing_ && all_told())) mark();
  if (position_.live < head_) return ask_live();
  ask_job();
}

// --- asking the log -------------------------------------------------------------------------------------------------

std::chrono::seconds Feed::pause_after(unsigned tries) const {
  return std::min<std::chrono::seconds>(retry_ceiling, retry_first * (1U << std::min(tries, 6U)));
}

void Feed::answered() {
  asking_ = false;
  log_tries_ = 0;
}

/// The log cannot be read now (a full or failing disk, too busy): nothing is asked until the pause is over.
void Feed::ask_later(const char* what, const Fault& why, std::move_only_function<void()> again) {
  asking_ = true;
  if (log_tries_ == 0) wiring_.note(4, std::string(what) + " of " + user_ + " cannot be read now: " + why.text);
  log_retry_ = wiring_.world.reactor().after(pause_after(log_tries_++),
                                             [weak = weak_from_this(), again = std::move(again)]() mutable {
                                               auto self = weak.lock();
                                               if (!self || self->stopped_) return;
                                               if (again) return again();
                                               self->asking_ = false;
                                               self->sink_.progress();
                                             });
}

void Feed::ask_folders() {
  asking_ = true;
  folders_due_ = false;
  wiring_.log.folders(view_.id, [weak = weak_from_this()](Result<std::vector<store::FolderRow>> rows) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (!rows) {
      self->folders_due_ = true;
      return self->ask_later("folders", rows.error());
    }
    self->answered();
    self->known_folders_.clear();
    for (const auto& row : *rows) self->known_folders_.insert(row.gid);
    self->folders_ = std::move(*rows);
    self->policy_due_ = true;
    self->sink_.push(folders_message(self->view_.id, self->folders_));
    self->sink_.progress();
  });
}

void Feed::ask_live() {
  asking_ = true;
  wiring_.log.changes(view_.id, position_.live, rows_a_batch,
                      [weak = weak_from_this(), head = head_](Result<std::vector<store::ItemRow>> rows) {
                        auto self = weak.lock();
                        if (!self || self->stopped_) return;
                        if (!rows) return self->ask_later("changes", rows.error());
                        self->answered();
                        bool complete = rows->size() < rows_a_batch;
                        self->take_live(std::move(*rows), head, complete);
                        self->sink_.progress();
                      });
}

void Feed::take_live(std::vector<store::ItemRow> rows, std::uint64_t head, bool complete) {
  const bool filling = !std::ranges::all_of(position_.jobs, &e2e::Job::done);
  for (auto& row : rows) {
    const auto what = due(row, filling);
    enqueue(std::move(row), 0, what);
  }
  live_complete_ = complete;
  batch_head_ = complete ? head : 0;
}

/// design 5: content goes along only if it may be new to the device, else metadata. `live` cannot tell: an item added
/// at 15 and flagged at 264 comes as the 264th, to a device that may have stood at 200 when it was cut off. And a move
/// may carry an item from a folder whose back-fill has not come to it into one whose back-fill has passed.
Feed::What Feed::due(const store::ItemRow& row, bool filling) const {
  if (row.seq_gone != 0) return What::remove;
  const auto& windows = position_.windows;
  const bool moved = row.seq_moved > position_.base;
  // What was never there and changes outside of the windows is nothing to the device.
  if (!e2e::covered(windows, row.folders, row.kind, row.received)) return moved ? What::drop : What::nothing;
  const bool fresh = row.seq_added > position_.base || row.seq_body > position_.base;
  // Only its last move is known. If it came in by one before that, the device misses it, and asks for a compare.
  const bool came_in = moved && !e2e::covered(windows, row.moved_from, row.kind, row.received);
  // Whether the device has it depends on what is in it: it is read, and goes whole or is dropped there.
  const bool chosen = !e2e::instances(windows, row.kind).all();
  return fresh || came_in || filling || chosen || lacked(row.gid) ? What::content : What::meta;
}

/// The position gets the windows that are wanted now. What is queued was chosen by those before.
void Feed::adopt_policy() {
  policy_due_ = false;
  day_ = wiring_.unix_now() / seconds_a_day;
  auto windows = windows_of(settings_, folders_, wiring_.unix_now());
  if (windows == position_.windows) return;
  queue_.erase(std::ranges::find(queue_, false, &Entry::begun), queue_.end());
  live_complete_ = false;
  complete_job_ = 0;
  remaining_.clear();
  cover(position_, std::move(windows), folders_);
  mark_due_ = true;
}

bool Feed::ask_job() {
  auto next = std::ranges::find(position_.jobs, false, &e2e::Job::done);
  if (next == position_.jobs.end()) return false;
  store::BackfillQuery query{.folder = next->folder,
                             .snapshot = next->snapshot,
                             .below_received = next->below_received,
                             .below_gid = next->below_gid,
                             .until = next->until};
  if (std::ranges::find(remaining_, next->id, &std::pair<std::uint64_t, std::uint64_t>::first) == remaining_.end()) {
    ask_remaining(next->id, query);
    return true;
  }
  asking_ = true;
  wiring_.log.backfill(view_.id, query, rows_a_batch,
                       [weak = weak_from_this(), id = next->id](Result<std::vector<store::ItemRow>> rows) {
                         auto self = weak.lock();
                         if (!self || self->stopped_) return;
                         if (!rows) return self->ask_later("items", rows.error());
                         self->answered();
                         bool complete = rows->size() < rows_a_batch;
                         self->take_job(id, std::move(*rows), complete);
                         self->sink_.progress();
                       });
  return true;
}

void Feed::ask_remaining(std::uint64_t id, const store::BackfillQuery& query) {
  asking_ = true;
  wiring_.log.backfill_remaining(view_.id, query, [weak = weak_from_this(), id](Result<std::uint64_t> left) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    self->answered();
    self->remaining_.emplace_back(id, left.value_or(0));
    self->mark_due_ = true;
    self->sink_.progress();
  });
}

void Feed::take_job(std::uint64_t id, std::vector<store::ItemRow> rows, bool complete) {
  const auto* of = job(id);
  if (!of) return;  // nobody wants it any more
  const auto folder = of->folder;
  for (auto& row : rows) {
    const bool wanted = e2e::covered(position_.windows, {folder}, row.kind, row.received);
    enqueue(std::move(row), id, wanted ? What::content : What::nothing);
  }
  if (complete) complete_job_ = id;
}

void Feed::enqueue(store::ItemRow row, std::uint64_t of_job, What what) {
  for (const auto& folder : row.folders)
    if (!known_folders_.contains(folder)) folders_due_ = true;
  Entry entry;
  entry.row = std::move(row);
  entry.job = of_job;
  entry.what = what;
  if (what == What::content && may_be_made(entry.row, of_job))
    entry.digest = std::make_shared<e2e::Digest>();
  else if (what == What::content)
    entry.look = may_be_stub(entry.row);
  entry.chosen = what == What::content && !e2e::instances(position_.windows, entry.row.kind).all();
  entry.serial = next_serial_++;
  if (what == What::content && wiring_.quarantine.holds(view_.id, entry.row)) pass_over(entry);
  if (const auto goes = entry.chosen ? wiring_.chooser->goes(view_.id, entry.row, choice(entry)) : std::nullopt) {
    entry.chosen = false;
    if (!*goes) leave(entry);
  }
  queue_.push_back(std::move(entry));
}

/// Live before back-fill: what a job queued and has not begun goes back; the job's position stands where it stood.
void Feed::put_back() {
  if (comparing_) return;
  auto begins = std::ranges::find_if(queue_, [](const Entry& entry) { return entry.job != 0 && !entry.begun; });
  if (begins == queue_.end()) return;
  queue_.erase(begins, queue_.end());
  complete_job_ = 0;
}

// --- messages out ---------------------------------------------------------------------------------------------------

/// True: the front made progress and the next may be tried.
bool Feed::emit_front() {
  Entry& entry = queue_.front();
  const auto& row = entry.row;
  switch (entry.what) {
    case What::remove:
      sink_.push(e2e::Remove{.view = view_.id, .seq = row.seq(), .gid = row.gid});
      break;
    case What::drop:
      sink_.push(e2e::DropHere{.view = view_.id, .seq = row.seq(), .gid = row.gid});
      break;
    case What::meta:
      sink_.push(e2e::Meta{.view = view_.id,
                           .job = entry.job,
                           .seq = row.seq(),
                           .gid = row.gid,
                           .folders = row.folders,
                           .flags = row.flags,
                           .keywords = row.keywords});
      break;
    case What::content:
      if (entry.skip) break;
      if (!entry.ready) return false;
      emit_content(entry);
      if (entry.offset < entry.total) {
        read(entry);
        return false;
      }
      break;
    case What::nothing:
      break;
  }
  emitted(entry);
  queue_.pop_front();
  return true;
}

void Feed::emit_content(Entry& entry) {
  const auto& row = entry.row;
  const auto piece = entry.octets ? tidegate::View(*entry.octets).substr(entry.from, entry.length) : tidegate::View();
  auto packed = e2e::pack(piece, compression_);
  if (!entry.begun) {
    sink_.push(e2e::Item{.view = view_.id,
                         .job = entry.job,
                         .seq = row.seq(),
                         .gid = row.gid,
                         .folders = row.folders,
                         .kind = row.kind,
                         .received = row.received,
                         .flags = row.flags,
                         .keywords = row.keywords,
                         .content_rev = row.content_rev,
                         .fingerprint = row.fingerprint,
                         .size = entry.whole == 0 ? entry.total : entry.whole,
                         .first = std::move(packed),
                         .stub = entry.whole != 0,
                         .sha256 = entry.sha256});
  } else {
    sink_.push(e2e::ItemPart{.view = view_.id,
                             .seq = row.seq(),
                             .gid = row.gid,
                             .offset = entry.offset,
                             .octets = std::move(packed),
                             .last = entry.offset + piece.size() >= entry.total});
  }
  entry.begun = true;
  entry.offset = entry.sha256.empty() ? entry.offset + piece.size() : entry.total;
  entry.octets.reset();
  entry.ready = entry.asked = false;
}

void Feed::emitted(const Entry& entry) {
  mark_due_ = true;
  if (!entry.skip && entry.what != What::meta) left_out_.erase(entry.row.gid);
  if (!entry.skip && entry.what == What::content) wiring_.quarantine.readable(view_.id, entry.row.gid);
  if (entry.what == What::remove) wiring_.quarantine.gone(view_.id, entry.row.gid);
  if (comparing_) return;
  if (entry.job == 0) {
    position_.live = std::max(position_.live, entry.row.seq());
    return;
  }
  if (auto* of = job(entry.job)) {
    of->below_received = entry.row.received;
    of->below_gid = entry.row.gid;
  }
  auto left = std::ranges::find(remaining_, entry.job, &std::pair<std::uint64_t, std::uint64_t>::first);
  if (left != remaining_.end() && left->second > 0) --left->second;
}

/// The head counts too: what the listing found may still be on its way to the device.
bool Feed::all_told() const { return position_.live >= head_ && wiring_.accounts.looked_through(user_); }

void Feed::mark() {
  mark_due_ = false;
  listing_ = listing_ && !all_told();
  e2e::Mark message{.position = position_, .remaining = {}, .listing = listing_};
  for (const auto& of : position_.jobs) {
    auto left = std::ranges::find(remaining_, of.id, &std::pair<std::uint64_t, std::uint64_t>::first);
    if (left != remaining_.end()) message.remaining.emplace_back(of.id, of.done ? 0 : left->second);
  }
  // The device commits finished jobs with this very mark; they need not be carried on.
  sink_.push(std::move(message));
  std::erase_if(position_.jobs, [](const e2e::Job& of) { return of.done; });
}

}  // namespace tidegate::push
