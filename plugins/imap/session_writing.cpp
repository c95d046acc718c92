// SPDX-License-Identifier: Apache-2.0
// The verbs that change the mail server: create, flags, move, remove, folders.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/in_time.hpp"
#include "plugins/imap/session.hpp"
#include "plugins/imap/smtp.hpp"
#include "plugins/imap/smtp_message.hpp"
#include "plugins/imap/utf7.hpp"

namespace tidegate::imap {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(Octets octets) { EVP_DigestUpdate(context_.get(), octets.data(), octets.size()); }
  std::string done() {
    std::string out(32, '\0');
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// Messages of equal size since a note that are read to be compared.
constexpr std::size_t most_candidates = 20;
// So much of a message is looked through for its Message-ID.
constexpr std::size_t most_header = std::size_t{64} << 10;

std::unexpected<Fault> mail_only() {
  return fault(FaultKind::unsupported, {}, "A mail server keeps mail only: calendars and contacts are elsewhere.");
}

std::string name_or_empty(std::string_view mailbox) { return quoted(mailbox).value_or("\"\""); }

}  // namespace

// Which message since the note has these octets? The newest if `newest`: several equal ones may have come.
Result<std::optional<Uid>> ImapSession::find_octets(const Call& call, const WriteNote& note, std::uint64_t size,
                                                    const std::string& digest, bool newest) {
  auto reply = command(call, fmt::format("UID FETCH {}:* (UID RFC822.SIZE)", note.uidnext), Doing::reading, selected_);
  if (!reply) return std::unexpected(reply.error());
  std::vector<Uid> candidates;
  for (const Row& row : reply->rows) {
    if (row.uid >= note.uidnext && row.size == size) candidates.push_back(row.uid);
  }
  std::ranges::sort(candidates);
  if (newest) std::ranges::reverse(candidates);
  if (candidates.size() > most_candidates) candidates.resize(most_candidates);
  for (const Uid uid : candidates) {
    Sha256 stored;
    Sink sink = [&](Octets part) { return stored.add(part), true; };
    auto body = connection_->stream_body(call, uid, fmt::format("UID FETCH {} (UID BODY.PEEK[])", uid), size, sink);
    if (!body) return std::unexpected(body.error());
    if (body->octets == size && stored.done() == digest) return uid;
  }
  return std::nullopt;
}

// The message that was just stored in the selected folder. Where nothing equals it the server has rewritten it
// (Exchange behind DavMail, mailutils): then it is the only one since the note with its Message-ID.
Result<std::optional<Uid>> ImapSession::find_made(const Call& call, const WriteNote& note, std::uint64_t size,
                                                  const std::string& digest, const std::string& message_id) {
  auto found = find_octets(call, note, size, digest, true);
  if (!found || *found) return found;
  auto alike = find_message_id(call, selected_, note, message_id);
  if (!alike) return std::unexpected(alike.error());
  return alike->count() == 1 ? std::optional(alike->highest()) : std::nullopt;
}

// A create that was cut short: is it there? Among what came since the note, of equal size and equal octets.
Result<std::optional<Uid>> ImapSession::find_stored(const Call& call, const WriteNote& note, const NewItem& item,
                                                    std::string& octets, Source& source) {
  // The source runs once: what it gives is kept for the append that may follow.
  octets.resize(item.size);
  std::size_t have = 0;
  while (have < octets.size()) {
    const auto got = source(std::as_writable_bytes(std::span(octets).subspan(have)));
    if (got == 0 || got > octets.size() - have)
      return fault(FaultKind::invalid, settings_.host,
                   "The message to store ended before its announced size; send it again.");
    have += got;
  }
  Sha256 wanted;
  wanted.add(std::as_bytes(std::span(octets)));
  return find_octets(call, note, item.size, wanted.done(), false);
}

// Where the next message will come in.
Result<WriteNote> ImapSession::note_of(const Call& call, const std::string& folder) {
  auto now = status(call, folder);
  if (!now) return std::unexpected(now.error());
  return WriteNote{now->uidvalidity, std::max<std::uint64_t>(now->uidnext, 1)};
}

// The note of this attempt: an earlier one's, or a new one, durable before anything is done.
Result<WriteNote> ImapSession::noted(const Call& call, const std::string& folder, Attempt& attempt) {
  if (const auto note = parse_write_note(attempt.note)) return *note;
  auto note = note_of(call, folder);
  if (note && attempt.before) {
    if (auto kept = attempt.before(write_note(*note)); !kept) return std::unexpected(kept.error());
  }
  return note;
}

Result<Written> ImapSession::create(const Call& call, View folder, const NewItem& item, Source source,
                                    Attempt& attempt) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  if (item.kind != Kind::mail) return mail_only();
  const std::string mailbox(folder);
  const auto name = quoted(mailbox);
  if (!name) return fault(FaultKind::not_found, settings_.host, "This folder's name cannot be spoken in IMAP.");
  const auto written = [&](std::uint32_t uidvalidity, Uid uid) {
    return Written{item_id({mailbox, uidvalidity, uid}), "1", {}, true};
  };
  std::string octets;
  auto note = noted(call, mailbox, attempt);
  if (!note) return std::unexpected(note.error());
  if (!attempt.note.empty()) {
    if (auto selected = select(call, mailbox); !selected) return std::unexpected(selected.error());
    if (state_.uidvalidity != note->uidvalidity) {
      return fault(FaultKind::ambiguous, settings_.host,
                   "The folder was renumbered meanwhile: whether the message was "
                   "stored can only be seen by looking for it.");
    }
    auto found = find_stored(call, *note, item, octets, source);
    if (!found) return std::unexpected(found.error());
    if (*found) return written(note->uidvalidity, **found);
  }
  std::size_t given = 0;
  Sha256 digest;
  std::string head;
  Source hashed = [&](std::span<std::byte> into) {
    std::size_t here = 0;
    if (octets.empty()) {
      here = source(into);
    } else {
      here = std::min(into.size(), octets.size() - given);
      std::copy_n(std::as_bytes(std::span(octets)).begin() + static_cast<std::ptrdiff_t>(given), here, into.begin());
      given += here;
    }
    if (here > into.size()) return here;
    digest.add(into.first(here));
    head.append(reinterpret_cast<const char*>(into.data()), std::min(here, most_header - head.size()));
    return here;
  };
  if (auto up = awake(call); !up) return std::unexpected(up.error());
  const std::string text =
      fmt::format("APPEND {} ({}) \"{}\"", *name, flag_words(item.flags, item.keywords), date_time(item.received));
  auto reply = must(connection_->append(call, text, item.size, hashed), Doing::writing, mailbox);
  backend_.wrote();
  if (!reply) return std::unexpected(reply.error());
  if (reply->stored_as) return written(reply->stored_as->first, reply->stored_as->second);
  // No UIDPLUS (RFC 4315): it is found by looking. It is stored in any case, so a fault here is none of the create.
  const bool stays = selected_ == mailbox;
  auto selected = select(call, mailbox);
  // RFC 3501 §6.3.11: the server need not have told of it in the folder that was selected before.
  if (selected && stays) selected = hear(call);
  if (selected && state_.uidvalidity == note->uidvalidity) {
    auto found = find_made(call, *note, item.size, digest.done(), message_id_of(head));
    if (found && *found) return written(note->uidvalidity, **found);
  }
  return Written{{}, "1", {}, true};  // the next changes() names it, the core knows it by its fingerprint
}

