// SPDX-License-Identifier: Apache-2.0
// Feed's reading side: contents asked for before their turn, and what becomes of those that cannot be read.
#include <algorithm>

#include "core/e2e/windows.hpp"
#include "core/push/feed.hpp"
#include "core/push/quarantine.hpp"

namespace tidegate::push {
namespace {

constexpr std::size_t left_out_most = 4096;
constexpr std::size_t made_most = 256;               // the rest is sent again, that is all
constexpr std::uint64_t on_demand_from = 32 * 1024;  // octets of a mail whose attachments are worth leaving out

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

/// By the device's settings; what is in the mail decides then.
std::shared_ptr<Stub> Feed::may_be_stub(const store::ItemRow& row) const {
  if (row.kind != Kind::mail) return nullptr;
  const bool too_large = settings_.largest_inline != 0 && row.size > settings_.largest_inline;
  if (!too_large && !(settings_.attachments_on_demand && row.size > on_demand_from)) return nullptr;
  return std::make_shared<Stub>(row.gid, too_large);
}

void Feed::made(Bytes sha256, std::uint64_t size) {
  if (made_.size() == made_most) made_.pop_front();
  made_.emplace_back(size, std::move(sha256));
}

/// A compare asks for what is lacking: there nothing is left out.
bool Feed::may_be_made(const store::ItemRow& row, std::uint64_t of_job) const {
  return of_job == 0 && !comparing_ &&
         std::ranges::find(made_, row.size, &std::pair<std::uint64_t, Bytes>::first) != made_.end();
}

void Feed::read_ahead() {
  if (retry_) return;
  std::size_t under_way = 0;
  std::uint64_t octets = 0;
  for (auto& entry : queue_) {
    if (under_way >= wiring_.settings.reads_ahead || octets > wiring_.settings.reads_ahead_octets) return;
    if (entry.what != What::content || entry.skip) continue;
    ++under_way;
    octets += std::min<std::uint64_t>(entry.row.size, e2e::max_content_part);
    if (!entry.asked) read(entry);
  }
}

void Feed::read(Entry& entry) {
  entry.asked = true;
  if (entry.stale) return look_up(entry);
  read_now(entry);
}

void Feed::read_now(Entry& entry) {
  const auto from = entry.digest ? entry.digested : entry.look ? entry.look->seen() : entry.offset;
  wiring_.accounts.read(user_, view_.id, entry.row, from, e2e::max_content_part, entry.job == 0 && !comparing_,
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
                        self->leave_out(*found);  // ordinary: its removal follows in the log
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
  } else if (entry->digest) {
    recognise(*entry, *piece);
  } else if (entry->look) {
    looked(*entry, *piece);
  } else {
    entry->octets = std::move(piece->octets);
    entry->from = piece->offset;
    entry->length = piece->length;
    entry->total = piece->total;
    entry->tries = 0;
    if (entry->chosen && entry->offset == 0 && entry->length == entry->total) return choose(*entry);
    entry->ready = true;
  }
  sink_.progress();
}

Choice Feed::choice(const Entry& entry) {
  Choice made{.wanted = e2e::instances(position_.windows, entry.row.kind)};
  if (const auto* of = job(entry.job)) made.had_from = of->had_from, made.had_until = of->had_until;
  return made;
}

/// An event of which nothing happens while its device wants to know does not go; one that is larger than a piece goes
/// whatever it holds.
void Feed::choose(Entry& entry) {
  auto chosen = [weak = weak_from_this(), serial = entry.serial](bool goes) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    const auto found = std::ranges::find(self->queue_, serial, &Entry::serial);
    if (found == self->queue_.end()) return;  // put back meanwhile
    found->ready = true;
    if (!goes) {
      self->leave(*found);
      self->wiring_.quarantine.readable(self->view_.id, found->row.gid);
    }
    self->sink_.progress();
  };
  wiring_.chooser->ask(view_.id, entry.row, entry.octets, entry.from, entry.length, choice(entry), std::move(chosen));
}

/// What the device may have of it by an earlier revision it drops.
void Feed::leave(Entry& entry) {
  entry.what = entry.job == 0 && !comparing_ ? What::drop : What::nothing;
  entry.octets.reset();
}

/// The next piece of what may be the device's own. Stores add headers and rewrite calendars: only the octets tell. Each
/// counts once: a copy that somebody made of it is another item.
void Feed::recognise(Entry& entry, const account::Accounts::Piece& piece) {
  entry.digest->add(tidegate::View(*piece.octets).substr(piece.offset, piece.length));
  entry.digested += piece.length;
  entry.tries = 0;
  if (entry.digested < piece.total) return read_now(entry);
  auto own = std::ranges::find(made_, std::pair(entry.digested, entry.digest->finish()));
  entry.digest.reset();
  if (own == made_.end()) {
    entry.look = may_be_stub(entry.row);
    return read_now(entry);
  }
  entry.sha256 = std::move(own->second);
  entry.total = entry.digested;
  entry.ready = true;
  made_.erase(own);
}

/// The next piece of a mail that may go as a stub.
void Feed::looked(Entry& entry, const account::Accounts::Piece& piece) {
  auto& look = *entry.look;
  look.add(tidegate::View(*piece.octets).substr(piece.offset, piece.length));
  entry.tries = 0;
  if (!look.enough() && look.seen() < piece.total) return read_now(entry);
  auto stub = look.finish(piece.total);
  const bool at_once = look.seen() == piece.length && piece.length == piece.total;
  entry.look.reset();
  if (stub) {
    entry.whole = piece.total;
    entry.total = entry.length = stub->size();
    entry.octets = std::make_shared<const Bytes>(std::move(*stub));
    entry.from = 0;
  } else if (at_once) {
    entry.octets = piece.octets;
    entry.from = piece.offset;
    entry.total = entry.length = piece.length;
  } else {
    return read_now(entry);  // whole, from its beginning
  }
  entry.ready = true;
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
    if (entry.tries++ > 0 || looked_up) give_up(entry, fault);
    return;  // else once more at once, with the id that the log knows now
  }
  ++entry.tries;
  if (!worth_waiting(entry, fault)) return give_up(entry, fault);
  if (entry.tries == 1)
    wiring_.note(3, "contents of " + user_ + " wait for the back-end (" + fault.where + "): " + fault.text);
  auto wait = std::max<std::chrono::nanoseconds>(fault.retry_after, pause_after(entry.tries - 1));
  retry_later(wait);
}

