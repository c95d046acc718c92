// SPDX-License-Identifier: Apache-2.0
// Writing. What can't be repeated blindly leaves a token in a named property of what it makes, or is found again by
// what stays when an item moves.
#include <algorithm>

#include <fmt/format.h>

#include "plugins/ews/base64.hpp"
#include "plugins/ews/session.hpp"

namespace tidegate::ews {
namespace {

constexpr std::size_t mail_most = 150U << 20;

std::string small(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return made;
}

std::unexpected<Fault> unsupported(const std::string& where, std::string text) {
  return fault(FaultKind::unsupported, where, std::move(text));
}

}  // namespace

Result<std::string> all_of(Source& source, const std::string& where) {
  std::string octets;
  std::byte part[16 * 1024];
  while (const auto have = source(part)) {
    if (octets.size() + have > mail_most) return fault(FaultKind::too_large, where, "The message is over 150 MiB.");
    octets.append(reinterpret_cast<const char*>(part), have);
  }
  return octets;
}

Result<std::optional<Written>> EwsSession::found_by(const Call& call, std::string_view folder_,
                                                    const Property& property, std::string_view value, Kind kind) {
  auto found =
      backend_.one(call, who_, "FindItem", [&](Version) { return find_by_property(folder_, property, value); });
  if (!found) return std::unexpected(found.error());
  const auto* item = item_in(*found);
  if (item == nullptr) return std::nullopt;
  return written_of(*item, kind);
}

Result<Written> EwsSession::create(const Call& call, View folder_, const NewItem& item, Source source,
                                   Attempt& attempt) {
  if (item.kind != Kind::mail) return create_object(call, folder_, item, std::move(source), attempt);
  if (!attempt.note.empty()) {
    auto found = found_by(call, folder_id(folder_), token_mark, base64(attempt.token));
    if (!found) return std::unexpected(found.error());
    if (*found) return std::move(**found);
  }
  auto octets = all_of(source, backend_.where());
  if (!octets) return std::unexpected(octets.error());
  if (attempt.before)
    if (auto noted = attempt.before("created"); !noted) return std::unexpected(noted.error());
  const NewMail mail{.mime = base64(*octets),
                     .categories = item.keywords,
                     .properties = properties_of(item, attempt.token),
                     .read = (item.flags & seen) != 0};
  auto made = backend_.one(call, who_, "CreateItem", [&](Version) { return create_mail(folder_id(folder_), mail); });
  if (!made) return std::unexpected(made.error());
  const auto* there = item_in(*made);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the new mail.");
  return written_of(*there);
}

Result<Written> EwsSession::update(const Call& call, View item, View if_content_rev, Source source) {
  if (const auto what = named(item); what.kind != Kind::mail) {
    ahead_.clear();
    auto octets = all_of(source, backend_.where());
    if (!octets) return std::unexpected(std::move(octets.error()));
    return update_object(call, what, if_content_rev, *octets);
  }
  return unsupported(backend_.where(), "A mail on an Exchange server is not changed, it is made anew.");
}

Result<xml::Element> EwsSession::properties(const Call& call, View item, const Property& property) {
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return get_property(item, property); });
  if (!got) return got;
  const auto* there = item_in(*got);
  if (there == nullptr)
    return fault(FaultKind::not_found, backend_.where(), "The Exchange server does not give the item.");
  return *there;
}

Result<Written> EwsSession::set_flags(const Call& call, View item, const FlagDelta& delta) {
  if (named(item).kind != Kind::mail)
    return unsupported(backend_.where(), "Events, tasks, contacts and notes have no flags; they are updated.");
  const auto updates = updates_of(delta);
  if (!delta.keywords_add.empty() || !delta.keywords_clear.empty())
    return change_categories(call, item, delta, updates);
  if (auto on = backend_.in_time(call); !on) return std::unexpected(on.error());
  if (updates.empty()) return Written{Bytes(item), {}, {}, true};
  auto done =
      backend_.one(call, who_, "UpdateItem", [&](Version version) { return update_mail(version, item, {}, updates); });
  if (!done) return std::unexpected(done.error());
  const auto* there = item_in(*done);
  return there == nullptr ? Written{Bytes(item), {}, {}, true} : written_of(*there);
}

