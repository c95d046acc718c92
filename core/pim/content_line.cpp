// SPDX-License-Identifier: Apache-2.0
#include "core/pim/content_line.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace tidegate::pim {
namespace {

constexpr std::size_t fold_at = 75;  // octets, RFC 5545 §3.1
constexpr std::size_t head_most = 1000;

char upper_of(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
bool blank(char c) { return c == ' ' || c == '\t'; }
bool word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
         c == '/' || static_cast<unsigned char>(c) >= 0x80;
}
bool within_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// RFC 6868 §3.
std::string carets_undone(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char next = text[at] == '^' && at + 1 < text.size() ? text[at + 1] : '\0';
    const char meant = next == 'n' ? '\n' : next == '^' ? '^' : next == '\'' ? '"' : '\0';
    if (meant != '\0') ++at;
    out += meant != '\0' ? meant : text[at];
  }
  return out;
}

void write_parameter_value(std::string& out, std::string_view value) {
  const bool quoted = value.find_first_of(":;,") != std::string_view::npos;
  if (quoted) out += '"';
  for (const char c : value) {
    if (c == '\n')
      out += "^n";
    else if (c == '^')
      out += "^^";
    else if (c == '"')
      out += "^'";
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\t')
      out += c;
  }
  if (quoted) out += '"';
}

void write_folded(std::string& out, std::string_view text) {
  std::size_t room = fold_at;
  while (text.size() > room) {
    auto cut = room;
    while (cut > room - 4 && within_character(text[cut])) --cut;
    out += text.substr(0, cut);
    out += "\r\n ";
    text.remove_prefix(cut);
    room = fold_at - 1;
  }
  out += text;
  out += "\r\n";
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return upper_of(x) == upper_of(y); });
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), upper_of);
  return out;
}

std::unexpected<Fault> bad_line(std::size_t number, std::string text) {
  return fault(FaultKind::invalid, fmt::format("line {}", number), fmt::format("Line {}: {}", number, text));
}

bool Line::is(std::string_view name) const { return same_word(name_, name); }

const Parameter* Line::parameter(std::string_view name) const {
  const auto found = std::ranges::find_if(parameters_, [&](const auto& each) { return same_word(each.name, name); });
  return found == parameters_.end() ? nullptr : &*found;
}

std::string_view Line::first(std::string_view name) const {
  const auto* found = parameter(name);
  return found == nullptr || found->values.empty() ? std::string_view{} : std::string_view(found->values.front());
}

void Line::set_value(std::string value) {
  if (value == value_) return;
  value_ = std::move(value);
  octets_.clear();
}

void Line::set_parameter(std::string_view name, std::string value) {
  const auto found = std::ranges::find_if(parameters_, [&](const auto& each) { return same_word(each.name, name); });
  if (found == parameters_.end())
    parameters_.push_back({std::string(name), {std::move(value)}});
  else if (found->values != std::vector{value})
    found->values = {std::move(value)};
  else
    return;
  octets_.clear();
}

void Line::remove_parameter(std::string_view name) {
  if (std::erase_if(parameters_, [&](const auto& each) { return same_word(each.name, name); }) > 0) octets_.clear();
}

void Line::set_group(std::string group) {
  if (group == group_) return;
  group_ = std::move(group);
  octets_.clear();
}

void Line::write(std::string& out) const {
  if (!octets_.empty()) {
    out += octets_;  // the last line of a file may have no end; nothing is ever written behind it
    return;
  }
  std::string line;
  if (!group_.empty()) line = group_ + '.';
  line += name_;
  for (const auto& each : parameters_) {
    line += ';';
    line += each.name;
    for (std::size_t i = 0; i < each.values.size(); ++i) {
      line += i == 0 ? '=' : ',';
      write_parameter_value(line, each.values[i]);
    }
  }
  line += ':';
  for (const char c : value_)
    if (c != '\r' && c != '\n') line += c;
  write_folded(out, line);
}

/// Reads line by line; a friend of Line, which keeps its octets to itself.
class LineReader {
 public:
  LineReader(View octets, Dialect dialect, const Limits& limits) : rest_(octets), dialect_(dialect), limits_(limits) {}

  Result<std::vector<Line>> all() {
    if (rest_.size() > limits_.octets)
      return fault(FaultKind::too_large, "object",
                   fmt::format("The object has {} octets; {} are taken at most.", rest_.size(), limits_.octets));
    View before;  // blank lines, and a byte order mark, in front of everything
    if (rest_.starts_with("\xEF\xBB\xBF")) before = take(3);
    while (rest_.starts_with('\n') || rest_.starts_with("\r\n")) before = joined(before, physical());
    while (!rest_.empty()) {
      if (lines_.size() >= limits_.lines)
        return fault(FaultKind::too_large, fmt::format("line {}", number_ + 1),
                     fmt::format("The object has over {} lines.", limits_.lines));
      if (auto read = one(before); !read) return std::unexpected(std::move(read.error()));
      before = {};
    }
    return std::move(lines_);
  }

