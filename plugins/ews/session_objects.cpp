// SPDX-License-Identifier: Apache-2.0
// Events, tasks and contacts: read as objects, written as what differs.
#include <fmt/format.h>

#include "core/pim/system_zones.hpp"
#include "plugins/ews/base64.hpp"
#include "plugins/ews/contacts.hpp"
#include "plugins/ews/session.hpp"
#include "plugins/ews/tasks.hpp"

namespace tidegate::ews {
namespace {

pim::ZoneSource zones() {
  static pim::SystemZones known;
  return known.source();
}

struct Said {
  std::string uid;
  Fields fields;
};
Result<Said> said_by(Kind kind, const Bytes& octets, const std::string& where) {
  const auto at = [&](Fault why) {
    why.where = where;
    return std::unexpected(std::move(why));
  };
  if (kind == Kind::contact) {
    auto card = pim::Card::parse(octets);
    if (!card) return at(std::move(card.error()));
    if (card->group())
      return fault(FaultKind::unsupported, where,
                   "Groups of contacts are not made on an Exchange server by this plugin.");
    return Said{card->uid(), contact_fields(*card)};
  }
  auto object = pim::CalendarObject::parse(octets, zones());
  if (!object) return at(std::move(object.error()));
  if (object->kind() != kind)
    return fault(FaultKind::unsupported, where, "Such an object does not belong into that folder.");
  auto fields = task_fields(*object);
  if (!fields) return at(std::move(fields.error()));
  return Said{object->uid(), std::move(*fields)};
}

std::string updates_of(Kind kind, const Fields& before, const Fields& after) {
  return kind == Kind::contact ? contact_updates(before, after) : task_updates(before, after);
}

std::string ask_objects(std::span<const Bytes> ids, Kind kind) { return get_objects(ids, object_shape(kind)); }

std::string set_ready(Kind kind, const Property& property, const std::string& ready) {
  return fmt::format("<t:SetItemField>{0}<t:{1}>{2}</t:{1}></t:SetItemField>", property.path(), element_of(kind),
                     ready);
}

}  // namespace

Result<std::vector<Upsert>> EwsSession::objects(const Call& call, const SyncPage& synced, View folder_, Kind kind,
                                                const Want& want) {
  std::vector<Bytes> wanted;
  for (const auto& row : synced.rows)
    if (row.what != SyncPage::What::deleted && row.what != SyncPage::What::read_flag && row.kind == element_of(kind))
      wanted.push_back(row.id);
  auto got = items(call, wanted, ask_objects, kind);
  if (!got) return std::unexpected(std::move(got.error()));
  std::vector<Upsert> upserts;
  for (const auto& item : *got)
    if (item.local == element_of(kind) && !id_of(item).empty())
      upserts.push_back(object_upsert(kind, item, folder_, object_of(kind, item, {}, zones()), want.inline_up_to));
  return upserts;
}

Result<EwsSession::Object> EwsSession::object(const Call& call, const Named& what) {
  const Bytes one[] = {what.id};
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return ask_objects(one, what.kind); });
  if (!got) return std::unexpected(std::move(got.error()));
  const auto* there = item_in(*got);
  if (there == nullptr)
    return fault(FaultKind::not_found, backend_.where(), "The Exchange server does not give the item.");
  auto octets = object_of(what.kind, *there, {}, zones());
  if (!octets) {
    octets.error().where = backend_.where();
    return std::unexpected(std::move(octets.error()));
  }
  return Object{*there, std::move(*octets)};
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
  if (element_of(item.kind).empty() || item.kind == Kind::event)
    return fault(FaultKind::unsupported, backend_.where(), "The ews plugin makes no events and no notes yet.");
  const auto mark = base64(attempt.token);
  if (!attempt.note.empty()) {
    auto found = found_by(call, folder_id(folder_), token_mark, mark, item.kind);
    if (!found) return std::unexpected(std::move(found.error()));
    if (*found) return std::move(**found);
  }
  auto octets = all_of(source, backend_.where());
  if (!octets) return std::unexpected(std::move(octets.error()));
  auto said = said_by(item.kind, *octets, backend_.where());
  if (!said) return std::unexpected(std::move(said.error()));
  auto fields = std::move(said->fields);
  if (!attempt.token.empty()) fields["ready:token"] = token_mark.with(mark);
  if (!said->uid.empty()) fields["ready:uid"] = uid_mark.with(said->uid);
  set(fields, "ready:object", stored_property(*octets));
  if (attempt.before)
    if (auto noted = attempt.before("created"); !noted) return std::unexpected(std::move(noted.error()));
  const auto children = item.kind == Kind::contact ? contact_children(fields) : task_children(fields);
  auto made = backend_.one(call, who_, "CreateItem", [&](Version) {
    return ews::create_object(folder_id(folder_), element_of(item.kind), children);
  });
  if (!made) return std::unexpected(std::move(made.error()));
  const auto* there = item_in(*made);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the new item.");
  return written_of(*there, item.kind);
}

Result<Written> EwsSession::update_object(const Call& call, const Named& what, View if_content_rev,
                                          const Bytes& octets) {
  auto said = said_by(what.kind, octets, backend_.where());
  if (!said) return std::unexpected(std::move(said.error()));
  auto now = object(call, what);
  if (!now) return std::unexpected(std::move(now.error()));
  if (change_key_of(now->element) != if_content_rev)
    return fault(FaultKind::conflict, backend_.where(), "It was changed meanwhile on the Exchange server.");
  // What the device had, so that only its own changes are sent and what it could not see stays.
  const auto before = said_by(what.kind, now->octets, backend_.where());
  if (!before) return std::unexpected(before.error());
  auto updates = updates_of(what.kind, before->fields, said->fields);
  const auto kept = stored_property(octets);
  updates += kept.empty() ? clear_property(stored_object) : set_ready(what.kind, stored_object, kept);
  auto done = backend_.one(call, who_, "UpdateItem",
                           [&](Version) { return ews::update_object(item_id(what.id, if_content_rev), updates); });
  if (!done) return std::unexpected(std::move(done.error()));
  const auto* there = item_in(*done);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the change.");
  return written_of(*there, what.kind);
}

}  // namespace tidegate::ews
