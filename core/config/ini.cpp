// SPDX-License-Identifier: Apache-2.0
#include "core/config/ini.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace tidegate::config {
namespace {

constexpr std::size_t max_file = 1 << 20;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool word(std::string_view text, std::string_view more) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.contains(c);
  });
}

/// Cuts a comment off: from ; or # that stands first or after a blank, outside a quoted value.
std::string_view without_comment(std::string_view line) {
  bool quoted = false;
  char before = 0;  // the last octet that is no blank
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"' && (quoted || before == '=')) {
      quoted = !quoted;
    } else if (!quoted && (line[i] == ';' || line[i] == '#') && (i == 0 || blank(line[i - 1]))) {
      return line.substr(0, i);
    }
    if (i < line.size() && !blank(line[i])) before = line[i];
  }
  return line;
}

/// Undoes the quotes round a whole value; false: a quote is open, or something follows it.
bool unquote(std::string_view text, std::string& out) {
  if (text.empty() || text.front() != '"') {
    out = text;
    return true;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1 == text.size();
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    out += text[i];
  }
  return false;
}

class Reader {
 public:
  explicit Reader(std::string file) { ini_.file = std::move(file); }

  Result<void> line(std::string_view raw) {
    ++number_;
    if (raw.find('\0') != raw.npos) return bad("this line holds a NUL octet; save the file as plain text");
    const auto text = trim(without_comment(raw));
    if (text.empty()) return {};
    return text.front() == '[' ? section(text) : value(text);
  }
  Ini take() { return std::move(ini_); }

 private:
  std::unexpected<Fault> bad(std::string text) const {
    return fault(FaultKind::invalid, place(ini_, number_), std::move(text));
  }

  Result<void> section(std::string_view text) {
    if (text.back() != ']') return bad(fmt::format("the section \"{}\" lacks its closing bracket ]", text));
    const auto title = trim(text.substr(1, text.size() - 2));
    const auto colon = title.find(':');
    const auto kind = title.substr(0, colon);
    const auto name = colon == title.npos ? std::string_view{} : title.substr(colon + 1);
    if (!word(kind, "_-") || (colon != title.npos && !word(name, "_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ")))
      return bad(
          fmt::format("[{}] is no section name; write [kind] or [kind:name] with letters, digits, - _ .", title));
    for (const auto& other : ini_.sections)
      if (other.title == title)
        return bad(fmt::format("[{}] stands twice; it began at line {} already", title, other.line));
    ini_.sections.push_back({std::string(kind), std::string(name), std::string(title), number_, {}});
    return {};
  }

  Result<void> value(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == text.npos)
      return bad(fmt::format("\"{}\" is neither a [section] nor key = value", text.substr(0, 60)));
    const auto key = trim(text.substr(0, equals));
    if (!word(key, "_-")) return bad(fmt::format("\"{}\" is no key; keys are small letters, digits, - and _", key));
    if (ini_.sections.empty()) return bad(fmt::format("{} stands before the first [section]", key));
    auto& section = ini_.sections.back();
    if (const auto* other = section.find(key))
      return bad(fmt::format("{} is set twice in [{}]; the first time at line {}", key, section.title, other->line));
    Value value{std::string(key), {}, number_};
    if (!unquote(trim(text.substr(equals + 1)), value.text))
      return bad(fmt::format("the quotes of {} don't close, or something follows them", key));
    section.values.push_back(std::move(value));
    return {};
  }

  Ini ini_;
  unsigned number_ = 0;
};

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = up;
    }
  }
  return row.back();
}

}  // namespace

const Value* Section::find(std::string_view key) const {
  const auto at = std::ranges::find(values, key, &Value::key);
  return at == values.end() ? nullptr : &*at;
}

const Section* Ini::find(std::string_view kind, std::string_view name) const {
  for (const auto& section : sections)
    if (section.kind == kind && section.name == name) return &section;
  return nullptr;
}

std::string place(const Ini& ini, unsigned line) { return fmt::format("{}:{}", ini.file, line); }

Result<Ini> parse_ini(std::string file, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // editors on Windows put a byte order mark there
  Reader reader(std::move(file));
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto done = reader.line(text.substr(0, end)); !done) return std::unexpected(done.error());
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return reader.take();
}

Result<Ini> read_ini(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const int why = errno;
    const auto kind = why == ENOENT ? FaultKind::not_found : why == EACCES ? FaultKind::denied : FaultKind::unavailable;
    return fault(kind, path,
                 fmt::format("the configuration file {} can't be opened; check its name and its mode", path),
                 std::strerror(why));
  }
  std::string text(max_file + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof()))
    return fault(FaultKind::unavailable, path,
                 fmt::format("the configuration file {} can't be read; is it a plain file?", path));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > max_file)
    return fault(FaultKind::too_large, path, fmt::format("the configuration file {} is longer than 1 MiB", path));
  return parse_ini(path, text);
}

std::string_view nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates)
    if (const auto d = distance(word, candidate); d < least && d < candidate.size()) {
      least = d;
      best = candidate;
    }
  return best;
}

Result<void> only_sections(const Ini& ini, std::initializer_list<std::string_view> kinds) {
  for (const auto& section : ini.sections) {
    if (std::ranges::find(kinds, section.kind) != kinds.end()) continue;
    const std::vector<std::string> known(kinds.begin(), kinds.end());
    const auto near = nearest(section.kind, known);
    return fault(FaultKind::invalid, place(ini, section.line),
                 fmt::format("there is no section [{}]; {}", section.title,
                             near.empty() ? fmt::format("sections here are {}", fmt::join(known, ", "))
                                          : fmt::format("did you mean [{}]?", near)));
  }
  return {};
}

}  // namespace tidegate::config
