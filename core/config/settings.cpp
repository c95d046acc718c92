// SPDX-License-Identifier: Apache-2.0
#include "core/config/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidegate::config {
namespace {

struct Unit {
  std::string_view word;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> times{{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 8> sizes{{{"", 1},
                                     {"B", 1},
                                     {"KiB", 1ULL << 10},
                                     {"k", 1ULL << 10},
                                     {"MiB", 1ULL << 20},
                                     {"M", 1ULL << 20},
                                     {"GiB", 1ULL << 30},
                                     {"G", 1ULL << 30}}};

/// A number, blanks, a unit of the list; nullopt when it is not that or doesn't fit 63 bits.
std::optional<std::uint64_t> measured(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  for (const auto& unit : units)
    if (unit.word == text) {
      if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / unit.factor) return {};
      return number * unit.factor;
    }
  return {};
}

std::string wrapped(std::string_view text, std::string_view before, std::size_t width) {
  std::string out, line;
  while (!text.empty()) {
    const auto end = text.find(' ');
    const auto word = text.substr(0, end);
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      out += fmt::format("{}{}\n", before, line);
      line.clear();
    }
    line += line.empty() ? std::string(word) : fmt::format(" {}", word);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return out + fmt::format("{}{}\n", before, line);
}

}  // namespace

Parsed<std::int64_t> parse_integer(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most)
    return std::unexpected(fmt::format("must be a whole number from {} to {}", least, most));
  return number;
}

Parsed<bool> parse_bool(std::string_view text) {
  for (const auto* yes : {"yes", "true", "on", "1"})
    if (text == yes) return true;
  for (const auto* no : {"no", "false", "off", "0"})
    if (text == no) return false;
  return std::unexpected("must be yes or no");
}

Parsed<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto value = measured(text, times);
  if (!value) return std::unexpected("must be a time such as 500ms, 10s, 5m, 2h or 90d");
  return std::chrono::milliseconds(*value);
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  const auto value = measured(text, sizes);
  if (!value) return std::unexpected("must be a size such as 4096, 256 KiB, 64 MiB or 2 GiB");
  return *value;
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find_first_of(", \t");
    if (end != 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return parts;
}

std::string show(std::chrono::milliseconds value) {
  const auto number = static_cast<std::uint64_t>(value.count());
  for (const auto* unit = times.end(); unit-- != times.begin();)
    if (number != 0 && number % unit->factor == 0) return fmt::format("{}{}", number / unit->factor, unit->word);
  return "0s";
}

std::string show_size(std::uint64_t octets) {
  for (const auto& [word, factor] : {Unit{"GiB", 1ULL << 30}, Unit{"MiB", 1ULL << 20}, Unit{"KiB", 1ULL << 10}})
    if (octets != 0 && octets % factor == 0) return fmt::format("{} {}", octets / factor, word);
  return fmt::format("{} B", octets);
}

namespace detail {

Fault wrong(const Ini& ini, unsigned line, std::string_view key, std::string_view text, std::string_view must) {
  // A value may be a secret put where it doesn't belong: only short plain ones are repeated.
  const bool shown =
      text.size() <= 40 && !key.contains("password") && !key.contains("secret") && !key.contains("token");
  return {FaultKind::invalid,
          place(ini, line),
          shown ? fmt::format("{} = {}: {} {}", key, text, key, must) : fmt::format("{} {}", key, must),
          {},
          {}};
}

}  // namespace detail

Result<std::vector<const Value*>> match(const Ini& ini, const Section& section, const std::vector<KeyDoc>& docs) {
  std::vector<std::string> known;
  for (const auto& doc : docs) known.push_back(doc.key);
  for (const auto& value : section.values) {
    if (std::ranges::find(known, value.key) != known.end()) continue;
    const auto near = nearest(value.key, known);
    return fault(FaultKind::invalid, place(ini, value.line),
                 fmt::format("[{}] knows no key {}; {}", section.title, value.key,
                             near.empty() ? fmt::format("its keys are {}", fmt::join(known, ", "))
                                          : fmt::format("did you mean {}?", near)));
  }
  std::vector<const Value*> found;
  for (const auto& doc : docs) {
    const auto* value = section.find(doc.key);
    if (!doc.fallback && (!value || value->text.empty()))
      return fault(FaultKind::invalid, section.line ? place(ini, section.line) : ini.file,
                   fmt::format("[{}] lacks {}, which must be given: {}", section.title, doc.key, doc.doc));
    found.push_back(value);
  }
  return found;
}

std::string manual(std::string_view title, std::string_view about, const std::vector<KeyDoc>& docs) {
  auto out = fmt::format("### [{}]\n{}\n\n| key | value | default | what it does |\n|---|---|---|---|\n", title, about);
  for (const auto& doc : docs) {
    auto type = doc.type;
    for (std::size_t at = 0; (at = type.find('|', at)) != type.npos; at += 2) type.insert(at, "\\");
    const auto fallback = !doc.fallback           ? std::string("(must be given)")
                          : doc.fallback->empty() ? std::string("(none)")
                                                  : fmt::format("`{}`", *doc.fallback);
    out += fmt::format("| `{}` | {} | {} | {} |\n", doc.key, type, fallback, doc.doc);
  }
  return out;
}

std::string sample(std::string_view title, std::string_view about, const std::vector<KeyDoc>& docs) {
  auto out = wrapped(about, "; ", 96) + fmt::format("[{}]\n", title);
  for (const auto& doc : docs) {
    out += "\n" + wrapped(fmt::format("{} ({})", doc.doc, doc.type), "; ", 96);
    // Required keys stand open and empty, so that starting with the sample as it is names the first one to fill in.
    out += fmt::format("{}{} ={}{}\n", doc.fallback ? ";" : "", doc.key, doc.fallback.value_or("").empty() ? "" : " ",
                       doc.fallback.value_or(""));
  }
  return out;
}

}  // namespace tidegate::config
