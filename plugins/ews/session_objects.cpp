// SPDX-License-Identifier: Apache-2.0
// Events, tasks, contacts and notes: read as objects, written as what differs.
#include <algorithm>

#include <fmt/format.h>

#include "plugins/ews/base64.hpp"
#include "plugins/ews/contacts.hpp"
#include "plugins/ews/groups.hpp"
#include "plugins/ews/notes.hpp"
#include "plugins/ews/said.hpp"
#include "plugins/ews/session.hpp"
#include "plugins/ews/tasks.hpp"

namespace tidegate::ews {
namespace {

constexpr std::uint64_t inline_page = 2U << 20;       // contents that come along with one page
constexpr std::size_t files_at_once = 16;             // items of a page that are held with their files
constexpr std::uint64_t files_ahead_most = 4U << 20;  // of what is read next

std::string updates_of(Kind kind, std::string_view element, const Fields& before, const Fields& after) {
  if (element == group_element) return group_updates(before, after);
  if (kind == Kind::note) return note_updates(before, after);
  return kind == Kind::contact ? contact_updates(before, after) : task_updates(before, after);
}

}  // namespace

Result<std::vector<Upsert>> EwsSession::objects(const Call& call, const SyncPage& synced, View folder_, Kind kind,
                                                const Want& want) {
  std::vector<Bytes> wanted;
  for (const auto& row : synced.rows)
    if (row.what != SyncPage::What::deleted && row.what != SyncPage::What::read_flag && is_of(kind, row.kind))
      wanted.push_back(row.id);
  auto got = items(call, wanted, ask_objects, kind);
  if (!got) return std::unexpected(std::move(got.error()));
  auto changed = exceptions(call, *got);
  if (!changed) return std::unexpected(std::move(changed.error()));
  std::vector<Upsert> upserts;
  std::uint64_t along = 0;
  for (std::size_t from = 0; from < got->size(); from += files_at_once) {
    const auto part = std::span(*got).subspan(from, std::min(files_at_once, got->size() - from));
    // What is too long to come along is not asked for yet.
    if (auto brought = bring_attachments(call, kind, part, want.inline_up_to); !brought)
      return std::unexpected(std::move(brought.error()));
    for (auto& item : part) {
      if (!is_of(kind, item) || id_of(item).empty()) continue;
      const auto apart = held_size(kind, item) > want.inline_up_to ? held_size(kind, item) : 0;
      upserts.push_back(object_upsert(kind, item, folder_, object_of(kind, item, *changed, zones()),
                                      along < inline_page && apart == 0 ? want.inline_up_to : 0));
      upserts.back().size += apart + apart / 3;
      along += upserts.back().content ? upserts.back().content->size() : 0;
      item = {};  // its files are not kept
    }
  }
  return upserts;
}

Result<EwsSession::Object> EwsSession::object(const Call& call, const Named& what) {
  const Bytes one[] = {what.id};
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return ask_objects(one, what.kind); });
  if (!got) return std::unexpected(std::move(got.error()));
  if (item_in(*got) == nullptr)
    return fault(FaultKind::not_found, backend_.where(), "The Exchange server does not give the item.");
  auto there = *item_in(*got);
  if (auto brought = bring_attachments(call, what.kind, std::span(&there, 1)); !brought)
    return std::unexpected(std::move(brought.error()));
  auto changed = exceptions(call, std::span(&there, 1));
  if (!changed) return std::unexpected(std::move(changed.error()));
  auto octets = object_of(what.kind, there, *changed, zones());
  if (!octets) {
    octets.error().where = backend_.where();
    return std::unexpected(std::move(octets.error()));
  }
  return Object{std::move(there), std::move(*octets)};
}

std::map<Bytes, Bytes> EwsSession::objects_ahead(const Call& call, std::span<const Bytes> ids, Kind kind) {
  std::map<Bytes, Bytes> made;
  auto got = items(call, ids, ask_objects, kind);
  if (!got) return made;
  std::uint64_t together = 0;
  std::erase_if(*got, [&](const auto& item) { return (together += held_size(kind, item)) > files_ahead_most; });
  const auto changed = exceptions(call, *got);
  if (!changed || !bring_attachments(call, kind, *got)) return made;
  for (const auto& item : *got)
    if (auto octets = object_of(kind, item, *changed, zones()); octets && !id_of(item).empty())
      made.insert_or_assign(id_of(item), std::move(*octets));
  return made;
}

Result<std::vector<xml::Element>> EwsSession::exceptions(const Call& call, std::span<const xml::Element> events) {
  std::vector<Bytes> ids;
  for (const auto& event : events) std::ranges::move(occurrences_of(event), std::back_inserter(ids));
  return items(call, ids, ask_objects, Kind::event);
}

Result<void> EwsSession::unchanged(const Call& call, const Named& what, View if_content_rev) {
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return get_revision(what.id); });
  if (!got) return std::unexpected(std::move(got.error()));
  const auto* there = item_in(*got);
  if (there != nullptr && change_key_of(*there) == if_content_rev) return {};
  return fault(FaultKind::conflict, backend_.where(), "It was changed meanwhile on the Exchange server.");
}

