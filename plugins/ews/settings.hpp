// SPDX-License-Identifier: Apache-2.0
// The keys of a [backend:…] section with plugin = ews.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/sim/network.hpp"
#include "core/token/settings.hpp"
#include "core/web/client.hpp"
#include "core/web/service.hpp"
#include "plugins/ews/requests.hpp"

namespace tidegate::ews {

/// Who logs in: one account that acts for all users, by password or by token, or each user himself.
enum class Auth : std::uint8_t { impersonation, token, password_dir, user_token };

struct Settings {
  web::Url url;               ///< no host: where each mailbox is Autodiscover says
  bool autodiscover = false;  ///< the same beside a url, which is then for what is no mailbox's
  web::Url autodiscover_url;  ///< no host: as the address's domain has it
  std::optional<web::NameServer> dns;
  std::vector<std::string> hosts;
  std::string ca_file;
  Auth auth = Auth::impersonation;
  web::Login::Scheme scheme = web::Login::Scheme::basic;
  std::string admin;
  std::string password_dir;
  token::Settings token;
  bool local_part_login = false;
  sim::Route route;
  std::chrono::milliseconds connect_timeout{30'000};
  std::string time_zone = "UTC";
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
