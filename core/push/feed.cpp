// SPDX-License-Identifier: Apache-2.0
#include "core/push/feed.hpp"

#include <algorithm>

#include "core/push/quarantine.hpp"

namespace tidegate::push {
namespace {

constexpr std::size_t rows_a_batch = 128;
constexpr std::chrono::seconds retry_first{1}, retry_ceiling{60};
constexpr std::size_t left_out_most = 4096;

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
                               .gone = row.gone});
  return message;
}

/// Whether it speaks of the mailbox rather than of the item: then waiting is all there is to do.
bool of_mailbox(FaultKind kind) {
  switch (kind) {
    case FaultKind::auth:
    case FaultKind::throttled:
    case FaultKind::anchor_expired:
    case FaultKind::regressed:
      return true;
    default:
      return false;
  }
}

}  // namespace

Feed::Feed(const Wiring& wiring, std::string user, store::ViewRow view, e2e::Compression compression, Sink sink)
    : wiring_(wiring),
      user_(std::move(user)),
      view_(std::move(view)),
      compression_(compression),
      sink_(std::move(sink)) {}

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

bool Feed::caught_up() const noexcept {
  return started_ && queue_.empty() && !asking_ && position_.live >= head_ &&
         std::ranges::all_of(position_.jobs, &e2e::Job::done);
}

e2e::Job* Feed::job(std::uint64_t id) {
  auto found = std::ranges::find(position_.jobs, id, &e2e::Job::id);
  return found == position_.jobs.end() ? nullptr : &*found;
}

void Feed::step(const std::function<bool()>& room) {
  if (stopped_) return;
  while (!queue_.empty() && !folders_due_ && room())
    if (!emit_front()) break;
  read_ahead();
  if (asking_ || !room()) return;
  if (folders_due_) return ask_folders();
  if (!queue_.empty()) return;
  if (comparing_) {
    if (!wanted_buckets_.empty()) return compare_pages();
    if (!wanted_items_.empty()) return compare_items();
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
  if (mark_due_) mark();
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
    self->sink_.push(folders_message(self->view_.id, *rows));
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
    // design 5: content goes along only if it may be new to the device, else metadata. `live` cannot tell: an item
    // added at 15 and flagged at 264 comes as the 264th, to a device that may have stood at 200 when it was cut off.
    // And a move may carry an item from a folder whose back-fill has not come to it into one whose back-fill has
    // passed.
    const bool fresh = row.seq_added > position_.base || row.seq_body > position_.base;
    const bool content = row.seq_gone <= position_.live && (fresh || filling || lacked(row.gid));
    enqueue(std::move(row), 0, content);
  }
  live_complete_ = complete;
  batch_head_ = complete ? head : 0;
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
  for (auto& row : rows) enqueue(std::move(row), id, true);
  if (complete) complete_job_ = id;
}

void Feed::enqueue(store::ItemRow row, std::uint64_t of_job, bool content) {
  for (const auto& folder : row.folders)
    if (!known_folders_.contains(folder)) folders_due_ = true;
  Entry entry;
  entry.row = std::move(row);
  entry.job = of_job;
  entry.content = content;
  entry.serial = next_serial_++;
  if (content && entry.row.seq_gone == 0 && wiring_.quarantine.holds(view_.id, entry.row)) pass_over(entry);
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
  if (row.seq_gone != 0) {
    sink_.push(e2e::Remove{.view = view_.id, .seq = row.seq(), .gid = row.gid});
  } else if (!entry.content) {
    sink_.push(e2e::Meta{.view = view_.id,
                         .job = entry.job,
                         .seq = row.seq(),
                         .gid = row.gid,
                         .folders = row.folders,
                         .flags = row.flags,
                         .keywords = row.keywords});
  } else if (!entry.skip) {
    if (!entry.ready) return false;
    emit_content(entry);
    if (entry.offset < entry.total) {
      read(entry);
      return false;
    }
  }
  emitted(entry);
  queue_.pop_front();
  return true;
}

