// SPDX-License-Identifier: Apache-2.0
// Events, tasks, contacts and notes as the Store has them: an id that says the kind, an object in octets, made of the
// server's fields and of the object that was stored beside them when a device wrote it. Pure.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/pim/zone.hpp"
#include "core/sdk/store.hpp"
#include "core/xml/element.hpp"

namespace tidegate::ews {

/// A deletion names an item without its kind, and so does read(): the id bears it.
struct Named {
  Kind kind = Kind::mail;
  Bytes id;  ///< as the server has it
};
Bytes name_of(const Named&);
Named named(View);

/// Element of items of that kind: CalendarItem, Contact, Task, Message (of notes); empty: mail has several.
std::string_view element_of(Kind);
/// Whether an element may be an item of that kind; a group is a contact.
bool is_of(Kind, std::string_view element);
/// Whether it is one: notes are told from mail by their class.
bool is_of(Kind, const xml::Element& item);
/// Properties that a GetItem for them asks for.
std::string object_shape(Kind);

/// `exceptions`: the changed occurrences of a series, each as GetItem gave it.
/// Fault invalid: what the server has is not to be said in that form (a series in a time zone that nobody knows).
Result<Bytes> object_of(Kind, const xml::Element& item, std::span<const xml::Element> exceptions,
                        const pim::ZoneSource&);
Upsert object_upsert(Kind, const xml::Element& item, View folder, Result<Bytes> octets, std::uint32_t inline_up_to);
std::string uid_of(Kind, const xml::Element& item);

/// The object as it is stored beside the fields, without what is stored as files; nullopt: it is too long.
std::optional<Bytes> stored_form(Kind, View octets);
std::string stored_property(Kind, View octets);  ///< the same as a property; empty: it is too long
/// Whether the item, which reads as `now`, is as this object has it but for its files, and bears it: who wrote it came
/// that far.
bool bears(Kind, const xml::Element& item, View now, View octets);

}  // namespace tidegate::ews
