// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/items.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/pim/content_line.hpp"
#include "plugins/ews/base64.hpp"
#include "plugins/ews/faults.hpp"

namespace tidegate::ews {
namespace {

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

bool same_tag(std::string_view given, std::string_view wanted) {
  const auto value = [](std::string_view text) {
    unsigned made = 0;
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex) text.remove_prefix(2);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), made, hex ? 16 : 10);
    return error == std::errc{} && end == text.data() + text.size() ? made : ~0U;
  };
  return !given.empty() && value(given) == value(wanted) && value(wanted) != ~0U;
}

std::array<std::byte, 20> digest(std::string_view text) {
  unsigned char hash[EVP_MAX_MD_SIZE] = {};
  unsigned length = 0;
  ::EVP_Digest(text.data(), text.size(), hash, &length, ::EVP_sha256(), nullptr);
  std::array<std::byte, 20> made{};
  std::memcpy(made.data(), hash, made.size());
  return made;
}

bool yes(const xml::Element& item, const Property& property) {
  const auto value = property_of(item, property);
  return value && truth(*value);
}

std::uint32_t flags_of(const xml::Element& item) {
  std::uint32_t flags = 0;
  const auto verb = number(property_of(item, last_verb).value_or(""));
  if (truth(words(item, "IsRead"))) flags |= seen;
  if (truth(words(item, "IsDraft"))) flags |= draft;
  if (number(property_of(item, flag_status).value_or("")) == 2) flags |= flagged;
  if (verb == 102 || verb == 103 || yes(item, answered_mark)) flags |= answered;
  if (verb == 104 || yes(item, forwarded_mark)) flags |= forwarded;
  if (yes(item, deleted_mark)) flags |= deleted;
  return flags;
}

}  // namespace

bool is_mail(std::string_view element) {
  return element == "Message" || element == "MeetingRequest" || element == "MeetingResponse" ||
         element == "MeetingCancellation" || element == "MeetingMessage" || element == "PostItem";
}

std::optional<std::chrono::sys_seconds> date_time(std::string_view text) {
  using namespace std::chrono;
  const auto part = [&](std::size_t at, std::size_t length) {
    return number(text.substr(std::min(at, text.size()), length));
  };
  const auto year_ = part(0, 4), month_ = part(5, 2), day_ = part(8, 2), hour = part(11, 2), minute = part(14, 2),
             second = part(17, 2);
  if (!year_ || !month_ || !day_ || !hour || !minute || !second || text[4] != '-' || text[10] != 'T')
    return std::nullopt;
  const year_month_day date{year(*year_), month(static_cast<unsigned>(*month_)), day(static_cast<unsigned>(*day_))};
  if (!date.ok() || *hour > 24 || *minute > 59 || *second > 60 || *hour < 0 || *minute < 0 || *second < 0)
    return std::nullopt;
  auto when = sys_days(date) + hours(*hour) + minutes(*minute) + seconds(*second);
  const auto rest = text.substr(19);
  if (const auto sign = rest.find_first_of("+-"); sign != std::string_view::npos) {
    const auto off_hours = number(rest.substr(sign + 1, 2)),
               off_minutes = number(rest.substr(std::min(sign + 4, rest.size()), 2));
    if (!off_hours || !off_minutes) return std::nullopt;
    const auto off = hours(*off_hours) + minutes(*off_minutes);
    when += rest[sign] == '-' ? off : -off;
  }
  return when;
}

