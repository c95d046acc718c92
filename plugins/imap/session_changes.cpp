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

#include "plugins/imap/backend.hpp"
#include "plugins/imap/in_time.hpp"
#include "plugins/imap/turn.hpp"

namespace tidegate::imap {
namespace {
constexpr std::uint64_t at_once = 8;  // new messages fetched with their bodies in one command
constexpr std::uint64_t known_a_check = 20'000;
constexpr std::size_t most_buckets = 8192;
constexpr std::chrono::minutes shown_late{2};

}  // namespace

Result<Page> ImapSession::changes(const Call& call, View scope, View anchor, const Want& want) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  if (connection_->dead()) {
    return fault(FaultKind::unavailable, settings_.host, "The connection to the mail server was lost; open it again.");
  }
  if (auto up = awake(call); !up) return std::unexpected(up.error());
  if (scope.empty()) return folders(call, anchor);
  if (backend_.habits().folder_pause(phantom_key(scope), host_.now()).count() > 0) {
    return fault(FaultKind::denied, settings_.host,
                 "The mail server lists this folder and does not open it; it is tried again later.");
  }
  Want mine = want;
  if (backend_.habits().contents_break(phantom_key(scope), host_.now())) mine.inline_up_to = 0;
  auto page = of_folder(call, scope, anchor, mine);
  // Perhaps over one message's content. Whoever reads it finds out which; the folder must be listed meanwhile.
  if (!page && connection_->dead() && mine.inline_up_to > 0 &&
      (page.error().kind == FaultKind::unavailable || hung(call, page.error())))
    backend_.habits().contents_broke(phantom_key(scope), host_.now());
  // A refusal of one folder is no reason to give up the connection, whatever the server says for it.
  if (!page && page.error().kind == FaultKind::unavailable && !connection_->dead() && scope != inbox_) {
    page.error().kind = FaultKind::denied;
  }
  return page;
}

Result<Page> ImapSession::of_folder(const Call& call, View scope, View anchor, const Want& want) {
  Turn turn{call, std::string(scope), want, {}, {}, std::max<std::uint64_t>(want.limit, 1), false};
  if (!anchor.empty()) {
    auto decoded = decode_anchor(anchor);
    if (!decoded)
      return fault(FaultKind::anchor_expired, settings_.host,
                   "The stored position is from another version; the folder is listed again.");
    turn.anchor = std::move(*decoded);
    auto same = untouched(turn);
    if (!same) return std::unexpected(same.error());
    if (*same) return Page{{}, Bytes(anchor), false};
  } else {
    selected_.clear();  // SELECT tells UIDNEXT and HIGHESTMODSEQ of this moment
  }
  const bool knew = turn.anchor.uidvalidity != 0;
  Result<void> step = begin(turn);
  if (step) step = take_new(turn);
  if (step && turn.page.changes.empty()) {
    const Signals& s = connection_->signals();
    const bool settled = turn.anchor.todo.empty();
    if (settled || s.flags) step = take_flags(turn);
    if (step && (settled || s.expunged)) step = take_removals(turn);
    if (step && turn.page.changes.empty()) step = take_backlog(turn);
    // The backlog is through: what became meanwhile of messages that earlier pages named has not been asked for. It is
    // now if this page brought nothing, since that is no reason to go on (take_backlog() says why).
    if (step && knew && !settled && turn.anchor.todo.empty()) {
      if (!turn.page.changes.empty()) {
        turn.more = true;
      } else {
        step = take_flags(turn);
        if (step) step = take_removals(turn);
      }
    }
  } else {
    turn.more = true;
  }
  if (!step) return std::unexpected(step.error());
  return finish(turn);
}

