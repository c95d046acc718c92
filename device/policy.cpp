// SPDX-License-Identifier: Apache-2.0
#include "device/policy.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <span>

#include <fmt/format.h>

#include "device/display.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr const char* note_key = "policy";
constexpr int depth_limit = 64;
constexpr std::uint32_t days_most = 36500;
constexpr std::uint64_t largest_least = 4096;  // a stub is about that long

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  return wrong == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> octets_of(std::string_view text) {
  if (text == "none") return 0;
  unsigned shift = 0;
  if (const auto unit = std::string_view("KMG").find(text.empty() ? '-' : text.back());
      unit != std::string_view::npos) {
    shift = 10 * (static_cast<unsigned>(unit) + 1);
    text.remove_suffix(1);
  }
  const auto value = number_of<std::uint64_t>(text);
  if (!value || *value > (UINT64_MAX >> 20 >> shift)) return std::nullopt;
  return *value << shift;
}

e2e::FolderChoice& choice_of(e2e::Settings& settings, const Gid& folder) {
  const auto found = std::ranges::find(settings.folders, folder, &e2e::FolderChoice::folder);
  if (found != settings.folders.end()) return *found;
  settings.folders.push_back({.folder = folder, .wanted = settings.all_folders});
  return settings.folders.back();
}

std::unexpected<Fault> wrong(std::string text) { return fault(FaultKind::invalid, "policy", std::move(text)); }

Result<void> change_folders(e2e::Settings& settings, const PolicyChange& change,
                            const std::vector<NamedFolder>& folders) {
  const auto choose = [&](const std::vector<std::string>& paths, bool wanted) -> Result<void> {
    for (const auto& path : paths) {
      const auto folder = find_folder(folders, path);
      if (!folder) return std::unexpected(folder.error());
      choice_of(settings, folder->info.gid).wanted = wanted;
    }
    return {};
  };
  if (change.all_folders || !change.only.empty()) {
    settings.all_folders = change.only.empty();
    for (auto& each : settings.folders) each.wanted = settings.all_folders;
  }
  if (auto done = choose(change.only, true); !done) return done;
  if (auto done = choose(change.with, true); !done) return done;
  return choose(change.without, false);
}

Result<void> change_days(e2e::Settings& settings, const PolicyChange& change, const std::vector<NamedFolder>& folders) {
  if (change.days.empty()) return change.folder.empty() ? Result<void>() : wrong("--folder needs --days.");
  const bool usual = change.days == "usual" && !change.folder.empty();
  auto days = number_of<std::uint32_t>(change.days);
  if (days == 0) days.reset();
  if (change.days == "all" || usual) days = 0;
  if (!days || *days > days_most) return wrong("--days takes a number from 1 to 36500, or all.");
  if (change.folder.empty()) {
    settings.days_back = *days;
    return {};
  }
  const auto folder = find_folder(folders, change.folder);
  if (!folder) return std::unexpected(folder.error());
  choice_of(settings, folder->info.gid).days_back = usual ? 0 : *days == 0 ? e2e::all_days : *days;
  return {};
}

Result<void> change_events(e2e::Settings& settings, const PolicyChange& change) {
  const auto set = [](const std::string& said, const char* option, std::uint32_t& days) -> Result<void> {
    if (said.empty()) return {};
    const auto number = said == "all" ? std::optional(0U) : number_of<std::uint32_t>(said);
    if (!number || *number > days_most || (*number == 0 && said != "all"))
      return wrong(fmt::format("{} takes a number from 1 to 36500, or all.", option));
    days = *number;
    return {};
  };
  if (auto done = set(change.events_back, "--events-back", settings.events_back); !done) return done;
  return set(change.events_ahead, "--events-ahead", settings.days_ahead);
}

std::string events_text(const e2e::Settings& settings) {
  const auto days = [](std::uint32_t count) {
    return count == 0 ? std::string("all") : count == 1 ? std::string("one day") : fmt::format("{} days", count);
  };
  if (settings.events_back == 0 && settings.days_ahead == 0) return "all of them";
  return fmt::format("those with an instance within {} back and {} ahead", days(settings.events_back),
                     days(settings.days_ahead));
}

Result<void> change_bodies(e2e::Settings& settings, const PolicyChange& change) {
  if (!change.largest.empty()) {
    const auto octets = octets_of(change.largest);
    if (!octets || (*octets != 0 && *octets < largest_least))
      return wrong("--largest takes a size from 4K on (200K, 5M), or none.");
    settings.largest_inline = *octets;
  }
  if (!change.on_demand.empty() && change.on_demand != "yes" && change.on_demand != "no")
    return wrong("--on-demand takes yes or no.");
  if (!change.on_demand.empty()) settings.attachments_on_demand = change.on_demand == "yes";
  return {};
}

std::string days_text(std::uint32_t days) {
  if (days == 0 || days == e2e::all_days) return "all of it";
  return days == 1 ? "since yesterday" : fmt::format("the last {} days", days);
}

