// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/attachments.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/pim/values.hpp"
#include "core/pim/vcard.hpp"
#include "plugins/ews/base64.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/requests.hpp"

namespace tidegate::ews {
namespace {

using pim::Component;
using pim::Line;

constexpr const char *digest_parameter = "X-TIDEGATE-SHA256", *left_property = "X-TIDEGATE-ATTACHMENT";
// Of RFC 8607, and what programs write instead.
constexpr std::string_view name_parameters[] = {"FILENAME", "X-FILENAME", "X-ORACLE-FILENAME", "X-LABEL"};

std::string digest_of(std::string_view octets) {
  unsigned char hash[EVP_MAX_MD_SIZE] = {};
  unsigned length = 0;
  ::EVP_Digest(octets.data(), octets.size(), hash, &length, ::EVP_sha256(), nullptr);
  std::string made;
  for (unsigned i = 0; i < length; ++i) made += fmt::format("{:02x}", hash[i]);
  return made;
}

/// A media type without its parameters; empty: it is none (RFC 6838 §4.2).
std::string type_of(std::string_view text) {
  text = text.substr(0, text.find(';'));
  while (text.ends_with(' ')) text.remove_suffix(1);
  const auto fits = [](unsigned char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           std::string_view("!#$&-^_.+/").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (text.size() > 127 || std::ranges::count(text, '/') != 1 || !std::ranges::all_of(text, fits)) return {};
  return std::string(text);
}

std::string name_of_file(std::string_view text) {
  std::string made(text.substr(text.find_last_of("/\\") + 1));
  std::erase_if(made, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  while (made.ends_with(' ')) made.pop_back();  // an element's text is read without blanks around it
  made.erase(0, made.find_first_not_of(' '));
  return made;
}

bool is_item(const Component& part) { return part.is("VEVENT") || part.is("VTODO") || part.is("VJOURNAL"); }
bool is_override(const Component& part) { return part.find("RECURRENCE-ID") != nullptr; }

bool is_file(const Line& line) {
  return line.is("ATTACH") &&
         (pim::same_word(line.first("VALUE"), "BINARY") || pim::same_word(line.first("ENCODING"), "BASE64"));
}
bool of_files(const Line& line) { return is_file(line) || line.is(left_property); }

Line line_of(const Attachment& each) {
  std::vector<pim::Parameter> parameters;
  if (!each.type.empty()) parameters.push_back({"FMTTYPE", {each.type}});
  if (!each.octets) {
    parameters.push_back({"SIZE", {fmt::to_string(each.size)}});
    return {left_property, pim::escaped(each.name), std::move(parameters)};
  }
  parameters.push_back({"FILENAME", {each.name}});
  parameters.push_back({"VALUE", {"BINARY"}});
  parameters.push_back({"ENCODING", {"BASE64"}});
  return {"ATTACH", base64(*each.octets), std::move(parameters)};
}

void fill(Component& item, std::vector<Attachment> rest) {
  item.remove_if([&](Line& line) {
    if (!is_file(line)) return false;
    const auto digest = line.first(digest_parameter);
    const auto found = std::ranges::find_if(
        rest, [&](const auto& each) { return each.octets && !digest.empty() && digest_of(*each.octets) == digest; });
    if (found == rest.end()) return true;
    line.set_value(base64(*found->octets));
    line.remove_parameter(digest_parameter);
    rest.erase(found);
    return false;
  });
  for (const auto& each : rest) item.add(line_of(each));
}

/// Calls that for each line of files; true: the line goes.
Bytes each_file(View octets, const std::function<bool(Line&)>& goes) {
  auto read = pim::read_components(octets, pim::Dialect::icalendar);
  if (!read) return Bytes(octets);
  Bytes made;
  for (auto& calendar : *read) {
    for (auto& part : calendar.parts)
      if (is_item(part)) part.remove_if([&](Line& line) { return of_files(line) && goes(line); });
    calendar.write(made);
  }
  return made;
}

}  // namespace

std::vector<Attachment> attachments_of(const xml::Element& item) {
  std::vector<Attachment> made;
  const auto* all = find(item, "Attachments");
  if (all == nullptr) return made;
  for (const auto& each : all->children) {
    const auto* id = find(each, "AttachmentId");
    if (id == nullptr || id->attribute("Id").empty() || truth(words(each, "IsInline"))) continue;
    Attachment one{.id = Bytes(id->attribute("Id")),
                   .name = name_of_file(words(each, "Name")),
                   .type = type_of(words(each, "ContentType")),
                   .file = each.local == "FileAttachment",
                   .photo = truth(words(each, "IsContactPhoto"))};
    if (one.name.empty()) one.name = "attachment";
    const auto size = words(each, "Size");
    std::from_chars(size.data(), size.data() + size.size(), one.size);
    if (const auto* content = find(each, "Content")) {
      std::string octets;
      if (one.file && from_base64(content->text, octets)) one.octets = std::move(octets);
    }
    made.push_back(std::move(one));
  }
  return made;
}

std::vector<Attachment> held_attachments(Kind kind, const xml::Element& item) {
  auto all = attachments_of(item);
  std::uint64_t together = 0;
  std::erase_if(all, [&](const Attachment& each) {
    if (!each.file || (kind == Kind::contact && (!each.photo || each.size > photo_most))) return true;
    if (each.size > files_most - together) return true;
    together += each.size;
    return false;
  });
  return all;
}

std::uint64_t held_size(Kind kind, const xml::Element& item) {
  std::uint64_t made = 0;
  for (const auto& each : held_attachments(kind, item)) made += each.size;
  return made;
}

void add_content(xml::Element& item, View id, std::string_view base64_) {
  for (auto& holder : item.children) {
    if (holder.local != "Attachments") continue;
    for (auto& each : holder.children) {
      const auto* named = find(each, "AttachmentId");
      if (named != nullptr && named->attribute("Id") == id && find(each, "Content") == nullptr)
        each.children.push_back({{}, "Content", std::string(base64_), {}, {}});
    }
  }
}

Result<std::vector<File>> files_in(const pim::CalendarObject& object) {
  std::vector<File> made;
  std::uint64_t together = 0;
  const auto read = [&](const Line& line) -> Result<File> {
    File file;
    if (!from_base64(line.value(), file.octets)) return pim::bad_line(line.number(), "ATTACH is not base64.");
    if (file.octets.size() > files_most - together)
      return fault(FaultKind::too_large, {}, "The files of an item may have 8 MiB together.");
    together += file.octets.size();
    for (const auto parameter : name_parameters)
      if (file.name.empty()) file.name = name_of_file(line.first(parameter));
    file.type = type_of(line.first("FMTTYPE"));
    return file;
  };
  for (const auto& line : object.first().lines) {
    if (!is_file(line)) continue;
    auto file = read(line);
    if (!file) return std::unexpected(std::move(file.error()));
    made.push_back(std::move(*file));
  }
  for (const auto* part : object.overrides()) {
    if (part == &object.first()) continue;
    for (const auto& line : part->lines) {
      if (!is_file(line)) continue;
      together = 0;  // only those of the series
      auto file = read(line);
      if (!file) return std::unexpected(std::move(file.error()));
      if (std::ranges::find(made, file->octets, &File::octets) == made.end())
        return fault(FaultKind::unsupported, {},
                     "A file at one instance of a series is not kept; attach it to the series.");
    }
  }
  return made;
}

std::string file_elements(const std::vector<File>& files) {
  std::string made;
  for (const auto& each : files) made += file_attachment(each.name, each.type, base64(each.octets));
  return made;
}

Bytes with_files(Bytes octets, const xml::Element& item) {
  auto all = attachments_of(item);
  if (all.empty() && !octets.contains("ATTACH")) return octets;  // parameters may be folded, names are not
  auto read = pim::read_components(octets, pim::Dialect::icalendar);
  if (!read) return octets;
  Bytes made;
  for (auto& calendar : *read) {
    for (auto& part : calendar.parts)
      if (is_item(part)) fill(part, is_override(part) ? std::vector<Attachment>{} : all);
    calendar.write(made);
  }
  return made;
}

Bytes with_digests(View octets) {
  return each_file(octets, [](Line& line) {
    std::string content;
    if (line.is(left_property) || !from_base64(line.value(), content)) return true;
    line.set_value({});
    line.set_parameter(digest_parameter, digest_of(content));
    return false;
  });
}

Bytes without_files(Kind kind, View octets) {
  if (kind != Kind::contact) return each_file(octets, [](Line&) { return true; });
  auto card = pim::Card::parse(octets);
  if (!card) return Bytes(octets);
  card->component().remove("PHOTO");
  return card->octets();
}

FileChanges changes_between(const std::vector<Attachment>& there, std::vector<File> wanted) {
  FileChanges made;
  std::vector<const Attachment*> left;
  for (const auto& each : there)
    if (each.octets) left.push_back(&each);
  // By name and octets; then those that came back without a name.
  for (const bool nameless : {false, true}) {
    std::erase_if(wanted, [&](const File& file) {
      const auto found = std::ranges::find_if(left, [&](const auto* each) {
        return *each->octets == file.octets && (nameless ? file.name.empty() : file.name == each->name);
      });
      if (found == left.end()) return false;
      left.erase(found);
      return true;
    });
  }
  made.made = std::move(wanted);
  for (const auto* each : left) made.gone.push_back(each->id);
  return made;
}

}  // namespace tidegate::ews