// A folder that isn't selected costs one STATUS while nothing happens in it.
Result<bool> ImapSession::untouched(Turn& turn) {
  const std::string& folder = turn.folder;
  const Anchor& anchor = turn.anchor;
  if (selected_ == folder || anchor.listing || !anchor.todo.empty() || anchor.sweep_below != 0) return false;
  if (told_of(folder)) return false;
  Result<MailboxState> now = MailboxState{};
  if (auto known = polled(folder)) {
    now = *known;
  } else {
    now = status(turn.call, folder);
  }
  if (!now) return std::unexpected(now.error());
  turn.before = *now;
  const bool moved = now->uidvalidity != anchor.uidvalidity || now->uidnext != anchor.uidnext ||
                     now->exists != counted(folder, anchor) || (anchor.modseq != 0 && now->modseq != anchor.modseq);
  looked_at(folder, moved && !late_.contains(folder));
  if (moved || anchor.modseq != 0) return !moved;
  const auto swept = swept_.find(folder);
  return !own_marks_.contains(folder) && swept != swept_.end() && host_.now() - swept->second < settings_.flag_sweep;
}

Result<void> ImapSession::begin(Turn& turn) {
  const bool stays = selected_ == turn.folder;
  if (auto selected = select(turn.call, turn.folder); !selected) return selected;
  if (stays && !prefetch_ && !connection_->signals().any()) {
    if (auto heard = hear(turn.call); !heard) return heard;
  }
  if (state_.uidvalidity == 0) {
    return fault(FaultKind::unsupported, settings_.host,
                 "The mail server gives this folder no lasting message numbers.");
  }
  Anchor& a = turn.anchor;
  std::uint64_t said = state_.uidnext;
  if (said == 0) {
    // SELECT need not tell it (Courier doesn't). Counted, it falls when the newest message goes; what STATUS said is no
    // measure of what this SELECT shows.
    auto all = all_uids(turn.call);
    if (!all) return std::unexpected(all.error());
    state_.uidnext = std::uint64_t{all->highest()} + 1;
    said = turn.before.uidvalidity == state_.uidvalidity ? turn.before.uidnext : 0;
  }
  if (a.uidvalidity == 0) {
    a.uidvalidity = state_.uidvalidity;
    a.uidnext = state_.uidnext;
    a.modseq = state_.modseq;
    a.listing = true;
    a.todo.add(1, top(a.uidnext));
    shown_[turn.folder] = 0;
    return {};
  }
  if (a.uidvalidity != state_.uidvalidity) {
    return fault(FaultKind::anchor_expired, settings_.host,
                 "The mail server renumbered this folder; it is listed again.");
  }
  if (fresh_ && ((said != 0 && said < a.uidnext) || (state_.modseq != 0 && state_.modseq < a.modseq))) {
    return fault(
        FaultKind::regressed, settings_.host,
        "The mail server's folder went back in time, as after a restore from a backup: it is listed again, and "
        "what it lost waits for `tidegatectl hold`.",
        fmt::format("UIDNEXT {} after {}, HIGHESTMODSEQ {} after {}", said, a.uidnext, state_.modseq, a.modseq));
  }
  // IMAP-16: new mail moves HIGHESTMODSEQ (RFC 7162 §3.1); where it never does, flags are compared instead.
  if (fresh_ && a.modseq != 0 && state_.uidnext > a.uidnext && state_.modseq == a.modseq)
    backend_.habits().broke(Promise::modseq);
  state_.uidnext = std::max(state_.uidnext, a.uidnext);  // another session may know more than our SELECT said
  if ((a.modseq == 0) != (state_.modseq == 0)) {
    a.modseq = state_.modseq == 0 ? 0 : 1;  // CONDSTORE came or went: compare everything once
    a.digests = {};
    a.sweep_below = a.sweep_modseq = 0;
  }
  return {};
}

