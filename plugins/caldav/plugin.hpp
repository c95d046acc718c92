// SPDX-License-Identifier: Apache-2.0
// The caldav plugin, also for programs that link it instead of loading it.
#pragma once
#include "core/sdk/store.hpp"

namespace tidegate::caldav {
/// Called once a process; never deleted.
Plugin* make_plugin();
}  // namespace tidegate::caldav
