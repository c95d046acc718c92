// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/settings.hpp"

#include <unistd.h>

#ifndef TIDEGATE_PLUGIN_DIR
#define TIDEGATE_PLUGIN_DIR "/usr/lib/tidegate/plugins"
#endif

namespace tidegate::gateway {
using namespace std::chrono_literals;

const config::Table<Settings>& table() {
  static const config::Table<Settings> table{
      "gateway",
      "What this gateway is, where it keeps its state, and how patient it is.",
      {config::text("relay", &Settings::relay, config::required, "Address of the relay: https://host[:port]."),
       config::path("state", &Settings::state, "/var/lib/tidegate", "Directory of the state; made if it isn't there."),
       config::path("plugins", &Settings::plugins, TIDEGATE_PLUGIN_DIR,
                    "Directory of the back-end plugins: plugin = imap is imap.so in it."),
       config::path("control", &Settings::control, "",
                    "Unix socket for tidegatectl; default: control.sock in the state directory."),
       config::text("control_group", &Settings::control_group, "",
                    "Members of this group may use tidegatectl, besides root and the gateway's own user."),
       config::text("name", &Settings::name, "", "Name shown to users and at the relay; default: the host's name."),
       config::choice(
           "pairing", &Settings::pairing, "mail",
           "How a user gets a pairing code: mail = by a welcome mail into his own mailbox when he is added; admin = "
           "only by tidegatectl pair.",
           {{"mail", Pairing::mail}, {"admin", Pairing::admin}}),
       config::duration("pairing_expires", &Settings::pairing_expires, "72h", "A pairing code is good for this long.",
                        1min, 30 * 24h),
       config::size("page_cache", &Settings::page_cache, "64 MiB", "Memory for the pages of the log's database.",
                    1 << 20),
       config::size("content_cache", &Settings::content_cache, "64 MiB",
                    "Memory for contents on their way, all users together.", 1 << 20),
       config::size("inline_up_to", &Settings::inline_up_to, "256 KiB",
                    "Contents up to this size are fetched along with the change that tells of them.", 0, 16 << 20),
       config::duration("poll_folders", &Settings::poll_folders, "60s",
                        "Folders that a back-end does not watch are asked this often.", 1s, 24h),
       config::duration("sweep", &Settings::sweep, "15m", "Everything is asked this often, whatever was hinted.", 10s,
                        24h),
       config::duration("alive", &Settings::alive, "4m",
                        "Each end of a device session says that it is alive this often.", 1s, 1h),
       config::choice(
           "log_level", &Settings::log_level, "info", "How much is logged.",
           std::vector<std::pair<std::string, std::string>>{
               {"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warning", "warning"}, {"error", "err"}})}};
  return table;
}

Result<Config> read_config(config::Ini ini) {
  if (auto known = config::only_sections(ini, {"gateway", "link", "backend", "site"}); !known)
    return std::unexpected(known.error());
  auto gateway = table().read(ini);
  if (!gateway) return std::unexpected(gateway.error());
  auto link = link::table().read(ini);
  if (!link) return std::unexpected(link.error());
  auto sites = config::Sites::read(ini);
  if (!sites) return std::unexpected(sites.error());
  link->relay = gateway->relay;
  if (gateway->control.empty()) gateway->control = gateway->state / "control.sock";
  if (gateway->name.empty()) {
    char host[256] = "gateway";
    ::gethostname(host, sizeof host - 1);
    gateway->name = host;
  }
  return Config{std::move(*gateway), std::move(*link), std::move(ini), std::move(*sites)};
}

Result<Config> read_config(const std::string& path) {
  auto ini = config::read_ini(path);
  if (!ini) return std::unexpected(ini.error());
  return read_config(std::move(*ini));
}

std::string sample_config() {
  return table().sample() + "\n" + link::table().sample() + "\n" + config::Sites::sample();
}

}  // namespace tidegate::gateway
