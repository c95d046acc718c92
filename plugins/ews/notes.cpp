// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/notes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/pim/values.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/requests.hpp"
#include "plugins/ews/tasks.hpp"

namespace tidegate::ews {
namespace {

using pim::Component;
using pim::Line;

constexpr const char *text_path = "item:Body", *subject_path = "item:Subject", *color_path = "read:Color",
                     *created_path = "read:Created", *modified_path = "read:Modified";
constexpr std::size_t subject_most = 255;  // characters; Exchange takes no longer subject

// [MS-OXONOTE] §2.2.1.1 and RFC 7986 §5.9. Paper is yellow unless something else is said.
constexpr std::string_view yellow = "3";
constexpr std::pair<std::string_view, std::string_view> colors[] = {
    {"0", "blue"}, {"1", "green"}, {"2", "pink"}, {yellow, "yellow"}, {"4", "white"}};

/// Cuts behind so many characters, never within one.
std::string_view shortened(std::string_view text, std::size_t characters) {
  for (std::size_t at = 0; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && characters-- == 0) return text.substr(0, at);
  return text;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string subject_of(std::string_view text) {
  return std::string(trimmed(shortened(trimmed(first_line(text)), subject_most)));
}

/// Without empty lines around it.
std::string whole(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  while (!text.empty() && trimmed(first_line(text)).empty())
    text.remove_prefix(std::min(first_line(text).size() + 1, text.size()));
  return std::string(text);
}

std::string joined(std::string_view title, std::string_view rest) {
  std::string made(title);
  if (!made.empty() && !rest.empty()) made += '\n';
  return whole(made.append(rest));
}

void set_color(Component& journal, std::string_view wanted) {
  journal.remove("COLOR");
  for (const auto& [number, word_] : colors)
    if (wanted == number && wanted != yellow) journal.set(Line("COLOR", std::string(word_)));
}

void set_stamp(Component& journal, const char* property, std::string_view when) {
  if (const auto at = date_time(when)) journal.set(Line(property, pim::stamp(*at)));
}

/// Fields as Exchange has them.
Fields as_sent(Fields fields) {
  set(fields, subject_path, subject_of(text_at(fields, text_path)));
  return fields;
}

std::string icon_of(std::string_view color) {  // [MS-OXONOTE] §2.2.2.3
  unsigned number = 0;
  std::from_chars(color.data(), color.data() + color.size(), number);
  return fmt::to_string(0x300 + number);
}

constexpr std::string_view order[] = {"ItemClass",   "Subject",    "Sensitivity",     "Body",
                                      "Attachments", "Categories", "ExtendedProperty"};

}  // namespace

bool is_note(const xml::Element& item) {
  const auto said = words(item, "ItemClass");
  return said == note_class || (said.starts_with(note_class) && said[note_class.size()] == '.');
}

std::string note_shape() {
  return shape_of({subject_path, text_path, "item:Categories", "item:Sensitivity", "item:LastModifiedTime"}) +
         note_color.path();
}

Fields note_fields(const xml::Element& note) {
  Fields made;
  common_fields(note, made);
  made.erase("item:Importance");  // journals have none
  if (made["item:Sensitivity"] == "Personal") made["item:Sensitivity"] = "Private";
  // Other programs than Outlook may keep a subject that is not in the text.
  const auto subject = std::string(text_at(made, subject_path)), body = whole(text_at(made, text_path));
  made.erase(subject_path);
  made.erase(text_path);
  set(made, text_path, subject_of(subject) == subject_of(body) ? body : joined(subject, body));
  const auto color = property_of(note, note_color).value_or("");
  const bool known = std::ranges::find(colors, color, [](const auto& each) { return each.first; }) != std::end(colors);
  made[color_path] = known ? color : yellow;
  set(made, created_path, words(note, "DateTimeCreated"));
  set(made, modified_path, words(note, "LastModifiedTime"));
  return made;
}

Fields note_fields(const pim::CalendarObject& object) {
  const auto& journal = object.first();
  Fields made;
  common_fields(journal, made);
  made.erase("item:Importance");
  made.erase(subject_path);
  made.erase(text_path);
  std::string text = without_cr(pim::text_value(journal.value("SUMMARY")));
  for (const auto* each : journal.all("DESCRIPTION"))  // RFC 5545 §3.6.3: a journal may have several
    text = joined(text, without_cr(pim::text_value(each->value())));
  set(made, text_path, whole(text));
  made[color_path] = yellow;
  for (const auto& [number, word_] : colors)
    if (pim::same_word(journal.value("COLOR"), word_)) made[color_path] = number;
  return made;
}

Bytes note_of(const Fields& fields, const std::string& uid, const pim::CalendarObject* base) {
  auto calendar = base != nullptr ? base->calendar() : new_calendar("VJOURNAL", uid);
  const auto said =
      base != nullptr ? note_fields(*base) : Fields{{"item:Sensitivity", "Normal"}, {color_path, std::string(yellow)}};
  auto& journal = *std::ranges::find_if(calendar.parts, [](const auto& part) { return part.is("VJOURNAL"); });
  const auto changed = [&](const char* path) { return text_at(fields, path) != text_at(said, path); };
  const auto alike = [](Fields all) {
    for (const auto* path : {created_path, modified_path}) all.erase(path);
    return all;
  };
  if (base != nullptr && alike(fields) == alike(said)) return calendar.octets();
  auto without_text = fields, said_without_text = said;
  without_text.erase(text_path);
  said_without_text.erase(text_path);
  set_common(journal, without_text, said_without_text);
  if (changed(text_path)) {
    const auto text = text_at(fields, text_path);
    const auto title = first_line(text), rest = text.substr(std::min(title.size() + 1, text.size()));
    for (const auto& [property, value] : {std::pair("SUMMARY", title), std::pair("DESCRIPTION", rest)})
      if (value.empty())
        journal.remove(property);
      else
        journal.set(Line(property, pim::escaped(value)));
  }
  if (changed(color_path)) set_color(journal, text_at(fields, color_path));
  if (base == nullptr) set_stamp(journal, "CREATED", text_at(fields, created_path));
  set_stamp(journal, "LAST-MODIFIED", text_at(fields, modified_path));
  return calendar.octets();
}

std::string note_updates(const Fields& before, const Fields& after) {
  auto made = updates_between("Message", as_sent(before), as_sent(after), plain_inner);
  const auto color = text_at(after, color_path);
  if (color != text_at(before, color_path))
    made += set_property(note_color, color) + set_property(icon, icon_of(color));
  return made;
}

std::string note_children(const Fields& fields) {
  auto all = as_sent(fields);
  all["item:ItemClass"] = note_class;
  const auto color = text_at(fields, color_path);
  all["ready:color"] = note_color.with(color);
  all["ready:icon"] = icon.with(icon_of(color));
  all["ready:flags"] = message_flags.with("1");  // what CreateItem makes is else a draft
  return children_of(all, order, plain_inner);
}

}  // namespace tidegate::ews
