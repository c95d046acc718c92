// SPDX-License-Identifier: Apache-2.0
// One table a settings struct: key, member, default, sentence, check. The table parses a section, refuses what it
// doesn't know, and prints the manual and the sample ini, so that the three can't differ. Tables live in their owners'
// folders:
//
//   struct Settings {
//     std::string relay;
//     std::filesystem::path state;
//     std::chrono::milliseconds heartbeat;
//   };
//   const config::Table<Settings>& table() {
//     static const config::Table<Settings> table{
//         "gateway", "What this gateway is and where it keeps its state.",
//         {config::text("relay", &Settings::relay, config::required, "Address of the relay: https://host[:port]."),
//          config::path("state", &Settings::state, "/var/lib/tidegate", "Directory of the state."),
//          config::duration("heartbeat", &Settings::heartbeat, "10s", "Longest silence.", 1s, 1h)}};
//     return table;
//   }
//   Result<Settings> settings = table().read(ini);
//
// Any thread; nothing here throws but for a table whose own defaults are wrong (std::logic_error, found by any test
// that makes the table). Faults are `invalid` with where = "file:line".
#pragma once
#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/config/ini.hpp"
#include "core/sdk/fault.hpp"

namespace tidegate::config {

/// What a value must be, said when it is not: "must be a whole number from 1 to 65535".
template <class T>
using Parsed = std::expected<T, std::string>;

Parsed<std::int64_t> parse_integer(std::string_view, std::int64_t least, std::int64_t most);
Parsed<bool> parse_bool(std::string_view);  ///< yes no true false on off 1 0
/// A number and its unit, without a blank or with: ms s m h d. "0" needs no unit.
Parsed<std::chrono::milliseconds> parse_duration(std::string_view);
/// Octets: a number and B, KiB, MiB, GiB (also k, M, G for the same); without a unit: octets.
Parsed<std::uint64_t> parse_size(std::string_view);
std::vector<std::string> parse_list(std::string_view);  ///< parted by commas or blanks; empty parts dropped
std::string show(std::chrono::milliseconds);            ///< "10s", "1500ms": as parse_duration reads it
std::string show_size(std::uint64_t);                   ///< "64 MiB"

/// The fallback of a key that must be given.
struct Required {};
inline constexpr Required required{};

/// A key's fallback as the ini would say it; none: the key must be given.
class Fallback {
 public:
  Fallback(Required) {}                                   // NOLINT(google-explicit-constructor): reads well in tables
  Fallback(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)
  Fallback(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  const std::optional<std::string>& text() const { return text_; }

 private:
  std::optional<std::string> text_;
};

/// What manual and sample say of a key.
struct KeyDoc {
  std::string key, type, doc;
  std::optional<std::string> fallback;
};

template <class S>
struct Row {
  KeyDoc doc;
  std::function<Parsed<void>(S&, std::string_view)> set;
};

namespace detail {
template <class S, class M, class Parse>
Row<S> row(std::string key, std::string type, M S::* member, const Fallback& fallback, std::string doc, Parse parse) {
  return {{std::move(key), std::move(type), std::move(doc), fallback.text()},
          [member, parse = std::move(parse)](S& into, std::string_view text) -> Parsed<void> {
            auto value = parse(text);
            if (!value) return std::unexpected(std::move(value.error()));
            into.*member = static_cast<M>(std::move(*value));
            return {};
          }};
}
Fault wrong(const Ini&, unsigned line, std::string_view key, std::string_view text, std::string_view must);
}  // namespace detail

/// For tables known only at run time (a plugin's): holds a section against its keys. The answer has one entry a key, in
/// their order; nullptr: not given, take the fallback. Faults `invalid`: unknown key (with the nearest), required one
/// missing.
Result<std::vector<const Value*>> match(const Ini&, const Section&, const std::vector<KeyDoc>&);
std::string manual(std::string_view title, std::string_view about, const std::vector<KeyDoc>&);  ///< Markdown
/// Annotated ini; what has a default is commented out.
std::string sample(std::string_view title, std::string_view about, const std::vector<KeyDoc>&);

/// A further demand on a text: empty when all is well, else "must be …".
using Check = std::function<std::string(std::string_view)>;

template <class S>
Row<S> text(std::string key, std::string S::* member, const Fallback& fallback, std::string doc, Check check = {}) {
  return detail::row<S>(std::move(key), "text", member, fallback, std::move(doc),
                        [check](std::string_view given) -> Parsed<std::string> {
                          if (check)
                            if (auto must = check(given); !must.empty()) return std::unexpected(std::move(must));
                          return std::string(given);
                        });
}

/// A whole number within [least, most].
template <class S, std::integral M>
Row<S> integer(std::string key, M S::* member, const Fallback& fallback, std::string doc, std::int64_t least = 0,
               std::int64_t most = std::numeric_limits<std::int32_t>::max()) {
  return detail::row<S>(std::move(key), fmt::format("whole number, {} to {}", least, most), member, fallback,
                        std::move(doc), [=](std::string_view given) { return parse_integer(given, least, most); });
}

/// The member is any std::chrono duration that milliseconds convert to without loss, or seconds.
template <class S, class M>
Row<S> duration(std::string key, M S::* member, const Fallback& fallback, std::string doc,
                std::chrono::milliseconds least = std::chrono::milliseconds(0),
                std::chrono::milliseconds most = std::chrono::hours(24 * 3650)) {
  return detail::row<S>(std::move(key), "time", member, fallback, std::move(doc),
                        [=](std::string_view given) -> Parsed<M> {
                          auto value = parse_duration(given);
                          if (!value) return std::unexpected(std::move(value.error()));
                          if (*value < least || *value > most)
                            return std::unexpected(fmt::format("must lie from {} to {}", show(least), show(most)));
                          return std::chrono::duration_cast<M>(*value);
                        });
}

template <class S, std::integral M>
Row<S> size(std::string key, M S::* member, const Fallback& fallback, std::string doc, std::uint64_t least = 0,
            std::uint64_t most = std::numeric_limits<std::int64_t>::max()) {
  return detail::row<S>(
      std::move(key), "size", member, fallback, std::move(doc), [=](std::string_view given) -> Parsed<std::uint64_t> {
        auto value = parse_size(given);
        if (value && (*value < least || *value > most))
          return std::unexpected(fmt::format("must lie from {} to {}", show_size(least), show_size(most)));
        return value;
      });
}

template <class S>
Row<S> boolean(std::string key, bool S::* member, const Fallback& fallback, std::string doc) {
  return detail::row<S>(std::move(key), "yes or no", member, fallback, std::move(doc), parse_bool);
}

/// An absolute path, or one from the working directory; not looked at here. Empty is allowed as a fallback.
template <class S>
Row<S> path(std::string key, std::filesystem::path S::* member, const Fallback& fallback, std::string doc) {
  return detail::row<S>(std::move(key), "path", member, fallback, std::move(doc),
                        [](std::string_view given) -> Parsed<std::filesystem::path> { return given; });
}

template <class S>
Row<S> list(std::string key, std::vector<std::string> S::* member, const Fallback& fallback, std::string doc) {
  return detail::row<S>(std::move(key), "list", member, fallback, std::move(doc),
                        [](std::string_view given) -> Parsed<std::vector<std::string>> { return parse_list(given); });
}

/// One of a few words, each standing for a value.
template <class S, class M>
Row<S> choice(std::string key, M S::* member, const Fallback& fallback, std::string doc,
              std::vector<std::pair<std::string, M>> words) {
  std::string type;
  for (const auto& [word, value] : words) type += (type.empty() ? "" : " | ") + word;
  return detail::row<S>(std::move(key), type, member, fallback, std::move(doc),
                        [type, words = std::move(words)](std::string_view given) -> Parsed<M> {
                          for (const auto& [word, value] : words)
                            if (word == given) return value;
                          return std::unexpected("must be one of " + type);
                        });
}

/// The place of a secret: the key ends in _file, see core/config/secret.hpp for reading it.
template <class S>
Row<S> secret_file(std::string key, std::filesystem::path S::* member, const Fallback& fallback, std::string doc) {
  if (!key.ends_with("_file")) throw std::logic_error(key + ": a secret's key must end in _file");
  return path(std::move(key), member, fallback, std::move(doc));
}

template <class S>
class Table {
 public:
  /// `all` looks at the whole struct after each key was fine: empty, or a sentence what doesn't go together.
  Table(std::string section, std::string about, std::vector<Row<S>> rows, std::function<std::string(const S&)> all = {})
      : section_(std::move(section)), about_(std::move(about)), rows_(std::move(rows)), all_(std::move(all)) {
    for (const auto& row : rows_) docs_.push_back(row.doc);
    S probe{};
    for (const auto& row : rows_)
      if (row.doc.fallback && !row.doc.fallback->empty())
        if (auto fine = row.set(probe, *row.doc.fallback); !fine)
          throw std::logic_error(row.doc.key + ": its own default " + fine.error());
  }

