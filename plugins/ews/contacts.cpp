// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/contacts.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/pim/values.hpp"
#include "plugins/ews/attachments.hpp"
#include "plugins/ews/base64.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"

namespace tidegate::ews {
namespace {

struct Simple {
  const char *path, *property;
};
constexpr Simple simple[] = {
    {"contacts:Nickname", "NICKNAME"},         {"contacts:JobTitle", "TITLE"},
    {"contacts:Profession", "ROLE"},           {"item:Body", "NOTE"},
    {"contacts:SpouseName", "X-SPOUSE"},       {"contacts:Manager", "X-MANAGER"},
    {"contacts:AssistantName", "X-ASSISTANT"}, {"contacts:OfficeLocation", "X-OFFICE"},
    {"contacts:BusinessHomePage", "URL"},
};
constexpr Simple days[] = {{"contacts:Birthday", "BDAY"}, {"contacts:WeddingAnniversary", "ANNIVERSARY"}};
constexpr std::string_view prefix_path = "property:0x3A45";  // PidTagDisplayNamePrefix

/// Of N, in its order.
constexpr std::string_view name_parts[] = {"contacts:Surname", "contacts:GivenName", "contacts:MiddleName", prefix_path,
                                           "contacts:Generation"};
constexpr std::string_view org_parts[] = {"contacts:CompanyName", "contacts:Department"};
/// Of ADR, from the third on.
constexpr std::string_view address_parts[] = {"Street", "City", "State", "PostalCode", "CountryOrRegion"};

struct Phone {
  std::string_view key, types;  ///< types: those it is written with, and at least those it is read by
};
// The first that fits what a line says; the second of two alike has the next number.
constexpr Phone phones[] = {
    {"BusinessFax", "WORK,FAX"},
    {"HomeFax", "HOME,FAX"},
    {"OtherFax", "FAX"},
    {"MobilePhone", "CELL"},
    {"Pager", "PAGER"},
    {"CarPhone", "CAR"},
    {"Isdn", "ISDN"},
    {"AssistantPhone", "X-ASSISTANT"},
    {"Callback", "X-CALLBACK"},
    {"CompanyMainPhone", "X-COMPANY"},
    {"RadioPhone", "X-RADIO"},
    {"Telex", "X-TELEX"},
    {"TtyTddPhone", "X-TTY"},
    {"PrimaryPhone", "X-PRIMARY"},
    {"BusinessPhone", "WORK"},
    {"BusinessPhone2", "WORK"},
    {"HomePhone", "HOME"},
    {"HomePhone2", "HOME"},
    {"OtherTelephone", ""},
};

std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> made;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    made.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return made;
}

bool has_all(const std::vector<std::string>& types, std::string_view wanted) {
  return std::ranges::all_of(words_of(wanted),
                             [&](const auto& word_) { return std::ranges::find(types, word_) != types.end(); });
}

using Taken = std::vector<std::string>;  ///< paths that lines before have taken

/// The path that such a line is kept at; empty: at none.
std::string free_path(const Taken& taken, std::initializer_list<std::string> candidates) {
  for (const auto& path : candidates)
    if (std::ranges::find(taken, path) == taken.end()) return path;
  return {};
}

std::string phone_path(const pim::Card::Entry& entry, const Taken& taken) {
  for (const auto& [key, types] : phones) {
    if (!has_all(entry.types, types)) continue;
    auto path = free_path(taken, {fmt::format("contacts:PhoneNumber#{}", key)});
    if (!path.empty()) return path;
    // A third number of a kind is nobody's "other" one: it stays in the card.
    if (types != "WORK" && types != "HOME") return {};
    if (key.ends_with('2')) return {};
  }
  return {};
}

std::string email_path(const pim::Card::Entry&, const Taken& taken) {
  return free_path(taken, {"contacts:EmailAddress#EmailAddress1", "contacts:EmailAddress#EmailAddress2",
                           "contacts:EmailAddress#EmailAddress3"});
}
std::string impp_path(const pim::Card::Entry&, const Taken& taken) {
  return free_path(taken,
                   {"contacts:ImAddress#ImAddress1", "contacts:ImAddress#ImAddress2", "contacts:ImAddress#ImAddress3"});
}
std::string address_path(const pim::Card::Entry& entry, const Taken& taken) {
  return free_path(taken, {has_all(entry.types, "WORK")   ? "Business"
                           : has_all(entry.types, "HOME") ? "Home"
                                                          : "Other"});
}

struct Several {
  const char* property;
  std::string (*path)(const pim::Card::Entry&, const Taken&);
};
constexpr Several several[] = {{"TEL", phone_path}, {"EMAIL", email_path}, {"IMPP", impp_path}};

/// "1980-05-01" of BDAY's forms; empty: it has no year, or is none.
std::string day_of(std::string_view text) {
  std::string digits;
  for (const char c : text.substr(0, text.find('T')))
    if (c >= '0' && c <= '9')
      digits += c;
    else if (c != '-')
      return {};
  if (text.starts_with("--") || digits.size() != 8) return {};
  return digits.substr(0, 4) + '-' + digits.substr(4, 2) + '-' + digits.substr(6);
}

/// Servers keep an instant: midnight of some zone, or noon.
std::string day_of_instant(std::string_view text) {
  const auto when = date_time(text);
  return when ? date_time(*when + std::chrono::hours(12)).substr(0, 10) : std::string();
}

std::string inner(std::string_view path, std::string_view text) {
  for (const auto& day : days)
    if (path == day.path) return std::string(text) + "T11:59:00Z";
  return plain_inner(path, text);
}

std::string joined(const std::vector<std::string>& words_) {
  std::string made;
  for (const auto& each : words_) made += (made.empty() ? "" : "\n") + each;
  return made;
}

/// Path → line of what a card says several times.
template <class Visit>
void visit_lines(const pim::Card& card, std::string_view property,
                 std::string (*path_of)(const pim::Card::Entry&, const Taken&), const Visit& visit) {
  Taken taken;
  for (const auto& entry : card.entries(property)) {
    auto path = path_of(entry, taken);
    if (path.empty()) continue;
    visit(path, entry);
    taken.push_back(std::move(path));
  }
}

std::string address_field(std::string_view key, std::string_view part) {
  return fmt::format("contacts:PhysicalAddress:{}#{}", part, key);
}

pim::Line* line_in(pim::Card& card, const pim::Line* line) {
  for (auto& each : card.component().lines)
    if (&each == line) return &each;
  return nullptr;
}

void type_line(pim::Line& line, std::string_view types) {
  for (const auto& each : words_of(types)) {
    std::vector<std::string> all{each};
    if (const auto* there = line.parameter("TYPE")) {
      all = there->values;
      all.push_back(each);
    }
    // One TYPE with all values, as both versions have it.
    auto parameters = line.parameters();
    std::erase_if(parameters, [](const auto& p) { return pim::same_word(p.name, "TYPE"); });
    parameters.push_back({"TYPE", all});
    line = pim::Line(line.name(), line.value(), std::move(parameters), line.group());
  }
}

std::string structured(std::span<const std::string> fields) {
  std::string made;
  for (std::size_t i = 0; i < fields.size(); ++i) made += (i == 0 ? "" : ";") + pim::escaped(fields[i]);
  return made;
}

/// Sets the parts of one structured line that stand in the fields; other parts of the line stay.
void set_structured(pim::Card& card, const Fields& fields, std::string_view property,
                    std::span<const std::string_view> paths, std::size_t least) {
  auto* line = card.component().find(property);
  auto parts = line == nullptr ? std::vector<std::string>{} : card.fields(*line);
  parts.resize(std::max({parts.size(), paths.size(), least}));
  bool any = false;
  for (std::size_t i = 0; i < paths.size(); ++i) parts[i] = text_at(fields, std::string(paths[i]));
  for (const auto& part : parts) any |= !part.empty();
  while (parts.size() > least && parts.back().empty()) parts.pop_back();
  if (line != nullptr)
    line->set_value(structured(parts));
  else if (any)
    card.component().set(pim::Line(std::string(property), structured(parts)));
  if (!any && property != "N") card.component().remove(property);
}

bool differ(const Fields& a, const Fields& b, std::span<const std::string_view> paths) {
  return std::ranges::any_of(paths,
                             [&](auto path) { return text_at(a, std::string(path)) != text_at(b, std::string(path)); });
}

/// Phones, mails: changes values, adds lines, removes them.
void set_several(pim::Card& card, const Fields& fields, const Fields& said, const Several& kind,
                 std::string_view family) {
  std::map<std::string, const pim::Line*> lines;
  visit_lines(card, kind.property, kind.path,
              [&](const auto& path, const auto& entry) { lines.emplace(path, entry.line); });
  std::vector<const pim::Line*> gone;
  std::vector<pim::Line> made;
  for (const auto& [path, line] : lines) {
    const auto wanted = text_at(fields, path);
    if (wanted == text_at(said, path)) continue;
    if (wanted.empty())
      gone.push_back(line);
    else
      line_in(card, line)->set_value(pim::escaped(wanted));
  }
  for (const auto& [path, text] : fields) {
    if (!path.starts_with(family) || lines.contains(path)) continue;
    pim::Line line(kind.property, pim::escaped(text));
    const auto key = std::string_view(path).substr(family.size());
    if (family == "contacts:PhoneNumber#") {
      const auto row = std::ranges::find(phones, key, &Phone::key);
      if (row != std::end(phones)) type_line(line, row->types);
    }
    made.push_back(std::move(line));
  }
  card.component().remove_if([&](const pim::Line& line) { return std::ranges::find(gone, &line) != gone.end(); });
  for (auto& line : made) card.component().add(std::move(line));
}

void set_addresses(pim::Card& card, const Fields& fields, const Fields& said) {
  for (const auto& [key, type] : {std::pair{"Business", "WORK"}, std::pair{"Home", "HOME"}, std::pair{"Other", ""}}) {
    std::vector<std::string> paths;
    for (const auto part : address_parts) paths.push_back(address_field(key, part));
    const bool same =
        std::ranges::all_of(paths, [&](const auto& path) { return text_at(fields, path) == text_at(said, path); });
    if (same) continue;
    const pim::Line* line = nullptr;
    visit_lines(card, "ADR", address_path, [&](const auto& path, const auto& entry) {
      if (path == key) line = entry.line;
    });
    auto parts = line == nullptr ? std::vector<std::string>{} : card.fields(*line);
    parts.resize(std::max<std::size_t>(parts.size(), 7));
    bool any = false;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      parts[i + 2] = text_at(fields, paths[i]);
      any |= !parts[i + 2].empty();
    }
    if (!any) {
      if (line != nullptr) card.component().remove_if([&](const pim::Line& each) { return &each == line; });
    } else if (line != nullptr) {
      line_in(card, line)->set_value(structured(parts));
    } else {
      pim::Line made("ADR", structured(parts));
      type_line(made, type);
      card.component().add(std::move(made));
    }
  }
}

