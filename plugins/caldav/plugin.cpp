// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/plugin.hpp"

#include "core/sdk/abi.hpp"
#include "core/sdk/plugin_of.hpp"
#include "plugins/caldav/backend.hpp"

namespace tidegate::caldav {

Plugin* make_plugin() {
  static PluginOf<CaldavBackend, settings_table, parse_settings> plugin;
  return &plugin;
}

}  // namespace tidegate::caldav

TIDEGATE_PLUGIN("caldav", "0.1.0", tidegate::caldav::make_plugin)