std::string date_time(std::chrono::sys_seconds when) {
  using namespace std::chrono;
  const auto day_ = floor<days>(when);
  const year_month_day date(day_);
  const hh_mm_ss time(when - day_);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::optional<std::string> property_of(const xml::Element& item, const Property& property) {
  for (const auto& each : item.children) {
    if (each.local != "ExtendedProperty") continue;
    const auto* uri = find(each, "ExtendedFieldURI");
    if (uri == nullptr) continue;
    const bool it = !property.tag.empty()  ? same_tag(uri->attribute("PropertyTag"), property.tag)
                    : property.set.empty() ? uri->attribute("PropertyName") == fmt::format("tidegate-{}", property.name)
                                           : pim::same_word(uri->attribute("PropertySetId"), property.set) &&
                                                 same_tag(uri->attribute("PropertyId"), property.name);
    if (it) return std::string(words(each, "Value"));
  }
  return std::nullopt;
}

std::vector<std::string> categories_of(const xml::Element& item) {
  std::vector<std::string> made;
  if (const auto* categories = find(item, "Categories"))
    for (const auto& each : categories->children)
      if (each.local == "String") made.emplace_back(each.trimmed());
  return made;
}

Bytes id_of(const xml::Element& thing) {
  const auto* id = find(thing, "ItemId");
  if (id == nullptr) id = find(thing, "FolderId");
  return id == nullptr ? Bytes{} : Bytes(id->attribute("Id"));
}

Bytes change_key_of(const xml::Element& item) {
  const auto* id = find(item, "ItemId");
  return id == nullptr ? Bytes{} : Bytes(id->attribute("ChangeKey"));
}

std::optional<Upsert> upsert_of(const xml::Element& item, View folder) {
  Upsert made{};
  made.id = id_of(item);
  if (made.id.empty()) return std::nullopt;
  made.folders = {Bytes(folder)};
  made.kind = Kind::mail;
  made.state_rev = change_key_of(item);
  made.flags = flags_of(item);
  // The ChangeKey of some servers stays when only the read flag moves.
  made.state_rev += fmt::format("/{:x}", made.flags);
  made.keywords = categories_of(item);
  made.received = date_time(words(item, "DateTimeReceived")).value_or(std::chrono::sys_seconds{});
  const auto size = words(item, "Size");
  std::from_chars(size.data(), size.data() + size.size(), made.size);
  // Of what survives a move, which changes the id: the size does not, for every server (design/3-store.md).
  made.fingerprint = digest(fmt::format("{}\n{}", words(item, "InternetMessageId"), date_time(made.received)));
  return made;
}

std::optional<std::string> mime_of(const xml::Element& item) {
  const auto* content = find(item, "MimeContent");
  std::string octets;
  if (content == nullptr || !from_base64(content->text, octets)) return std::nullopt;
  return octets;
}

std::string updates_of(const FlagDelta& delta) {
  std::string made;
  const auto both = delta.add | delta.clear;
  const auto mark = [&](Flag flag, const Property& property) {
    if (both & flag) made += (delta.add & flag) != 0 ? set_property(property, "true") : clear_property(property);
  };
  if (both & seen) made += set_read((delta.add & seen) != 0);
  if (both & flagged) made += (delta.add & flagged) != 0 ? set_property(flag_status, "2") : clear_property(flag_status);
  mark(answered, answered_mark);
  mark(forwarded, forwarded_mark);
  mark(deleted, deleted_mark);
  // What Outlook shows is the last verb only.
  if (delta.add & (answered | forwarded)) {
    const bool forward = (delta.add & forwarded) != 0;
    made += set_property(last_verb, forward ? "104" : "102") + set_property(icon, forward ? "262" : "261");
  } else if (delta.clear & (answered | forwarded)) {
    made += clear_property(last_verb) + clear_property(icon);
  }
  return made;
}

std::vector<std::string> properties_of(const NewItem& item, View token_) {
  // A message that was made by CreateItem is a draft unless its flags say otherwise; they can be given at its birth
  // only.
  const unsigned bits = ((item.flags & seen) != 0 ? 1U : 0U) | ((item.flags & draft) != 0 ? 8U : 0U);
  std::vector<std::string> made{message_flags.with(fmt::to_string(bits))};
  if (item.received.time_since_epoch().count() != 0) made.push_back(delivery_time.with(date_time(item.received)));
  if (item.flags & answered) {
    made.push_back(icon.with("261"));
    made.push_back(last_verb.with("102"));
  }
  if (item.flags & flagged) made.push_back(flag_status.with("2"));
  if (item.flags & answered) made.push_back(answered_mark.with("true"));
  if (item.flags & forwarded) made.push_back(forwarded_mark.with("true"));
  if (item.flags & deleted) made.push_back(deleted_mark.with("true"));
  if (!token_.empty()) made.push_back(token_mark.with(base64(token_)));
  return made;
}

namespace {

/// By its class and what is below that; servers other than Microsoft's may say nothing.
std::optional<Kind> kind_of_folder(const xml::Element& element) {
  const auto said = words(element, "FolderClass");
  const auto is = [&](std::string_view name) {
    return said == name || (said.starts_with(name) && said.substr(name.size(), 1) == ".");
  };
  if (element.local == "CalendarFolder") return Kind::event;
  if (element.local == "ContactsFolder" && (said.empty() || said == "IPF.Contact")) return Kind::contact;
  if (element.local == "TasksFolder") return Kind::task;
  if (element.local != "Folder") return std::nullopt;
  if (is("IPF.Appointment")) return Kind::event;
  if (said == "IPF.Contact") return Kind::contact;  // below it are lists that the server makes
  if (is("IPF.Task")) return Kind::task;
  if (is("IPF.StickyNote")) return Kind::note;
  if (said.empty() || said == "IPF" || is("IPF.Note") || said == "IPF.Imap") return Kind::mail;
  return std::nullopt;
}

constexpr std::pair<char, Kind> kind_letters[] = {
    {'e', Kind::event}, {'c', Kind::contact}, {'t', Kind::task}, {'n', Kind::note}};

}  // namespace

std::optional<Folder> folder_of(const xml::Element& element, const Roles& roles) {
  Folder made{};
  made.id = id_of(element);
  const auto kind = kind_of_folder(element);
  if (!kind || made.id.empty()) return std::nullopt;
  made.kind = *kind;
  made.scope = made.id;
  made.name = words(element, "DisplayName");
  if (const auto* parent = find(element, "ParentFolderId"); parent != nullptr && parent->attribute("Id") != roles.root)
    made.parent = parent->attribute("Id");
  const auto role = roles.roles.find(made.id);
  made.role = role == roles.roles.end() ? Role::none : role->second;
  made.rights = all_rights;
  if (const auto* rights = find(element, "EffectiveRights")) {
    const auto may = [&](std::string_view name, std::uint32_t bits) { return truth(words(*rights, name)) ? bits : 0U; };
    made.rights = may("Read", may_read) | may("CreateContents", may_insert) | may("Modify", may_flag | may_update) |
                  may("Delete", may_remove) | may("CreateHierarchy", may_administer);
  }
  if (role != roles.roles.end()) made.rights &= ~std::uint32_t{may_administer};
  return made;
}

// "L" or "D" and the state; of other kinds than mail "l" or "d", and a letter between.
Bytes anchor(const Anchor& a) {
  for (const auto& [letter, kind] : kind_letters)
    if (a.kind == kind) return std::string(a.listing ? "l" : "d") + letter + a.state;
  return (a.listing ? "L" : "D") + a.state;
}

std::optional<Anchor> parse_anchor(View text) {
  if (text.empty()) return Anchor{};
  const bool listing = text[0] == 'L' || text[0] == 'l';
  if (text.size() > 1 && (text[0] == 'L' || text[0] == 'D')) return Anchor{listing, Bytes(text.substr(1))};
  if (text.size() > 2 && (text[0] == 'l' || text[0] == 'd'))
    for (const auto& [letter, kind] : kind_letters)
      if (text[1] == letter) return Anchor{listing, Bytes(text.substr(2)), kind};
  return std::nullopt;
}

std::vector<std::string> recipients_in(std::string_view mail) {
  std::vector<std::string> found;
  bool inside = false;
  while (!mail.empty()) {
    const auto end = std::min(mail.find('\n'), mail.size());
    auto line = mail.substr(0, end);
    mail.remove_prefix(std::min(end + 1, mail.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    std::string small(line);
    std::ranges::transform(small, small.begin(), [](unsigned char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : static_cast<char>(c);
    });
    if (small[0] != ' ' && small[0] != '\t')
      inside = small.starts_with("to:") || small.starts_with("cc:") || small.starts_with("bcc:");
    if (!inside) continue;
    for (std::size_t at = 0; at < small.size();) {
      const auto begin = small.find_first_not_of("<>,;: \t\"()[]", at);
      if (begin == std::string::npos) break;
      at = std::min(small.find_first_of("<>,;: \t\"()[]", begin), small.size());
      const auto word_ = small.substr(begin, at - begin);
      if (word_.find('@') != std::string::npos) found.push_back(word_);
    }
  }
  return found;
}

}  // namespace tidegate::ews