void Feed::retry_later(std::chrono::nanoseconds wait) {
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

void Feed::leave_out(Entry& entry) {
  if (entry.begun)
    sink_.push(e2e::ItemPart{.view = view_.id,
                             .seq = entry.row.seq(),
                             .gid = entry.row.gid,
                             .offset = entry.offset,
                             .octets = {},
                             .last = true,
                             .failed = true});
  pass_over(entry);
}

/// Only when that is on disk may a position pass it.
void Feed::give_up(Entry& entry, const Fault& fault) {
  entry.asked = true;
  wiring_.quarantine.add(user_, view_.id, entry.row, entry.tries, fault,
                         [weak = weak_from_this(), serial = entry.serial, fault](Result<void> kept) {
                           auto self = weak.lock();
                           if (!self || self->stopped_) return;
                           auto found = std::ranges::find(self->queue_, serial, &Entry::serial);
                           if (found == self->queue_.end()) return;  // put back meanwhile
                           if (kept) {
                             self->given_up(*found, fault);
                             return self->sink_.progress();
                           }
                           found->asked = false;
                           self->retry_later(self->pause_after(found->tries));
                         });
}

void Feed::given_up(Entry& entry, const Fault& fault) {
  leave_out(entry);
  // Mostly the log is about to hear of its removal. If it never does, the quarantine tells; the rest is worth a
  // sentence.
  if (fault.kind == FaultKind::not_found) return;
  auto text = "an item in a folder of " + user_ + " cannot be read and was left out (" +
              std::string(to_string(fault.kind)) + ", " + fault.where + "): " + fault.text;
  wiring_.note(4, text);
  sink_.push(e2e::Alarm{.code = 1, .text = text});
}

}  // namespace tidegate::push
