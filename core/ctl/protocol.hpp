// SPDX-License-Identifier: Apache-2.0
// What tidegatectl and the daemon say to each other over the Unix socket: JSON, one object a line. Pure.
//
//   → {"command":"user add","user":"a@example.com","site":"hq"}
//   ← {"say":"…"}                                                a sentence for the administrator
//   ← {"columns":[{"key":"user","title":"User"},…],"upright":false}   what the rows to come look like
//   ← {"row":{"user":"a@example.com",…}}
//   ← {"ok":true}                                                the last line of an answer, or
//   ← {"ok":false,"fault":{"kind":"not found","text":"…","where":"…"}}
//
// A connection may ask again after the last line. A new command, field or column needs nothing here.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::ctl {

inline constexpr std::size_t max_request = std::size_t{64} << 10;  ///< octets of a request's line
inline constexpr std::size_t max_line = std::size_t{1} << 20;      ///< octets of an answer's line

struct Request {
  std::string command;                        ///< "user add"
  std::map<std::string, std::string> fields;  ///< numbers and booleans as text: "3", "true"
  int uid = -1;                               ///< who asks; set by the server

  /// The field, or empty.
  const std::string& operator[](std::string_view key) const;
  /// Fault invalid, with a sentence that names the field, when it is missing or empty.
  Result<std::string> demand(std::string_view key) const;
};

using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
using Row = std::vector<std::pair<std::string, Value>>;
struct Column {
  std::string key, title;
};
struct Columns {
  std::vector<Column> columns;
  bool upright = false;  ///< each row as a block of "title: value" lines
};
struct Say {
  std::string text;
};
struct End {
  std::optional<Fault> fault;  ///< nullopt: done
};
using Line = std::variant<Say, Columns, Row, End>;

/// One line each, with its line feed.
std::string encode(const Request&);
std::string encode(const Line&);
/// One line without its line feed. Faults: invalid, too_large; the sentence says what is wrong.
Result<Request> decode_request(std::string_view);
Result<Line> decode_line(std::string_view);

}  // namespace tidegate::ctl
