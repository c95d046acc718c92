// SPDX-License-Identifier: Apache-2.0
// Untagged responses we read ourselves, because libetpan knows them not, keeps only the last of them, or loses their
// order. Pure: the fuzzers call it.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "plugins/imap/reply.hpp"

namespace tidegate::imap {

struct Exists {
  std::uint32_t count = 0;
};
struct Expunged {};
struct Enabled {
  std::set<std::string, std::less<>> what;  ///< upper case (RFC 5161)
};
struct ServerId {
  std::string text;  ///< RFC 2971, raw, lower case, cut
};
struct Overflow {};  ///< NOTIFICATIONOVERFLOW (RFC 5465 §5.8): from here on the server tells nothing any more
using Untagged =
    std::variant<Exists, Expunged, Vanished, Listing, FolderStatus, Namespaces, Enabled, ServerId, Overflow>;

/// A whole response with its literals in place ("* STATUS {3}CRLF…"), with or without its CRLF. nullopt: not one of
/// these, or malformed.
std::optional<Untagged> parse_untagged(std::string_view response);

/// Do these first octets of a line begin such a response? `maybe`: too few octets to say.
enum class Ours : std::uint8_t { no, maybe, yes };
Ours begins_ours(std::string_view head);

}  // namespace tidegate::imap
