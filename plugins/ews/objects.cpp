// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/objects.hpp"

#include <algorithm>

#include "core/pim/canonical.hpp"
#include "plugins/ews/attachments.hpp"
#include "plugins/ews/base64.hpp"
#include "plugins/ews/contacts.hpp"
#include "plugins/ews/events.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/groups.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/notes.hpp"
#include "plugins/ews/requests.hpp"
#include "plugins/ews/tasks.hpp"

namespace tidegate::ews {
namespace {

constexpr std::pair<std::string_view, Kind> prefixes[] = {
    {"e:", Kind::event}, {"c:", Kind::contact}, {"t:", Kind::task}, {"n:", Kind::note}};

// Beyond that a property becomes a burden for the server and each synchronisation.
constexpr std::size_t stored_most = 256U << 10;

std::optional<Bytes> stored(const xml::Element& item) {
  const auto held = property_of(item, stored_object);
  Bytes octets;
  if (!held || held->empty() || !from_base64(*held, octets)) return std::nullopt;
  return octets;
}

}  // namespace

Bytes name_of(const Named& what) {
  for (const auto& [prefix, kind] : prefixes)
    if (kind == what.kind) return Bytes(prefix) + what.id;
  return what.id;
}

Named named(View text) {
  for (const auto& [prefix, kind] : prefixes)
    if (text.starts_with(prefix)) return {kind, Bytes(text.substr(prefix.size()))};
  return {Kind::mail, Bytes(text)};
}

std::string_view element_of(Kind kind) {
  switch (kind) {
    case Kind::event:
      return "CalendarItem";
    case Kind::contact:
      return "Contact";
    case Kind::task:
      return "Task";
    case Kind::note:
      return "Message";
    default:
      return {};
  }
}

bool is_of(Kind kind, std::string_view element) {
  return element == element_of(kind) || (kind == Kind::contact && element == group_element) ||
         (kind == Kind::note && element == "Item");  // as a server may have what is of no class that it knows
}
bool is_of(Kind kind, const xml::Element& item) {
  return is_of(kind, item.local) && (kind != Kind::note || is_note(item));
}

std::string object_shape(Kind kind) {
  const auto common = shape_of({"item:ItemClass", "item:DateTimeCreated", "item:Attachments"}) + uid_mark.path() +
                      stored_object.path() + search_key.path();
  return (kind == Kind::contact ? contact_shape() + group_shape()
          : kind == Kind::event ? event_shape()
          : kind == Kind::note  ? note_shape()
                                : task_shape()) +
         common;
}

// A search key stays when the item moves; of what a device made the UID stands in a property.
std::string uid_of(Kind kind, const xml::Element& item) {
  if (const auto own = words(item, "UID"); kind == Kind::event && !own.empty()) return std::string(own);
  if (auto uid = property_of(item, uid_mark); uid && !uid->empty()) return *uid;
  const auto key = property_of(item, search_key).value_or(id_of(item));
  std::string made = "ews-";
  for (const unsigned char c : key) {
    constexpr std::string_view hex = "0123456789abcdef";
    made += hex[c >> 4];
    made += hex[c & 15];
  }
  return made;
}

Result<Bytes> object_of(Kind kind, const xml::Element& item, std::span<const xml::Element> exceptions,
                        const pim::ZoneSource& zones) {
  const auto before = stored(item);
  const auto uid = uid_of(kind, item);
  if (kind == Kind::contact) {
    const auto base = before ? pim::Card::parse(*before) : Result<pim::Card>(std::unexpected(Fault{}));
    // What was a person is none any more, or the other way round: nothing of the old object fits.
    const auto* there = base && base->group() == (item.local == group_element) ? &*base : nullptr;
    if (item.local == group_element) return group_of(group_fields(item), uid, there).octets();
    return card_of(contact_fields(item), uid, there).octets();
  }
  const auto base =
      before ? pim::CalendarObject::parse(*before, zones) : Result<pim::CalendarObject>(std::unexpected(Fault{}));
  const auto* there = base ? &*base : nullptr;
  if (kind == Kind::task) return with_files(task_of(task_fields(item), uid, there), item);
  if (kind == Kind::note) return with_files(note_of(note_fields(item), uid, there), item);
  const auto event = event_of(item, exceptions, zones);
  if (!event) return std::unexpected(event.error());
  return with_files(event_object(*event, uid, there, zones), item);
}

Upsert object_upsert(Kind kind, const xml::Element& item, View folder, Result<Bytes> octets,
                     std::uint32_t inline_up_to) {
  Upsert made{};
  made.id = name_of({kind, id_of(item)});
  made.folders = {Bytes(folder)};
  made.content_rev = change_key_of(item);
  made.kind = kind;
  made.received = date_time(words(item, "DateTimeCreated")).value_or(std::chrono::sys_seconds{});
  made.fingerprint = pim::uid_fingerprint(uid_of(kind, item));
  if (!octets) return made;  // who reads it hears why
  made.size = octets->size();
  if (octets->size() <= inline_up_to) made.content = std::move(*octets);
  return made;
}

std::optional<Bytes> stored_form(Kind kind, View octets) {
  auto form = kind == Kind::contact ? Bytes(octets) : with_digests(octets);
  // What makes a card that long is its photo.
  if (form.size() > stored_most && kind == Kind::contact) form = without_files(kind, octets);
  return form.size() <= stored_most ? std::optional(std::move(form)) : std::nullopt;
}

std::string stored_property(Kind kind, View octets) {
  const auto form = stored_form(kind, octets);
  return form ? stored_object.with(base64(*form)) : std::string();
}

bool bears(Kind kind, const xml::Element& item, View now, View octets) {
  const auto form = stored_form(kind, octets);
  return form && stored(item) == form && without_files(kind, now) == without_files(kind, octets);
}

}  // namespace tidegate::ews