/// By its first octets: attachments bear any name.
std::string image_type(View octets) {
  if (octets.starts_with("\x89PNG")) return "image/png";
  if (octets.starts_with("GIF8")) return "image/gif";
  return "image/jpeg";
}

std::string shown_name(const Fields& fields) {
  for (const auto* path : {"contacts:DisplayName", "contacts:FileAs"})
    if (const auto text = text_at(fields, path); !text.empty()) return std::string(text);
  std::string made;
  for (const auto* path : {"contacts:GivenName", "contacts:Surname"})
    if (const auto text = text_at(fields, path); !text.empty()) made += (made.empty() ? "" : " ") + std::string(text);
  for (const auto* path : {"contacts:CompanyName", "contacts:EmailAddress#EmailAddress1"})
    if (made.empty()) made = text_at(fields, path);
  return made;
}

}  // namespace

std::string contact_shape() {
  std::string made = shape_of({"item:Body", "item:Categories", "contacts:DisplayName", "contacts:FileAs", prefix_path});
  for (const auto& each : simple)
    if (std::string_view(each.path) != "item:Body") made += shape_of({each.path});
  for (const auto& each : days) made += shape_of({each.path});
  for (const auto part : name_parts)
    if (part != prefix_path) made += shape_of({part});
  for (const auto part : org_parts) made += shape_of({part});
  for (const auto& [key, types] : phones) made += shape_of({fmt::format("contacts:PhoneNumber#{}", key)});
  for (int i = 1; i <= 3; ++i) {
    made += shape_of({fmt::format("contacts:EmailAddress#EmailAddress{}", i)});
    made += shape_of({fmt::format("contacts:ImAddress#ImAddress{}", i)});
  }
  for (const auto* key : {"Business", "Home", "Other"})
    for (const auto part : address_parts) made += shape_of({address_field(key, part)});
  return made;
}

