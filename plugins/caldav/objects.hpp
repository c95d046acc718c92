// SPDX-License-Identifier: Apache-2.0
// What has to be known of an iCalendar object or a vCard to carry it: kind, UID, digests. No more is read of it, and
// nothing is changed. Pure.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::caldav {

struct Object {
  Kind kind = Kind::event;
  std::string component;  ///< VEVENT, VTODO, VJOURNAL, VCARD
  std::string uid;        ///< empty: it has none
};

/// Looks at its lines, unfolded (RFC 5545 §3.1, RFC 6350 §3.2). nullopt: neither a calendar object nor a card.
std::optional<Object> look_at(std::string_view octets);

/// Of the UID: the same object under another name. Without a UID, of its name.
std::array<std::byte, 20> fingerprint(const Object&, View name);

/// 48 bits of a digest, of an ETag or a name.
std::uint64_t digest(std::string_view);
/// The same of a content without its DTSTAMP, PRODID and line ends: feeds make these anew at each fetch (DAV-20).
std::uint64_t digest_of_content(std::string_view);

/// A name for a new resource: the UID where it may stand in a path, else made from it.
std::string name_for(const Object&);

// --- paths

/// A path whose percent signs are as we write them, so that two spellings of one href are one (servers mix them).
std::string canonical(std::string_view path);
/// Last segment of a canonical path, with the slash that a collection's ends in left out.
std::string_view last_segment(std::string_view path);

// --- revisions: the ETag, and behind it the Schedule-Tag where there is one (RFC 6638 §3.2.10)

struct Revision {
  std::string etag, schedule_tag;
};
Bytes encode(const Revision&);
Revision decode_revision(View);
/// For If-Match, which compares strongly (RFC 9110 §13.1.1): some gateways weaken what their servers say.
std::string strong(std::string_view etag);

}  // namespace tidegate::caldav