// RFC 6409. It does not file: that is a step of its own, by create(). But there are servers that file what they send
// themselves: where a connection was lost after the final dot, a copy that came since says that it was sent.
Result<Sent> ImapSession::send(const Call& call, const Envelope& envelope, Source source, View file_in,
                               Attempt& attempt) {
  if (settings_.smtp.host.empty())
    return fault(FaultKind::unsupported, settings_.host,
                 "Mail cannot be sent here: set smtp_host to an outgoing mail server.");
  auto message = whole_message(source, settings_.smtp.size_most);
  if (!message) return std::unexpected(message.error());
  const std::string folder(file_in);
  auto note = parse_write_note(attempt.note);
  if (attempt.note.empty() && !folder.empty() && quoted(folder)) {
    if (auto now = note_of(call, folder)) note = *now;  // it can be sent without
  }
  Attempt marked{attempt.token, attempt.note, [&](View dot) -> Result<void> {
                   return attempt.before ? attempt.before(note ? write_note(*note) : Bytes(dot)) : Result<void>();
                 }};
  auto sent = backend_.submit(call, box_, envelope, *message, marked);
  if (sent) return Sent{};
  if (sent.error().kind != FaultKind::ambiguous || !note) return std::unexpected(sent.error());
  auto filed = find_sent(call, folder, *note, message_id_of(*message));
  if (filed && *filed) return Sent{std::move(**filed)};
  // Who cannot look now looks later: that it was noted keeps it from being sent again.
  const bool later =
      !filed && (filed.error().kind == FaultKind::unavailable || filed.error().kind == FaultKind::throttled);
  return std::unexpected(later ? filed.error() : sent.error());
}

