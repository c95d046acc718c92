// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/windows.hpp"

#include <algorithm>

namespace tidegate::e2e {

std::int64_t since(const std::vector<Window>& windows, const Gid& folder, Kind kind) {
  if (windows.empty()) return INT64_MIN;
  auto found = std::ranges::find(windows, folder, &Window::folder);
  if (found == windows.end()) found = std::ranges::find(windows, Gid{}, &Window::folder);
  const auto from = found == windows.end() ? nowhere : found->since;
  return kind == Kind::mail || from == nowhere ? from : INT64_MIN;
}

bool covered(const std::vector<Window>& windows, const std::vector<Gid>& folders, Kind kind, std::int64_t received) {
  const auto reaches = [&](const Gid& folder) {
    const auto from = since(windows, folder, kind);
    return from != nowhere && received >= from;
  };
  return folders.empty() ? reaches(Gid{}) : std::ranges::any_of(folders, reaches);
}

Instances instances(const std::vector<Window>& windows, Kind kind) {
  if (kind != Kind::event && kind != Kind::task) return {};
  const auto found = std::ranges::find(windows, Gid{}, &Window::folder);
  return found == windows.end() ? Instances{} : Instances{found->events_from, found->events_until};
}

}  // namespace tidegate::e2e
