// SPDX-License-Identifier: Apache-2.0
// What is asked of a DAV server: bodies of requests. Pure.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::caldav {

std::string propfind_principal();  ///< who am I, and where (RFC 5397, RFC 4791 §6.2.1, RFC 6352 §7.1.1)
/// What a home set holds, and how each of it stands. A first token is dear to some servers, so it can be left out.
std::string propfind_collections(bool with_tokens);
std::string propfind_members();         ///< ETags, dates, lengths
std::string query_members(bool cards);  ///< the same as a report of everything (RFC 4791 §7.8, RFC 6352 §8.6)
std::string propfind_etag();
/// Who a home's owner is, and by which addresses he is invited (RFC 6638 §2.4.1).
std::string propfind_owner();
std::string propfind_addresses();  ///< of one resource
/// RFC 6578 §3.2; an empty token: everything (§3.4).
std::string sync_collection(std::string_view token);
/// Contents and ETags of these (RFC 4791 §7.9, RFC 6352 §8.7).
std::string multiget(bool cards, std::span<const std::string> hrefs);
/// Who has that UID (RFC 4791 §7.8, RFC 6352 §8.6). Component: VEVENT, VTODO, VJOURNAL; empty: a card.
std::string query_uid(std::string_view component, std::string_view uid);
std::string mkcalendar(std::string_view name, std::string_view component);         ///< RFC 4791 §5.3.1
std::string mkcol(std::string_view name, bool cards, std::string_view component);  ///< RFC 5689
std::string proppatch_name(std::string_view name);

}  // namespace tidegate::caldav
