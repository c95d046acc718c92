// SPDX-License-Identifier: Apache-2.0
// A card in another version, and what a card means.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/mime/parts.hpp"
#include "core/pim/card_words.hpp"
#include "core/pim/values.hpp"
#include "core/pim/vcard.hpp"

namespace tidegate::pim {
namespace {

constexpr std::array<std::string_view, 4> binaries{"PHOTO", "LOGO", "SOUND", "KEY"};
constexpr std::array<std::string_view, 3> structured{"N", "ADR", "ORG"};
constexpr std::array<std::string_view, 9> texts{"FN",    "NOTE", "TITLE",  "ROLE",     "LABEL",
                                                "EMAIL", "TEL",  "MAILER", "X-ABLABEL"};

bool one_of(const Line& line, auto names) {
  return std::ranges::any_of(names, [&](auto name) { return line.is(name); });
}

std::string joined(const std::vector<std::string>& fields) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) out += (i == 0 ? "" : ";") + escaped(fields[i]);
  return out;
}

/// 2.1: codes and charsets undone, bare words as TYPE.
Line without_codes(const Card& card, const Line& line) {
  std::vector<Parameter> parameters;
  for (const auto& each : line.parameters())
    if (!each.values.empty() && !same_word(each.name, "ENCODING") && !same_word(each.name, "CHARSET") &&
        !same_word(each.name, "TYPE"))
      parameters.push_back(each);
  if (auto types = types_of(line); !types.empty()) parameters.push_back({"TYPE", std::move(types)});
  auto value = line.value();
  if (base64(line)) {
    std::erase_if(value, [](char c) { return c == ' ' || c == '\t'; });
    parameters.push_back({"ENCODING", {"b"}});
  } else if (one_of(line, structured)) {
    value = joined(card.fields(line));
  } else if (one_of(line, texts) || quoted_printable(line) || line.parameter("CHARSET") != nullptr) {
    value = escaped(card.text(line));
  }
  return Line(line.name(), std::move(value), std::move(parameters), line.group());
}

Line renamed(const Line& line, std::string_view name) {
  return Line(std::string(name), line.value(), line.parameters(), line.group());
}

void remove_type(Line& line, std::string_view type) {
  auto types = types_of(line);
  std::erase(types, type);
  line.remove_parameter("TYPE");
  if (!types.empty()) {
    auto parameters = line.parameters();
    parameters.push_back({"TYPE", std::move(types)});
    line = Line(line.name(), line.value(), std::move(parameters), line.group());
  }
}

/// 3.0 → 4.0.
Line newer(const Line& line) {
  auto made = line;
  if (line.is(kind_of_apple)) return renamed(line, "KIND");
  if (line.is(member_of_apple)) return renamed(line, "MEMBER");
  made.remove_parameter("CHARSET");
  if (one_of(line, binaries) && base64(line)) {
    const auto types = types_of(line);
    const auto type = types.empty() ? std::string("application/octet-stream") : media_type(types.front());
    made.remove_parameter("ENCODING");
    made.remove_parameter("TYPE");
    made.remove_parameter("VALUE");
    auto code = line.value();
    std::erase_if(code, [](char c) { return c == ' ' || c == '\t'; });
    made.set_value(fmt::format("data:{};base64,{}", type, code));
    return made;
  }
  const auto types = types_of(line);
  if (std::ranges::find(types, "PREF") != types.end()) {
    remove_type(made, "PREF");
    made.set_parameter("PREF", "1");
  }
  return made;
}

/// 4.0 → 3.0.
Line older(const Line& line) {
  auto made = line;
  if (line.is("KIND") && same_word(line.value(), "group")) return renamed(line, kind_of_apple);
  if (line.is("MEMBER")) return renamed(line, member_of_apple);
  constexpr std::string_view data = "data:";
  const auto& value = line.value();
  const auto comma = value.find(',');
  if (one_of(line, binaries) && comma != std::string::npos && value.size() > data.size() &&
      same_word(std::string_view(value).substr(0, data.size()), data)) {
    const auto head = std::string_view(value).substr(data.size(), comma - data.size());
    if (!head.ends_with(";base64")) return made;
    const auto type = head.substr(0, head.find(';'));
    made.set_value(value.substr(comma + 1));
    made.remove_parameter("MEDIATYPE");
    made.remove_parameter("VALUE");
    made.set_parameter("ENCODING", "b");
    if (type.contains('/')) made.set_parameter("TYPE", upper(type.substr(type.find('/') + 1)));
    return made;
  }
  if (line.first("PREF") == "1") {  // a lower preference has no word in 3.0, and stays as it is
    auto types = types_of(made);
    types.emplace_back("PREF");
    made.remove_parameter("PREF");
    made.remove_parameter("TYPE");
    auto parameters = made.parameters();
    parameters.push_back({"TYPE", std::move(types)});
    made = Line(made.name(), made.value(), std::move(parameters), made.group());
  }
  return made;
}

}  // namespace

Card Card::as(CardVersion wanted) const {
  auto made = *this;
  if (wanted == version_ || wanted == CardVersion::v2_1) return made;
  auto& lines = made.card_.lines;
  if (version_ == CardVersion::v2_1)
    for (auto& line : lines) line = without_codes(*this, line);
  if (wanted == CardVersion::v4_0)
    for (auto& line : lines) line = newer(line);
  if (wanted == CardVersion::v3_0 && version_ == CardVersion::v4_0)
    for (auto& line : lines) line = older(line);
  made.version_ = wanted;
  made.card_.set(Line("VERSION", wanted == CardVersion::v4_0 ? "4.0" : "3.0"));
  if (made.card_.find("FN") == nullptr) made.card_.add(Line("FN", escaped(name())));
  if (wanted == CardVersion::v3_0 && made.card_.find("N") == nullptr)  // RFC 2426 §3.1.2: always there
    made.card_.add(Line("N", escaped(name()) + ";;;;"));
  return made;
}

Bytes canonical(const Card& given) {
  const auto card = given.as(CardVersion::v4_0);
  std::vector<std::string> lines;
  for (const auto& line : card.component().lines) {
    if (line.is("VERSION") || line.is("PRODID") || line.is("REV")) continue;
    // Versions that want a name have an empty one where there is none.
    const bool name = line.is("N") || line.is("FN");
    if (name && std::ranges::all_of(line.value(), [](char c) { return c == ';'; })) continue;
    std::vector<std::string> parameters;
    for (const auto& type : types_of(line)) parameters.push_back("TYPE=" + type);
    for (const auto& each : line.parameters()) {
      if (each.values.empty() || same_word(each.name, "TYPE")) continue;
      for (const auto& value : each.values) parameters.push_back(fmt::format("{}={}", upper(each.name), value));
    }
    std::ranges::sort(parameters);
    parameters.erase(std::ranges::unique(parameters).begin(), parameters.end());
    auto text = fmt::format("{}.{}", upper(line.group()), upper(line.name()));
    for (const auto& each : parameters) text += fmt::format(";{}:{}", each.size(), each);
    if (line.is("UID") || line.is("MEMBER")) {
      text += ':' + without_urn(card.text(line));
    } else if (line.value().starts_with("data:")) {
      text += ':' + line.value();
    } else {
      for (const auto& each : card.fields(line)) text += fmt::format(":{}:{}", each.size(), each);
    }
    lines.push_back(text + '\n');
  }
  std::ranges::sort(lines);
  Bytes out;
  for (const auto& each : lines) out += each;
  return out;
}

}  // namespace tidegate::pim
