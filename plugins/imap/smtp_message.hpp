// SPDX-License-Identifier: Apache-2.0
// A message and its envelope as they go over SMTP. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::imap {

/// What has to be known of a message before its first octet is sent.
struct SmtpNeeds {
  bool eight_bit = false;    ///< an octet above 127 anywhere: 8BITMIME (RFC 6152)
  bool utf8_header = false;  ///< in the header: SMTPUTF8 (RFC 6531 §3.2)
  bool bare_cr = false;      ///< can't be sent
  std::uint64_t size = 0;    ///< as RFC 1870 §4 counts: with CRLF, without stuffing
};
SmtpNeeds needs_of(std::string_view message);

/// The message as DATA carries it, final dot apart: dots doubled (RFC 5321 §4.5.2), every line ended by CRLF.
/// Nothing else changes. A bare LF is a line end of the local kind, and such "MUST … be transmitted only as a <CRLF>"
/// (RFC 5321 §2.3.8); sent as it is, "LF . LF" would let a message smuggle a second one past servers that take it for
/// an end. A bare CR ends a line nowhere: such a message is refused, see needs_of().
std::string stuffed(std::string_view message);

/// "<ann@example.com>", or nullopt for what may not stand in a path: controls, blanks, angle brackets, too long.
/// Empty gives "<>".
std::optional<std::string> path(std::string_view address);
bool is_ascii(std::string_view);

}  // namespace tidegate::imap
