// SPDX-License-Identifier: Apache-2.0
// The keys of a [backend:…] section with plugin = ews.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/sdk/store.hpp"
#include "core/sim/network.hpp"
#include "core/web/client.hpp"
#include "plugins/ews/requests.hpp"

namespace tidegate::ews {

enum class Auth : std::uint8_t { impersonation, password_dir, token };

struct Settings {
  web::Url url;
  std::string ca_file;
  Auth auth = Auth::impersonation;
  web::Login::Scheme scheme = web::Login::Scheme::basic;
  std::string admin;
  std::string password_dir;
  std::string token_command;
  std::chrono::milliseconds token_lifetime{1'800'000};
  bool local_part_login = false;
  sim::Route route;
  std::chrono::milliseconds connect_timeout{30'000};
  unsigned requests_at_once = 10;
  unsigned batch = 50;
  Version version = Version::exchange2013_sp1;
  bool streaming = true;
  int stream_minutes = 29;
  unsigned stream_mailboxes = 200;
};

std::span<const Setting> settings_table() noexcept;
Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values);

}  // namespace tidegate::ews
