// SPDX-License-Identifier: Apache-2.0
// Modified UTF-7, the encoding of mailbox names (RFC 3501 §5.1.3). Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::imap {

/// Strict: nullopt for anything the standard doesn't allow (8-bit octets, controls, '&' without its end, surplus bits,
/// lone surrogates, base64 of what is printable itself).
std::optional<std::string> utf8_from_modified_utf7(std::string_view name);

/// nullopt if the name isn't valid UTF-8 (or has controls).
std::optional<std::string> modified_utf7_from_utf8(std::string_view name);

/// For showing: strict where possible; else a name that already is UTF-8 stays itself, and everything else keeps its
/// printable ASCII with other octets as %XX, so that no folder is ever lost for its name. Always valid UTF-8.
std::string readable_name(std::string_view raw);

/// True for well-formed UTF-8 (no overlong forms, no surrogates, no C0 controls or DEL).
bool is_plain_utf8(std::string_view text);

}  // namespace tidegate::imap
