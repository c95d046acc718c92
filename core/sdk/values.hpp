// SPDX-License-Identifier: Apache-2.0
// What the values of settings mean, for plugins' tables: durations, choices, numbers. std only; a plugin may use it or
// not. Each gives false where the text is no such value, and then changes nothing. And what a colour is.
#pragma once
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

namespace tidegate::values {

template <class Number>
bool whole_number(Number& out, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  out = value;
  return true;
}

/// A whole number over 0 and ms, s, m (min) or h; without a unit: seconds.
inline bool duration(std::chrono::milliseconds& out, std::string_view text) {
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  const auto unit = text.substr(digits.size());
  unsigned number = 0;
  if (!whole_number(number, digits) || number == 0) return false;
  if (unit == "ms")
    out = std::chrono::milliseconds(number);
  else if (unit == "s" || unit.empty())
    out = std::chrono::seconds(number);
  else if (unit == "m" || unit == "min")
    out = std::chrono::minutes(number);
  else if (unit == "h")
    out = std::chrono::hours(number);
  else
    return false;
  return true;
}

template <class Choice>
bool choose(Choice& out, std::string_view text, std::initializer_list<std::pair<const char*, Choice>> choices) {
  for (const auto& [word, choice] : choices) {
    if (text != word) continue;
    out = choice;
    return true;
  }
  return false;
}

inline bool yes_or_no(bool& out, std::string_view text) {
  return choose(out, text, {{"no", false}, {"yes", true}, {"false", false}, {"true", true}});
}

/// Whether it is a Folder's: "#RRGGBB".
constexpr bool is_color(std::string_view text) {
  return text.size() == 7 && text.front() == '#' && text.find_first_not_of("0123456789ABCDEFabcdef", 1) == text.npos;
}

/// Tables of settings, one behind the other.
template <class Row, class... Tables>
constexpr auto joined(const Tables&... tables) {
  std::array<Row, (std::tuple_size_v<Tables> + ...)> all{};
  std::size_t at = 0;
  const auto add = [&](const auto& table) {
    for (const auto& row : table) all[at++] = row;
  };
  (add(tables), ...);
  return all;
}

}  // namespace tidegate::values