void Feed::emit_content(Entry& entry) {
  const auto& row = entry.row;
  auto piece = tidegate::View(*entry.octets).substr(entry.from, entry.length);
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
                         .size = entry.total,
                         .first = std::move(packed)});
  } else {
    sink_.push(e2e::ItemPart{.view = view_.id,
                             .seq = row.seq(),
                             .gid = row.gid,
                             .offset = entry.offset,
                             .octets = std::move(packed),
                             .last = entry.offset + piece.size() >= entry.total});
  }
  entry.begun = true;
  entry.offset += piece.size();
  entry.octets.reset();
  entry.ready = entry.asked = false;
}

void Feed::emitted(const Entry& entry) {
  mark_due_ = true;
  if (!entry.skip && (entry.content || entry.row.seq_gone != 0)) left_out_.erase(entry.row.gid);
  if (!entry.skip && entry.content && entry.row.seq_gone == 0) wiring_.quarantine.readable(view_.id, entry.row.gid);
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

void Feed::mark() {
  mark_due_ = false;
  e2e::Mark message{.position = position_, .remaining = {}};
  for (const auto& of : position_.jobs) {
    auto left = std::ranges::find(remaining_, of.id, &std::pair<std::uint64_t, std::uint64_t>::first);
    if (left != remaining_.end()) message.remaining.emplace_back(of.id, of.done ? 0 : left->second);
  }
  // The device commits finished jobs with this very mark; they need not be carried on.
  sink_.push(std::move(message));
  std::erase_if(position_.jobs, [](const e2e::Job& of) { return of.done; });
}

// --- contents -------------------------------------------------------------------------------------------------------

void Feed::read_ahead() {
  if (retry_) return;
  std::size_t under_way = 0;
  for (auto& entry : queue_) {
    if (under_way >= wiring_.settings.reads_ahead) return;
    if (!entry.content || entry.skip || entry.row.seq_gone != 0) continue;
    ++under_way;
    if (!entry.asked) read(entry);
  }
}

void Feed::read(Entry& entry) {
  entry.asked = true;
  if (entry.stale) return look_up(entry);
  read_now(entry);
}

void Feed::read_now(Entry& entry) {
  wiring_.accounts.read(user_, view_.id, entry.row, entry.offset, e2e::max_content_part, entry.job == 0 && !comparing_,
                        [weak = weak_from_this(), serial = entry.serial](Result<account::Accounts::Piece> piece) {
                          if (auto self = weak.lock(); self && !self->stopped_) self->got(serial, std::move(piece));
                        });
}

/// Moved or renumbered meanwhile, it has another id. Its numbers stay those it was queued under: a higher one would
/// carry the position over rows that have not been sent.
void Feed::look_up(Entry& entry) {
  wiring_.log.items(view_.id, {entry.row.gid},
                    [weak = weak_from_this(), serial = entry.serial](Result<std::vector<store::ItemRow>> rows) {
                      auto self = weak.lock();
                      if (!self || self->stopped_) return;
                      auto found = std::ranges::find(self->queue_, serial, &Entry::serial);
                      if (found == self->queue_.end()) return;
                      if (rows && (rows->empty() || rows->front().seq_gone != 0)) {
                        // Gone by now is ordinary: its removal follows in the log.
                        self->leave_out(*found, Fault{FaultKind::not_found, self->user_, "gone", {}, {}});
                        return self->sink_.progress();
                      }
                      if (rows) {
                        const auto& now = rows->front();
                        const bool other = now.id != found->row.id || now.backend != found->row.backend;
                        found->row.id = now.id;
                        found->row.backend = now.backend;
                        found->row.content_rev = now.content_rev;
                        if (!found->resized) found->row.size = now.size;
                        if (other) found->tries = 0;
                        found->stale = false;
                      }
                      self->read_now(*found);
                    });
}

void Feed::got(std::uint64_t serial, Result<account::Accounts::Piece> piece) {
  auto entry = std::ranges::find(queue_, serial, &Entry::serial);
  if (entry == queue_.end()) return;  // put back meanwhile
  if (!piece) {
    failed(*entry, piece.error());
  } else if (entry->begun && piece->total != entry->total && !entry->resized) {
    begin_again(*entry, piece->total);
  } else if (entry->begun && (piece->total != entry->total || piece->length == 0)) {
    failed(*entry, Fault{FaultKind::invalid, user_, "the content changed while it was read", {}, {}});
  } else if (piece->length == 0 && piece->total != 0) {
    // A store that says "nothing here" before the declared end would otherwise be asked forever.
    failed(*entry, Fault{FaultKind::invalid, user_, "empty read", {}, {}});
  } else {
    entry->octets = std::move(piece->octets);
    entry->from = piece->offset;
    entry->length = piece->length;
    entry->total = piece->total;
    entry->ready = true;
    entry->tries = 0;
  }
  sink_.progress();
}

/// Servers estimate sizes, and an item names its size before its content: what was sent is void.
void Feed::begin_again(Entry& entry, std::uint64_t size) {
  sink_.push(e2e::ItemPart{.view = view_.id,
                           .seq = entry.row.seq(),
                           .gid = entry.row.gid,
                           .offset = entry.offset,
                           .octets = {},
                           .last = true,
                           .failed = true});
  entry.row.size = size;
  entry.offset = 0;
  entry.resized = true;
  entry.begun = entry.asked = entry.ready = false;
}

bool Feed::worth_waiting(const Entry& entry, const Fault& fault) const {
  if (of_mailbox(fault.kind)) return true;
  if (fault.kind == FaultKind::unavailable || fault.kind == FaultKind::cancelled) {
    // Who breaks every time while all else goes well is the item (it kills the server's worker, or ours).
    for (const auto& health : wiring_.accounts.health(user_))
      if (health.backend == entry.row.backend && health.unreachable_since != 0) return true;
    return entry.tries < wiring_.settings.tries_broken;
  }
  return entry.tries < wiring_.settings.tries_refused;
}

void Feed::failed(Entry& entry, const Fault& fault) {
  entry.asked = entry.ready = false;
  const bool looked_up = std::exchange(entry.stale, true);
  if (fault.kind == FaultKind::not_found) {
    if (entry.tries++ > 0 || looked_up) leave_out(entry, fault);
    return;  // else once more at once, with the id that the log knows now
  }
  ++entry.tries;
  if (!worth_waiting(entry, fault)) return leave_out(entry, fault);
  if (entry.tries == 1)
    wiring_.note(3, "contents of " + user_ + " wait for the back-end (" + fault.where + "): " + fault.text);
  auto wait = std::max<std::chrono::nanoseconds>(fault.retry_after, pause_after(entry.tries - 1));
  retry_ = wiring_.world.reactor().after(wait, [weak = weak_from_this()] {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    self->retry_.reset();
    self->sink_.progress();
  });
}

bool Feed::lacked(const Gid& gid) const { return left_out_.contains(gid) || wiring_.quarantine.knows(view_.id, gid); }

void Feed::pass_over(Entry& entry) {
  entry.skip = true;
  if (left_out_.size() < left_out_most) left_out_.insert(entry.row.gid);
}

void Feed::leave_out(Entry& entry, const Fault& fault) {
  if (entry.begun)
    sink_.push(e2e::ItemPart{.view = view_.id,
                             .seq = entry.row.seq(),
                             .gid = entry.row.gid,
                             .offset = entry.offset,
                             .octets = {},
                             .last = true,
                             .failed = true});
  pass_over(entry);
  // Gone by now is ordinary: its removal follows in the log. The rest is worth a sentence.
  if (fault.kind == FaultKind::not_found) return;
  wiring_.quarantine.add(user_, view_.id, entry.row, entry.tries, fault);
  auto text = "an item in a folder of " + user_ + " cannot be read and was left out (" +
              std::string(to_string(fault.kind)) + ", " + fault.where + "): " + fault.text;
  wiring_.note(4, text);
  sink_.push(e2e::Alarm{.code = 1, .text = text});
}

}  // namespace tidegate::push