void ImapSession::give(Turn& turn, std::vector<Row> rows) {
  Anchor& a = turn.anchor;
  const auto listed = shown_.find(turn.folder);
  for (Row& row : rows) {
    // What is higher became so since, and says nothing of what was counted before.
    if (listed != shown_.end() && row.modseq <= a.modseq) listed->second = std::max(listed->second, row.modseq);
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
    const bool few = signals.arrived + std::min<std::uint64_t>(span, signals.exists) <= std::min(at_once, turn.limit) &&
                     !backend_.habits().suspected(numbering_key(), a.uidnext);
    const bool told = signals.arrived == 0;
    signals.arrived = 0;
    if (few) {
      Limits limits;
      limits.literal = std::max<std::uint64_t>(limits.literal, std::uint64_t{turn.want.inline_up_to} + 1);
      const auto since = host_.now();
      auto reply =
          must(connection_->run(
                   turn.call, fmt::format("UID FETCH {}:* {}", a.uidnext, attributes(turn.want.inline_up_to)), limits),
               Doing::reading, turn.folder);
      if (!reply) {
        // With bodies it may as well have been a content: changes() asks without them next.
        if (turn.want.inline_up_to > 0) return std::unexpected(reply.error());
        UidSet asked;
        asked.add(static_cast<Uid>(a.uidnext), top(std::max(state_.uidnext, a.uidnext + at_once)));
        return std::unexpected(headers_came_not(turn.call, std::move(reply.error()), asked, since));
      }
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
    if (a.modseq != 0 && rows.front().modseq > a.modseq) backend_.habits().kept(Promise::modseq);
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
  // RFC 7162 §3.2.6, in the same breath. Between numbers, not up to "*": IMAP-11.
  const std::string vanished = tells_removals(turn) ? " VANISHED" : "";
  if (a.sweep_below != 0) rest.subtract(static_cast<Uid>(a.sweep_below), UINT32_MAX);
  std::map<Uid, std::uint64_t> changed;
  while (!rest.empty()) {
    const UidSet part = a.exact ? rest.newest(known_a_check) : rest;
    auto reply = command(turn.call,
                         fmt::format("UID FETCH {}:{} (UID MODSEQ) (CHANGEDSINCE {}{})", part.lowest(), part.highest(),
                                     a.modseq, vanished),
                         Doing::reading, turn.folder);
    if (!reply) return std::unexpected(reply.error());
    turn.vanished.add(reply->vanished);
    turn.malformed = turn.malformed || reply->malformed;
    for (const Row& row : reply->rows) {
      if (row.modseq > a.modseq && (a.exact ? part.contains(row.uid) : row.uid != 0)) changed[row.uid] = row.modseq;
    }
    rest.subtract(part.lowest(), UINT32_MAX);
  }
  return changed;
}

// IMAP-06: a server may count a change before it shows it. What SELECT said is believed when a message has shown it, or
// when none has for a while (an expunged one never will).
std::uint64_t ImapSession::settled_modseq(const std::string& folder, std::uint64_t shown) {
  if (shown >= state_.modseq) {
    late_.erase(folder);
    return shown;
  }
  Late& late = late_[folder];
  if (late.modseq != state_.modseq) late = {state_.modseq, host_.now()};
  if (host_.now() - late.since < shown_late) return shown;
  late_.erase(folder);
  return state_.modseq;
}

// The same of a first listing: a change that was counted before it began may show itself after the message was listed.
// A folder of which nothing was shown has nothing to show.
void ImapSession::settle_listed(Turn& turn) {
  const auto listed = shown_.find(turn.folder);
  if (listed == shown_.end()) return;
  const auto shown = listed->second;
  shown_.erase(listed);
  Anchor& a = turn.anchor;
  if (shown == 0 || shown >= a.modseq) return;
  late_[turn.folder] = {a.modseq, host_.now()};
  a.modseq = shown;
}

/// How many messages the folder counts if it is as the anchor says.
std::uint64_t ImapSession::counted(const std::string& folder, const Anchor& anchor) const {
  if (!anchor.exact) return anchor.count;
  return anchor.count + backend_.habits().ghosts(numbering_key(folder, anchor.uidvalidity), host_.now());
}

Result<void> ImapSession::take_flags(Turn& turn) {
  Anchor& a = turn.anchor;
  if (a.modseq == 0) return take_flags_by_digest(turn);
  Signals& signals = connection_->signals();
  if (fresh_ && state_.modseq == a.modseq && !signals.flags && a.sweep_below == 0) return {};
  signals.flags = false;
  auto found = changed_since(turn);
  if (!found) return std::unexpected(found.error());
  std::uint64_t highest = a.modseq;
  UidSet changed;
  for (const auto& [uid, modseq] : *found) {
    highest = std::max(highest, modseq);
    const auto told = just_told_.find(uid);  // new mail's MODSEQ is above the anchor's too
    if (told == just_told_.end() || told->second != modseq) changed.add(uid);
  }
  highest = settled_modseq(turn.folder, highest);
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
  const bool lately = swept != swept_.end() && host_.now() - swept->second < settings_.flag_sweep;
  if (!signals.flags && a.sweep_below == 0 && lately) return take_own_marks(turn);
  signals.flags = false;
  if (!a.exact) {  // too many runs to compare by: the core compares a listing
    swept_[turn.folder] = host_.now();
    a.todo.add(1, top(a.uidnext));
    a.listing = a.exact = true;
    a.known = {};
    a.count = 0;
    a.digests = {};
    a.sweep_below = a.sweep_modseq = 0;
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
  // A bucket of more messages than a page may have is told in parts: those from sweep_below on sum up to sweep_modseq.
  std::uint64_t given = 0;
  for (auto at = present.buckets.rbegin(); at != present.buckets.rend(); ++at) {
    const std::uint64_t first = std::uint64_t{at->first} << a.digests.shift, next = first + (1ULL << a.digests.shift);
    const bool begun = first < a.sweep_below && a.sweep_below < next;
    const auto told = a.digests.buckets.find(at->first);
    if (!begun && told != a.digests.buckets.end() && told->second == at->second) continue;
    if (given >= turn.limit) {
      turn.more = true;
      return {};
    }
    UidSet bucket;
    bucket.add(static_cast<Uid>(std::max<std::uint64_t>(first, 1)),
               static_cast<Uid>((begun ? a.sweep_below : next) - 1));
    const UidSet left = a.known.within(bucket), now = left.newest(turn.limit - given);
    auto rows = rows_of(turn.call, now, 0);
    if (!rows) return std::unexpected(rows.error());
    std::uint32_t sum = begun ? static_cast<std::uint32_t>(a.sweep_modseq) : 0;
    for (const Row& row : *rows) sum += flag_hash(row);
    given += now.count();
    give(turn, std::move(*rows));
    if (now.count() < left.count()) {
      a.sweep_below = now.lowest();
      a.sweep_modseq = sum;
      turn.more = true;
      return {};
    }
    a.digests.buckets[at->first] = sum;
    a.sweep_below = a.sweep_modseq = 0;
  }
  a.sweep_below = a.sweep_modseq = 0;  // whose bucket is gone meanwhile
  own_marks_.erase(turn.folder);
  swept_[turn.folder] = host_.now();
  return {};
}

/// What this session changed itself no server tells it. The sums find that again, once.
Result<void> ImapSession::take_own_marks(Turn& turn) {
  const auto own = own_marks_.find(turn.folder);
  if (own == own_marks_.end()) return {};
  const UidSet left = turn.anchor.known.within(own->second), now = left.newest(turn.limit);
  auto rows = rows_of(turn.call, now, 0);
  if (!rows) return std::unexpected(rows.error());
  give(turn, std::move(*rows));
  if (now.count() < left.count()) {
    own->second.subtract(now.lowest(), UINT32_MAX);
    turn.more = true;
  } else {
    own_marks_.erase(own);
  }
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
  // What is there and can't be fetched counts, or an inexact anchor would be listed again for ever; of an exact one it
  // is remembered for a while.
  UidSet missing = now;
  for (const Row& row : *rows) missing.subtract(row.uid, row.uid);
  backend_.habits().asked(numbering_key(), now, missing, host_.now());
  if (!a.exact) a.count += missing.count();
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
    settle_listed(turn);
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
