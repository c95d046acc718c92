// SPDX-License-Identifier: Apache-2.0
#include "core/config/site.hpp"

#include <algorithm>
#include <array>

#include "core/config/settings.hpp"

namespace tidegate::config {
namespace {

struct Raw {
  std::vector<std::string> users;
  std::string mail, calendar, contacts, tasks, notes;
};

const Table<Raw>& table() {
  static const Table<Raw> table{
      "site:NAME",
      "Which back-end holds what for which users. The most specific pattern wins. One site may take its parts from "
      "several back-ends; what it doesn't name is not served.",
      {list("users", &Raw::users, required,
            "Patterns of user names, e.g. *@example.com; * is anything, ? one character."),
       text("mail", &Raw::mail, "", "Back-end of the mail folders."),
       text("calendar", &Raw::calendar, "", "Back-end of the calendars."),
       text("contacts", &Raw::contacts, "", "Back-end of the address books."),
       text("tasks", &Raw::tasks, "", "Back-end of the task lists."),
       text("notes", &Raw::notes, "", "Back-end of the notes.")}};
  return table;
}

constexpr std::array<std::pair<Part, std::string Raw::*>, 5> parts{{{Part::mail, &Raw::mail},
                                                                    {Part::calendar, &Raw::calendar},
                                                                    {Part::contacts, &Raw::contacts},
                                                                    {Part::tasks, &Raw::tasks},
                                                                    {Part::notes, &Raw::notes}}};

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How much a pattern says: plain octets, then few wildcards.
std::pair<std::size_t, std::ptrdiff_t> weight(std::string_view pattern) {
  const auto wild = std::ranges::count_if(pattern, [](char c) { return c == '*' || c == '?'; });
  return {pattern.size() - static_cast<std::size_t>(wild), -wild};
}

std::unexpected<Fault> no_backend(const Ini& ini, unsigned line, std::string_view part, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& section : ini.sections)
    if (section.kind == "backend") names.push_back(section.name);
  const auto near = nearest(name, names);
  return fault(FaultKind::invalid, place(ini, line),
               fmt::format("{} = {}: there is no section [backend:{}]; {}", part, name, name,
                           near.empty() ? "write one" : fmt::format("did you mean {}?", near)));
}

Result<Site> read_site(const Ini& ini, const Section& section) {
  if (section.name.empty())
    return fault(FaultKind::invalid, place(ini, section.line), "a site needs a name: write [site:NAME]");
  auto raw = table().read(ini, section);
  if (!raw) return std::unexpected(raw.error());
  Site site{section.name, raw->users, {}, section.line};
  if (site.users.empty())
    return fault(FaultKind::invalid, place(ini, section.find("users")->line),
                 "users names nobody; write * for everybody");
  for (const auto& [part, member] : parts) {
    const auto& name = (*raw).*member;
    if (name.empty()) continue;
    if (!ini.find("backend", name)) return no_backend(ini, section.find(to_string(part))->line, to_string(part), name);
    site.backends.emplace(part, name);
  }
  if (site.backends.empty())
    return fault(FaultKind::invalid, place(ini, section.line),
                 fmt::format("[{}] serves nothing; give it mail, calendar, contacts, tasks or notes", section.title));
  return site;
}

}  // namespace

std::string_view to_string(Part part) {
  switch (part) {
    case Part::mail:
      return "mail";
    case Part::calendar:
      return "calendar";
    case Part::contacts:
      return "contacts";
    case Part::tasks:
      return "tasks";
    case Part::notes:
      return "notes";
  }
  return "?";
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || small(pattern[p]) == small(text[t]))) {
      ++p, ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

Result<Sites> Sites::read(const Ini& ini) {
  Sites sites;
  sites.file_ = ini.file;
  for (const auto& section : ini.sections) {
    if (section.kind != "site") continue;
    auto site = read_site(ini, section);
    if (!site) return std::unexpected(site.error());
    for (const auto& other : sites.sites_)
      for (const auto& pattern : site->users)
        if (std::ranges::find(other.users, pattern) != other.users.end())
          return fault(FaultKind::invalid, place(ini, section.find("users")->line),
                       fmt::format("users {} are in [site:{}] already", pattern, other.name));
    sites.sites_.push_back(std::move(*site));
  }
  return sites;
}

Result<Chosen> Sites::of(std::string_view user) const {
  Chosen best;
  for (const auto& site : sites_)
    for (const auto& pattern : site.users)
      if (matches(pattern, user) && (!best.site || weight(pattern) > weight(best.pattern))) best = {&site, pattern};
  if (!best.site)
    return fault(FaultKind::not_found, file_,
                 fmt::format("no [site:…] in {} has a users pattern that fits {}; add one", file_, user));
  return best;
}

std::string Sites::manual() { return table().manual(); }
std::string Sites::sample() { return table().sample(); }

}  // namespace tidegate::config
