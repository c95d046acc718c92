// SPDX-License-Identifier: Apache-2.0
// Who may administer this gateway: root, the daemon's own user, and the members of one group if the ini names it.
#pragma once
#include <functional>
#include <string>

#include "core/sdk/fault.hpp"

namespace tidegate::ctl {

using Access = std::function<bool(int uid)>;  ///< reactor thread; uid -1: unknown

/// For a real process. Fault not_found: there is no such group. May ask the name service (NSS) for users who are
/// neither root nor the daemon's.
Result<Access> access_for(const std::string& group);
/// Lets that group connect to the socket file (chgrp, chmod 0660); empty: the owner only (0600).
/// Faults: not_found, denied.
Result<void> open_to_group(const std::string& socket, const std::string& group);

}  // namespace tidegate::ctl
