// SPDX-License-Identifier: Apache-2.0
// The gateway's ini: [gateway], [link], [backend:NAME], [site:NAME], read as a whole and refused as a whole.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>

#include "core/config/settings.hpp"
#include "core/config/site.hpp"
#include "core/link/settings.hpp"
#include "core/plugin/plugins.hpp"

namespace tidegate::gateway {

enum class Pairing : std::uint8_t { mail, admin };
enum class Backups : std::uint8_t { none, relay };
enum class SendUnknown : std::uint8_t { ask, resend };

struct Settings {
  std::string relay;
  std::filesystem::path state, plugins, control;
  std::string name, control_group;
  Pairing pairing = Pairing::mail;
  std::chrono::milliseconds pairing_expires{};
  std::uint64_t page_cache = 0, content_cache = 0, inline_up_to = 0;
  std::chrono::milliseconds poll_folders{}, alive{}, quarantine_retry{};
  std::uint64_t hold_share = 50;  ///< percent
  bool suite_vmes_1 = false, suite_none = false;
  Backups backup = Backups::relay;
  std::chrono::milliseconds backup_every{}, backup_soon{};
  std::uint64_t removals_per_hour = 500;
  SendUnknown send_unknown = SendUnknown::ask;
  std::string log_level;
};
const config::Table<Settings>& table();

struct Config {
  Settings gateway;
  link::Settings link;
  config::Ini ini;
  config::Sites sites;
};
/// Files in the state directory: the database, the recovery key.
std::string state_path(const Config&);
std::string recovery_path(const Config&);
/// Faults: invalid at file:line; what reading the file says.
Result<Config> read_config(const std::string& path);
Result<Config> read_config(config::Ini ini);
/// Whether every KEY_file and KEY_dir that the ini names can be read by this process. Fault at file:line.
Result<void> find_files(const config::Ini&);
/// Where the plugins lie if the ini doesn't say: beside the running program, so that an installation may be moved.
std::filesystem::path plugin_directory();
/// The annotated sample for etc/: every setting, those of each plugin in the directory too.
std::string sample_config(plugin::Plugins&, const std::filesystem::path& directory);

}  // namespace tidegate::gateway