Fields contact_fields(const xml::Element& contact) {
  Fields made;
  const auto child = [&](std::string_view path) { return words(contact, path.substr(path.find(':') + 1)); };
  for (const auto* path : {"contacts:DisplayName", "contacts:FileAs"}) set(made, path, child(path));
  for (const auto& each : simple) set(made, each.path, child(each.path));
  made.erase("item:Body");
  set(made, "item:Body", body_text(contact));
  for (const auto& each : days) set(made, each.path, day_of_instant(child(each.path)));
  for (const auto part : name_parts)
    set(made, std::string(part), part == prefix_path ? std::string_view{} : child(part));
  set(made, std::string(prefix_path), tag_text(contact, prefix_path.substr(prefix_path.find(':') + 1)));
  for (const auto part : org_parts) set(made, std::string(part), child(part));
  set(made, "item:Categories", joined_categories(contact));
  // The last one: who died while giving it another has left both.
  for (const auto& each : attachments_of(contact))
    if (each.photo && each.octets) set(made, photo_path, base64(*each.octets));
  for (const auto& [key, types] : phones)
    set(made, fmt::format("contacts:PhoneNumber#{}", key), indexed_text(contact, "PhoneNumbers", key));
  for (int i = 1; i <= 3; ++i) {
    set(made, fmt::format("contacts:EmailAddress#EmailAddress{}", i),
        indexed_text(contact, "EmailAddresses", fmt::format("EmailAddress{}", i)));
    set(made, fmt::format("contacts:ImAddress#ImAddress{}", i),
        indexed_text(contact, "ImAddresses", fmt::format("ImAddress{}", i)));
  }
  if (const auto* addresses = find(contact, "PhysicalAddresses"))
    for (const auto& entry : addresses->children)
      for (const auto part : address_parts) set(made, address_field(entry.attribute("Key"), part), words(entry, part));
  return made;
}

