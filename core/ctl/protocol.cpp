// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/protocol.hpp"

#include <array>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace tidegate::ctl {
namespace {
namespace json = boost::json;

constexpr std::array kinds{FaultKind::auth,      FaultKind::denied,    FaultKind::not_found,
                           FaultKind::conflict,  FaultKind::exists,    FaultKind::anchor_expired,
                           FaultKind::regressed, FaultKind::throttled, FaultKind::unavailable,
                           FaultKind::too_large, FaultKind::quota,     FaultKind::unsupported,
                           FaultKind::invalid,   FaultKind::cancelled, FaultKind::ambiguous};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

json::value to_json(const Value& value) {
  return std::visit(Overloaded{[](std::monostate) { return json::value(nullptr); },
                               [](const std::string& text) { return json::value(json::string(text)); },
                               [](auto plain) { return json::value(plain); }},
                    value);
}

Value to_value(const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64()) return static_cast<std::int64_t>(value.get_uint64() & INT64_MAX);
  if (value.is_double()) return value.get_double();
  if (value.is_string()) return std::string(value.get_string());
  return {};
}

std::unexpected<Fault> broken(std::string text) { return fault(FaultKind::invalid, "ctl", std::move(text)); }

Result<json::object> object_of(std::string_view line, std::size_t limit) {
  if (line.size() > limit)
    return fault(FaultKind::too_large, "ctl", fmt::format("A line is longer than {} octets; send less.", limit));
  json::parse_options options;
  options.max_depth = 8;
  json::error_code error;
  auto value = json::parse(json::string_view(line.data(), line.size()), error, {}, options);
  if (error) return broken("A line is not JSON (" + error.message() + "); send one object a line.");
  if (!value.is_object()) return broken("A line is JSON, but not an object; send one object a line.");
  return std::move(value.get_object());
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(json::string_view(key.data(), key.size()));
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

json::object to_json(const Columns& columns) {
  json::array list;
  for (const auto& column : columns.columns) list.push_back({{"key", column.key}, {"title", column.title}});
  return {{"columns", std::move(list)}, {"upright", columns.upright}};
}

json::object to_json(const Row& row) {
  json::object cells;
  for (const auto& [key, value] : row) cells[key] = to_json(value);
  return {{"row", std::move(cells)}};
}

json::object to_json(const End& end) {
  if (!end.fault) return {{"ok", true}};
  return {
      {"ok", false},
      {"fault",
       {{"kind", std::string(to_string(end.fault->kind))}, {"text", end.fault->text}, {"where", end.fault->where}}}};
}

Result<Line> decode_columns(const json::object& object, const json::value& list) {
  Columns columns;
  if (!list.is_array()) return broken("The gateway's answer is broken (columns); is its version another one?");
  for (const auto& column : list.get_array())
    if (column.is_object())
      columns.columns.push_back({text_at(column.get_object(), "key"), text_at(column.get_object(), "title")});
  if (const auto* upright = object.if_contains("upright")) columns.upright = upright->is_bool() && upright->get_bool();
  return columns;
}

Line decode_end(const json::object& object, const json::value& ok) {
  if (ok.is_bool() && ok.get_bool()) return End{};
  Fault fault{FaultKind::unavailable, "", "The gateway gives no reason; see its log.", "", {}};
  if (const auto* given = object.if_contains("fault"); given && given->is_object()) {
    const auto& from = given->get_object();
    const auto word = text_at(from, "kind");
    for (const auto kind : kinds)
      if (to_string(kind) == word) fault.kind = kind;
    fault.where = text_at(from, "where");
    if (auto text = text_at(from, "text"); !text.empty()) fault.text = std::move(text);
  }
  return End{std::move(fault)};
}

}  // namespace

const std::string& Request::operator[](std::string_view key) const {
  static const std::string none;
  const auto at = fields.find(std::string(key));
  return at == fields.end() ? none : at->second;
}

Result<std::string> Request::demand(std::string_view key) const {
  const auto& value = (*this)[key];
  if (value.empty()) return broken(fmt::format("\"{}\" needs the field \"{}\".", command, key));
  return value;
}

std::string encode(const Request& request) {
  json::object object{{"command", request.command}};
  for (const auto& [key, value] : request.fields) object[key] = value;
  return json::serialize(object) + '\n';
}

std::string encode(const Line& line) {
  auto object = std::visit(Overloaded{[](const Say& say) { return json::object{{"say", say.text}}; },
                                      [](const auto& other) { return to_json(other); }},
                           line);
  return json::serialize(object) + '\n';
}

Result<Request> decode_request(std::string_view line) {
  auto object = object_of(line, max_request);
  if (!object) return std::unexpected(std::move(object.error()));
  Request request;
  for (const auto& member : *object) {
    const std::string key(member.key());
    const auto& value = member.value();
    if (key == "command" && value.is_string()) {
      request.command = value.get_string();
    } else if (value.is_string()) {
      request.fields[key] = value.get_string();
    } else if (value.is_bool() || value.is_int64() || value.is_uint64()) {
      request.fields[key] = json::serialize(value);
    } else if (!value.is_null()) {
      return broken(fmt::format("The field \"{}\" must be text, a whole number or true or false.", key));
    }
  }
  if (request.command.empty()) return broken("The request names no \"command\".");
  return request;
}

Result<Line> decode_line(std::string_view line) {
  auto object = object_of(line, max_line);
  if (!object) return std::unexpected(std::move(object.error()));
  if (const auto* ok = object->if_contains("ok")) return decode_end(*object, *ok);
  if (const auto* say = object->if_contains("say"); say && say->is_string()) return Say{std::string(say->get_string())};
  if (const auto* columns = object->if_contains("columns")) return decode_columns(*object, *columns);
  if (const auto* row = object->if_contains("row"); row && row->is_object()) {
    Row cells;
    for (const auto& member : row->get_object())
      cells.emplace_back(std::string(member.key()), to_value(member.value()));
    return cells;
  }
  return Say{};  // a later version's kind of line: nothing to show
}

}  // namespace tidegate::ctl
