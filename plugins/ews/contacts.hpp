// SPDX-License-Identifier: Apache-2.0
// Contacts and vCards. [MS-OXWSCONT], RFC 2426, RFC 6350. Pure.
#pragma once
#include "core/pim/vcard.hpp"
#include "plugins/ews/fields.hpp"

namespace tidegate::ews {

/// AdditionalProperties of a GetItem for contacts.
std::string contact_shape();
/// Where the photo stands among the fields, in base64; it is no field of the server's.
inline constexpr const char* photo_path = "read:Photo";
/// Outlook finds a contact's photo by this name, others by the mark.
inline constexpr std::string_view photo_file = "ContactPicture.jpg";

Fields contact_fields(const xml::Element& contact);
/// What the server can keep of a card; the rest lives in the card that is stored beside it.
Fields contact_fields(const pim::Card&);
/// The card that says what the fields say and, beside that, all that `base` says. Without a base: a new one.
pim::Card card_of(const Fields&, const std::string& uid, const pim::Card* base);

std::string contact_updates(const Fields& before, const Fields& after);
std::string contact_children(const Fields&);

}  // namespace tidegate::ews