// Categories are one value: read, changed, and written only if nobody else did so meanwhile.
Result<Written> EwsSession::change_categories(const Call& call, View item, const FlagDelta& delta,
                                              const std::string& updates) {
  constexpr int tries = 5;
  for (int i = 1;; ++i) {
    auto there = properties(call, item, flag_status);
    if (!there) return std::unexpected(there.error());
    auto words_ = categories_of(*there);
    std::erase_if(words_, [&](const auto& word_) {
      return std::ranges::find(delta.keywords_clear, word_) != delta.keywords_clear.end();
    });
    for (const auto& word_ : delta.keywords_add)
      if (std::ranges::find(words_, word_) == words_.end()) words_.push_back(word_);
    auto done = backend_.one(call, who_, "UpdateItem", [&](Version version) {
      return update_mail(version, item, change_key_of(*there), updates + set_categories(words_));
    });
    if (done) {
      const auto* after = item_in(*done);
      return after == nullptr ? Written{Bytes(item), {}, {}, true} : written_of(*after);
    }
    if (done.error().kind != FaultKind::conflict || i == tries) return std::unexpected(done.error());
  }
}

// An item that moves is another one afterwards (EWS-12); its search key stays.
Result<Written> EwsSession::move(const Call& call, View whole_id, View, View to, Attempt& attempt) {
  const auto [kind, item] = named(whole_id);
  auto there = properties(call, item, search_key);
  std::string key = attempt.note;
  if (!there) {
    if (there.error().kind != FaultKind::not_found || key.empty()) return std::unexpected(there.error());
    auto found = found_by(call, folder_id(to), search_key, key, kind);
    if (!found) return std::unexpected(found.error());
    if (*found) return std::move(**found);
    return std::unexpected(there.error());
  }
  key = property_of(*there, search_key).value_or("");
  if (attempt.before)
    if (auto noted = attempt.before(key); !noted) return std::unexpected(noted.error());
  auto moved = backend_.one(call, who_, "MoveItem", [&](Version) { return move_item(item, folder_id(to)); });
  if (!moved) return std::unexpected(moved.error());
  if (const auto* after = item_in(*moved); after != nullptr && !id_of(*after).empty()) return written_of(*after, kind);
  // Some servers, and moves to other mailboxes, give no id.
  auto found = key.empty() ? Result<std::optional<Written>>{} : found_by(call, folder_id(to), search_key, key, kind);
  if (!found) return std::unexpected(found.error());
  if (*found) return std::move(**found);
  return fault(FaultKind::ambiguous, backend_.where(),
               "The item was moved, but the Exchange server does not say where it is now.");
}

