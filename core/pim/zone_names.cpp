// SPDX-License-Identifier: Apache-2.0
#include "core/pim/zone_names.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr std::size_t name_most = 250;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view around = " \t\"'\\";
  while (!text.empty() && around.contains(text.front())) text.remove_prefix(1);
  while (!text.empty() && around.contains(text.back())) text.remove_suffix(1);
  return text;
}

/// A name of the tz database: nothing that leads out of its folder.
bool olson_like(std::string_view name) {
  return !name.empty() && !name.contains("..") && !name.starts_with('/') && !name.ends_with('/') &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '_' ||
                  c == '-' || c == '+';
         });
}

std::optional<NamedZone> by_olson(std::string_view name, const ZoneSource& source) {
  if (!olson_like(name)) return std::nullopt;
  if (auto zone = source(std::string(name))) return NamedZone{std::string(name), std::move(zone)};
  for (const auto& [present, former] : renamed_zones()) {
    const auto other = name == present ? former : name == former ? present : std::string_view{};
    if (other.empty()) continue;
    if (auto zone = source(std::string(other))) return NamedZone{std::string(other), std::move(zone)};
  }
  return std::nullopt;
}

std::string_view found_in(std::span<const ZoneName> table, std::string_view name) {
  const auto found = std::ranges::find_if(table, [&](const auto& row) { return same_word(row.name, name); });
  return found == table.end() ? std::string_view{} : found->olson;
}

std::optional<NamedZone> by_windows(std::string_view name, const ZoneSource& source) {
  // Exchange makes "W. Europe Standard Time 1" of one that a rule was changed of; "Russia Time Zone 3" is a name.
  auto plain = name;
  while (!plain.empty() && plain.back() >= '0' && plain.back() <= '9') plain.remove_suffix(1);
  plain = trimmed(plain);
  constexpr std::string_view daylight = " Daylight Time", standard = " Standard Time";
  std::string other(plain);
  if (other.ends_with(daylight)) other.resize(other.size() - daylight.size());
  other += standard;
  for (const auto candidate : {name, plain, std::string_view(other)})
    if (const auto olson = found_in(windows_zones(), candidate); !olson.empty()) return by_olson(olson, source);
  return std::nullopt;
}

/// `+01:00`, `-3`, `+0530`, `+01.00`, from the front; what is none stays there.
std::optional<seconds> take_offset(std::string_view& given) {
  auto text = given;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const bool west = text[0] == '-';
  text.remove_prefix(1);
  std::string digits;
  bool colon = false;
  while (!text.empty() && digits.size() < 4 &&
         ((text[0] >= '0' && text[0] <= '9') || (!colon && !digits.empty() && (text[0] == ':' || text[0] == '.')))) {
    if (text[0] == ':' || text[0] == '.') {
      colon = true;
      if (digits.size() == 1) digits = "0" + digits;
    } else {
      digits += text[0];
    }
    text.remove_prefix(1);
  }
  if (digits.empty() || digits.size() == 3) return std::nullopt;
  const auto number = std::stoi(digits);
  const auto h = digits.size() <= 2 ? number : number / 100, m = digits.size() <= 2 ? 0 : number % 100;
  if (h > 14 || m > 59) return std::nullopt;
  const seconds offset = hours(h) + minutes(m);
  given = text;
  return west ? -offset : offset;
}

bool has_offset(const Zone& zone, seconds offset) {
  for (const auto each : {January, April, July, October})
    if (zone.offset(sys_days(year(2024) / each / 1)) == offset) return true;
  return false;
}

/// A town that a zone is named after. Without an offset beside it, no guess is made.
std::optional<NamedZone> by_town(std::string_view town, seconds offset, const ZoneSource& source) {
  std::string name(trimmed(town));
  std::ranges::replace(name, ' ', '_');
  for (const auto* area : {"Europe/", "America/", "Asia/", "Africa/", "Australia/", "Pacific/", "Atlantic/", "Indian/",
                           "America/Argentina/", "America/Indiana/"}) {
    auto found = by_olson(area + name, source);
    if (found && has_offset(*found->zone, offset)) return found;
  }
  return std::nullopt;
}

/// `(UTC+01:00) Amsterdam, Berlin, Bern, …`, `(GMT+01.00) Sarajevo/Warsaw/Zagreb`, `UTC+1`.
std::optional<NamedZone> by_display(std::string_view name, const ZoneSource& source) {
  const bool bracket = name.starts_with('(');
  if (bracket) name.remove_prefix(1);
  const bool named = name.size() >= 3 && (same_word(name.substr(0, 3), "UTC") || same_word(name.substr(0, 3), "GMT"));
  if (!named) return std::nullopt;
  name.remove_prefix(3);
  auto offset = take_offset(name);
  if (bracket) {
    if (!name.starts_with(')')) return std::nullopt;
    name.remove_prefix(1);
  }
  name = trimmed(name);
  if (name.empty()) {
    if (!offset) return by_olson("Etc/UTC", source);
    const auto whole = duration_cast<hours>(*offset);
    if (whole == *offset && offset->count() != 0)
      if (auto found = by_olson(fmt::format("Etc/GMT{:+}", -whole.count()), source)) return found;
    return NamedZone{offset->count() == 0 ? "Etc/UTC" : "", Zone::fixed(*offset)};
  }
  if (!bracket) return std::nullopt;
  if (const auto olson = found_in(displayed_zones(), name); !olson.empty()) return by_olson(olson, source);
  while (!name.empty()) {
    const auto end = std::min(name.find_first_of(",/;"), name.size());
    if (auto found = by_town(name.substr(0, end), offset.value_or(seconds(0)), source)) return found;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return std::nullopt;
}

/// `/citadel.org/20210210_1/Europe/Berlin`, `/freeassociation.sourceforge.net/Tzfile/Europe/Berlin`.
std::optional<NamedZone> behind_prefix(std::string_view name, const ZoneSource& source) {
  if (!name.contains('/')) return std::nullopt;
  for (auto at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1)) {
    auto found = by_olson(name.substr(at + 1), source);
    if (!found) found = by_windows(name.substr(at + 1), source);
    if (found) return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<NamedZone> find_zone(std::string_view tzid, const ZoneSource& source) {
  tzid = trimmed(tzid);
  if (tzid.empty() || tzid.size() > name_most) return std::nullopt;
  if (same_word(tzid, "UTC") || same_word(tzid, "Z") || same_word(tzid, "GMT") || same_word(tzid, "Zulu") ||
      same_word(tzid, "tzone://Microsoft/Utc"))
    return NamedZone{"Etc/UTC", Zone::utc()};
  if (auto found = by_olson(tzid, source)) return found;
  std::string blanks(tzid);
  std::ranges::replace(blanks, ' ', '_');  // "America/New York"
  if (auto found = blanks.contains('/') ? by_olson(blanks, source) : std::nullopt) return found;
  if (auto found = by_windows(tzid, source)) return found;
  if (const auto olson = found_in(displayed_zones(), tzid); !olson.empty()) return by_olson(olson, source);
  if (auto found = by_display(tzid, source)) return found;
  return behind_prefix(tzid, source);
}

}  // namespace tidegate::pim
