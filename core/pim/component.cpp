// SPDX-License-Identifier: Apache-2.0
#include "core/pim/component.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::pim {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

}  // namespace

Component Component::named(std::string_view name) {
  Component made;
  made.begin = Line("BEGIN", std::string(name));
  made.end = Line("END", std::string(name));
  return made;
}

std::string Component::name() const { return upper(trimmed(begin.value())); }
bool Component::is(std::string_view name) const { return same_word(trimmed(begin.value()), name); }

const Line* Component::find(std::string_view name) const {
  const auto found = std::ranges::find_if(lines, [&](const Line& line) { return line.is(name); });
  return found == lines.end() ? nullptr : &*found;
}
Line* Component::find(std::string_view name) { return const_cast<Line*>(std::as_const(*this).find(name)); }

std::vector<const Line*> Component::all(std::string_view name) const {
  std::vector<const Line*> found;
  for (const auto& line : lines)
    if (line.is(name)) found.push_back(&line);
  return found;
}

std::string_view Component::value(std::string_view name) const {
  const auto* line = find(name);
  return line == nullptr ? std::string_view{} : std::string_view(line->value());
}

const Component* Component::part(std::string_view name) const {
  const auto found = std::ranges::find_if(parts, [&](const Component& each) { return each.is(name); });
  return found == parts.end() ? nullptr : &*found;
}

void Component::set(Line line) {
  if (auto* old = find(line.name()); old != nullptr) {
    const auto at = old - lines.data();
    *old = std::move(line);
    remove_if([&, name = old->name()](const Line& each) { return &each - lines.data() != at && each.is(name); });
  } else {
    add(std::move(line));
  }
}

void Component::add(Line line) {
  const auto at = parts.empty() ? lines.size() : std::min(parts.front().after, lines.size());
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), std::move(line));
  for (auto& part : parts) ++part.after;
}

void Component::remove_if(const std::function<bool(Line&)>& gone) {
  std::vector<char> goes(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) goes[i] = gone(lines[i]) ? 1 : 0;
  for (auto& part : parts) {
    const auto before = std::min(part.after, lines.size());
    part.after = before - static_cast<std::size_t>(
                              std::count(goes.begin(), goes.begin() + static_cast<std::ptrdiff_t>(before), 1));
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (goes[i] != 0) continue;
    if (kept != i) lines[kept] = std::move(lines[i]);
    ++kept;
  }
  lines.resize(kept);
}

void Component::add_part(Component part) {
  part.after = lines.size();
  parts.push_back(std::move(part));
}

void Component::write(std::string& out) const {
  begin.write(out);
  std::size_t next = 0;
  for (std::size_t i = 0; i <= lines.size(); ++i) {
    while (next < parts.size() && parts[next].after <= i) parts[next++].write(out);
    if (i < lines.size()) lines[i].write(out);
  }
  while (next < parts.size()) parts[next++].write(out);
  end.write(out);
}

Bytes Component::octets() const {
  Bytes out;
  write(out);
  return out;
}

Result<std::vector<Component>> read_components(View octets, Dialect dialect, const Limits& limits) {
  auto lines = read_lines(octets, dialect, limits);
  if (!lines) return std::unexpected(std::move(lines.error()));
  std::vector<Component> whole, open;
  for (auto& line : *lines) {
    if (line.is("BEGIN")) {
      if (open.size() >= limits.depth) return bad_line(line.number(), "components are nested too deeply.");
      Component made;
      made.begin = std::move(line);
      open.push_back(std::move(made));
    } else if (open.empty()) {
      return bad_line(line.number(), "it stands outside of BEGIN and END.");
    } else if (line.is("END")) {
      auto done = std::move(open.back());
      open.pop_back();
      if (!same_word(trimmed(line.value()), done.name()))
        return bad_line(line.number(), fmt::format("it does not end the {} that begins in line {}.",
                                                   done.name().substr(0, 60), done.number()));
      done.end = std::move(line);
      if (open.empty()) {
        whole.push_back(std::move(done));
      } else {
        done.after = open.back().lines.size();
        open.back().parts.push_back(std::move(done));
      }
    } else {
      open.back().lines.push_back(std::move(line));
    }
  }
  if (!open.empty())
    return bad_line(open.back().number(),
                    fmt::format("the {} that begins here does not end.", open.back().name().substr(0, 60)));
  return whole;
}

}  // namespace tidegate::pim