Fields contact_fields(const pim::Card& card) {
  Fields made;
  const auto first = [&](std::string_view property) {
    const auto* line = card.component().find(property);
    return line == nullptr ? std::string() : card.text(*line);
  };
  set(made, "contacts:DisplayName", card.name());
  for (const auto& each : simple) set(made, each.path, without_cr(first(each.property)));
  if (auto body = made.find("item:Body"); body != made.end())
    while (body->second.ends_with('\n')) body->second.pop_back();
  for (const auto& each : days) set(made, each.path, day_of(first(each.property)));
  const auto parts = [&](std::string_view property, std::span<const std::string_view> paths) {
    const auto* line = card.component().find(property);
    if (line == nullptr) return;
    const auto fields = card.fields(*line);
    for (std::size_t i = 0; i < std::min(paths.size(), fields.size()); ++i) set(made, std::string(paths[i]), fields[i]);
  };
  parts("N", name_parts);
  parts("ORG", org_parts);
  set(made, "item:Categories", joined(card.categories()));
  if (const auto photo = card.photo()) set(made, photo_path, base64(photo->octets));
  for (const auto& each : several)
    visit_lines(card, each.property, each.path,
                [&](const auto& path, const auto& entry) { set(made, path, entry.value); });
  visit_lines(card, "ADR", address_path, [&](const auto& key, const auto& entry) {
    const auto fields = card.fields(*entry.line);
    for (std::size_t i = 0; i < std::size(address_parts) && i + 2 < fields.size(); ++i)
      set(made, address_field(key, address_parts[i]), without_cr(fields[i + 2]));
  });
  return made;
}

