// SPDX-License-Identifier: Apache-2.0
// Texts of strangers as UTF-8: charsets, transfer encodings, and what a terminal can be shown. Pure; any thread; never
// throws on input.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::device {

char lower(char);                                    ///< of ASCII
bool same_name(std::string_view, std::string_view);  ///< but for ASCII's letter case
/// The octets of one well-formed UTF-8 character at the start of `text`; 0: it is none (RFC 3629 §4).
std::size_t utf8_length(std::string_view text);

/// None: a charset that nobody knows, or that a stranger may not name.
std::optional<std::string> to_utf8(std::string_view octets, std::string_view charset);
/// Of octets whose charset nobody said: as they are if they are UTF-8, else windows-1252.
std::string raw_to_utf8(std::string_view);
/// RFC 2045 §6.7; `word`: RFC 2047 §4.2, where "_" is a blank.
std::string decode_quoted(std::string_view, bool word = false);
/// RFC 2045 §6.8, RFC 2047 §4.1; strangers in the text are skipped.
std::string decode_base64(std::string_view);
/// In one line: no octet that a terminal would obey, nothing that is not UTF-8.
std::string for_people(std::string_view);
/// For comparing: letters of Latin, Greek and Cyrillic scripts without their case; the rest as it is.
std::string folded(std::string_view);

}  // namespace tidegate::device