Result<std::optional<Written>> ImapSession::find_sent(const Call& call, const std::string& folder,
                                                      const WriteNote& note, const std::string& message_id) {
  if (message_id.empty()) return std::nullopt;
  if (auto selected = select(call, folder); !selected) return std::unexpected(selected.error());
  if (state_.uidvalidity != note.uidvalidity) return std::nullopt;
  auto found = find_message_id(call, folder, note, message_id);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return std::nullopt;
  return Written{item_id({folder, note.uidvalidity, found->highest()}), "1", {}, true};
}

// In the selected folder, since the note.
Result<UidSet> ImapSession::find_message_id(const Call& call, const std::string& folder, const WriteNote& note,
                                            const std::string& message_id) {
  const auto wanted = quoted(message_id);
  if (message_id.empty() || !wanted || !is_ascii(message_id)) return UidSet{};
  auto reply = command(call, fmt::format("UID SEARCH UID {}:* HEADER Message-ID {}", note.uidnext, *wanted),
                       Doing::reading, folder);
  if (!reply) return std::unexpected(reply.error());
  UidSet found = std::move(reply->found);
  // "n:*" names the last one in any case (RFC 3501 §6.4.8)
  if (note.uidnext > 1) found.subtract(1, static_cast<Uid>(note.uidnext - 1));
  return found;
}

Result<void> ImapSession::store_flags(const Call& call, const ItemName& name, char sign, const std::string& words,
                                      std::uint64_t& modseq) {
  if (words.empty()) return {};
  auto reply = command(call, fmt::format("UID STORE {} {}FLAGS.SILENT ({})", name.uid, sign, words), Doing::writing,
                       name.folder);
  if (!reply) return std::unexpected(reply.error());
  for (const Row& row : reply->rows) {
    if (row.uid == name.uid) modseq = std::max(modseq, row.modseq);
  }
  return {};
}

// STORE on a UID that is gone answers OK and does nothing (RFC 3501 §6.4.8).
Result<void> ImapSession::there(const Call& call, const ItemName& name) {
  auto found = command(call, fmt::format("UID SEARCH UID {}", name.uid), Doing::reading, name.folder);
  if (!found) return std::unexpected(found.error());
  if (found->found.contains(name.uid)) return {};
  return fault(FaultKind::not_found, settings_.host, "The message is no longer on the mail server.");
}

Result<Written> ImapSession::set_flags(const Call& call, View item, const FlagDelta& delta) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  const auto name = parse_item_id(item);
  if (!name) return fault(FaultKind::not_found, settings_.host, "This is no message of this mailbox.");
  // Without CONDSTORE a server may write all of a message's keywords as this session saw them last (Courier does).
  const bool news = !condstore();
  if (auto selected = select_item(call, *name, FaultKind::not_found, news); !selected)
    return std::unexpected(selected.error());
  if (news) own_marks_[name->folder].add(name->uid, name->uid);
  if (auto still = there(call, *name); !still) return std::unexpected(still.error());
  std::uint64_t modseq = 0;
  auto step = store_flags(call, *name, '+', flag_words(delta.add, delta.keywords_add), modseq);
  if (step) step = store_flags(call, *name, '-', flag_words(delta.clear, delta.keywords_clear), modseq);
  if (!step) return std::unexpected(step.error());
  return Written{Bytes(item), "1", modseq == 0 ? Bytes() : fmt::format("{}", modseq), true};
}

Result<void> ImapSession::expunge(const Call& call, const ItemName& name) {
  std::uint64_t modseq = 0;
  if (auto marked = store_flags(call, name, '+', "\\Deleted", modseq); !marked) return marked;
  if (connection_->has("UIDPLUS")) {
    auto done = command(call, fmt::format("UID EXPUNGE {}", name.uid), Doing::writing, name.folder);
    if (!done) return std::unexpected(done.error());
    return {};
  }
  // EXPUNGE takes away whatever anybody marked: only if that is just ours.
  auto marked = command(call, "UID SEARCH DELETED", Doing::reading, name.folder);
  if (!marked) return std::unexpected(marked.error());
  if (marked->found.count() > 1) return {};  // ours stays marked; whoever marked the others expunges it with them
  auto done = command(call, "EXPUNGE", Doing::writing, name.folder);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> ImapSession::remove(const Call& call, View item, View folder, View) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  const auto name = parse_item_id(item);
  if (!name || (!folder.empty() && name->folder != folder)) {
    return fault(FaultKind::not_found, settings_.host, "This is no message of this folder.");
  }
  if (auto selected = select_item(call, *name); !selected) return selected;
  if (auto still = there(call, *name); !still) return still;
  return expunge(call, *name);
}

