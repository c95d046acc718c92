// SPDX-License-Identifier: Apache-2.0
// Events, tasks and contacts: read as objects, written as what differs.
#include <algorithm>

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
  Fields fields = {};
  Event event = {};
};
Result<Said> said_by(Kind kind, const Bytes& octets, const std::string& home) {
  if (kind == Kind::contact) {
    auto card = pim::Card::parse(octets);
    if (!card) return std::unexpected(std::move(card.error()));
    if (card->group())
      return fault(FaultKind::unsupported, {}, "Groups of contacts are not made on an Exchange server by this plugin.");
    return Said{card->uid(), contact_fields(*card)};
  }
  auto object = pim::CalendarObject::parse(octets, zones());
  if (!object) return std::unexpected(std::move(object.error()));
  if (object->kind() != kind)
    return fault(FaultKind::unsupported, {}, "Such an object does not belong into that folder.");
  if (kind == Kind::event) {
    auto event = event_of(*object, home, zones());
    if (!event) return std::unexpected(std::move(event.error()));
    return Said{object->uid(), event->master, std::move(*event)};
  }
  auto fields = task_fields(*object);
  if (!fields) return std::unexpected(std::move(fields.error()));
  return Said{object->uid(), std::move(*fields)};
}

std::unexpected<Fault> at(const std::string& where, Fault why) {
  why.where = why.where.empty() ? where : where + ": " + why.where;
  return std::unexpected(std::move(why));
}

// Who is asked hears of it; an event without guests has nobody to tell.
std::string_view invitations_of(const Fields& before, const Fields& after) {
  return has_attendees(before) || has_attendees(after) ? "SendToAllAndSaveCopy" : "SendToNone";
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
  auto changed = exceptions(call, *got);
  if (!changed) return std::unexpected(std::move(changed.error()));
  std::vector<Upsert> upserts;
  for (const auto& item : *got)
    if (item.local == element_of(kind) && !id_of(item).empty())
      upserts.push_back(
          object_upsert(kind, item, folder_, object_of(kind, item, *changed, zones()), want.inline_up_to));
  return upserts;
}

Result<EwsSession::Object> EwsSession::object(const Call& call, const Named& what) {
  const Bytes one[] = {what.id};
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return ask_objects(one, what.kind); });
  if (!got) return std::unexpected(std::move(got.error()));
  const auto* there = item_in(*got);
  if (there == nullptr)
    return fault(FaultKind::not_found, backend_.where(), "The Exchange server does not give the item.");
  auto changed = exceptions(call, std::span(there, 1));
  if (!changed) return std::unexpected(std::move(changed.error()));
  auto octets = object_of(what.kind, *there, *changed, zones());
  if (!octets) {
    octets.error().where = backend_.where();
    return std::unexpected(std::move(octets.error()));
  }
  return Object{*there, std::move(*octets)};
}

