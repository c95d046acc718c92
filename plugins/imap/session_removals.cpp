// SPDX-License-Identifier: Apache-2.0
// Who is gone: by VANISHED (RFC 7162) where it can be believed, else by comparing UIDs.
#include <algorithm>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/turn.hpp"

namespace tidegate::imap {
// Is it worth asking which messages vanished, and would the answer be believed?
bool ImapSession::tells_removals(const Turn& turn) const {
  const Anchor& a = turn.anchor;
  return connection_->enabled("QRESYNC") && backend_.habits().believed(Promise::vanished) && a.exact &&
         a.todo.empty() && a.modseq != 0 && connection_->signals().exists < counted(turn.folder, a);
}

// What VANISHED named, if its number is the one that is missing: some servers name too few, or others (IMAP-09).
std::optional<UidSet> ImapSession::named_removals(const Turn& turn) const {
  const Anchor& a = turn.anchor;
  if (!connection_->enabled("QRESYNC") || !backend_.habits().believed(Promise::vanished)) return std::nullopt;
  if (!a.exact || !a.todo.empty() || turn.malformed) return std::nullopt;
  UidSet gone = turn.vanished;
  gone.add(connection_->signals().vanished);
  gone = gone.within(a.known);
  if (gone.empty()) return std::nullopt;
  const bool agrees = counted(turn.folder, a) - gone.count() == connection_->signals().exists;
  if (agrees) {
    backend_.habits().kept(Promise::vanished);
    return gone;
  }
  backend_.habits().broke(Promise::vanished);
  return std::nullopt;
}

void ImapSession::tell_gone(Turn& turn, UidSet gone) {
  Anchor& a = turn.anchor;
  const UidSet now = gone.newest(turn.limit - std::min<std::uint64_t>(turn.limit, turn.page.changes.size()));
  for (const Uid uid : now.newest_first()) {
    turn.page.changes.emplace_back(Removed{item_id({turn.folder, a.uidvalidity, uid}), turn.folder});
  }
  a.forget(now);
  gone.subtract(now);
  if (gone.empty()) return;
  // VANISHED (EARLIER) named them for this page only.
  connection_->signals().vanished.add(gone);
  turn.more = connection_->signals().expunged = true;
}

// Every message below UIDNEXT was told of, so equal numbers mean equal sets; swaps (IMAP-20) can't hide.
Result<void> ImapSession::take_removals(Turn& turn) {
  Anchor& a = turn.anchor;
  Signals& signals = connection_->signals();
  if (signals.arrived > 0) {
    turn.more = true;
    return {};
  }
  const auto counted = this->counted(turn.folder, a);
  if (!signals.expunged && (signals.exists == counted || !a.todo.empty())) return {};
  if (!a.exact) {
    signals.expunged = false;
    if (signals.exists == counted) return {};
    a.todo.add(1, top(a.uidnext));
    a.listing = a.exact = true;
    a.known = {};
    a.count = 0;
    return {};
  }
  if (auto named = named_removals(turn)) {
    signals.expunged = false;
    tell_gone(turn, std::move(*named));
    return {};
  }
  auto present = all_uids(turn.call);
  if (!present) return std::unexpected(present.error());
  backend_.habits().named(numbering_key(), *present);
  UidSet gone = a.known;
  gone.subtract(*present);
  tell_gone(turn, std::move(gone));
  UidSet unheard = *present;  // a server may show a message late under an old number
  unheard.subtract(a.known);
  if (a.uidnext <= UINT32_MAX) unheard.subtract(static_cast<Uid>(a.uidnext), UINT32_MAX);
  a.todo.add(unheard);
  if (!a.todo.empty()) plan_ = std::move(*present);
  return {};
}

}  // namespace tidegate::imap
