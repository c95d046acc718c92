// SPDX-License-Identifier: Apache-2.0
#include "core/pim/canonical.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/pim/rule.hpp"

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr std::string_view of_the_writer[] = {"PRODID", "DTSTAMP", "CALSCALE", "X-LIC-LOCATION"};

/// Two names are one zone where the offsets were and will be the same.
std::string zone_key(const Zone* zone) {
  if (zone == nullptr) return "?";
  std::string key;
  auto before = seconds::max();
  for (auto day = sys_days(year(2000) / January / 1); day < sys_days(year(2040) / January / 1); day += days(5)) {
    const auto offset = zone->offset(day);
    if (offset != before) key += fmt::format("{}:{} ", day.time_since_epoch().count(), offset.count());
    before = offset;
  }
  return key;
}

class Writer {
 public:
  explicit Writer(const CalendarObject& object) : object_(object) {}

  std::string component(const Component& part) {
    std::vector<std::string> lines;
    for (const auto& each : part.lines) line(each, lines);
    for (const auto& each : part.parts)
      if (!each.is("VTIMEZONE")) lines.push_back(component(each));
    std::ranges::sort(lines);
    auto out = part.name() + "{\n";
    for (const auto& each : lines) out += each;
    return out + "}\n";
  }

 private:
  void line(const Line& line, std::vector<std::string>& lines) {
    if (std::ranges::any_of(of_the_writer, [&](auto name) { return line.is(name); })) return;
    std::vector<std::string> parameters;
    const bool when = timed(line);
    for (const auto& each : line.parameters()) {
      if (when && (same_word(each.name, "TZID") || same_word(each.name, "VALUE"))) continue;
      std::vector<std::string> values = each.values;
      std::ranges::sort(values);
      std::string text = ";" + upper(each.name);
      for (const auto& value : values) text += fmt::format("={}:{}", value.size(), value);
      parameters.push_back(std::move(text));
    }
    std::ranges::sort(parameters);
    auto head = upper(line.name());
    for (const auto& each : parameters) head += each;
    for (const auto& value : values(line, when)) lines.push_back(fmt::format("{}:{}\n", head, value));
  }

  static bool timed(const Line& line) {
    return line.is("DTSTART") || line.is("DTEND") || line.is("DUE") || line.is("RECURRENCE-ID") || line.is("EXDATE") ||
           line.is("RDATE");
  }

  std::vector<std::string> values(const Line& line, bool when) {
    if (when && !same_word(line.first("VALUE"), "PERIOD")) {
      std::vector<std::string> all;
      const auto moments = moments_of(line);
      if (!moments) return {line.value()};
      for (const auto& each : *moments) all.push_back(moment(each));
      return all;
    }
    if (line.is("RRULE") || line.is("EXRULE")) {
      std::vector<std::string> parts;
      for (const auto part : split_escaped(upper(line.value()), ';'))
        if (!part.empty() && part != "INTERVAL=1" && part != "WKST=MO") parts.emplace_back(part);
      std::ranges::sort(parts);
      return {fmt::format("{}", fmt::join(parts, ";"))};
    }
    if (line.is("CATEGORIES") || line.is("RESOURCES")) {
      std::vector<std::string> all;
      for (const auto each : split_escaped(line.value(), ',')) all.push_back(text_value(each));
      return all;
    }
    return {text_value(line.value())};
  }

  std::string moment(const Moment& moment) {
    auto text = to_text(moment);
    if (moment.form != Moment::Form::zoned) return text;
    auto known = keys_.find(moment.tzid);
    if (known == keys_.end()) known = keys_.emplace(moment.tzid, zone_key(object_.zone(moment.tzid).get())).first;
    return text + '@' + known->second;
  }

  const CalendarObject& object_;
  std::map<std::string, std::string> keys_;
};

}  // namespace

Bytes canonical(const CalendarObject& object) { return Writer(object).component(object.calendar()); }

std::array<std::byte, 20> uid_fingerprint(std::string_view uid) {
  const auto text = "uid\n" + std::string(uid);
  std::array<unsigned char, EVP_MAX_MD_SIZE> full{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), full.data(), &size, EVP_sha256(), nullptr);
  std::array<std::byte, 20> cut{};
  std::memcpy(cut.data(), full.data(), cut.size());
  return cut;
}

}  // namespace tidegate::pim
