// SPDX-License-Identifier: Apache-2.0
// The leaves of a mail that is at hand whole (RFC 2045, 2046), also within forwarded messages. Bounded; any octets are
// survived. Pure.
#pragma once
#include <functional>
#include <optional>

#include "core/mime/part_header.hpp"
#include "core/sdk/fault.hpp"

namespace tidegate::mime {

struct Part {
  PartHeader header;
  View body;  ///< still encoded
};

inline constexpr std::size_t parts_most = 1000, depth_most = 16;

/// Every leaf in order, until `take` says stop. What lies deeper than depth_most, or behind parts_most, is left out.
void each_part(View mail, const std::function<bool(const Part&)>& take);

/// Without its transfer encoding. None: it has one that is not known.
std::optional<Bytes> decoded(const Part&);
/// The same, as UTF-8 by its charset. None: that is not known either.
std::optional<std::string> decoded_text(const Part&);

Bytes base64_decoded(View);                         ///< what is no letter of base64 is skipped
Bytes quoted_printable_decoded(View);               ///< what is no code stands for itself
Bytes base64_encoded(View, std::size_t line = 76);  ///< CRLF after so many letters and at the end; 0: one line, no end
std::optional<std::string> to_utf8(View, const std::string& charset);
/// As header fields need it (RFC 2047 §2); ASCII without control characters stays as it is.
std::string encoded_words(std::string_view utf8);

/// The body of the first field of that name in a header block, unfolded; empty: there is none.
std::string header_field(View mail, std::string_view name);

}  // namespace tidegate::mime