std::map<Bytes, Bytes> EwsSession::objects_ahead(const Call& call, std::span<const Bytes> ids, Kind kind) {
  std::map<Bytes, Bytes> made;
  const auto got = items(call, ids, ask_objects, kind);
  if (!got) return made;
  const auto changed = exceptions(call, *got);
  if (!changed) return made;
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
    return fault(FaultKind::unsupported, backend_.where(), "The ews plugin makes no notes.");
  const auto mark = base64(attempt.token);
  std::optional<Written> before;
  if (!attempt.note.empty()) {
    auto found = found_by(call, folder_id(folder_), token_mark, mark, item.kind);
    if (!found) return std::unexpected(std::move(found.error()));
    before = std::move(*found);
    if (before && item.kind != Kind::event) return std::move(*before);
  }
  auto octets = all_of(source, backend_.where());
  if (!octets) return std::unexpected(std::move(octets.error()));
  auto said = said_by(item.kind, *octets, backend_.settings().time_zone);
  if (!said) return at(backend_.where(), std::move(said.error()));
  if (before) {  // its occurrences may not have come to their turn
    auto now = object(call, named(before->id));
    if (!now) return std::unexpected(std::move(now.error()));
    return update_event(call, named(before->id), change_key_of(now->element), *now, *octets);
  }
  auto fields = std::move(said->fields);
  if (!attempt.token.empty()) fields["ready:token"] = token_mark.with(mark);
  if (item.kind == Kind::event)
    set(fields, "calendar:UID", said->uid);
  else if (!said->uid.empty())
    fields["ready:uid"] = uid_mark.with(said->uid);
  set(fields, "ready:object", stored_property(*octets));
  if (attempt.before)
    if (auto noted = attempt.before("created"); !noted) return std::unexpected(std::move(noted.error()));
  const auto invitations = item.kind == Kind::event ? invitations_of({}, fields) : std::string_view{};
  const Event whole{fields, {}, {}, said->event.zone};
  const auto children = item.kind == Kind::contact ? contact_children(fields)
                        : item.kind == Kind::task  ? task_children(fields)
                                                   : event_children(whole, zones());
  auto made = backend_.one(call, who_, "CreateItem", [&](Version) {
    return ews::create_object(folder_id(folder_), element_of(item.kind), children, invitations);
  });
  if (!made) return std::unexpected(std::move(made.error()));
  const auto* there = item_in(*made);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the new item.");
  if (said->event.changed.empty() && said->event.deleted.empty()) return written_of(*there, item.kind);
  const auto id = id_of(*there);
  Event plain = said->event;
  plain.changed.clear();
  plain.deleted.clear();
  if (auto done = change_occurrences(call, id, plain, said->event); !done)
    return std::unexpected(std::move(done.error()));
  auto after = backend_.one(call, who_, "GetItem", [&](Version) { return get_revision(id); });
  if (!after) return std::unexpected(std::move(after.error()));
  return written_of(item_in(*after) != nullptr ? *item_in(*after) : *there, item.kind);
}