/// What counts for a folder: whether it is wanted, and how many days of it (0: all).
std::pair<bool, std::uint32_t> counts_for(const e2e::Settings& settings, const FolderRow& row) {
  const auto found = std::ranges::find(settings.folders, row.info.gid, &e2e::FolderChoice::folder);
  if (found == settings.folders.end()) return {settings.all_folders, settings.days_back};
  const auto days = found->days_back == 0 ? settings.days_back : found->days_back;
  return {found->wanted, days == e2e::all_days ? 0 : days};
}

}  // namespace

std::vector<NamedFolder> named_folders(Index& index) {
  std::vector<NamedFolder> out;
  const auto views = index.views();
  for (const auto& view : views) {
    const auto rows = index.folders(view.view);
    std::map<Gid, const FolderRow*> by_gid;
    for (const auto& row : rows) by_gid[row.info.gid] = &row;
    for (const auto& row : rows) {
      std::string path = row.info.name;
      auto parent = by_gid.find(row.info.parent);
      for (int depth = 0; depth < depth_limit && parent != by_gid.end(); ++depth) {
        path = parent->second->info.name + "/" + path;
        parent = by_gid.find(parent->second->info.parent);
      }
      out.push_back({view.view == views.front().view ? path : view.name + "/" + path, row});
    }
  }
  std::ranges::sort(out, {},
                    [](const NamedFolder& each) { return std::pair(each.row.info.role != Role::inbox, each.path); });
  return out;
}

Result<FolderRow> find_folder(const std::vector<NamedFolder>& folders, const std::string& path) {
  for (const auto& each : folders)
    if (each.path == path || (lower(path) == "inbox" && lower(each.path) == "inbox")) return each.row;
  return fault(FaultKind::not_found, "folder",
               folders.empty() ? "The folders are not known yet: let `tidegate-device run` connect once first."
                               : "There is no folder " + path + ": `tidegate-device policy` names those there are.");
}

bool PolicyChange::empty() const {
  return !all_folders && only.empty() && with.empty() && without.empty() && days.empty() && folder.empty() &&
         events_back.empty() && events_ahead.empty() && largest.empty() && on_demand.empty();
}

e2e::Settings read_policy(Index& index) {
  const auto octets = index.note(note_key);
  if (octets.empty()) return {};
  auto message = e2e::decode_to_gateway(std::as_bytes(std::span(octets)));
  auto* settings = message ? std::get_if<e2e::Settings>(&*message) : nullptr;
  return settings == nullptr ? e2e::Settings{} : std::move(*settings);
}

void store_policy(Index& index, const e2e::Settings& settings) {
  index.note(note_key, e2e::encode(e2e::ToGateway(settings)));
}

Result<void> change_policy(Index& index, const PolicyChange& change) {
  if (!change.only.empty() && change.all_folders) return wrong("--only and --all-folders contradict each other.");
  Transaction together(index.database());
  auto settings = read_policy(index);
  const auto folders = named_folders(index);
  if (auto done = change_folders(settings, change, folders); !done) return done;
  if (auto done = change_days(settings, change, folders); !done) return done;
  if (auto done = change_events(settings, change); !done) return done;
  if (auto done = change_bodies(settings, change); !done) return done;
  // Choices that say nothing, and those of folders that are gone.
  std::erase_if(settings.folders, [&](const e2e::FolderChoice& each) {
    const bool there =
        std::ranges::any_of(folders, [&](const NamedFolder& one) { return one.row.info.gid == each.folder; });
    return !there || (each.wanted == settings.all_folders && each.days_back == 0);
  });
  if (settings.folders.size() > e2e::max_choices) return wrong("That names too many folders.");
  store_policy(index, settings);
  together.commit();
  return {};
}

std::string policy_text(Index& index) {
  const auto settings = read_policy(index);
  auto out =
      fmt::format("folders     {}\ndays back   {}\n", settings.all_folders ? "all, also new ones" : "only those named",
                  days_text(settings.days_back));
  out += fmt::format("events      {}\n", events_text(settings));
  out += settings.largest_inline == 0 ? "largest     no limit\n"
                                      : fmt::format("largest     {}; larger messages come without what makes them so\n",
                                                    size_text(settings.largest_inline));
  out += fmt::format("attachments {}\n",
                     settings.attachments_on_demand ? "on demand (tidegate-device fetch)" : "come along");
  for (const auto& [path, row] : named_folders(index)) {
    const auto [wanted, days] = counts_for(settings, row);
    out += fmt::format("  {} {}: {}\n", wanted ? '+' : '-', path, wanted ? days_text(days) : "not here");
  }
  return out;
}

std::string policy_json(Index& index) {
  const auto settings = read_policy(index);
  std::string folders;
  for (const auto& [path, row] : named_folders(index)) {
    const auto [wanted, days] = counts_for(settings, row);
    folders += fmt::format(R"({}{{"path":{},"wanted":{},"days_back":{}}})", folders.empty() ? "" : ",", json_text(path),
                           wanted, days);
  }
  return fmt::format(
      R"({{"all_folders":{},"days_back":{},"events_back":{},"events_ahead":{},"largest":{},"on_demand":{},)"
      R"("folders":[{}]}})"
      "\n",
      settings.all_folders, settings.days_back, settings.events_back, settings.days_ahead, settings.largest_inline,
      settings.attachments_on_demand, folders);
}

}  // namespace tidegate::device
