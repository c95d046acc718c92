// SPDX-License-Identifier: Apache-2.0
// The words that people see in an item, to be searched: of a mail its header lines and the text parts of its body
// (RFC 2045, RFC 2046), of a calendar object or a card the values of its properties (RFC 5545, RFC 6350). As UTF-8, not
// for a terminal. Pure; never throws on input; time and memory grow with the octets only.
#pragma once
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::device {

struct ItemText {
  std::string title, who;  ///< for one line of a screen: subject and sender, summary and place, name and address
  std::string words;       ///< all of it
};

ItemText read_mail_text(std::string_view mail);
ItemText read_object_text(std::string_view object, Kind);

}  // namespace tidegate::device
