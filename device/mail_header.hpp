// SPDX-License-Identifier: Apache-2.0
// Subject and sender of a mail for people's eyes: unfolded, RFC 2047 words decoded, nothing that could steer a
// terminal. For display only; the mail itself is never changed. Pure; any thread; never throws on input.
#pragma once
#include <string>
#include <string_view>

namespace tidegate::device {

/// How much of a mail is looked at for its header.
inline constexpr std::size_t header_limit = std::size_t{64} << 10;

struct MailHeader {
  std::string subject, from;  ///< valid UTF-8 without control characters; empty: the mail has none
};

MailHeader read_mail_header(std::string_view mail);

/// RFC 2047 §2: `=?charset?Q|B?text?=` words become UTF-8; what does not decode stays as it came. Raw 8-bit octets are
/// taken as UTF-8 if they are that, else as windows-1252.
std::string decode_words(std::string_view value);

}  // namespace tidegate::device
