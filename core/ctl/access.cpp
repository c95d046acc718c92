// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/access.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tidegate::ctl {
namespace {

constexpr std::size_t name_buffer = 16384;
constexpr int most_groups = 4096;

std::optional<gid_t> gid_of(const std::string& group) {
  std::vector<char> buffer(name_buffer);
  struct group entry{};
  struct group* found = nullptr;
  if (getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return std::nullopt;
  return entry.gr_gid;
}

bool is_member(uid_t uid, gid_t gid) {
  std::vector<char> buffer(name_buffer);
  struct passwd entry{};
  struct passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return false;
  std::vector<gid_t> groups(most_groups);
  int count = most_groups;
  if (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) return false;
  return std::find(groups.begin(), groups.begin() + count, gid) != groups.begin() + count;
}

std::unexpected<Fault> no_group(const std::string& group) {
  return fault(FaultKind::not_found, "control_group",
               fmt::format("There is no group \"{}\" on this machine; add it or correct "
                           "the configuration.",
                           group));
}

}  // namespace

Result<Access> access_for(const std::string& group) {
  const int own = static_cast<int>(geteuid());
  if (group.empty()) return [own](int uid) { return uid == 0 || uid == own; };
  const auto gid = gid_of(group);
  if (!gid) return no_group(group);
  return [own, gid = *gid](int uid) {
    return uid == 0 || uid == own || (uid > 0 && is_member(static_cast<uid_t>(uid), gid));
  };
}

Result<void> open_to_group(const std::string& socket, const std::string& group) {
  mode_t mode = S_IRUSR | S_IWUSR;
  if (!group.empty()) {
    const auto gid = gid_of(group);
    if (!gid) return no_group(group);
    mode |= S_IRGRP | S_IWGRP;
    if (chown(socket.c_str(), static_cast<uid_t>(-1), *gid) != 0)
      return fault(FaultKind::denied, socket,
                   fmt::format("The administration socket cannot be given to group \"{}\"; the daemon's user must be "
                               "a member of it.",
                               group),
                   std::strerror(errno));
  }
  if (chmod(socket.c_str(), mode) != 0)
    return fault(FaultKind::denied, socket, "The administration socket's permissions cannot be set.",
                 std::strerror(errno));
  return {};
}

}  // namespace tidegate::ctl
