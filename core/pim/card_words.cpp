// SPDX-License-Identifier: Apache-2.0
#include "core/pim/card_words.hpp"

#include <algorithm>

#include "core/pim/values.hpp"

namespace tidegate::pim {
namespace {

bool bare_but_no_type(std::string_view word) {
  for (const auto* each : {"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT", "INLINE"})
    if (same_word(word, each)) return true;
  return false;
}

}  // namespace

bool quoted_printable(const Line& line) {
  return same_word(line.first("ENCODING"), "QUOTED-PRINTABLE") || line.parameter("QUOTED-PRINTABLE") != nullptr;
}
bool base64(const Line& line) {
  const auto encoding = line.first("ENCODING");
  return same_word(encoding, "B") || same_word(encoding, "BASE64") || line.parameter("BASE64") != nullptr;
}

std::string without_urn(std::string_view uid) {
  constexpr std::string_view urn = "urn:uuid:";
  if (uid.size() > urn.size() && same_word(uid.substr(0, urn.size()), urn)) uid.remove_prefix(urn.size());
  return std::string(uid);
}

std::string lower(std::string_view text) {
  auto out = upper(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::vector<std::string> types_of(const Line& line) {
  std::vector<std::string> types;
  for (const auto& each : line.parameters()) {
    if (each.values.empty() && !bare_but_no_type(each.name)) types.push_back(upper(each.name));
    if (!same_word(each.name, "TYPE")) continue;
    for (const auto& value : each.values)
      for (const auto piece : split_escaped(value, ','))
        if (!piece.empty()) types.push_back(upper(piece));
  }
  return types;
}

std::string media_type(std::string_view type) {
  if (type.empty() || type.contains('/')) return lower(type);
  if (same_word(type, "JPG")) return "image/jpeg";
  return "image/" + lower(type);
}

}  // namespace tidegate::pim
