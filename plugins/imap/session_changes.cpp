// SPDX-License-Identifier: Apache-2.0
// changes(): new mail first, then flags and removals, then a page of what is still to be listed, newest first.
//
//   anchor empty          → todo = everything, Listed is owed
//   UIDNEXT moved, EXISTS → the new ones at once (a flood joins todo)
//   CONDSTORE             → FETCH CHANGEDSINCE; without: flags summed up a bucket and compared every flag_sweep
//   EXISTS ≠ known        → the folder's UIDs against the known ones: Removed
//   todo                  → its newest `limit` messages; when it is through and Listed is owed: Listed
#include <algorithm>

#include <fmt/format.h>

#include "plugins/imap/session.hpp"

namespace tidegate::imap {
namespace {
constexpr std::uint64_t at_once = 8;  // new messages fetched with their bodies in one command
constexpr std::uint64_t removals_a_page = 5000;
constexpr std::uint64_t known_a_check = 20'000;
constexpr std::size_t most_buckets = 8192;

Uid top(std::uint64_t uidnext) { return static_cast<Uid>(std::min<std::uint64_t>(uidnext - 1, UINT32_MAX)); }
}  // namespace

struct ImapSession::Turn {
  const Call& call;
  std::string folder;
  const Want& want;
  Anchor anchor;
  Page page;
  std::uint64_t limit = 500;
  bool more = false;
};

Result<Page> ImapSession::changes(const Call& call, View scope, View anchor, const Want& want) {
  if (connection_->dead()) {
    return fault(FaultKind::unavailable, settings_.host, "The connection to the mail server was lost; open it again.");
  }
  if (auto up = awake(call); !up) return std::unexpected(up.error());
  if (scope.empty()) return folders(call, anchor);
  Turn turn{call, std::string(scope), want, {}, {}, std::max<std::uint64_t>(want.limit, 1), false};
  if (!anchor.empty()) {
    auto decoded = decode_anchor(anchor);
    if (!decoded)
      return fault(FaultKind::anchor_expired, settings_.host,
                   "The stored position is from another version; the folder is listed again.");
    turn.anchor = std::move(*decoded);
    auto same = untouched(call, turn.folder, turn.anchor);
    if (!same) return std::unexpected(same.error());
    if (*same) return Page{{}, Bytes(anchor), false};
  } else {
    selected_.clear();  // SELECT tells UIDNEXT and HIGHESTMODSEQ of this moment
  }
  Result<void> step = begin(turn);
  if (step) step = take_new(turn);
  if (step && turn.page.changes.empty()) {
    const Signals& s = connection_->signals();
    const bool settled = turn.anchor.todo.empty();
    if (settled || s.flags) step = take_flags(turn);
    if (step && (settled || s.expunged)) step = take_removals(turn);
    if (step && turn.page.changes.empty()) step = take_backlog(turn);
  } else {
    turn.more = true;
  }
  if (!step) return std::unexpected(step.error());
  return finish(turn);
}

// A folder that isn't selected costs one STATUS while nothing happens in it.
Result<bool> ImapSession::untouched(const Call& call, const std::string& folder, const Anchor& anchor) {
  if (selected_ == folder || anchor.listing || !anchor.todo.empty() || anchor.sweep_below != 0) return false;
  Result<MailboxState> now = MailboxState{};
  if (auto known = polled(folder)) {
    now = *known;
  } else {
    now = status(call, folder);
  }
  if (!now) return std::unexpected(now.error());
  if (now->uidvalidity != anchor.uidvalidity || now->uidnext != anchor.uidnext || now->exists != anchor.count)
    return false;
  if (anchor.modseq != 0) return now->modseq == anchor.modseq;
  const auto swept = swept_.find(folder);
  return swept != swept_.end() && host_.now() - swept->second < settings_.flag_sweep;
}

Result<void> ImapSession::begin(Turn& turn) {
  const bool stays = selected_ == turn.folder;
  if (auto selected = select(turn.call, turn.folder); !selected) return selected;
  if (stays && !prefetch_ && !connection_->signals().any()) {
    if (auto noop = command(turn.call, "NOOP", Doing::reading, turn.folder); !noop)
      return std::unexpected(noop.error());
  }
  if (state_.uidvalidity == 0) {
    return fault(FaultKind::unsupported, settings_.host,
                 "The mail server gives this folder no lasting message numbers.");
  }
  if (state_.uidnext == 0) {
    auto all = all_uids(turn.call);
    if (!all) return std::unexpected(all.error());
    state_.uidnext = std::uint64_t{all->highest()} + 1;
  }
  Anchor& a = turn.anchor;
  if (a.uidvalidity == 0) {
    a.uidvalidity = state_.uidvalidity;
    a.uidnext = state_.uidnext;
    a.modseq = state_.modseq;
    a.listing = true;
    a.todo.add(1, top(a.uidnext));
    return {};
  }
  if (a.uidvalidity != state_.uidvalidity) {
    return fault(FaultKind::anchor_expired, settings_.host,
                 "The mail server renumbered this folder; it is listed again.");
  }
  if (fresh_ && (state_.uidnext < a.uidnext || (state_.modseq != 0 && state_.modseq < a.modseq))) {
    return fault(FaultKind::regressed, settings_.host,
                 "The mail server's folder went back in time, as after a restore from a backup: check it, then let it "
                 "be listed again.",
                 fmt::format("UIDNEXT {} after {}, HIGHESTMODSEQ {} after {}", state_.uidnext, a.uidnext, state_.modseq,
                             a.modseq));
  }
  state_.uidnext = std::max(state_.uidnext, a.uidnext);  // another session may know more than our SELECT said
  if ((a.modseq == 0) != (state_.modseq == 0)) {
    a.modseq = state_.modseq == 0 ? 0 : 1;  // CONDSTORE came or went: compare everything once
    a.digests = {};
    a.sweep_below = 0;
  }
  return {};
}

void ImapSession::give(Turn& turn, std::vector<Row> rows) {
  Anchor& a = turn.anchor;
  for (Row& row : rows) {
    const bool is_new = !a.exact || !a.known.contains(row.uid);
    if (a.modseq == 0 && is_new) a.digests.note(row.uid, flag_hash(row));
    a.learn(row.uid);
    turn.page.changes.emplace_back(upsert_of(turn.folder, a.uidvalidity, std::move(row), turn.want.inline_up_to));
  }
  while (a.digests.buckets.size() > most_buckets) {
    FlagDigests coarser{a.digests.shift + 1, {}};
    for (const auto& [bucket, sum] : a.digests.buckets) coarser.buckets[bucket / 2] += sum;
    a.digests = std::move(coarser);
  }
}

Result<void> ImapSession::take_new(Turn& turn) {
  Anchor& a = turn.anchor;
  Signals& signals = connection_->signals();
  std::vector<Row> rows;
  auto ready = std::exchange(prefetch_, std::nullopt);
  if (ready && ready->uidnext == a.uidnext) {
    rows = std::move(ready->rows);
  } else if (signals.arrived > 0 || state_.uidnext > a.uidnext) {
    const std::uint64_t span = state_.uidnext - a.uidnext;
    const bool few = signals.arrived + std::min<std::uint64_t>(span, signals.exists) <= at_once;
    const bool told = signals.arrived == 0;
    signals.arrived = 0;
    if (few) {
      Limits limits;
      limits.literal = std::max<std::uint64_t>(limits.literal, std::uint64_t{turn.want.inline_up_to} + 1);
      auto reply =
          must(connection_->run(
                   turn.call, fmt::format("UID FETCH {}:* {}", a.uidnext, attributes(turn.want.inline_up_to)), limits),
               Doing::reading, turn.folder);
      if (!reply) return std::unexpected(reply.error());
      rows = std::move(reply->rows);
    } else {
      if (!told) {
        auto reply = command(turn.call, fmt::format("UID SEARCH UID {}:*", a.uidnext), Doing::reading, turn.folder);
        if (!reply) return std::unexpected(reply.error());
        state_.uidnext = std::max(state_.uidnext, std::uint64_t{reply->found.highest()} + 1);
      }
      if (state_.uidnext > a.uidnext) a.todo.add(static_cast<Uid>(a.uidnext), top(state_.uidnext));
      plan_.reset();
    }
  } else {
    return {};
  }
  // "n:*" names the last message even if its UID is lower (RFC 3501 §6.4.8); a FETCH without a date is news of a flag.
  std::erase_if(rows, [&](const Row& row) { return row.uid < a.uidnext || !row.has_date; });
  std::ranges::sort(rows, std::greater{}, &Row::uid);
  if (!rows.empty()) {
    state_.uidnext = std::max(state_.uidnext, std::uint64_t{rows.front().uid} + 1);
    just_told_.clear();
    for (const Row& row : rows) just_told_[row.uid] = row.modseq;
  }
  a.uidnext = std::max(a.uidnext, state_.uidnext);
  give(turn, std::move(rows));
  return {};
}

// Known messages whose MODSEQ is above the anchor's (RFC 7162 §3.1.4.1). Not UID SEARCH MODSEQ, which would be shorter:
// libetpan can't read its answer.
Result<std::map<Uid, std::uint64_t>> ImapSession::changed_since(Turn& turn) {
  const Anchor& a = turn.anchor;
  UidSet rest = a.known;
  if (!a.exact) rest.add(1, top(a.uidnext));
  if (a.sweep_below != 0) rest.subtract(static_cast<Uid>(a.sweep_below), UINT32_MAX);
  std::map<Uid, std::uint64_t> changed;
  while (!rest.empty()) {
    const UidSet part = a.exact ? rest.newest(known_a_check) : rest;
    auto reply =
        command(turn.call,
                fmt::format("UID FETCH {}:{} (UID MODSEQ) (CHANGEDSINCE {})", part.lowest(), part.highest(), a.modseq),
                Doing::reading, turn.folder);
    if (!reply) return std::unexpected(reply.error());
    for (const Row& row : reply->rows) {
      if (row.modseq > a.modseq && (a.exact ? part.contains(row.uid) : row.uid != 0)) changed[row.uid] = row.modseq;
    }
    rest.subtract(part.lowest(), UINT32_MAX);
  }
  return changed;
}

Result<void> ImapSession::take_flags(Turn& turn) {
  Anchor& a = turn.anchor;
  if (a.modseq == 0) return take_flags_by_digest(turn);
  Signals& signals = connection_->signals();
  if (fresh_ && state_.modseq == a.modseq && !signals.flags && a.sweep_below == 0) return {};
  signals.flags = false;
  auto found = changed_since(turn);
  if (!found) return std::unexpected(found.error());
  std::uint64_t highest = std::max(a.modseq, state_.modseq);  // the check comes after the SELECT that said so
  UidSet changed;
  for (const auto& [uid, modseq] : *found) {
    highest = std::max(highest, modseq);
    const auto told = just_told_.find(uid);  // new mail's MODSEQ is above the anchor's too
    if (told == just_told_.end() || told->second != modseq) changed.add(uid);
  }
  const UidSet now = changed.newest(turn.limit);
  auto rows = rows_of(turn.call, now, 0);
  if (!rows) return std::unexpected(rows.error());
  give(turn, std::move(*rows));
  if (now.count() == changed.count()) {
    turn.more = turn.more || a.sweep_below != 0;  // what changed during the sweep comes next
    a.modseq = a.sweep_below != 0 ? a.sweep_modseq : highest;
    a.sweep_below = a.sweep_modseq = 0;
    just_told_.clear();
  } else {
    if (a.sweep_below == 0) a.sweep_modseq = highest;
    a.sweep_below = now.lowest();
    turn.more = true;
  }
  return {};
}

Result<void> ImapSession::take_flags_by_digest(Turn& turn) {
  Anchor& a = turn.anchor;
  Signals& signals = connection_->signals();
  const auto swept = swept_.find(turn.folder);
  if (!signals.flags && swept != swept_.end() && host_.now() - swept->second < settings_.flag_sweep) return {};
  signals.flags = false;
  if (!a.exact) {  // too many runs to compare by: the core compares a listing
    swept_[turn.folder] = host_.now();
    a.todo.add(1, top(a.uidnext));
    a.listing = a.exact = true;
    a.known = {};
    a.count = 0;
    a.digests = {};
    return {};
  }
  FlagDigests present{a.digests.shift, {}};
  for (const std::string& text : a.known.texts()) {
    auto reply = command(turn.call, fmt::format("UID FETCH {} (UID FLAGS)", text), Doing::reading, turn.folder);
    if (!reply) return std::unexpected(reply.error());
    for (const Row& row : reply->rows) {
      if (row.has_flags && a.known.contains(row.uid)) present.note(row.uid, flag_hash(row));
    }
  }
  std::uint64_t given = 0;
  for (auto at = present.buckets.rbegin(); at != present.buckets.rend(); ++at) {
    const auto told = a.digests.buckets.find(at->first);
    if (told != a.digests.buckets.end() && told->second == at->second) continue;
    if (given >= turn.limit) {
      turn.more = true;
      return {};
    }
    UidSet bucket;
    const std::uint64_t first = std::uint64_t{at->first} << a.digests.shift;
    bucket.add(static_cast<Uid>(std::max<std::uint64_t>(first, 1)),
               static_cast<Uid>(first + (1ULL << a.digests.shift) - 1));
    auto rows = rows_of(turn.call, a.known.within(bucket), 0);
    if (!rows) return std::unexpected(rows.error());
    std::uint32_t sum = 0;
    for (const Row& row : *rows) sum += flag_hash(row);
    a.digests.buckets[at->first] = sum;
    given += rows->size();
    give(turn, std::move(*rows));
  }
  swept_[turn.folder] = host_.now();
  return {};
}

// Every message below UIDNEXT was told of, so equal numbers mean equal sets; swaps (IMAP-20) can't hide.
Result<void> ImapSession::take_removals(Turn& turn) {
  Anchor& a = turn.anchor;
  Signals& signals = connection_->signals();
  if (signals.arrived > 0) {
    turn.more = true;
    return {};
  }
  if (!signals.expunged && (signals.exists == a.count || !a.todo.empty())) return {};
  if (!a.exact) {
    signals.expunged = false;
    if (signals.exists == a.count) return {};
    a.todo.add(1, top(a.uidnext));
    a.listing = a.exact = true;
    a.known = {};
    a.count = 0;
    return {};
  }
  auto present = all_uids(turn.call);
  if (!present) return std::unexpected(present.error());
  UidSet gone = a.known;
  gone.subtract(*present);
  const UidSet now = gone.newest(removals_a_page);
  for (const Uid uid : now.newest_first()) {
    turn.page.changes.emplace_back(Removed{item_id({turn.folder, a.uidvalidity, uid}), turn.folder});
  }
  if (now.count() < gone.count()) turn.more = signals.expunged = true;
  a.forget(now);
  UidSet unheard = *present;  // a server may show a message late under an old number
  unheard.subtract(a.known);
  if (a.uidnext <= UINT32_MAX) unheard.subtract(static_cast<Uid>(a.uidnext), UINT32_MAX);
  a.todo.add(unheard);
  if (!a.todo.empty()) plan_ = std::move(*present);
  return {};
}

Result<void> ImapSession::take_backlog(Turn& turn) {
  Anchor& a = turn.anchor;
  if (a.todo.empty() && !a.listing) return {};
  if (!plan_ && !a.todo.empty()) {
    auto all = all_uids(turn.call);
    if (!all) return std::unexpected(all.error());
    plan_ = std::move(*all);
  }
  const UidSet left = a.todo.empty() ? UidSet{} : plan_->within(a.todo);
  const UidSet now = left.newest(turn.limit);
  auto rows = rows_of(turn.call, now, turn.want.inline_up_to);
  if (!rows) return std::unexpected(rows.error());
  // What is there and can't be fetched counts, or an inexact anchor would be listed again for ever; an exact one asks
  // for it at every look.
  a.count += now.count() - std::min<std::uint64_t>(now.count(), rows->size());
  give(turn, std::move(*rows));
  if (now.count() < left.count()) {
    a.todo.subtract(now.lowest(), UINT32_MAX);
    turn.more = true;
    return {};
  }
  a.todo = {};
  plan_.reset();
  if (a.listing) {
    a.listing = false;
    turn.page.changes.emplace_back(Listed{turn.folder});
    if (a.modseq == 0) swept_[turn.folder] = host_.now();
  }
  // What changed between the SELECT and here hasn't been told yet. A page that brought nothing is no reason to go on:
  // some servers name a message and then don't give it.
  if ((!fresh_ && !turn.page.changes.empty()) || connection_->signals().any()) turn.more = true;
  return {};
}

Page ImapSession::finish(Turn& turn) {
  Anchor& a = turn.anchor;
  turn.more = turn.more || !a.todo.empty() || a.listing || a.sweep_below != 0 || connection_->signals().arrived > 0;
  fresh_ = false;
  if (!turn.more) connection_->signals().clear();
  if (turn.folder == inbox_) {
    live_ = Live{a.uidvalidity, a.uidnext, turn.want.inline_up_to, connection_->signals().exists, a.modseq};
  }
  turn.page.anchor = encode(a);
  turn.page.more = turn.more;
  return std::move(turn.page);
}

}  // namespace tidegate::imap
