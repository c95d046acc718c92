// SPDX-License-Identifier: Apache-2.0
#include "core/mime/addresses.hpp"

namespace tidegate::mime {

std::vector<std::string> addresses_of(std::string_view list) {
  std::vector<std::string> out;
  std::string plain, angled;
  bool in_angle = false, had_angle = false;
  int comment = 0;
  const auto end = [&] {
    const auto& found = had_angle ? angled : plain;
    if (!found.empty()) out.push_back(found);
    plain.clear(), angled.clear();
    had_angle = in_angle = false;
  };
  for (std::size_t at = 0; at < list.size(); ++at) {
    const char c = list[at];
    if (comment > 0) {
      if (c == '\\') ++at;
      comment += c == '(' ? 1 : c == ')' ? -1 : 0;
    } else if (c == '"') {  // a quoted string, as it stands: part of an address or of a name
      auto& to = in_angle ? angled : plain;
      to += c;
      while (++at < list.size()) {
        to += list[at];
        if (list[at] == '"') break;
        if (list[at] == '\\' && at + 1 < list.size()) to += list[++at];
      }
    } else if (c == '(') {
      comment = 1;
    } else if (c == '<') {
      in_angle = had_angle = true;
      angled.clear();
    } else if (c == '>') {
      in_angle = false;
    } else if (c == ',' || c == ';') {
      end();
    } else if (c == ':' && !in_angle) {  // a group's name
      plain.clear();
    } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      (in_angle ? angled : plain) += c;
    }
  }
  end();
  return out;
}

}  // namespace tidegate::mime
