// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/settings.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <unistd.h>

#include "core/link/url.hpp"

#ifndef TIDEGATE_PLUGIN_DIR
#define TIDEGATE_PLUGIN_DIR "../lib/tidegate/plugins"
#endif

namespace tidegate::gateway {
using namespace std::chrono_literals;

const config::Table<Settings>& table() {
  static const config::Table<Settings> table{
      "gateway",
      "What this gateway is, where it keeps its state, and how patient it is.",
      {config::text("relay", &Settings::relay, config::required, "Address of the relay: https://host[:port].",
                    [](std::string_view given) {
                      return link::parse_relay(given) ? "" : "must be https://host or https://host:port";
                    }),
       config::path("state", &Settings::state, "/var/lib/tidegate", "Directory of the state; made if it isn't there."),
       config::path("plugins", &Settings::plugins, "",
                    "Directory of the back-end plugins: plugin = imap is imap.so in it; default: where they were "
                    "installed with this program."),
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
       config::boolean(
           "suite_vmes_1", &Settings::suite_vmes_1, "no",
           "Whether old terminals of suite vmes-1 may be admitted (tidegatectl device add) and come. Neither end "
           "proves "
           "who it is: whoever runs the relay can stand in the middle and read all of that user's data, or enrol a "
           "device himself. Each is admitted by hand, for a time, and shown as readable by the relay."),
       config::boolean("suite_none", &Settings::suite_none, "no",
                       "The same for terminals without any end-to-end encryption: the relay reads what they get as it "
                       "passes."),
       config::size("page_cache", &Settings::page_cache, "64 MiB", "Memory for the pages of the log's database.",
                    1 << 20),
       config::size("content_cache", &Settings::content_cache, "64 MiB",
                    "Memory for contents on their way, all users together.", 1 << 20),
       config::size("inline_up_to", &Settings::inline_up_to, "256 KiB",
                    "Contents up to this size are fetched along with the change that tells of them.", 0, 16 << 20),
       config::duration("poll_folders", &Settings::poll_folders, "60s",
                        "Folders that a back-end does not watch are asked this often.", 1s, 24h),
       config::integer(
           "hold_share", &Settings::hold_share, "50",
           "If more than so many percent of a folder (and more than 20 messages) disappear from a server at "
           "once, they stay on the devices until tidegatectl hold says whether that was meant. 0: never "
           "asks.",
           0, 100),
       config::choice("backup", &Settings::backup, "relay",
                      "Where a copy of the state goes, sealed with the recovery key, for tidegated restore: relay or "
                      "none.",
                      {{"relay", Backups::relay}, {"none", Backups::none}}),
       config::duration("backup_every", &Settings::backup_every, "24h", "A backup is made this often.", 1min, 30 * 24h),
       config::duration("backup_soon", &Settings::backup_soon, "1m",
                        "And so long after a pairing, a revocation, or a user that came or went.", 1s, 24h),
       config::duration(
           "quarantine_retry", &Settings::quarantine_retry, "1h",
           "A message that cannot be read is tried again after this time, later ever more seldom, at least "
           "once a day.",
           1s, 24h),
       config::integer(
           "removals_per_hour", &Settings::removals_per_hour, "500",
           "So many messages may one device remove at once, and so many an hour. More are refused to it and "
           "kept until tidegatectl hold says whether they were meant. 0: no limit.",
           0, 1'000'000),
       config::choice("send_unknown", &Settings::send_unknown, "ask",
                      "What becomes of a message if the outgoing server was lost before it confirmed: the device asks "
                      "its user, or it is sent once more, with the same Message-ID. Invitations are never sent again "
                      "without being asked for.",
                      {{"ask", SendUnknown::ask}, {"resend", SendUnknown::resend}}),
       config::duration("alive", &Settings::alive, "4m",
                        "Each end of a device session says that it is alive this often.", 1s, 1h),
       config::choice(
           "log_level", &Settings::log_level, "info", "How much is logged.",
           std::vector<std::pair<std::string, std::string>>{
               {"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warning", "warn"}, {"error", "err"}})}};
  return table;
}

Result<void> find_files(const config::Ini& ini) {
  for (const auto& section : ini.sections)
    for (const auto& [key, path, line] : section.values) {
      if (path.empty() || !(key.ends_with("_file") || key.ends_with("_dir"))) continue;
      if (::access(path.c_str(), R_OK) == 0) continue;
      const bool denied = errno == EACCES;
      return fault(denied ? FaultKind::denied : FaultKind::not_found, config::place(ini, line),
                   fmt::format("{} = {}: {}", key, path,
                               denied ? "it may not be read; run this as the gateway's user, or check owner and mode"
                                      : "it is not there; check the path"));
    }
  return {};
}

std::string state_path(const Config& config) { return config.gateway.state / "state.db"; }
std::string recovery_path(const Config& config) { return config.gateway.state / "recovery.key"; }

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
  if (gateway->plugins.empty()) gateway->plugins = plugin_directory();
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

std::filesystem::path plugin_directory() {
  std::error_code failed;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
  for (const auto* place : {TIDEGATE_PLUGIN_DIR, "../plugins"})  // installed; in a build tree
    if (auto path = (program / place).lexically_normal(); std::filesystem::is_directory(path, failed)) return path;
  return (program / TIDEGATE_PLUGIN_DIR).lexically_normal();
}

std::string sample_config(plugin::Plugins& plugins, const std::filesystem::path& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& file : std::filesystem::directory_iterator(directory, failed))
    if (file.path().extension() == ".so") names.push_back(file.path().stem());
  std::ranges::sort(names);
  auto out = table().sample() + "\n" + link::table().sample() + "\n";
  for (const auto& name : names)
    if (auto section = plugins.sample(name)) out += *section + "\n";
  if (names.empty()) out += plugin::backend_table().sample() + "\n";
  return out + config::Sites::sample();
}

}  // namespace tidegate::gateway