Result<Written> EwsSession::update_object(const Call& call, const Named& what, View if_content_rev,
                                          const Bytes& octets) {
  auto now = object(call, what);
  if (!now) return std::unexpected(std::move(now.error()));
  if (change_key_of(now->element) != if_content_rev)
    return fault(FaultKind::conflict, backend_.where(), "It was changed meanwhile on the Exchange server.");
  if (what.kind == Kind::event) return update_event(call, what, if_content_rev, *now, octets);
  const auto said = said_by(what.kind, octets, {});
  if (!said) return at(backend_.where(), said.error());
  // What the device had, so that only its own changes are sent and what it could not see stays.
  const auto before = said_by(what.kind, now->octets, {});
  if (!before) return at(backend_.where(), before.error());
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

Result<Written> EwsSession::update_event(const Call& call, const Named& what, View if_content_rev, const Object& now,
                                         const Bytes& octets) {
  const auto& home = backend_.settings().time_zone;
  const auto before = said_by(Kind::event, now.octets, home), said = said_by(Kind::event, octets, home);
  if (!before) return at(backend_.where(), before.error());
  if (!said) return at(backend_.where(), said.error());
  const auto& old = before->event;
  const auto& wanted = said->event;
  // The zone of an all-day event's midnight stays the server's.
  const auto server = event_of(now.element, {}, zones());
  const auto& zone = server ? server->zone : old.zone;
  auto updates = event_updates(old.master, wanted.master, zone, zones());
  const auto same = [&](const char* path) { return text_at(old.master, path) == text_at(wanted.master, path); };
  // An occurrence that was deleted or changed is made whole again only with all others, by a new pattern.
  const bool whole_again =
      std::ranges::any_of(old.deleted, [&](const auto& each) { return !wanted.deleted.contains(each); }) ||
      std::ranges::any_of(old.changed, [&](const auto& each) { return !wanted.changed.contains(each.first); });
  const bool anew =
      !same("calendar:Recurrence") || !same("calendar:Start") || !same("calendar:StartTimeZone") || whole_again;
  if (anew && same("calendar:Recurrence") && wanted.series())
    updates += event_updates({}, {{"calendar:Recurrence", wanted.master.at("calendar:Recurrence")}}, zone, zones());
  const auto kept = stored_property(octets);
  updates += kept.empty() ? clear_property(stored_object) : set_ready(Kind::event, stored_object, kept);
  const auto invitations = invitations_of(old.master, wanted.master);
  auto done = backend_.one(call, who_, "UpdateItem", [&](Version) {
    return ews::update_object(item_id(what.id, if_content_rev), updates, invitations);
  });
  if (!done) return std::unexpected(std::move(done.error()));
  Event present = anew ? wanted : old;
  if (anew) {
    present.changed.clear();
    present.deleted.clear();
  }
  if (auto changed = change_occurrences(call, what.id, present, wanted); !changed)
    return std::unexpected(std::move(changed.error()));
  auto after = backend_.one(call, who_, "GetItem", [&](Version) { return get_revision(what.id); });
  if (!after) return std::unexpected(std::move(after.error()));
  const auto* there = item_in(*after);
  if (there == nullptr)
    return fault(FaultKind::invalid, backend_.where(), "The Exchange server did not say what became of the change.");
  return written_of(*there, Kind::event);
}

Result<void> EwsSession::change_occurrences(const Call& call, View series, const Event& before, const Event& after) {
  const auto place = [&](const std::string& original) -> Result<std::string> {
    const auto index = occurrence_index(after, original, zones());
    if (!index)
      return fault(FaultKind::unsupported, backend_.where(),
                   "The object changes an instance that its series does not have.");
    return occurrence_id(series, *index);
  };
  for (const auto& [original, fields] : after.changed) {
    const auto old = before.changed.find(original);
    const auto baseline = old != before.changed.end() ? old->second : occurrence_fields(after.master, original);
    const auto updates = event_updates(baseline, fields, after.zone, zones());
    if (updates.empty()) continue;
    const auto id = place(original);
    if (!id) return std::unexpected(id.error());
    auto done = backend_.one(call, who_, "UpdateItem", [&](Version) {
      return ews::update_object(*id, updates, invitations_of(baseline, fields));
    });
    if (!done) return std::unexpected(std::move(done.error()));
  }
  for (const auto& original : after.deleted) {
    if (before.deleted.contains(original)) continue;
    const auto id = place(original);
    if (!id) continue;  // it has none there anyway
    auto done = backend_.one(call, who_, "DeleteItem", [&](Version version) {
      return delete_item(version, *id, invitations_of({}, after.master));
    });
    if (!done && done.error().kind != FaultKind::not_found) return std::unexpected(std::move(done.error()));
  }
  return {};
}

Result<Written> EwsSession::respond(const Call& call, View item, const Reply& reply, Attempt& attempt) {
  ahead_.clear();
  const auto what = named(item);
  constexpr std::pair<std::string_view, std::string_view> answers[] = {
      {"AcceptItem", "Accept"}, {"TentativelyAcceptItem", "Tentative"}, {"DeclineItem", "Decline"}};
  const auto& [element, word_] = answers[static_cast<std::size_t>(reply.answer)];
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return get_answer(what.id); });
  if (!got) return std::unexpected(std::move(got.error()));
  const auto* there = item_in(*got);
  if (there == nullptr)
    return fault(FaultKind::not_found, backend_.where(), "The Exchange server does not give the item.");
  if (!attempt.note.empty() && words(*there, "MyResponseType") == word_) return written_of(*there, what.kind);
  if (attempt.before)
    if (auto noted = attempt.before("answering"); !noted) return std::unexpected(std::move(noted.error()));
  auto done = backend_.one(call, who_, "CreateItem", [&](Version) {
    return answer_meeting(element, what.id, change_key_of(*there), reply.comment);
  });
  if (!done) return std::unexpected(std::move(done.error()));
  const auto* after = item_in(*done);
  return after == nullptr || id_of(*after).empty() ? written_of(*there, what.kind) : written_of(*after, what.kind);
}

}  // namespace tidegate::ews
