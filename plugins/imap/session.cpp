// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/session.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/in_time.hpp"
#include "plugins/imap/roles.hpp"

namespace tidegate::imap {
namespace {

std::unexpected<Fault> cannot(std::string text) { return fault(FaultKind::unsupported, "imap", std::move(text)); }

// SEARCH answers come as one line: 50,000 numbers are half of the Guard's line limit.
constexpr std::uint32_t search_chunk = 50'000;
constexpr std::uint64_t fetch_chunk = 500;
// A connection that lived so long was worth its login.
constexpr std::chrono::seconds grown_up{60};
// One header that has not come after this long does not come.
constexpr std::chrono::seconds hangs_after{20};

}  // namespace

ImapSession::ImapSession(ImapBackend& backend, Mailbox box, Root root, std::unique_ptr<Connection> connection)
    : backend_(backend),
      settings_(backend.settings()),
      host_(backend.host()),
      box_(std::move(box)),
      root_(std::move(root)),
      connection_(std::move(connection)),
      born_(host_.now()) {
  if (!root_.name.empty()) inbox_ = root_.name;  // until the tree says better
}

// IMAP-26: who lets in and shows out again at once is not stormed.
ImapSession::~ImapSession() {
  const bool young = host_.now() - born_ < grown_up;
  if (!young) backend_.habits().grew_old(whose(box_));
  if (young && connection_->dropped()) backend_.habits().died_young(whose(box_), host_.now());
}

Capabilities ImapSession::capabilities() const {
  Capabilities c;
  c.verbs =
      can_create | can_set_flags | can_move | can_remove | can_make_folder | can_change_folder | can_remove_folder;
  if (!settings_.smtp.host.empty()) c.verbs |= can_send;
  c.ranged_read = true;
  c.parks = connection_->has("IDLE");
  c.delta = true;
  c.removals = true;
  c.sessions_per_user = 2;  // Dovecot's mail_max_userip_connections is 10, Gmail's limit 15 (IMAP-23)
  return c;
}

Result<ImapSession::Answer> ImapSession::must(Result<Answer> reply, Doing doing, std::string_view folder) const {
  if (reply && reply->verdict != Verdict::ok) {
    return std::unexpected(refused(*reply, doing, fmt::format("{} folder {}", settings_.host, folder)));
  }
  return reply;
}

Result<ImapSession::Answer> ImapSession::command(const Call& call, std::string_view text, Doing doing,
                                                 std::string_view folder) {
  if (auto up = awake(call); !up) return std::unexpected(up.error());
  auto reply = must(connection_->run(call, text), doing, folder);
  if (doing == Doing::writing) backend_.wrote();
  return reply;
}

Result<void> ImapSession::awake(const Call& call) {
  if (!connection_->idling()) return {};
  auto done = connection_->idle_done(call);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> ImapSession::select(const Call& call, const std::string& folder) {
  if (auto up = awake(call); !up) return up;
  if (selected_ == folder) return {};
  selected_.clear();
  plan_.reset();
  prefetch_.reset();
  just_told_.clear();
  heard_below_ = 0;
  auto reply = must(connection_->select(call, folder, condstore(), state_), Doing::select, folder);
  if (!reply) return std::unexpected(opened_not(std::move(reply.error()), folder));
  if (!condstore()) state_.modseq = 0;
  backend_.habits().folder_opened(phantom_key(folder));
  selected_ = folder;
  fresh_ = true;
  return {};
}

bool ImapSession::condstore() const {
  return connection_->has("CONDSTORE") && backend_.habits().believed(Promise::modseq);
}

std::string ImapSession::phantom_key(std::string_view folder) const {
  std::string key = whose(box_);
  key += '\0';
  return key.append(folder);
}

std::string ImapSession::numbering_key() const { return numbering_key(selected_, state_.uidvalidity); }

std::string ImapSession::numbering_key(std::string_view folder, std::uint32_t uidvalidity) const {
  return fmt::format("{}{}{}", phantom_key(folder), '\0', uidvalidity);
}

bool ImapSession::hung(const Call& call, const Fault& why) const {
  return why.kind == FaultKind::cancelled && !call.stop.stop_requested() && connection_->dead();
}

// Perhaps over one of them: what breaks the connection, or libetpan's understanding of it, or is waited for in vain, is
// found and left out. Of a slow server fewer are asked for; one message is not blamed for the time that others took.
Fault ImapSession::headers_came_not(const Call& call, Fault why, const UidSet& asked, Clock::time_point since) {
  const bool hangs = hung(call, why) && (asked.count() > 1 || host_.now() - since >= hangs_after);
  const bool broke = why.kind == FaultKind::unavailable || why.kind == FaultKind::invalid || hangs;
  if (!connection_->dead() || !broke) return why;
  const auto left_out = backend_.habits().headers_broke(numbering_key(), asked, host_.now());
  if (!left_out) return why;
  host_.log(3, fmt::format("{} {} when the header of message UID {} in folder {} of {} is fetched: the message is left "
                           "out and tried again in {} min; look at it on the mail server",
                           settings_.host, hangs ? "does not answer" : "breaks the connection", asked.lowest(),
                           selected_, whose(box_), std::chrono::ceil<std::chrono::minutes>(*left_out).count()));
  return why;
}

// IMAP-25.
Fault ImapSession::opened_not(Fault why, const std::string& folder) {
  if (!connection_->dead() && folder != inbox_) backend_.habits().folder_refused(phantom_key(folder), host_.now());
  return why;
}

// IMAP-03: to some servers without IDLE a NOOP is nothing; only SELECT makes them look.
Result<void> ImapSession::hear(const Call& call) {
  if (connection_->has("IDLE")) {
    auto noop = command(call, "NOOP", Doing::reading, selected_);
    return noop ? Result<void>() : std::unexpected(noop.error());
  }
  return select(call, std::exchange(selected_, {}));
}

Result<void> ImapSession::select_item(const Call& call, const ItemName& name, FaultKind renumbered, bool news) {
  const bool stays = selected_ == name.folder;
  if (auto selected = select(call, name.folder); !selected) return selected;
  // Found by another session after our SELECT: a server tells of new messages between commands only (RFC 3501 §7),
  // and until then answers for this number as if there were no such message.
  const bool unheard = name.uid >= std::max(state_.uidnext, heard_below_);
  if (stays && (news || unheard)) {
    if (auto heard = hear(call); !heard) return heard;
    if (unheard) heard_below_ = std::uint64_t{name.uid} + 1;
  }
  // IMAP-18: after a renumbering the old number may be another message.
  if (state_.uidvalidity != name.uidvalidity) {
    return fault(renumbered, settings_.host,
                 "The folder was renumbered by the mail server; the message is found again after the next sync.");
  }
  return {};
}

Result<MailboxState> ImapSession::status(const Call& call, const std::string& folder) {
  const auto name = quoted(folder);
  if (!name) return fault(FaultKind::not_found, settings_.host, "This folder's name cannot be spoken in IMAP.");
  // IMAP-27: Courier answers from a cache that only CHECK clears.
  if (!selected_.empty() && connection_->server().find("courier") != std::string::npos) {
    if (auto checked = command(call, "CHECK", Doing::reading, selected_); !checked)
      return std::unexpected(checked.error());
  }
  auto reply = command(
      call, fmt::format("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY{})", *name, condstore() ? " HIGHESTMODSEQ" : ""),
      Doing::select, folder);
  if (!reply) return std::unexpected(opened_not(std::move(reply.error()), folder));
  std::optional<MailboxState> own;
  for (FolderStatus& said : reply->statuses) {
    if (canonical_mailbox(said.name) == folder) {
      own = said.state;
    } else {
      connection_->signals().folders[said.name] = said.state;  // pushed in between (RFC 5465)
    }
  }
  // One answer to one question: some servers spell the name another way than they were asked.
  if (!own && reply->statuses.size() == 1) {
    own = reply->statuses.front().state;
    connection_->signals().folders.erase(reply->statuses.front().name);
  }
  if (!own) return fault(FaultKind::invalid, settings_.host, "The mail server gave no status for a folder.");
  return *own;
}

Result<UidSet> ImapSession::all_uids(const Call& call) {
  Signals& signals = connection_->signals();
  for (int attempt = 0; attempt < 4; ++attempt) {
    UidSet all;
    signals.expunged = false;
    const std::uint32_t exists = signals.exists;
    for (std::uint64_t first = 1; first <= exists; first += search_chunk) {
      const std::uint64_t last = std::min<std::uint64_t>(first + search_chunk - 1, exists);
      const std::string text = exists <= search_chunk ? "UID SEARCH ALL" : fmt::format("UID SEARCH {}:{}", first, last);
      auto reply = command(call, text, Doing::reading, selected_);
      if (!reply) return std::unexpected(reply.error());
      all.add(reply->found);
    }
    // Sequence numbers moved between two chunks: something may have slipped through.
    if (!signals.expunged || exists <= search_chunk) return all;
  }
  return fault(FaultKind::unavailable, settings_.host, "The folder changes too fast to be listed; it is tried again.");
}

std::string ImapSession::attributes(std::uint32_t body_up_to, bool header) const {
  std::string what = "(UID FLAGS INTERNALDATE RFC822.SIZE";
  if (state_.modseq != 0) what += " MODSEQ";
  if (header) what += " BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]";
  // One octet more than wanted: what comes back shorter is the whole message.
  if (body_up_to > 0) what += fmt::format(" BODY.PEEK[]<0.{}>", std::uint64_t{body_up_to} + 1);
  return what + ')';
}

namespace {
/// A FETCH without the size is the server's own news of a flag.
void take_rows(std::vector<Row>& came, const UidSet& wanted, std::map<Uid, Row, std::greater<>>& into) {
  for (Row& row : came)
    if (row.uid != 0 && row.has_flags && row.has_date && wanted.contains(row.uid)) into[row.uid] = std::move(row);
}
}  // namespace

// What is left out, because its header breaks the connection, is named without one: who has it keeps it, and who reads
// it finds that it cannot be read (law 11). Where that breaks the connection as well, it is left out altogether.
Result<void> ImapSession::take_bare(const Call& call, const UidSet& uids, std::map<Uid, Row, std::greater<>>& rows) {
  for (const Uid uid : uids.newest_first()) {
    const auto what = fmt::format("{}{}{}", numbering_key(), '\0', uid);
    if (backend_.habits().bare_breaks(what, host_.now())) continue;
    const auto since = host_.now();
    auto reply = command(call, fmt::format("UID FETCH {} {}", uid, attributes(0, false)), Doing::reading, selected_);
    if (!reply) {
      const auto& why = reply.error();
      const bool hangs = hung(call, why) && host_.now() - since >= hangs_after;
      if (connection_->dead() && (hangs || why.kind == FaultKind::unavailable || why.kind == FaultKind::invalid))
        backend_.habits().bare_broke(what, host_.now());
      return std::unexpected(std::move(reply.error()));
    }
    for (Row& row : reply->rows) row.bare = true;
    take_rows(reply->rows, uids, rows);
  }
  return {};
}

// Newest first; bodies in further commands, for the small ones, as far as the page has room.
Result<std::vector<Row>> ImapSession::rows_of(const Call& call, const UidSet& uids, std::uint32_t inline_up_to) {
  std::map<Uid, Row, std::greater<>> rows;
  UidSet left_out = uids;
  for (const UidSet& part : backend_.habits().parts(numbering_key(), uids, host_.now())) {
    left_out.subtract(part);
    for (const std::string& text : part.texts(4000, fetch_chunk)) {
      const auto since = host_.now();
      auto reply = command(call, fmt::format("UID FETCH {} {}", text, attributes(0)), Doing::reading, selected_);
      if (!reply) return std::unexpected(headers_came_not(call, std::move(reply.error()), part, since));
      take_rows(reply->rows, uids, rows);
    }
    backend_.habits().headers_came(numbering_key(), part);
  }
  if (auto bare = take_bare(call, left_out, rows); !bare) return std::unexpected(std::move(bare.error()));
  UidSet small;
  std::uint64_t room = page_octets;
  for (const auto& [uid, row] : rows) {
    if (inline_up_to == 0 || row.size > inline_up_to || row.size > room || left_out.contains(uid)) continue;
    room -= row.size;
    small.add(uid);
  }
  for (const std::string& text : small.texts(4000, 50)) {
    Limits limits;
    limits.literal = std::uint64_t{inline_up_to} + 1;
    auto reply = must(
        connection_->run(
            call, fmt::format("UID FETCH {} (UID BODY.PEEK[]<0.{}>)", text, std::uint64_t{inline_up_to} + 1), limits),
        Doing::reading, selected_);
    if (!reply) return std::unexpected(reply.error());
    for (Row& row : reply->rows) {
      if (auto at = rows.find(row.uid); at != rows.end() && row.body) at->second.body = std::move(row.body);
    }
  }
  std::vector<Row> out;
  out.reserve(rows.size());
  for (auto& [uid, row] : rows) out.push_back(std::move(row));
  return out;
}

namespace {
/// Sizes are 32-bit in RFC 3501; servers take a longer range as "to the end".
constexpr std::uint64_t body_most = UINT32_MAX;

std::string body_attributes(Range range, std::uint64_t length) {
  const bool whole = range.from == 0 && length == body_most;
  return "(UID BODY.PEEK[]" + (whole ? std::string() : fmt::format("<{}.{}>", range.from, length)) + ")";
}
}  // namespace

// One command for all of them, and each is known by its UID: the answers to commands in one flight may come mixed
// (RFC 3501 §5.5; Dovecot runs four at a time and completes them together).
void ImapSession::expect(const Call& call, std::span<const Reading> next) {
  ahead_ = {};
  UidSet uids;
  std::optional<ItemName> first;
  for (const auto& [item, range] : next) {
    auto name = parse_item_id(item);
    if (!name || range != next.front().range || range.from >= body_most) break;
    if (!first) {
      if (!select_item(call, *name, FaultKind::anchor_expired)) return;
      first = name;
    }
    // Of one folder, and messages that the server has told of (select_item).
    if (name->folder != first->folder || name->uidvalidity != first->uidvalidity ||
        name->uid >= std::max(state_.uidnext, heard_below_))
      break;
    uids.add(name->uid);
  }
  if (uids.count() < 2) return;
  const auto range = next.front().range;
  Limits limits;
  limits.literal = std::min(range.length, body_most - range.from);
  limits.total = std::min(ahead_most, limits.literal * uids.count()) + limits.total;
  const auto set = uids.texts().front();
  auto reply =
      connection_->run(call, fmt::format("UID FETCH {} {}", set, body_attributes(range, limits.literal)), limits);
  if (!reply || reply->verdict != Verdict::ok) return;
  ahead_ = {.folder = first->folder, .uidvalidity = first->uidvalidity, .range = range, .bodies = {}};
  for (auto& row : reply->rows)
    if (row.body && !row.body->empty() && uids.contains(row.uid))
      ahead_.bodies.insert_or_assign(row.uid, std::move(*row.body));
}

/// What expect() has brought; each once.
std::optional<std::string> ImapSession::read_ahead(const ItemName& name, Range range) {
  if (ahead_.folder != name.folder || ahead_.uidvalidity != name.uidvalidity || ahead_.range != range) return {};
  const auto found = ahead_.bodies.find(name.uid);
  if (found == ahead_.bodies.end()) return {};
  auto octets = std::move(found->second);
  ahead_.bodies.erase(found);
  return octets;
}

Result<std::uint64_t> ImapSession::read(const Call& call, View item, Range range, Sink sink) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  const auto name = parse_item_id(item);
  if (!name) return fault(FaultKind::not_found, settings_.host, "This is no message of this mailbox.");
  if (const auto octets = read_ahead(*name, range)) {
    sink(std::as_bytes(std::span(*octets)));
    return octets->size();
  }
  // Not not_found: it is there, under a number that the next sync brings.
  if (auto selected = select_item(call, *name, FaultKind::anchor_expired); !selected)
    return std::unexpected(selected.error());
  if (range.length == 0 || range.from >= body_most) return 0;
  const std::uint64_t length = std::min(range.length, body_most - range.from);
  std::uint64_t given = 0;
  Sink stoppable = [&](Octets octets) {
    if (call.stop.stop_requested()) return false;
    given += octets.size();
    return sink(octets);
  };
  auto streamed = connection_->stream_body(
      call, name->uid, fmt::format("UID FETCH {} {}", name->uid, body_attributes(range, length)), length, stoppable);
  if (!streamed) return std::unexpected(streamed.error());
  if (call.stop.stop_requested()) return fault(FaultKind::cancelled, settings_.host, "The reading was stopped.");
  if (!streamed->existed) {
    // Servers that are being killed, or are in trouble with this one, say OK and give nothing.
    if (auto still = there(call, *name); !still) return std::unexpected(still.error());
    return fault(FaultKind::unavailable, settings_.host, "The mail server gives nothing for a message that it has.");
  }
  return given;
}

Result<Written> ImapSession::update(const Call&, View, View, Source) {
  return cannot("A stored mail cannot be changed: create the new one and remove the old one.");
}
Result<Written> ImapSession::respond(const Call&, View, const tidegate::Reply&, Attempt&) {
  return cannot("IMAP cannot answer invitations: the answer goes out as mail.");
}
Result<Hits> ImapSession::search(const Call&, View, std::string_view, View) {
  return cannot("Searching the mail server is not supported.");
}
Result<std::vector<Person>> ImapSession::resolve(const Call&, std::string_view, std::uint32_t) {
  return cannot("IMAP has no directory of people.");
}

}  // namespace tidegate::imap
