// SPDX-License-Identifier: Apache-2.0
// What this device wants of the mailbox (`tidegate-device policy`): kept in device.db (note "policy"), told to the
// gateway in Hello and whenever it changes. Folders are named by their path, as the Folders message tells their names:
// "INBOX", "Work/Plans"; those of other mailboxes than the first begin with its address. Beside a running device, which
// notices at its next look. Failures are Trouble.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "device/index.hpp"

namespace tidegate::device {

struct NamedFolder {
  std::string path;
  FolderRow row;
};
std::vector<NamedFolder> named_folders(Index&);  ///< in the order of paths, the inbox first
Result<FolderRow> find_folder(const std::vector<NamedFolder>&, const std::string& path);

e2e::Settings read_policy(Index&);  ///< nothing was chosen, or it cannot be read: everything is wanted
void store_policy(Index&, const e2e::Settings&);

/// As given on the command line; what is empty stays as it is.
struct PolicyChange {
  bool all_folders = false;
  std::vector<std::string> only;     ///< no other folders than these
  std::vector<std::string> with;     ///< these, too
  std::vector<std::string> without;  ///< all but these
  std::string days;                  ///< a number, or "all"
  std::string folder;                ///< `days` is for this one alone; then also "usual": as for the others
  std::string events_back;           ///< of calendars: a number of days, or "all"
  std::string events_ahead;          ///< the same
  std::string largest;               ///< octets, with K, M or G; or "none"
  std::string on_demand;             ///< "yes" or "no"
  bool empty() const;
};
/// Fault invalid or not_found says what is wrong with it; nothing is changed then.
Result<void> change_policy(Index&, const PolicyChange&);

std::string policy_text(Index&);
/// {"all_folders":…,"days_back":n,"events_back":n,"events_ahead":n,"largest":n,"on_demand":…,"folders":[{"path":…,"wanted":…,"days_back":n}]};
/// 0: all, no limit. Every folder is named, with what counts for it.
std::string policy_json(Index&);

}  // namespace tidegate::device