  /// Of [section], which need not be there if no key is required.
  Result<S> read(const Ini& ini) const {
    const auto* section = ini.find(section_);
    return read(ini, section ? *section : Section{section_, {}, section_, 0, {}});
  }

  /// Of that section, whatever its name.
  Result<S> read(const Ini& ini, const Section& section) const {
    auto values = match(ini, section, docs_);
    if (!values) return std::unexpected(std::move(values.error()));
    S settings{};
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const auto* value = (*values)[i];
      const auto& row = rows_[i];
      // An empty fallback leaves the member as the struct makes it.
      if (!value && row.doc.fallback->empty()) continue;
      if (auto fine = row.set(settings, value ? value->text : *row.doc.fallback); !fine)
        return std::unexpected(detail::wrong(ini, value ? value->line : section.line, row.doc.key,
                                             value ? value->text : *row.doc.fallback, fine.error()));
    }
    if (all_)
      if (auto why = all_(settings); !why.empty())
        return fault(FaultKind::invalid, place(ini, section.line), fmt::format("[{}]: {}", section.title, why));
    return settings;
  }

  const std::string& section() const { return section_; }
  const std::vector<KeyDoc>& keys() const { return docs_; }
  std::string manual() const { return config::manual(section_, about_, docs_); }  ///< Markdown
  std::string sample() const {
    return config::sample(section_, about_, docs_);
  }  ///< annotated ini; defaults commented out

 private:
  std::string section_, about_;
  std::vector<Row<S>> rows_;
  std::vector<KeyDoc> docs_;
  std::function<std::string(const S&)> all_;
};

}  // namespace tidegate::config
