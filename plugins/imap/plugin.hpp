// SPDX-License-Identifier: Apache-2.0
// The imap plugin, also for programs that link it instead of loading it.
#pragma once
#include "core/sdk/store.hpp"

namespace tidegate::imap {
/// Called once a process; never deleted.
Plugin* make_plugin();
}  // namespace tidegate::imap
