// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/fields.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"

namespace tidegate::ews {
namespace {

using xml::escaped;

constexpr std::string_view property_family = "property:";

struct Path {
  std::string_view uri, index;
  explicit Path(std::string_view path) : uri(path.substr(0, path.find('#'))) {
    if (const auto at = path.find('#'); at != std::string_view::npos) index = path.substr(at + 1);
  }
  bool property() const { return uri.starts_with(property_family); }
  bool ready() const { return uri.starts_with("ready:"); }
  bool only_read() const { return uri.starts_with("read:"); }
  /// The element that holds it.
  std::string name() const {
    auto rest = uri.substr(uri.find(':') + 1);
    return std::string(rest.substr(0, rest.find(':')));
  }
  std::string holder() const {
    if (property() || ready()) return "ExtendedProperty";
    if (only_read()) return {};
    const auto own = name();
    if (index.empty()) return own;
    return own + (own.ends_with('s') ? "es" : "s");
  }
  std::string part() const {  ///< of a postal address
    const auto rest = uri.substr(uri.find(':') + 1);
    const auto at = rest.find(':');
    return at == std::string_view::npos ? std::string() : std::string(rest.substr(at + 1));
  }
  std::string xml() const {
    if (property())
      return fmt::format("<t:ExtendedFieldURI PropertyTag=\"{}\" PropertyType=\"String\"/>",
                         uri.substr(property_family.size()));
    if (index.empty()) return fmt::format("<t:FieldURI FieldURI=\"{}\"/>", uri);
    return fmt::format("<t:IndexedFieldURI FieldURI=\"{}\" FieldIndex=\"{}\"/>", uri, index);
  }
};

std::string entry(const Path& path, std::string_view text) {
  const auto part = path.part();
  return fmt::format("<t:Entry Key=\"{}\">{}</t:Entry>", path.index,
                     part.empty() ? escaped(text) : fmt::format("<t:{0}>{1}</t:{0}>", part, escaped(text)));
}

std::string element_of(const Path& path, std::string_view whole, std::string_view text, const Inner& inner) {
  if (path.ready()) return std::string(text);
  if (path.property())
    return fmt::format("<t:ExtendedProperty>{}<t:Value>{}</t:Value></t:ExtendedProperty>", path.xml(), escaped(text));
  const auto holder = path.holder();
  if (!path.index.empty()) return fmt::format("<t:{0}>{1}</t:{0}>", holder, entry(path, text));
  if (holder == "Body") return fmt::format("<t:Body BodyType=\"Text\">{}</t:Body>", escaped(text));
  if (holder == "StartTimeZone" || holder == "EndTimeZone")
    return fmt::format("<t:{} Id=\"{}\"/>", holder, escaped(text));
  return fmt::format("<t:{0}>{1}</t:{0}>", holder, inner(whole, text));
}

}  // namespace

std::string plain_inner(std::string_view path, std::string_view text) {
  if (path == "item:Attachments") return std::string(text);  // is XML
  if (path != "item:Categories") return escaped(text);
  std::string made;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    made += "<t:String>" + escaped(text.substr(at, end - at)) + "</t:String>";
    at = end + 1;
  }
  return made;
}

std::string updates_between(std::string_view element, const Fields& before, const Fields& after, const Inner& inner) {
  std::string made;
  for (const auto& [path, text] : after) {
    if (const auto old = before.find(path); old != before.end() && old->second == text) continue;
    const Path at(path);
    if (at.only_read()) continue;
    made += fmt::format("<t:SetItemField>{0}<t:{1}>{2}</t:{1}></t:SetItemField>", at.xml(), element,
                        element_of(at, path, text, inner));
  }
  for (const auto& [path, text] : before)
    if (!after.contains(path) && !Path(path).only_read())
      made += fmt::format("<t:DeleteItemField>{}</t:DeleteItemField>", Path(path).xml());
  return made;
}

std::string children_of(const Fields& fields, std::span<const std::string_view> order, const Inner& inner) {
  std::string made;
  for (const auto name : order) {
    std::map<std::string_view, std::string> entries;  // by key: an address has several parts
    bool parts = false;
    for (const auto& [path, text] : fields) {
      const Path at(path);
      if (at.holder() != name) continue;
      if (at.index.empty()) {
        made += element_of(at, path, text, inner);
      } else if (const auto part = at.part(); part.empty()) {
        entries[at.index] += escaped(text);
      } else {
        parts = true;
      }
    }
    // The schema has an order of the parts, too.
    if (parts)
      for (const std::string_view part : {"Street", "City", "State", "CountryOrRegion", "PostalCode"})
        for (const auto& [path, text] : fields)
          if (const Path at(path); at.holder() == name && at.part() == part)
            entries[at.index] += fmt::format("<t:{0}>{1}</t:{0}>", part, escaped(text));
    if (entries.empty()) continue;
    made += fmt::format("<t:{}>", name);
    for (const auto& [key, text] : entries) made += fmt::format("<t:Entry Key=\"{}\">{}</t:Entry>", key, text);
    made += fmt::format("</t:{}>", name);
  }
  return made;
}

std::string indexed_text(const xml::Element& item, std::string_view child, std::string_view key) {
  const auto* holder = find(item, child);
  if (holder == nullptr) return {};
  for (const auto& each : holder->children)
    if (each.local == "Entry" && each.attribute("Key") == key) return std::string(each.trimmed());
  return {};
}

std::string tag_text(const xml::Element& item, std::string_view tag) {
  return property_of(item, Property{tag, "", "String"}).value_or("");
}

std::string joined_categories(const xml::Element& item) {
  std::string made;
  for (const auto& each : categories_of(item)) made += (made.empty() ? "" : "\n") + each;
  return made;
}

std::string without_cr(std::string_view text) {
  std::string made(text);
  std::erase(made, '\r');
  return made;
}

std::string body_text(const xml::Element& item) {
  const auto* body = find(item, "Body");
  if (body == nullptr) return {};
  auto made = without_cr(body->text);
  while (made.ends_with('\n')) made.pop_back();
  return made;
}

std::string shape_of(std::initializer_list<std::string_view> paths) {
  std::string made;
  for (const auto path : paths) made += Path(path).xml();
  return made;
}

}  // namespace tidegate::ews
