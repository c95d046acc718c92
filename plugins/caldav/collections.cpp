// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/collections.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/sdk/values.hpp"
#include "core/web/url.hpp"
#include "plugins/caldav/objects.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::string_view tree_magic = "davtree1.";

Kind kind_of(const Resource& resource) {
  if (resource.addressbook) return Kind::contact;
  const auto& components = resource.components;
  const auto has = [&](std::string_view word) { return std::ranges::find(*components, word) != components->end(); };
  if (!components || components->empty() || has("VEVENT"))
    return Kind::event;  // RFC 4791 §5.2.3: all, if none is named
  return has("VTODO") ? Kind::task : has("VJOURNAL") ? Kind::note : Kind::event;
}

Role role_of(Kind kind) {
  switch (kind) {
    case Kind::event:
      return Role::calendar;
    case Kind::task:
      return Role::tasks;
    case Kind::contact:
      return Role::contacts;
    default:
      return Role::none;
  }
}

}  // namespace

std::optional<Collection> collection_of(const Resource& resource, std::string id) {
  if (resource.other || !(resource.calendar || resource.addressbook)) return std::nullopt;
  Collection made;
  made.id = std::move(id);
  made.kind = kind_of(resource);
  made.rights = resource.rights.value_or(all_rights);
  if ((made.rights & may_read) == 0 && resource.rights) return std::nullopt;  // free-busy only
  made.syncs = resource.syncs || (resource.sync_token && !resource.sync_token->empty());
  made.name = resource.name.value_or("");
  if (made.name.empty()) made.name = web::decoded(last_segment(made.id));
  made.color = color_of(resource.color.value_or(""));
  made.token = resource.sync_token.value_or("");
  made.ctag = resource.ctag.value_or("");
  return made;
}

std::vector<Folder> folders_of(std::vector<Collection> collections) {
  std::ranges::sort(collections, {}, &Collection::id);
  const auto twice = std::ranges::unique(collections, {}, &Collection::id);
  collections.erase(twice.begin(), twice.end());
  std::vector<Folder> made;
  std::set<Role> given{Role::none};
  for (const auto& each : collections) {
    Folder folder{each.id, {}, each.id, each.name, each.kind, Role::none, each.rights, each.color};
    if (const auto role = role_of(each.kind); (each.rights & may_insert) != 0 && given.insert(role).second)
      folder.role = role;
    made.push_back(std::move(folder));
  }
  return made;
}

// CSS Color 4 §5.2: #RGB, #RGBA, #RRGGBB, #RRGGBBAA.
std::string color_of(std::string_view word) {
  std::string made(word);
  if (word.size() == 4 || word.size() == 5) {
    made = "#";
    for (const char digit : word.substr(1)) made.append(2, digit);
  }
  if (made.size() == 9) made.resize(7);
  return values::is_color(made) ? made : std::string();
}

Bytes tree_anchor(const std::vector<Folder>& folders) {
  std::string all;
  for (const auto& each : folders)
    all += fmt::format("{}\n{}\n{} {} {} {}\n", each.id, each.name, static_cast<int>(each.kind),
                       static_cast<int>(each.role), each.rights, each.color);
  return fmt::format("{}{:012x}", tree_magic, digest(all));
}

bool is_tree_anchor(View anchor) { return anchor.starts_with(tree_magic) && anchor.size() == tree_magic.size() + 12; }

std::string_view component_of(Kind kind) {
  switch (kind) {
    case Kind::event:
      return "VEVENT";
    case Kind::task:
      return "VTODO";
    case Kind::note:
      return "VJOURNAL";
    default:
      return "";
  }
}

}  // namespace tidegate::caldav