Result<void> EwsSession::remove(const Call& call, View item, View, View if_content_rev) {
  const auto what = named(item);
  if (what.kind == Kind::event) return remove_event(call, what, if_content_rev);
  if (what.kind != Kind::mail && !if_content_rev.empty())
    if (auto same = unchanged(call, what, if_content_rev); !same) return same;
  auto done =
      backend_.one(call, who_, "DeleteItem", [&](Version version) { return delete_item(version, item_id(what.id)); });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<Folder> EwsSession::folder(const Call& call, View id) {
  const std::string ids[] = {folder_id(id)};
  auto got = backend_.one(call, who_, "GetFolder", [&](Version) { return get_folders(ids); });
  if (!got) return std::unexpected(got.error());
  const auto* folders = find(*got, "Folders");
  if (folders != nullptr && !folders->children.empty())
    if (auto made = folder_of(folders->children.front(), roles_)) return std::move(*made);
  return fault(FaultKind::not_found, backend_.where(), "The Exchange server gives no such folder.");
}

Result<Folder> EwsSession::make_folder(const Call& call, const Folder& like, Attempt& attempt) {
  if (like.kind == Kind::file) return unsupported(backend_.where(), "The ews plugin makes no folders for files.");
  const bool repeated = !attempt.note.empty();
  if (attempt.before)
    if (auto noted = attempt.before("made"); !noted) return std::unexpected(noted.error());
  auto made = backend_.one(call, who_, "CreateFolder",
                           [&](Version) { return create_folder(parent(like.parent), like.name, like.kind); });
  if (!made && made.error().kind == FaultKind::exists && repeated)
    made = backend_.one(call, who_, "FindFolder",
                        [&](Version) { return find_folder_by_name(parent(like.parent), like.name); });
  if (!made) return std::unexpected(made.error());
  const auto* holder = find(*made, "RootFolder");
  const auto* folders = find(holder == nullptr ? *made : *holder, "Folders");
  if (folders == nullptr || folders->children.empty() || id_of(folders->children.front()).empty())
    return fault(FaultKind::invalid, backend_.where(),
                 "The Exchange server did not say what became of the new folder.");
  return folder(call, id_of(folders->children.front()));
}

Result<Folder> EwsSession::change_folder(const Call& call, const Folder& wanted) {
  auto now = folder(call, wanted.id);
  if (!now) return now;
  if (now->name != wanted.name) {
    auto done =
        backend_.one(call, who_, "UpdateFolder", [&](Version) { return rename_folder(wanted.id, wanted.name); });
    if (!done) return std::unexpected(done.error());
  }
  if (now->parent != wanted.parent) {
    auto done =
        backend_.one(call, who_, "MoveFolder", [&](Version) { return move_folder(wanted.id, parent(wanted.parent)); });
    if (!done) return std::unexpected(done.error());
  }
  return folder(call, wanted.id);
}

Result<void> EwsSession::remove_folder(const Call& call, View id) {
  auto done = backend_.one(call, who_, "DeleteFolder", [&](Version) { return delete_folder(id); });
  if (!done) return std::unexpected(done.error());
  return {};
}

// In two steps, so that after a crash it can be seen how far it came: a draft with the token is there, or the copy in
// Sent.
Result<Sent> EwsSession::send(const Call& call, const Envelope& envelope_, Source source, View file_in,
                              Attempt& attempt) {
  const auto sent = file_in.empty() ? distinguished("sentitems", who_.shared) : folder_id(file_in);
  const auto drafts = distinguished("drafts", who_.shared);
  const auto mark = base64(attempt.token);
  if (!attempt.note.empty()) {
    auto filed = found_by(call, sent, token_mark, mark);
    if (!filed) return std::unexpected(filed.error());
    if (*filed) return Sent{std::move(**filed)};
    auto waiting = found_by(call, drafts, token_mark, mark);
    if (!waiting) return std::unexpected(waiting.error());
    if (*waiting) {
      auto done = send_draft(call, **waiting, file_in, attempt);
      if (!done) return std::unexpected(done.error());
      return Sent{std::move(*done)};
    }
    if (attempt.note == "sending") {
      return fault(
          FaultKind::ambiguous, backend_.where(),
          "The message may have been sent before the connection was lost; look for it before sending it again.");
    }
  }
  auto octets = all_of(source, backend_.where());
  if (!octets) return std::unexpected(octets.error());
  // Exchange sends to whom the header names, and to nobody else; who is in the envelope only gets a blind copy.
  NewMail mail{.mime = {}, .properties = {token_mark.with(mark)}, .read = true};
  const auto named = recipients_in(*octets);
  std::vector<std::string> wanted;
  for (const auto& to : envelope_.to) {
    wanted.push_back(small(to));
    if (std::ranges::find(named, wanted.back()) == named.end()) mail.blind.push_back(to);
  }
  for (const auto& each : named) {
    if (std::ranges::find(wanted, each) == wanted.end()) {
      return unsupported(backend_.where(),
                         "The message's header names recipients that it is not to be sent to; Exchange would send it "
                         "to them as well.");
    }
  }
  mail.mime = base64(*octets);
  if (attempt.before)
    if (auto noted = attempt.before("draft"); !noted) return std::unexpected(noted.error());
  auto made = backend_.one(call, who_, "CreateItem", [&](Version) { return create_mail(drafts, mail); });
  if (!made) return std::unexpected(made.error());
  const auto* draft_ = item_in(*made);
  if (draft_ == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the draft.");
  auto done = send_draft(call, written_of(*draft_), file_in, attempt);
  if (!done) return std::unexpected(done.error());
  return Sent{std::move(*done)};
}

Result<Written> EwsSession::send_draft(const Call& call, const Written& draft_, View file_in, Attempt& attempt) {
  const auto sent = file_in.empty() ? distinguished("sentitems", who_.shared) : folder_id(file_in);
  if (attempt.before)
    if (auto noted = attempt.before("sending"); !noted) return std::unexpected(noted.error());
  auto done =
      backend_.one(call, who_, "SendItem", [&](Version) { return send_item(draft_.id, draft_.state_rev, sent); });
  if (!done) return std::unexpected(done.error());
  auto filed = found_by(call, sent, token_mark, base64(attempt.token));
  if (filed && *filed) return std::move(**filed);
  return fault(FaultKind::ambiguous, backend_.where(), "The message was sent; its copy in Sent is not to be seen yet.");
}

}  // namespace tidegate::ews
