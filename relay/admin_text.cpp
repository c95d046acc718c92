// SPDX-License-Identifier: Apache-2.0
// The subcommands' answers and requests as octets: JSON between processes, tables for people.
#include <algorithm>
#include <charconv>
#include <chrono>

#include <boost/json.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "relay/admin.hpp"

namespace tidegate::relay {

namespace json = boost::json;

namespace {

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

std::vector<std::string> texts_of(const json::object& object, const char* key) {
  std::vector<std::string> texts;
  if (const auto* found = object.if_contains(key); found && found->is_array())
    for (const auto& value : found->get_array())
      if (value.is_string()) texts.emplace_back(value.get_string());
  return texts;
}

std::string text_of(const json::object& object, const char* key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

Result<json::object> object_of(std::string_view text) {
  boost::system::error_code error;
  auto value = json::parse(text, error);
  if (error || !value.is_object())
    return fault(FaultKind::invalid, "control socket", "this is no JSON object", error.message());
  return std::move(value.get_object());
}

/// Characters, not octets: addresses and names may hold UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// What came over the wire must not steer the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

}  // namespace

std::string to_json(const AdminAnswer& answer) {
  json::object object;
  object["ok"] = answer.ok;
  object["text"] = answer.text;
  if (!answer.columns.empty()) {
    object["columns"] = array_of(answer.columns);
    json::array rows;
    for (const auto& row : answer.rows) rows.emplace_back(array_of(row));
    object["rows"] = std::move(rows);
  }
  return json::serialize(object);
}

Result<AdminAnswer> from_json(std::string_view text) {
  auto object = object_of(text);
  if (!object) return std::unexpected(std::move(object.error()));
  AdminAnswer answer;
  const auto* ok = object->if_contains("ok");
  answer.ok = ok && ok->is_bool() && ok->get_bool();
  answer.text = text_of(*object, "text");
  answer.columns = texts_of(*object, "columns");
  if (const auto* rows = object->if_contains("rows"); rows && rows->is_array())
    for (const auto& row : rows->get_array()) {
      std::vector<std::string> cells;
      if (row.is_array())
        for (const auto& cell : row.get_array())
          cells.emplace_back(cell.is_string() ? std::string(cell.get_string()) : "");
      cells.resize(answer.columns.size());
      answer.rows.push_back(std::move(cells));
    }
  return answer;
}

std::string request_to_json(const std::vector<std::string>& words, std::string_view password) {
  return json::serialize(json::object{{"words", array_of(words)}, {"password", password}});
}

Result<AdminWire> request_from_json(std::string_view text) {
  auto object = object_of(text);
  if (!object) return std::unexpected(std::move(object.error()));
  return AdminWire{texts_of(*object, "words"), text_of(*object, "password")};
}

std::string to_text(const AdminAnswer& answer) {
  if (answer.columns.empty()) return printable(answer.text) + "\n";
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < answer.columns.size(); ++i) {
    widths.push_back(width_of(answer.columns[i]));
    for (const auto& row : answer.rows) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto cell = printable(cells[i]);
      out += cell;
      if (i + 1 < cells.size()) out += std::string(widths[i] - width_of(cell) + 2, ' ');
    }
    out += '\n';
  };
  line(answer.columns);
  for (const auto& row : answer.rows) line(row);
  if (answer.rows.empty()) out += "(none)\n";
  return out;
}

Result<std::int64_t> parse_date(std::string_view text) {
  if (text == "never") return 0;
  int year = 0;
  unsigned month = 0, day = 0;
  const auto number = [](std::string_view part, auto& into) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), into);
    return error == std::errc{} && end == part.data() + part.size();
  };
  const bool shaped = text.size() == 10 && text[4] == '-' && text[7] == '-' && number(text.substr(0, 4), year) &&
                      number(text.substr(5, 2), month) && number(text.substr(8, 2), day);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!shaped || !date.ok())
    return fault(FaultKind::invalid, "date", "a date must be YYYY-MM-DD, such as 2027-12-31, or never");
  const auto end = std::chrono::sys_days(date) + std::chrono::days(1);
  return std::chrono::duration_cast<std::chrono::seconds>(end.time_since_epoch()).count() - 1;
}

std::string show_time(std::int64_t unix_seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

}  // namespace tidegate::relay
