// SPDX-License-Identifier: Apache-2.0
// What a mail program hands to `tidegate-device send`, as sendmail takes it, made fit to be sent: recipients, Bcc taken
// out, line ends of RFC 5322, the fields a message must have. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::device {

struct Letter {
  std::vector<std::string> recipients;
  Bytes content;
};

struct LetterOptions {
  bool from_header = false;             ///< -t: recipients from To, Cc, Bcc
  bool dots = true;                     ///< a line of one dot ends the message; -i: it does not
  std::vector<std::string> recipients;  ///< arguments
  std::string user;                     ///< From, where the message has none
  std::int64_t now_unix = 0;            ///< Date, where the message has none
  std::string unique;                   ///< of the Message-ID, where it has none
};

/// Fault invalid: nothing to send, nobody to send it to.
Result<Letter> read_letter(std::string_view input, const LetterOptions&);

}  // namespace tidegate::device
