// SPDX-License-Identifier: Apache-2.0
#include "core/http/utf8.hpp"

#include <algorithm>

namespace tidegate::http {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = [&](std::size_t n) { return static_cast<unsigned>(static_cast<unsigned char>(text[n])); };
    const auto first = at(i);
    const std::size_t more = first < 0x80   ? 0
                             : first < 0xc2 ? 9
                             : first < 0xe0 ? 1
                             : first < 0xf0 ? 2
                             : first < 0xf5 ? 3
                                            : 9;
    if (more > 3 || text.size() - i <= more) return false;
    for (std::size_t n = 1; n <= more; ++n)
      if ((at(i + n) & 0xc0) != 0x80) return false;
    // RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF.
    if ((first == 0xe0 && at(i + 1) < 0xa0) || (first == 0xed && at(i + 1) > 0x9f)) return false;
    if ((first == 0xf0 && at(i + 1) < 0x90) || (first == 0xf4 && at(i + 1) > 0x8f)) return false;
    i += more + 1;
  }
  return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t octets) {
  if (text.size() <= octets) return text;
  while (octets > 0 && (static_cast<unsigned char>(text[octets]) & 0xc0) == 0x80) --octets;
  return text.substr(0, octets);
}

}  // namespace tidegate::http
