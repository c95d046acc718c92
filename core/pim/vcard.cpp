// SPDX-License-Identifier: Apache-2.0
#include "core/pim/vcard.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/mime/parts.hpp"
#include "core/pim/card_words.hpp"
#include "core/pim/values.hpp"

namespace tidegate::pim {
namespace {

std::optional<CardVersion> version_of(const Component& card) {
  const auto* line = card.find("VERSION");
  if (line == nullptr) return std::nullopt;
  auto text = std::string_view(line->value());
  while (text.ends_with(' ')) text.remove_suffix(1);
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (text == "2.1") return CardVersion::v2_1;
  if (text == "3.0") return CardVersion::v3_0;
  if (text == "4.0") return CardVersion::v4_0;
  return std::nullopt;
}

}  // namespace

Result<std::vector<Card>> Card::parse_all(View octets, const Limits& limits) {
  auto whole = read_components(octets, Dialect::vcard, limits);
  if (!whole) return std::unexpected(std::move(whole.error()));
  std::vector<Card> cards;
  for (auto& each : *whole) {
    if (!each.is("VCARD")) return bad_line(each.number(), "this is no VCARD.");
    const auto version = version_of(each);
    const auto* line = each.find("VERSION");
    if (!version)
      return bad_line(line == nullptr ? each.number() : line->number(),
                      "the card has no VERSION that is 2.1, 3.0 or 4.0.");
    Card card;
    card.card_ = std::move(each);
    card.version_ = *version;
    cards.push_back(std::move(card));
  }
  return cards;
}

Result<Card> Card::parse(View octets, const Limits& limits) {
  auto all = parse_all(octets, limits);
  if (!all) return std::unexpected(std::move(all.error()));
  if (all->empty()) return bad_line(1, "there is no VCARD.");
  if (all->size() > 1) return bad_line((*all)[1].component().number(), "a second card begins here.");
  return std::move(all->front());
}

/// Without 2.1's codes, still with escapes.
std::string Card::coded(const Line& line) const {
  auto value = quoted_printable(line) ? mime::quoted_printable_decoded(line.value()) : line.value();
  if (version_ == CardVersion::v4_0 || line.parameter("CHARSET") == nullptr) return value;
  auto text = mime::to_utf8(value, lower(line.first("CHARSET")));
  return text ? std::move(*text) : value;
}

std::string Card::text(const Line& line) const { return text_value(coded(line)); }

std::vector<std::string> Card::fields(const Line& line) const {
  const auto value = coded(line);
  std::vector<std::string> all;
  for (const auto piece : split_escaped(value, ';')) all.push_back(text_value(piece));
  return all;
}

std::string Card::uid() const {
  const auto* line = card_.find("UID");
  return line == nullptr ? std::string{} : without_urn(text(*line));
}

std::string Card::name() const {
  if (const auto* line = card_.find("FN"))
    if (auto said = text(*line); !said.empty()) return said;
  if (const auto* line = card_.find("N")) {
    const auto parts = fields(*line);
    std::string made;
    for (const std::size_t at : {3U, 1U, 2U, 0U, 4U}) {
      if (at >= parts.size() || parts[at].empty()) continue;
      if (!made.empty()) made += ' ';
      made += parts[at];
    }
    if (!made.empty()) return made;
  }
  const auto* line = card_.find("ORG");
  return line == nullptr ? std::string{} : fields(*line).front();
}

bool Card::group() const {
  return same_word(card_.value("KIND"), "group") || same_word(card_.value(kind_of_apple), "group");
}

std::vector<std::string> Card::members() const {
  std::vector<std::string> all;
  for (const auto& line : card_.lines)
    if (line.is("MEMBER") || line.is(member_of_apple)) all.push_back(without_urn(text(line)));
  return all;
}

std::vector<std::string> Card::categories() const {
  std::vector<std::string> all;
  for (const auto* line : card_.all("CATEGORIES")) {
    const auto value = coded(*line);
    for (const auto piece : split_escaped(value, ',')) all.push_back(text_value(piece));
  }
  return all;
}

std::vector<Card::Entry> Card::entries(std::string_view property) const {
  std::vector<Entry> all;
  for (const auto* line : card_.all(property)) {
    Entry entry{text(*line), types_of(*line), line->parameter("PREF") != nullptr, {}, line};
    entry.preferred = entry.preferred || std::ranges::find(entry.types, "PREF") != entry.types.end();
    std::erase(entry.types, "PREF");
    if (!line->group().empty())
      for (const auto* label : card_.all("X-ABLABEL"))
        if (same_word(label->group(), line->group())) entry.label = text(*label);
    all.push_back(std::move(entry));
  }
  return all;
}

std::optional<Card::Photo> Card::photo() const {
  const auto* line = card_.find("PHOTO");
  if (line == nullptr) return std::nullopt;
  Photo photo;
  const auto types = types_of(*line);
  photo.type = media_type(types.empty() ? line->first("MEDIATYPE") : std::string_view(types.front()));
  if (base64(*line)) {
    photo.octets = mime::base64_decoded(line->value());
    return photo;
  }
  auto value = text(*line);
  const auto comma = value.find(',');
  if (value.size() < 5 || !same_word(std::string_view(value).substr(0, 5), "data:") || comma == std::string::npos) {
    photo.uri = std::move(value);
    return photo;
  }
  const auto head = std::string_view(value).substr(5, comma - 5);
  photo.type = lower(head.substr(0, head.find(';')));
  photo.octets = head.ends_with(";base64") ? mime::base64_decoded(std::string_view(value).substr(comma + 1))
                                           : value.substr(comma + 1);
  return photo;
}

void Card::set_photo(const Photo& photo) {
  if (!photo.uri.empty()) {
    Line line("PHOTO", photo.uri);
    if (version_ != CardVersion::v4_0) line.set_parameter("VALUE", "URI");
    return card_.set(std::move(line));
  }
  const auto code = mime::base64_encoded(photo.octets, 0);
  if (version_ == CardVersion::v4_0)
    return card_.set(
        Line("PHOTO", fmt::format("data:{};base64,{}", photo.type.empty() ? "image/jpeg" : photo.type, code)));
  Line line("PHOTO", code);
  line.set_parameter("ENCODING", version_ == CardVersion::v2_1 ? "BASE64" : "b");
  if (!photo.type.empty()) line.set_parameter("TYPE", upper(photo.type.substr(photo.type.find('/') + 1)));
  card_.set(std::move(line));
}

}  // namespace tidegate::pim