Result<Written> ImapSession::move(const Call& call, View item, View from, View to, Attempt& attempt) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  const auto name = parse_item_id(item);
  if (!name || name->folder != from)
    return fault(FaultKind::not_found, settings_.host, "This is no message of this folder.");
  const std::string target(to);
  if (!quoted(target))
    return fault(FaultKind::not_found, settings_.host, "This folder's name cannot be spoken in IMAP.");
  const auto earlier = parse_write_note(attempt.note);
  Result<WriteNote> note = earlier ? *earlier : note_of(call, target);
  if (!note) return std::unexpected(note.error());
  if (auto selected = select_item(call, *name); !selected) return std::unexpected(selected.error());
  auto here = command(call, fmt::format("UID FETCH {} {}", name->uid, attributes(0)), Doing::reading, name->folder);
  if (!here) return std::unexpected(here.error());
  const auto own = std::ranges::find(here->rows, name->uid, &Row::uid);
  const bool gone = own == here->rows.end();
  if (earlier) {
    auto settled = settle_move(call, *name, target, *note, gone ? nullptr : &*own);
    if (!settled) return std::unexpected(settled.error());
    if (*settled) return std::move(**settled);
  } else if (gone) {
    return fault(FaultKind::not_found, settings_.host, "The message is no longer on the mail server.");
  }
  const std::array<std::byte, 20> print = fingerprint(*own);
  if (!earlier && attempt.before) {  // only now: a note means that it may have been moved
    note->print = print;
    if (auto kept = attempt.before(write_note(*note)); !kept) return std::unexpected(kept.error());
  }
  const bool atomic = connection_->has("MOVE");  // RFC 6851
  auto done = command(call, fmt::format("UID {} {} {}", atomic ? "MOVE" : "COPY", name->uid, name_or_empty(target)),
                      Doing::writing, target);
  if (!done) return std::unexpected(done.error());
  if (!atomic) {
    if (auto left = expunge(call, *name); !left) return std::unexpected(left.error());
  }
  if (done->stored_as)
    return Written{item_id({target, done->stored_as->first, done->stored_as->second}), "1", {}, true};
  auto found = find_print(call, target, *note, print);  // it is moved in any case: a fault here is none of the move
  return Written{found && *found ? item_id({target, note->uidvalidity, **found}) : Bytes(), "1", {}, true};
}

// Which message of `folder` since the note is this one? Leaves that folder selected.
Result<std::optional<Uid>> ImapSession::find_print(const Call& call, const std::string& folder, const WriteNote& note,
                                                   const std::array<std::byte, 20>& print) {
  if (auto selected = select(call, folder); !selected) return std::unexpected(selected.error());
  if (state_.uidvalidity != note.uidvalidity) {
    return fault(
        FaultKind::ambiguous, settings_.host,
        "The folder was renumbered meanwhile: whether the message was moved can only be seen by looking for it.");
  }
  auto reply = command(call, fmt::format("UID FETCH {}:* {}", note.uidnext, attributes(0)), Doing::reading, folder);
  if (!reply) return std::unexpected(reply.error());
  for (const Row& row : reply->rows) {
    if (row.uid >= note.uidnext && fingerprint(row) == print) return row.uid;
  }
  return std::nullopt;
}

