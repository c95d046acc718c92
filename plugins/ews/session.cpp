// SPDX-License-Identifier: Apache-2.0
// Reading: the folder tree, changes, search.
#include "plugins/ews/session.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tidegate::ews {
namespace {

constexpr std::uint32_t changes_most = 512;  // MaxChangesReturned

constexpr std::pair<std::string_view, Role> known_folders[] = {
    {"inbox", Role::inbox},        {"sentitems", Role::sent}, {"drafts", Role::drafts},
    {"deleteditems", Role::trash}, {"junkemail", Role::junk}, {"calendar", Role::calendar},
    {"contacts", Role::contacts},  {"tasks", Role::tasks},    {"notes", Role::none}};

Fault no_such(const std::string& where, std::string_view what) {
  return {FaultKind::not_found, where, fmt::format("The Exchange server has no such {}.", what), {}, {}};
}

}  // namespace

const xml::Element* item_in(const xml::Element& message) {
  const auto* items = find(message, "Items");
  if (items == nullptr)
    if (const auto* root = find(message, "RootFolder")) items = find(*root, "Items");
  return items == nullptr || items->children.empty() ? nullptr : &items->children.front();
}

Written written_of(const xml::Element& item, Kind kind) {
  if (kind == Kind::mail) return {id_of(item), {}, change_key_of(item), true};
  return {name_of({kind, id_of(item)}), change_key_of(item), {}, false};  // what the server makes of it is read back
}

Capabilities EwsSession::capabilities() const {
  return {.verbs = can_create | can_update | can_set_flags | can_move | can_remove | can_make_folder |
                   can_change_folder | can_remove_folder | can_send | can_search | can_resolve | can_respond,
          .token_kept = true,
          .sends_and_files = true,
          .schedules = true,
          .delta = true,
          .removals = true,
          .sessions_per_user = 4};
}

Result<void> EwsSession::look(const Call& call) {
  std::vector<std::string> ids{distinguished("msgfolderroot", who_.shared)};
  for (const auto& [name, role] : known_folders) ids.push_back(distinguished(name, who_.shared));
  auto found = backend_.messages(call, who_, "GetFolder", [&](Version) { return get_folders(ids); });
  if (!found) return std::unexpected(found.error());
  for (std::size_t i = 0; i < found->size() && i < ids.size(); ++i) {
    const auto& message = (*found)[i];
    const auto trouble = trouble_of(message);
    const auto* folders = find(message, "Folders");
    if (trouble || folders == nullptr || folders->children.empty()) {
      // Without its root there is nothing to be seen; a folder of a role may be missing or closed.
      if (i == 0 && trouble) return std::unexpected(backend_.fault(*trouble, who_));
      continue;
    }
    const auto id = id_of(folders->children.front());
    if (i == 0)
      roles_.root = id;
    else
      roles_.roles.emplace(id, known_folders[i - 1].second);
  }
  if (roles_.root.empty()) return std::unexpected(no_such(backend_.where(), "mailbox"));
  return {};
}

Result<SyncPage> EwsSession::sync(const Call& call, const std::string& body) {
  SyncParts parts;
  Answer answer(SyncParts::names(), [&parts](xml::Element&& part) { return parts.take(std::move(part)); });
  if (auto done = backend_.ask(call, who_, [&](Version) { return body; }, answer); !done)
    return std::unexpected(done.error());
  return parts.page(backend_.where());
}

Result<Page> EwsSession::tree(const Call& call, const Anchor& at) {
  auto synced = sync(call, sync_hierarchy(distinguished("msgfolderroot", who_.shared), at.state));
  if (!synced) return std::unexpected(synced.error());
  Page page;
  for (auto& row : synced->rows) {
    if (row.what == SyncPage::What::deleted) {
      page.changes.emplace_back(FolderRemoved{std::move(row.id)});
    } else if (auto folder = folder_of(row.element, roles_)) {
      page.changes.emplace_back(FolderUpsert{std::move(*folder)});
    }
  }
  page.more = !synced->last;
  if (at.listing && synced->last) page.changes.emplace_back(Listed{});
  page.anchor = anchor({at.listing && !synced->last, std::move(synced->state)});
  return page;
}

Result<Kind> EwsSession::kind_of(const Call& call, View scope) {
  auto there = folder(call, scope);
  if (!there) return std::unexpected(std::move(there.error()));
  return there->kind;
}

Result<Page> EwsSession::changes(const Call& call, View scope, View anchor_, const Want& want) {
  auto at = parse_anchor(anchor_);
  if (!at)
    return fault(FaultKind::anchor_expired, backend_.where(),
                 "This anchor is none of the ews plugin's; it is listed again.");
  ahead_.clear();
  if (scope.empty()) return tree(call, *at);
  if (at->state.empty()) {
    auto kind = kind_of(call, scope);
    if (!kind) return std::unexpected(std::move(kind.error()));
    at->kind = *kind;
  }
  auto synced = sync(call, sync_items(scope, at->state, std::clamp(want.limit, 1U, changes_most)));
  if (!synced) return std::unexpected(synced.error());
  auto upserts =
      at->kind == Kind::mail ? mails(call, *synced, scope, want) : objects(call, *synced, scope, at->kind, want);
  if (!upserts) return std::unexpected(std::move(upserts.error()));
  Page page;
  // In the server's order; an item that was named and is gone meanwhile has its Delete in a later page.
  std::map<View, Upsert*> by_id;
  for (auto& upsert : *upserts) by_id.emplace(upsert.id, &upsert);
  for (const auto& row : synced->rows) {
    const auto id = name_of({at->kind, row.id});
    const auto found = by_id.find(id);
    if (row.what == SyncPage::What::deleted) {
      page.changes.emplace_back(Removed{id, Bytes(scope)});
    } else if (found != by_id.end()) {
      auto* upsert = found->second;
      by_id.erase(found);  // before its id moves away
      page.changes.emplace_back(std::move(*upsert));
    }
  }
  page.more = !synced->last;
  if (at->listing && synced->last) page.changes.emplace_back(Listed{Bytes(scope)});
  page.anchor = anchor({at->listing && !synced->last, std::move(synced->state), at->kind});
  return page;
}

