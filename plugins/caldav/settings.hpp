// SPDX-License-Identifier: Apache-2.0
// The keys of a [backend:…] section with plugin = caldav.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/token/settings.hpp"
#include "core/web/client.hpp"
#include "core/web/service.hpp"

namespace tidegate::caldav {

/// Whose login it is, and how the server learns for whom we act.
enum class Auth : std::uint8_t {
  password_dir,  ///< each user's own
  token,         ///< each user's own, or one for all
  admin,         ///< one account, which may see all homes (`principal` says where)
  authzid,       ///< one account, and Authorize-As: USER (Cyrus)
  remote_user    ///< no login; the server trusts a field from this host
};

struct Settings {
  web::Url url;        ///< with a domain: of its own web server
  std::string domain;  ///< DNS says where the servers are; empty: url does
  std::optional<web::NameServer> dns;
  Auth auth = Auth::password_dir;
  web::Login::Scheme scheme = web::Login::Scheme::basic;
  std::string admin, password_dir;
  std::string remote_user_header = "X-Remote-User";
  std::string principal;  ///< path with {user} and {local} in it; empty: asked of the server
  bool local_part_login = false;
  std::vector<std::string> hosts;  ///< others where credentials may go; ".example.com": all below
  token::Settings token;
  std::chrono::milliseconds compare{std::chrono::hours(24)};
  web::ClientSettings client;
};

std::span<const Setting> settings_table() noexcept;
/// Fault invalid names the key.
Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values);

/// The principal's path for that user; the name percent-encoded.
std::string principal_path(const std::string& pattern, const std::string& user);

}  // namespace tidegate::caldav