// A move that was cut short. COPY, STORE and EXPUNGE die between any two: what is in the target already is not copied
// again. nullopt: nothing was done yet.
Result<std::optional<Written>> ImapSession::settle_move(const Call& call, const ItemName& name,
                                                        const std::string& target, const WriteNote& note,
                                                        const Row* here) {
  if (here == nullptr && note.print) {
    auto found = find_print(call, target, note, *note.print);
    if (!found) return std::unexpected(found.error());
    if (*found) return Written{item_id({target, note.uidvalidity, **found}), "1", {}, true};
    return fault(FaultKind::not_found, settings_.host, "The message is no longer on the mail server.");
  }
  if (here == nullptr) {
    // By UID only: without the original nobody can say which of several newcomers it is.
    auto now = status(call, target);
    if (!now) return std::unexpected(now.error());
    if (now->uidvalidity == note.uidvalidity && now->uidnext > note.uidnext) return Written{{}, "1", {}, true};
    return fault(FaultKind::not_found, settings_.host, "The message is no longer on the mail server.");
  }
  auto found = find_print(call, target, note, fingerprint(*here));
  if (!found) return std::unexpected(found.error());
  if (auto back = select_item(call, name); !back) return std::unexpected(back.error());
  if (!*found) return std::nullopt;
  if (auto left = expunge(call, name); !left) return std::unexpected(left.error());
  return Written{item_id({target, note.uidvalidity, **found}), "1", {}, true};
}

// What stands before the name of a folder at the top: nothing, or "INBOX." on servers of that kind (RFC 2342 §5), or
// the other user's root.
std::string ImapSession::top_prefix(char delimiter) const {
  return root_.name.empty() ? personal_prefix() : root_.name + delimiter;
}

std::string ImapSession::personal_prefix() const {
  const auto& own = connection_->namespaces().personal;
  return own.empty() ? std::string() : own.front().prefix;
}

Result<Folder> ImapSession::make_folder(const Call& call, const Folder& like, Attempt&) {
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  if (like.kind != Kind::mail) return mail_only();
  const auto own = modified_utf7_from_utf8(like.name);
  if (!own || own->empty()) return fault(FaultKind::invalid, settings_.host, "This is no name for a folder.");
  auto listed = list(call);
  if (!listed) return std::unexpected(listed.error());
  char delimiter = '/';
  for (const Listing& listing : *listed) {
    if (listing.delimiter != 0) delimiter = listing.delimiter;
  }
  if (own->find(delimiter) != std::string::npos) {
    return fault(FaultKind::invalid, settings_.host,
                 fmt::format("A folder's name must not contain \"{}\" on this server.", delimiter));
  }
  const std::string id = like.parent.empty() ? top_prefix(delimiter) + *own : like.parent + delimiter + *own;
  // A repeat after a crash finds its own folder: the outcome is the one asked for. Few servers say ALREADYEXISTS.
  const bool there = std::ranges::any_of(
      *listed, [&](const Listing& listing) { return listing.selectable && canonical_mailbox(listing.name) == id; });
  if (!there) {
    auto made = command(call, fmt::format("CREATE {}", name_or_empty(id)), Doing::writing, "");
    if (!made && made.error().kind != FaultKind::exists) return std::unexpected(made.error());
  }
  Folder folder = like;
  folder.id = folder.scope = id;
  folder.rights = all_rights & ~may_update;
  return folder;
}

Result<Folder> ImapSession::change_folder(const Call& call, const Folder& folder) {
  const auto own = modified_utf7_from_utf8(folder.name);
  if (!own || own->empty() || folder.id == inbox_)
    return fault(FaultKind::invalid, settings_.host, "This folder cannot get this name.");
  auto listed = command(call, fmt::format("LIST \"\" {}", name_or_empty(folder.id)), Doing::listing, folder.id);
  if (!listed) return std::unexpected(listed.error());
  if (listed->folders.empty())
    return fault(FaultKind::not_found, settings_.host, "The folder is no longer on the mail server.");
  const char delimiter = listed->folders.front().delimiter == 0 ? '/' : listed->folders.front().delimiter;
  const std::string id = folder.parent.empty() ? top_prefix(delimiter) + *own : folder.parent + delimiter + *own;
  if (id != folder.id) {
    if (selected_ == folder.id) selected_.clear();
    auto done = command(call, fmt::format("RENAME {} {}", name_or_empty(folder.id), name_or_empty(id)), Doing::writing,
                        folder.id);
    if (!done) return std::unexpected(done.error());
  }
  Folder renamed = folder;
  renamed.id = renamed.scope = id;
  return renamed;
}

Result<void> ImapSession::remove_folder(const Call& call, View folder) {
  if (folder == inbox_) return fault(FaultKind::denied, settings_.host, "The inbox cannot be removed.");
  if (selected_ == folder) {
    // RFC 3501 leaves open what DELETE of the selected mailbox does: step out of it first.
    if (auto out = select(call, inbox_); !out) return out;
  }
  auto done = command(call, fmt::format("DELETE {}", name_or_empty(folder)), Doing::writing, folder);
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace tidegate::imap