 private:
  View take(std::size_t size) {
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  static View joined(View a, View b) { return a.empty() ? b : View(a.data(), a.size() + b.size()); }
  /// With its end.
  View physical() {
    ++number_;
    const auto end = rest_.find('\n');
    return take(end == View::npos ? rest_.size() : end + 1);
  }
  static View without_end(View line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  Result<void> one(View octets) {
    const auto first = physical();
    octets = joined(octets, first);
    const auto begins = number_;
    std::string text(without_end(first));
    const bool soft = dialect_ == Dialect::vcard && quoted_printable(text);
    while (!rest_.empty()) {
      if (soft && text.ends_with('=')) {  // a soft break: what follows is no fold, and keeps its first blank
        text.pop_back();
        const auto more = physical();
        octets = joined(octets, more);
        text += without_end(more);
        continue;
      }
      if (!blank(rest_[0]) && rest_[0] != '\n' && !rest_.starts_with("\r\n")) break;
      const auto more = physical();
      octets = joined(octets, more);
      if (const auto folded = without_end(more); !folded.empty()) text += folded.substr(1);
    }
    Line line;
    line.number_ = begins;
    if (auto parsed = parse(text, line); !parsed) return parsed;
    line.octets_ = octets;
    lines_.push_back(std::move(line));
    return {};
  }

  /// By what stands before the colon: what follows is not unfolded yet.
  static bool quoted_printable(std::string_view line) {
    return upper(line.substr(0, std::min(line.find(':'), head_most))).contains("QUOTED-PRINTABLE");
  }

  Result<void> parse(std::string_view text, Line& line) {
    auto name = word_of(text);
    if (dialect_ == Dialect::vcard && text.starts_with('.')) {
      line.group_ = name;
      text.remove_prefix(1);
      name = word_of(text);
    }
    if (name.empty()) return bad_line(line.number_, "it does not begin with the name of a property.");
    line.name_ = name;
    while (text.starts_with(';')) {
      text.remove_prefix(1);
      if (line.parameters_.size() >= limits_.parameters) return bad_line(line.number_, "it has too many parameters.");
      if (auto parsed = parameter(text, line); !parsed) return parsed;
    }
    if (!text.starts_with(':'))
      return bad_line(line.number_, fmt::format("{} has no colon before its value.", printable(line.name_)));
    line.value_ = text.substr(1);
    return {};
  }

  Result<void> parameter(std::string_view& text, Line& line) {
    Parameter made;
    made.name = word_of(text);
    skip_blanks(text);
    if (made.name.empty() && (text.starts_with(';') || text.starts_with(':'))) return {};  // `TEL;;HOME:`
    if (made.name.empty()) return bad_line(line.number_, "a parameter has no name.");
    if (text.starts_with('=')) {
      do {
        text.remove_prefix(1);
        if (made.values.size() >= limits_.parameters) return bad_line(line.number_, "a parameter has too many values.");
        auto value = parameter_value(text);
        if (!value) return bad_line(line.number_, "a quoted value of a parameter does not end.");
        made.values.push_back(std::move(*value));
      } while (text.starts_with(','));
    }
    line.parameters_.push_back(std::move(made));
    return {};
  }

  static std::optional<std::string> parameter_value(std::string_view& text) {
    skip_blanks(text);
    std::string value;
    if (text.starts_with('"')) {
      const auto end = text.find('"', 1);
      if (end == std::string_view::npos) return std::nullopt;
      value = text.substr(1, end - 1);
      text.remove_prefix(end + 1);
    }
    // What follows a closing quote before a delimiter belongs to the value: some write CN="A" B.
    const auto end = std::min(text.find_first_of(";:,"), text.size());
    value += text.substr(0, end);
    text.remove_prefix(end);
    return carets_undone(value);
  }

  static std::string_view word_of(std::string_view& text) {
    std::size_t end = 0;
    while (end < text.size() && word(text[end])) ++end;
    const auto found = text.substr(0, end);
    text.remove_prefix(end);
    return found;
  }
  static void skip_blanks(std::string_view& text) {
    while (!text.empty() && blank(text[0])) text.remove_prefix(1);
  }
  static std::string printable(std::string_view name) { return std::string(name.substr(0, 60)); }

  View rest_;
  Dialect dialect_;
  const Limits& limits_;
  std::size_t number_ = 0;
  std::vector<Line> lines_;
};

Result<std::vector<Line>> read_lines(View octets, Dialect dialect, const Limits& limits) {
  return LineReader(octets, dialect, limits).all();
}

}  // namespace tidegate::pim
