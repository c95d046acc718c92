// SPDX-License-Identifier: Apache-2.0
// The gateway's ini: [gateway], [link], [backend:NAME], [site:NAME], read as a whole and refused as a whole.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>

#include "core/config/settings.hpp"
#include "core/config/site.hpp"
#include "core/link/settings.hpp"

namespace tidegate::gateway {

enum class Pairing : std::uint8_t { mail, admin };

struct Settings {
  std::string relay;
  std::filesystem::path state, plugins, control;
  std::string name, control_group;
  Pairing pairing = Pairing::mail;
  std::chrono::milliseconds pairing_expires{};
  std::uint64_t page_cache = 0, content_cache = 0, inline_up_to = 0;
  std::chrono::milliseconds poll_folders{}, sweep{}, alive{};
  std::string log_level;
};
const config::Table<Settings>& table();

struct Config {
  Settings gateway;
  link::Settings link;
  config::Ini ini;
  config::Sites sites;
};
/// Faults: invalid at file:line; what reading the file says.
Result<Config> read_config(const std::string& path);
Result<Config> read_config(config::Ini ini);
/// The annotated sample for etc/, without the plugins' own keys.
std::string sample_config();

}  // namespace tidegate::gateway
