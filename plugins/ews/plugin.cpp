// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/plugin.hpp"

#include "core/sdk/abi.hpp"
#include "core/sdk/plugin_of.hpp"
#include "plugins/ews/backend.hpp"

namespace tidegate::ews {

Plugin* make_plugin() {
  static PluginOf<EwsBackend, settings_table, parse_settings> plugin;
  return &plugin;
}

}  // namespace tidegate::ews

TIDEGATE_PLUGIN("ews", "0.1.0", tidegate::ews::make_plugin)
