// SPDX-License-Identifier: Apache-2.0
// Events that are changed, removed and answered: their occurrences, and who hears of it.
#include <algorithm>

#include <fmt/format.h>

#include "plugins/ews/said.hpp"
#include "plugins/ews/session.hpp"

namespace tidegate::ews {
namespace {

constexpr std::string_view to_all = "SendToAllAndSaveCopy", to_none = "SendToNone";

}  // namespace

// Guests hear of what the organizer does, and of nothing else: an event that was copied into the calendar with all its
// guests does not invite them a second time, in another's name.
std::string_view EwsSession::invitations_of(const xml::Element& there, const Fields& before,
                                            const Fields& after) const {
  if (!has_attendees(before) && !has_attendees(after)) return to_none;
  const auto& named_ = organizer_of(after).empty() ? organizer_of(before) : organizer_of(after);
  return organizes(words(there, "MyResponseType"), named_, owner_of(who_)) ? to_all : to_none;
}

// An address that is not the mailbox's first one may be the user's all the same: whose it is the directory knows.
Result<std::string_view> EwsSession::invitations_of_new(const Call& call, const Fields& fields) {
  const auto by_name = invitations_of({}, {}, fields);
  if (by_name == to_all || !has_attendees(fields)) return by_name;
  auto people = resolve(call, "smtp:" + organizer_of(fields), 2);
  if (!people) {
    const auto kind = people.error().kind;
    if (kind == FaultKind::denied || kind == FaultKind::unsupported || kind == FaultKind::invalid) return by_name;
    return std::unexpected(std::move(people.error()));
  }
  return people->size() == 1 && pim::same_word(people->front().address, owner_of(who_)) ? to_all : to_none;
}

// An organizer's guests hear that it is off, unless it is over or was called off before.
Result<void> EwsSession::remove_event(const Call& call, const Named& what, View if_content_rev) {
  const Bytes one[] = {what.id};
  auto got = backend_.one(call, who_, "GetItem", [&](Version) { return ask_objects(one, Kind::event); });
  if (!got) return std::unexpected(std::move(got.error()));
  const auto* there = item_in(*got);
  if (there == nullptr || (!if_content_rev.empty() && change_key_of(*there) != if_content_rev))
    return fault(FaultKind::conflict, backend_.where(), "It was changed meanwhile on the Exchange server.");
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto cancellations = calls_off(*there, owner_of(who_), now) ? to_all : to_none;
  auto done = backend_.one(call, who_, "DeleteItem",
                           [&](Version version) { return delete_item(version, item_id(what.id), cancellations); });
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

Result<Written> EwsSession::update_event(const Call& call, const Named& what, View if_content_rev, const Object& now,
                                         const Bytes& octets) {
  const auto& home = backend_.settings().time_zone;
  const auto before = said_by(Kind::event, now.octets, home), said = said_by(Kind::event, octets, home);
  if (!before) return said_at(backend_.where(), before.error());
  if (!said) return said_at(backend_.where(), said.error());
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
  const auto kept = stored_property(Kind::event, octets);
  updates += kept.empty() ? clear_property(stored_object) : set_ready(element_of(Kind::event), stored_object, kept);
  const auto invitations = invitations_of(now.element, old.master, wanted.master);
  auto done = backend_.one(call, who_, "UpdateItem", [&](Version) {
    return ews::update_object(item_id(what.id, if_content_rev), updates, invitations);
  });
  if (!done) return std::unexpected(std::move(done.error()));
  Event present = anew ? wanted : old;
  if (anew) {
    present.changed.clear();
    present.deleted.clear();
  }
  if (auto changed = change_occurrences(call, what.id, now.element, present, wanted); !changed)
    return std::unexpected(std::move(changed.error()));
  return revision(call, {Kind::event, what.id});
}

Result<void> EwsSession::change_occurrences(const Call& call, View series, const xml::Element& master,
                                            const Event& before, const Event& after) {
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
      return ews::update_object(*id, updates, invitations_of(master, baseline, fields));
    });
    if (!done) return std::unexpected(std::move(done.error()));
  }
  for (const auto& original : after.deleted) {
    if (before.deleted.contains(original)) continue;
    const auto id = place(original);
    if (!id) continue;  // it has none there anyway
    auto done = backend_.one(call, who_, "DeleteItem", [&](Version version) {
      return delete_item(version, *id, invitations_of(master, {}, after.master));
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
