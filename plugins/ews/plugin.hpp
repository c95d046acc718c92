// SPDX-License-Identifier: Apache-2.0
// The ews plugin, also for programs that link it instead of loading it.
#pragma once
#include "core/sdk/store.hpp"

namespace tidegate::ews {
/// Called once a process; never deleted.
Plugin* make_plugin();
}  // namespace tidegate::ews
