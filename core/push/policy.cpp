// SPDX-License-Identifier: Apache-2.0
#include "core/push/policy.hpp"

#include <algorithm>
#include <climits>

#include "core/e2e/windows.hpp"

namespace tidegate::push {
namespace {

constexpr std::int64_t day = 86400;
constexpr std::int64_t days_most = 365'000;  // beyond that lies nothing that was ever received

/// Inbox first, then what people read, the rest behind.
int order_of(const store::FolderRow& folder) {
  switch (folder.role) {
    case Role::inbox:
      return 0;
    case Role::calendar:
    case Role::contacts:
    case Role::tasks:
      return 1;
    case Role::none:
    case Role::drafts:
    case Role::sent:
      return 2;
    case Role::archive:
      return 3;
    case Role::junk:
    case Role::trash:
      return 4;
  }
  return 5;
}

std::int64_t begin_of(std::uint32_t days_back, std::int64_t now_unix) {
  if (days_back == 0 || days_back > days_most) return INT64_MIN;
  const auto today = now_unix - ((now_unix % day) + day) % day;
  return today - days_back * day;
}

/// Instances from `from` on, up to the end of the last day ahead.
void set_instances(e2e::Window& window, const e2e::Settings& settings, std::int64_t now_unix) {
  if (settings.events_back == 0 && settings.days_ahead == 0) return;
  window.events_from = begin_of(settings.events_back, now_unix);
  const auto today = now_unix - ((now_unix % day) + day) % day;
  const bool all = settings.days_ahead == 0 || settings.days_ahead > days_most;
  window.events_until = all ? INT64_MAX : today + (std::int64_t{settings.days_ahead} + 1) * day;
}

/// Whether there are instances that `before` has not.
bool wider(const e2e::Instances& after, const e2e::Instances& before) {
  if (before.all()) return false;
  return after.all() || after.from < before.from || after.until > before.until;
}

/// What is left of the jobs of a folder when it is wanted from `since` on only.
void narrow(std::vector<e2e::Job>& jobs, const store::Gid& folder, std::int64_t since) {
  std::erase_if(jobs, [&](const e2e::Job& job) {
    return job.folder == folder && !job.done && (since == e2e::nowhere || job.below_received < since);
  });
  for (auto& job : jobs)
    if (job.folder == folder) job.until = std::max(job.until, since);
}

}  // namespace

std::vector<e2e::Window> no_windows() { return {{.folder = {}, .since = e2e::nowhere}}; }

std::vector<e2e::Window> windows_of(const e2e::Settings& settings, const std::vector<store::FolderRow>& folders,
                                    std::int64_t now_unix) {
  const auto usual = settings.all_folders ? begin_of(settings.days_back, now_unix) : e2e::nowhere;
  std::vector<e2e::Window> windows{{.folder = {}, .since = usual}};
  set_instances(windows.front(), settings, now_unix);
  for (const auto& choice : settings.folders) {
    if (std::ranges::find(folders, choice.folder, &store::FolderRow::gid) == folders.end()) continue;  // another view's
    if (std::ranges::find(windows, choice.folder, &e2e::Window::folder) != windows.end()) continue;
    const auto days = choice.days_back == 0 ? settings.days_back : choice.days_back;
    const auto since = choice.wanted ? begin_of(days, now_unix) : e2e::nowhere;
    if (since != usual) windows.push_back({choice.folder, since});
  }
  if (windows == std::vector<e2e::Window>(1)) windows.clear();
  return windows;
}

void cover(e2e::Position& position, std::vector<e2e::Window> windows, std::vector<store::FolderRow> folders) {
  std::ranges::sort(folders, {}, [](const auto& each) { return std::pair(order_of(each), each.name); });
  for (const auto& job : position.jobs) position.last_job = std::max(position.last_job, job.id);
  for (const auto& folder : folders) {
    if (folder.gone) continue;
    const auto before = e2e::since(position.windows, folder.gid, folder.kind);
    const auto after = e2e::since(windows, folder.gid, folder.kind);
    if (after > before) narrow(position.jobs, folder.gid, after);
    const auto had = e2e::instances(position.windows, folder.kind);
    if (after == before && after != e2e::nowhere && wider(e2e::instances(windows, folder.kind), had))
      position.jobs.push_back({.id = ++position.last_job,
                               .folder = folder.gid,
                               .snapshot = position.live,
                               .had_from = had.from,
                               .had_until = had.until});
    if (after < before)
      position.jobs.push_back({.id = ++position.last_job,
                               .folder = folder.gid,
                               .snapshot = position.live,
                               .below_received = before,
                               .below_gid = {},
                               .until = after});
  }
  std::ranges::sort(position.jobs, {}, [&](const e2e::Job& job) {
    const auto of = std::ranges::find(folders, job.folder, &store::FolderRow::gid);
    return std::pair(of == folders.end() ? INT_MAX : order_of(*of), job.id);
  });
  position.windows = std::move(windows);
}

}  // namespace tidegate::push