pim::Card card_of(const Fields& fields, const std::string& uid, const pim::Card* base) {
  auto card = base != nullptr ? *base : *pim::Card::parse("BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n");
  const auto said = base != nullptr ? contact_fields(card) : Fields{};
  auto& lines = card.component();
  if (lines.find("UID") == nullptr) lines.set(pim::Line("UID", pim::escaped(uid)));
  if (const auto name = shown_name(fields); base == nullptr || name != card.name())
    lines.set(pim::Line("FN", pim::escaped(name)));
  if (base == nullptr || differ(fields, said, name_parts)) set_structured(card, fields, "N", name_parts, 5);
  if (differ(fields, said, org_parts)) set_structured(card, fields, "ORG", org_parts, 1);
  const auto set_line = [&](const char* path, const char* property) {
    const auto wanted = text_at(fields, path);
    if (wanted == text_at(said, path)) return;
    if (wanted.empty())
      lines.remove(property);
    else if (auto* there = lines.find(property))
      there->set_value(pim::escaped(wanted));
    else
      lines.set(pim::Line(property, pim::escaped(wanted)));
  };
  for (const auto& each : simple) set_line(each.path, each.property);
  for (const auto& each : days) set_line(each.path, each.property);
  if (const auto wanted = text_at(fields, "item:Categories"); wanted != text_at(said, "item:Categories")) {
    std::string made;
    for (std::size_t at = 0; at < wanted.size();) {
      const auto end = std::min(wanted.find('\n', at), wanted.size());
      made += (made.empty() ? "" : ",") + pim::escaped(wanted.substr(at, end - at));
      at = end + 1;
    }
    lines.remove("CATEGORIES");
    if (!made.empty()) lines.set(pim::Line("CATEGORIES", made));
  }
  if (const auto wanted = text_at(fields, photo_path); wanted != text_at(said, photo_path)) {
    std::string octets;
    if (wanted.empty())
      lines.remove("PHOTO");
    else if (from_base64(wanted, octets))
      card.set_photo({.type = image_type(octets), .octets = octets, .uri = {}});
  }
  set_several(card, fields, said, several[0], "contacts:PhoneNumber#");
  set_several(card, fields, said, several[1], "contacts:EmailAddress#");
  set_several(card, fields, said, several[2], "contacts:ImAddress#");
  set_addresses(card, fields, said);
  return card;
}

namespace {
/// FileAs is the server's to make; it is only looked at.
Fields sendable(Fields fields) {
  fields.erase("contacts:FileAs");
  return fields;
}
constexpr std::string_view order[] = {
    "Body",     "Categories",       "ExtendedProperty", "DisplayName",       "GivenName",    "MiddleName",
    "Nickname", "CompanyName",      "EmailAddresses",   "PhysicalAddresses", "PhoneNumbers", "AssistantName",
    "Birthday", "BusinessHomePage", "Department",       "Generation",        "ImAddresses",  "JobTitle",
    "Manager",  "OfficeLocation",   "Profession",       "SpouseName",        "Surname",      "WeddingAnniversary"};
}  // namespace

std::string contact_updates(const Fields& before, const Fields& after) {
  return updates_between("Contact", sendable(before), sendable(after), inner);
}
std::string contact_children(const Fields& fields) { return children_of(sendable(fields), order, inner); }

}  // namespace tidegate::ews
