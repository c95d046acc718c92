// SPDX-License-Identifier: Apache-2.0
// What an item says that is also said by a card or a calendar object, as texts by their path: between the server's
// element and the object stands this. What changed is what differs, and only that is sent. Pure.
#pragma once
#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "core/xml/element.hpp"

namespace tidegate::ews {

/// Path → text. Paths are those of FieldURI and IndexedFieldURI: "contacts:GivenName",
/// "contacts:PhoneNumber#HomePhone", "contacts:PhysicalAddress:City#Home"; "property:0x3A45" is one of MAPI, a string;
/// "ready:…": extended properties as XML; "read:…": what is only read.
/// What is not there has no entry.
using Fields = std::map<std::string, std::string>;

inline std::string_view text_at(const Fields& fields, const std::string& path) {
  const auto found = fields.find(path);
  return found == fields.end() ? std::string_view{} : std::string_view(found->second);
}
inline void set(Fields& fields, const std::string& path, std::string_view text) {
  if (!text.empty()) fields[path] = text;
}

/// How a path's text looks as XML, inside its element; of most: as it is, escaped.
using Inner = std::function<std::string(std::string_view path, std::string_view text)>;
std::string plain_inner(std::string_view path, std::string_view text);

/// SetItemField and DeleteItemField of what differs. `element`: Contact, Task, CalendarItem.
std::string updates_between(std::string_view element, const Fields& before, const Fields& after, const Inner&);
/// Children of a new item, in `order` (the schema's names); properties and indexed ones included.
std::string children_of(const Fields&, std::span<const std::string_view> order, const Inner&);

/// Text of the child of that name; indexed: its Entry. Empty: it has none.
std::string indexed_text(const xml::Element& item, std::string_view child, std::string_view key);
/// Of PidTag properties that are strings.
std::string tag_text(const xml::Element& item, std::string_view tag);
/// Categories, and the line ends of a body, as they compare.
std::string joined_categories(const xml::Element& item);
std::string body_text(const xml::Element& item);
std::string without_cr(std::string_view);

/// Paths as AdditionalProperties.
std::string shape_of(std::initializer_list<std::string_view> paths);

}  // namespace tidegate::ews
