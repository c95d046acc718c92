// SPDX-License-Identifier: Apache-2.0
// The keys of a [backend:…] section with plugin = imap.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/sdk/store.hpp"
#include "core/token/settings.hpp"

namespace tidegate::imap {

enum class Security : std::uint8_t { implicit, starttls, none };
enum class Auth : std::uint8_t { authzid, master, password_dir, token };
enum class Shown : std::uint8_t { personal, shared, all };

/// Where mail goes out; host empty: nowhere.
struct SmtpSettings {
  std::string host;
  std::uint16_t port = 465;
  Security security = Security::implicit;
  std::string admin;          ///< empty: as for IMAP
  bool own_password = false;  ///< the secret smtp_password; else the same as for IMAP
  bool trusted = false;       ///< takes mail from this host without a login
  std::uint64_t size_most = 67'108'864;
};

struct Settings {
  std::string host;
  std::uint16_t port = 993;
  Security security = Security::implicit;
  bool allow_plaintext = false;
  std::string ca_file;
  Auth auth = Auth::authzid;
  std::string admin;
  std::string separator = "*";
  std::string password_dir;
  token::Settings token;
  Shown shown = Shown::shared;
  bool local_part_login = false;  ///< log in as "ann", not "ann@example.com"
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds idle_lifetime{540'000};
  std::chrono::milliseconds flag_sweep{600'000};
  bool compress = false;  ///< RFC 4978 where offered
  bool notify = true;     ///< one connection listens to all folders (RFC 5465) where the server can
  SmtpSettings smtp;
};

std::span<const Setting> settings_table() noexcept;

/// Values come with defaults filled in by the core; missing ones take theirs here. Fault invalid names the key.
Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values);

}  // namespace tidegate::imap
