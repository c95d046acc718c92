// SPDX-License-Identifier: Apache-2.0
// Contacts and vCards. [MS-OXWSCONT], RFC 2426, RFC 6350. Pure.
#pragma once
#include "core/pim/vcard.hpp"
#include "plugins/ews/fields.hpp"

namespace tidegate::ews {

/// AdditionalProperties of a GetItem for contacts.
std::string contact_shape();
/// The attachment that is the contact's photo; an empty id: it has none.
struct PhotoPlace {
  Bytes id = {};
  std::uint64_t size = 0;
};
PhotoPlace photo_of(const xml::Element& contact);
/// Puts the photo's content beside the fields of a contact that GetItem gave, for contact_fields.
void add_photo(xml::Element& contact, std::string_view base64);
/// Where the photo stands among the fields, in base64; it is no field of the server's.
inline constexpr const char* photo_path = "read:Photo";

Fields contact_fields(const xml::Element& contact);
/// What the server can keep of a card; the rest lives in the card that is stored beside it.
Fields contact_fields(const pim::Card&);
/// The card that says what the fields say and, beside that, all that `base` says. Without a base: a new one.
pim::Card card_of(const Fields&, const std::string& uid, const pim::Card* base);

std::string contact_updates(const Fields& before, const Fields& after);
std::string contact_children(const Fields&);

}  // namespace tidegate::ews