Result<std::vector<Upsert>> EwsSession::mails(const Call& call, const SyncPage& synced, View folder_,
                                              const Want& want) {
  std::vector<Bytes> wanted;
  for (const auto& row : synced.rows)
    if (row.what == SyncPage::What::read_flag || (row.what != SyncPage::What::deleted && is_mail(row.kind)))
      wanted.push_back(row.id);
  auto got = items(call, wanted, [](std::span<const Bytes> ids, Kind) { return get_items(ids); });
  if (!got) return std::unexpected(got.error());
  std::vector<Upsert> upserts;
  for (const auto& item : *got) {
    if (!is_mail(item.local)) continue;  // the flag of something that is left alone
    if (auto upsert = upsert_of(item, folder_)) upserts.push_back(std::move(*upsert));
  }
  if (auto brought = bring_along(call, upserts, want.inline_up_to); !brought) return std::unexpected(brought.error());
  return upserts;
}

Result<std::vector<xml::Element>> EwsSession::items(const Call& call, std::span<const Bytes> ids, Ask ask, Kind kind) {
  std::vector<xml::Element> found;
  for (std::size_t at = 0; at < ids.size();) {
    const auto now = std::min<std::size_t>(backend_.batch().size(), ids.size() - at);
    const auto part = ids.subspan(at, now);
    auto got = backend_.messages(call, who_, "GetItem", [&](Version) { return ask(part, kind); });
    std::optional<Fault> failed;
    if (!got) failed = got.error();
    std::vector<xml::Element> good;
    for (auto& message : got ? *got : std::vector<xml::Element>{}) {
      if (const auto trouble = trouble_of(message)) {
        auto why = backend_.fault(*trouble, who_);
        // One item's trouble is its own; the server's (busy, out of time) is the page's, and no item is passed over.
        if (why.kind == FaultKind::throttled || why.kind == FaultKind::unavailable || why.kind == FaultKind::auth)
          failed = std::move(why);
        if (failed) break;
      } else if (auto* items_ = const_cast<xml::Element*>(find(message, "Items"));
                 items_ != nullptr && !items_->children.empty()) {
        good.push_back(std::move(items_->children.front()));
      }
    }
    const bool late = !got && failed->text.contains("ErrorTimeoutExpired");
    if (failed && failed->kind == FaultKind::unavailable && (got || late)) {
      if (now > 1) {
        backend_.batch().expired();  // EWS-11: fewer at once
        continue;
      }
      // One that the server fails at again and again must not stop its folder; once or twice it may be the server.
      if (backend_.given_up(part.front())) {
        backend_.host().log(3, fmt::format("an item is left out, the server fails at it again and again: {} ({})",
                                           failed->text, failed->cause));
        at += now;
        continue;
      }
    }
    if (failed) return std::unexpected(std::move(*failed));
    std::ranges::move(good, std::back_inserter(found));
    at += now;
    if (now == backend_.batch().size()) backend_.batch().went_well();
  }
  return found;
}

Result<Hits> EwsSession::search(const Call& call, View folder_, std::string_view query, View page) {
  constexpr std::uint32_t hits_a_page = 100;
  std::uint64_t offset = 0;
  std::from_chars(page.data(), page.data() + page.size(), offset);
  auto found =
      backend_.one(call, who_, "FindItem", [&](Version) { return find_text(folder_, query, offset, hits_a_page); });
  if (!found) return std::unexpected(found.error());
  Hits hits;
  const auto* root = find(*found, "RootFolder");
  const auto* items_ = root == nullptr ? nullptr : find(*root, "Items");
  if (items_ == nullptr) return hits;
  for (const auto& item : items_->children)
    if (is_mail(item.local) && !id_of(item).empty()) hits.ids.push_back(id_of(item));
  if (!truth(root->attribute("IncludesLastItemInRange")) && !items_->children.empty())
    hits.next = fmt::to_string(offset + items_->children.size());
  return hits;
}

Result<std::vector<Person>> EwsSession::resolve(const Call& call, std::string_view words_, std::uint32_t limit) {
  std::vector<Person> people;
  if (words_.empty()) return people;
  auto found = backend_.one(call, who_, "ResolveNames", [&](Version) { return resolve_names(words_); });
  if (!found && found.error().kind == FaultKind::not_found) return people;
  if (!found) return std::unexpected(found.error());
  if (const auto* set = find(*found, "ResolutionSet")) {
    for (const auto& resolution : set->children) {
      const auto* mailbox = find(resolution, "Mailbox");
      if (mailbox == nullptr || people.size() >= limit) continue;
      people.push_back({std::string(words(*mailbox, "Name")), std::string(words(*mailbox, "EmailAddress")), {}});
    }
  }
  return people;
}

Result<Parking> EwsSession::park(const Call&) {
  return fault(FaultKind::unsupported, backend_.where(),
               "Exchange is watched by streams or polled, not by waiting sessions.");
}
Result<Hint> EwsSession::unpark(const Call&) { return Hint{}; }

}  // namespace tidegate::ews
