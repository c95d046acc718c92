// SPDX-License-Identifier: Apache-2.0
// From elements of answers to items and folders of the Store. Pure.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/xml/element.hpp"
#include "plugins/ews/requests.hpp"

namespace tidegate::ews {

/// Elements of items that are served as mail; all others are left alone (docs/support.md).
bool is_mail(std::string_view element);

/// xs:dateTime: with Z, an offset, or none (then UTC); fractions of seconds are cut off.
std::optional<std::chrono::sys_seconds> date_time(std::string_view);
std::string date_time(std::chrono::sys_seconds);

/// What GetItem (requests.hpp, get_items) gave of one mail. nullopt: it has no ItemId.
std::optional<Upsert> upsert_of(const xml::Element& item, View folder);
/// Octets of its MimeContent; nullopt: there is none, or it is not base64.
std::optional<std::string> mime_of(const xml::Element& item);
/// Value of an extended property; nullopt: the item has none.
std::optional<std::string> property_of(const xml::Element& item, const Property&);
std::vector<std::string> categories_of(const xml::Element& item);
/// Its ItemId or FolderId.
Bytes id_of(const xml::Element&);
Bytes change_key_of(const xml::Element& item);

/// Updates (requests.hpp) that carry out a delta, but for categories. Empty: nothing to do.
std::string updates_of(const FlagDelta&);
/// Properties that a new mail is made with.
std::vector<std::string> properties_of(const NewItem&, View token);

/// Folders the hierarchy may know by name; id → role, none of one that the Store has no role for. Root is "".
struct Roles {
  Bytes root;  ///< id of the root that all are below
  std::map<Bytes, Role> roles = {};
};
/// nullopt: it holds nothing that is served.
std::optional<Folder> folder_of(const xml::Element&, const Roles&);

/// The anchor of a scope: whether a listing is under way, and the server's SyncState.
struct Anchor {
  bool listing = true;
  Bytes state = {};
  Kind kind = Kind::mail;  ///< of what the folder holds
};
Bytes anchor(const Anchor&);
/// Empty: a listing begins. nullopt: no anchor of ours.
std::optional<Anchor> parse_anchor(View);

/// Addresses in To, Cc and Bcc of a mail's header, in small letters.
std::vector<std::string> recipients_in(std::string_view mail);

}  // namespace tidegate::ews
