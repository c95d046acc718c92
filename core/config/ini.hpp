// SPDX-License-Identifier: Apache-2.0
// Reading ini files into plain values that remember their file and line. Knows the form only; what the keys mean is
// said by the tables of settings.hpp. Pure but for read_ini(). Any thread. Form
// (docs/decisions/0010-own-ini-reader.md):
//   [kind] or [kind:name]    a section; each may stand once in a file
//   key = value              key: a-z 0-9 _ -; the value runs to the end of the line, blanks around it dropped
//   ; or #                   a comment, at the start of a line or after a blank
//   "…"                      quotes keep blanks and ; # inside a value; \" and \\ inside quotes
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::config {

struct Value {
  std::string key, text;
  unsigned line = 0;  ///< 1 is the first
};

struct Section {
  std::string kind;   ///< "gateway", "backend" …
  std::string name;   ///< what follows the colon, or empty
  std::string title;  ///< as written between the brackets: "backend:hq-mail"
  unsigned line = 0;
  std::vector<Value> values;

  const Value* find(std::string_view key) const;
};

struct Ini {
  std::string file;  ///< as it was named to us; only for texts
  std::vector<Section> sections;

  /// The first section of that kind (and name); nullptr: there is none.
  const Section* find(std::string_view kind, std::string_view name = {}) const;
};

/// "file:line", the `where` of every fault of this folder.
std::string place(const Ini&, unsigned line);

/// Fault `invalid` at the first line that isn't ini, or that repeats a key or a section.
Result<Ini> parse_ini(std::string file, std::string_view text);
/// The same from a file of at most 1 MiB. Faults besides: not_found, denied, too_large, unavailable.
Result<Ini> read_ini(const std::string& path);

/// The candidate that is nearest by edit distance, if near enough to be a slip of the fingers; else empty.
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);

/// Refuses sections of any other kind, naming the nearest one.
Result<void> only_sections(const Ini&, std::initializer_list<std::string_view> kinds);

}  // namespace tidegate::config
