// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/plugin.hpp"

#include "core/sdk/abi.hpp"
#include "core/sdk/plugin_of.hpp"
#include "plugins/imap/backend.hpp"

namespace tidegate::imap {

Plugin* make_plugin() {
  static PluginOf<ImapBackend, settings_table, parse_settings> plugin;
  return &plugin;
}

}  // namespace tidegate::imap

TIDEGATE_PLUGIN("imap", "0.1.0", tidegate::imap::make_plugin)