Result<Written> EwsSession::create_object(const Call& call, View folder_, const NewItem& item, Source source,
                                          Attempt& attempt) {
  if (element_of(item.kind).empty())
    return fault(FaultKind::unsupported, backend_.where(), "The ews plugin makes no files.");
  const auto mark = base64(attempt.token);
  std::optional<Written> before;
  if (!attempt.note.empty()) {
    auto found = found_by(call, folder_id(folder_), token_mark, mark, item.kind);
    if (!found) return std::unexpected(std::move(found.error()));
    before = std::move(*found);
  }
  auto octets = all_of(source, backend_.where());
  if (!octets) return std::unexpected(std::move(octets.error()));
  auto said = said_by(item.kind, *octets, backend_.settings().time_zone);
  if (!said) return said_at(backend_.where(), std::move(said.error()));
  if (before) {
    const bool whole = item.kind == Kind::task || item.kind == Kind::note;  // but for files that did not come along
    if (whole && said->files.empty()) return std::move(*before);
    // Its occurrences, its photo or its files may not have come to their turn.
    auto now = object(call, named(before->id));
    if (!now) return std::unexpected(std::move(now.error()));
    Result<Written> done = written_of(now->element, item.kind);
    if (item.kind == Kind::event && !bears(item.kind, now->element, now->octets, *octets))
      done = update_event(call, named(before->id), change_key_of(now->element), *now, *octets);
    if (!done) return done;
    return with_files_of(call, named(done->id), now->element, *said, *done, true);
  }
  auto fields = said->fields;
  if (!attempt.token.empty()) fields["ready:token"] = token_mark.with(mark);
  if (item.kind == Kind::event)
    set(fields, "calendar:UID", said->uid);
  else if (!said->uid.empty())
    fields["ready:uid"] = uid_mark.with(said->uid);
  set(fields, "ready:object", stored_property(item.kind, *octets));
  const auto invitations =
      item.kind == Kind::event ? invitations_of_new(call, fields) : Result<std::string_view>(std::string_view{});
  if (!invitations) return std::unexpected(invitations.error());
  if (attempt.before)
    if (auto noted = attempt.before("created"); !noted) return std::unexpected(std::move(noted.error()));
  // Guests get what comes along; older servers take files of an item that is there only.
  const auto children = [&](bool along) {
    auto all = fields;
    if (along) set(all, "item:Attachments", file_elements(said->files));
    return said->element == group_element ? group_children(all)
           : item.kind == Kind::contact   ? contact_children(all)
           : item.kind == Kind::task      ? task_children(all)
           : item.kind == Kind::note      ? note_children(all)
                                          : event_children({all, {}, {}, said->event.zone}, zones());
  };
  bool along = false;
  auto made = backend_.one(call, who_, "CreateItem", [&](Version version) {
    along = version >= Version::exchange2013;
    return ews::create_object(folder_id(folder_), said->element, children(along), *invitations);
  });
  if (!made) return std::unexpected(std::move(made.error()));
  const auto* there = item_in(*made);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the new item.");
  const auto id = id_of(*there);
  Result<Written> done = written_of(*there, item.kind);
  if (item.kind == Kind::contact || !along)
    done = with_files_of(call, {item.kind, id}, *there, *said, std::move(*done), true);
  if (!done || (said->event.changed.empty() && said->event.deleted.empty())) return done;
  Event plain = said->event;
  plain.changed.clear();
  plain.deleted.clear();
  if (auto changed = change_occurrences(call, id, {}, plain, said->event); !changed)
    return std::unexpected(std::move(changed.error()));
  return revision(call, {item.kind, id});
}

Result<Written> EwsSession::revision(const Call& call, const Named& what) {
  auto now = backend_.one(call, who_, "GetItem", [&](Version) { return get_revision(what.id); });
  if (!now) return std::unexpected(std::move(now.error()));
  if (const auto* there = item_in(*now)) return written_of(*there, what.kind);
  return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the change.");
}

Result<Written> EwsSession::update_object(const Call& call, const Named& what, View if_content_rev,
                                          const Bytes& octets) {
  auto now = object(call, what);
  if (!now) return std::unexpected(std::move(now.error()));
  const auto said = said_by(what.kind, octets, backend_.settings().time_zone);
  if (!said) return said_at(backend_.where(), said.error());
  // An earlier attempt may have come as far as its files.
  const bool repeated = change_key_of(now->element) != if_content_rev;
  if (repeated && !bears(what.kind, now->element, now->octets, octets))
    return fault(FaultKind::conflict, backend_.where(), "It was changed meanwhile on the Exchange server.");
  auto done = repeated                   ? Result<Written>(written_of(now->element, what.kind))
              : what.kind == Kind::event ? update_event(call, what, if_content_rev, *now, octets)
                                         : update_fields(call, what, *now, *said, octets);
  if (!done) return done;
  return with_files_of(call, what, now->element, *said, *done, repeated);
}

Result<Written> EwsSession::update_fields(const Call& call, const Named& what, const Object& now, const Said& said,
                                          const Bytes& octets) {
  // What the device had, so that only its own changes are sent and what it could not see stays.
  const auto before = said_by(what.kind, now.octets, {});
  if (!before) return said_at(backend_.where(), before.error());
  if (before->element != said.element)
    return fault(FaultKind::unsupported, backend_.where(),
                 "A contact does not become a group on an Exchange server, nor a group a contact.");
  if (said.element == group_element && !members_may_change(now.element, before->fields, said.fields))
    return fault(FaultKind::unsupported, backend_.where(),
                 "This group has members without a mail address; they can be changed on the Exchange server only.");
  auto updates = updates_of(what.kind, said.element, before->fields, said.fields);
  const auto kept = stored_property(what.kind, octets);
  updates += kept.empty() ? clear_property(stored_object) : set_ready(said.element, stored_object, kept);
  auto done = backend_.one(call, who_, "UpdateItem", [&](Version) {
    return ews::update_object(item_id(what.id, change_key_of(now.element)), updates);
  });
  if (!done) return std::unexpected(std::move(done.error()));
  const auto* there = item_in(*done);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the change.");
  return written_of(*there, what.kind);
}

}  // namespace tidegate::ews
