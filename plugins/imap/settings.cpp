// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/settings.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

#include "core/sdk/values.hpp"

namespace tidegate::imap {
namespace {

constexpr std::array before{
    Setting{"host", "", "name of the IMAP server; its certificate must carry this name"},
    Setting{"port", "", "port; default 993, or 143 where tls is starttls or none"},
    Setting{"tls", "implicit", "implicit (TLS from the first octet), starttls, or none (see allow_plaintext)"},
    Setting{"allow_plaintext", "no", "yes: passwords and mail may cross the network unencrypted (tls = none)"},
    Setting{"ca_file", "", "PEM file with the authority that signed the server's certificate; default: the system's"},
    Setting{"auth", "authzid",
            "authzid: the admin account acts for each user (SASL PLAIN); master: logs in as USER*ADMIN; "
            "password_dir: each user's own password from a file; token: an OAuth 2.0 access token, from "
            "token_endpoint or token_command"},
    Setting{"admin", "", "administrative account, for auth = authzid and master"},
    Setting{"password_file", "", "file with the administrative account's password, read at each login"},
    Setting{"separator", "*", "what stands between user and admin, for auth = master"},
    Setting{"password_dir", "", "directory with one file a user, named like the user, for auth = password_dir"},
};

constexpr std::array after{
    Setting{"folders", "shared",
            "personal: the user's own folders only; shared: public ones too; all: also other users' folders that this "
            "user may see (they are served better as mailboxes of their own)"},
    Setting{"login", "full", "full: log in as ann@example.com; local: as ann"},
    Setting{"connect_timeout", "30s", "longest time for connection, TLS and login"},
    Setting{"idle_lifetime", "9m",
            "a waiting connection says IDLE again before this time is over (routers forget silent ones)"},
    Setting{"compress", "no",
            "yes: where the server can, what goes over the network is compressed (COMPRESS=DEFLATE); for slow lines: a "
            "waiting connection takes about 75 KiB more"},
    Setting{
        "notify", "yes",
        "yes: where the server can (NOTIFY), the waiting connection hears of all folders at once; no: of the inbox, "
        "and the others are polled. No is better where Dovecot hibernates idle connections (imap_hibernate_timeout): "
        "it does so without NOTIFY only, and then tells of new mail sooner"},
    Setting{"flag_sweep", "10m", "where the server has no CONDSTORE: flags of a folder are compared this often"},
    Setting{"smtp_host", "", "name of the server that sends mail (RFC 6409); none: mail can't be sent here"},
    Setting{"smtp_port", "", "its port; default 465, 587 where smtp_tls is starttls, 25 where it is none"},
    Setting{"smtp_tls", "implicit", "implicit, starttls, or none (needs allow_plaintext = yes), as tls"},
    Setting{"smtp_admin", "", "administrative account there, if it is another than admin; logs in as auth says"},
    Setting{"smtp_password_file", "", "file with its password; default: the one of password_file"},
    Setting{"smtp_trusted", "no", "yes: the server takes mail from this host without a login"},
    Setting{"smtp_size_most", "67108864", "octets; a longer message is refused without asking the server"},
};

constexpr auto table = values::joined<Setting>(before, token::settings_table, after);

bool choose_security(Security& out, const std::string& value) {
  return values::choose(out, value,
                        {{"implicit", Security::implicit}, {"starttls", Security::starttls}, {"none", Security::none}});
}

/// What is put together once all keys are known.
struct Parts {
  std::optional<std::uint16_t> imap_port, smtp_port;
  token::SettingsReader token;
};

bool assign(Settings& s, const std::string& key, const std::string& value, Parts& parts) {
  if (const auto done = parts.token.assign(key, value)) return *done;
  if (key == "host") return (s.host = value, true);
  if (key == "ca_file") return (s.ca_file = value, true);
  if (key == "admin") return (s.admin = value, true);
  if (key == "password_file") return true;  // read by the host, at each login
  if (key == "separator") return (s.separator = value, true);
  if (key == "password_dir") return (s.password_dir = value, true);
  if (key == "connect_timeout") return values::duration(s.connect_timeout, value);
  if (key == "idle_lifetime")
    return values::duration(s.idle_lifetime, value) && s.idle_lifetime < std::chrono::minutes(29);
  if (key == "compress") return values::yes_or_no(s.compress, value);
  if (key == "notify") return values::yes_or_no(s.notify, value);
  if (key == "flag_sweep") return values::duration(s.flag_sweep, value);
  if (key == "folders") {
    return values::choose(s.shown, value,
                          {{"personal", Shown::personal}, {"shared", Shown::shared}, {"all", Shown::all}});
  }
  if (key == "login") return values::choose(s.local_part_login, value, {{"full", false}, {"local", true}});
  if (key == "allow_plaintext") return values::yes_or_no(s.allow_plaintext, value);
  if (key == "tls") return choose_security(s.security, value);
  if (key == "smtp_host") return (s.smtp.host = value, true);
  if (key == "smtp_admin") return (s.smtp.admin = value, true);
  if (key == "smtp_password_file") return (s.smtp.own_password = true);
  if (key == "smtp_tls") return choose_security(s.smtp.security, value);
  if (key == "smtp_trusted") return values::yes_or_no(s.smtp.trusted, value);
  if (key == "smtp_size_most") return values::whole_number(s.smtp.size_most, value) && s.smtp.size_most > 0;
  if (key == "auth") {
    return values::choose(s.auth, value,
                          {{"authzid", Auth::authzid},
                           {"master", Auth::master},
                           {"password_dir", Auth::password_dir},
                           {"token", Auth::token}});
  }
  std::uint16_t number = 0;
  if (!values::whole_number(number, value) || number == 0) return false;
  (key == "port" ? parts.imap_port : parts.smtp_port) = number;
  return true;
}

// RFC 8314 §7.3, RFC 6409 §3.1.
std::uint16_t smtp_port(Security security) {
  switch (security) {
    case Security::implicit:
      return 465;
    case Security::starttls:
      return 587;
    case Security::none:
      return 25;
  }
  return 465;
}

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

}  // namespace

std::span<const Setting> settings_table() noexcept { return table; }

Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values) {
  Settings s;
  Parts parts;
  for (const auto& [key, value] : values) {
    const Setting* known = nullptr;
    for (const Setting& setting : table) {
      if (key == setting.key) known = &setting;
    }
    if (known == nullptr) return wrong(key, fmt::format("The imap plugin has no setting \"{}\".", key));
    if (value.empty() && *known->fallback == 0) continue;  // a default of "nothing"
    if (!assign(s, key, value, parts)) {
      return wrong(key, fmt::format("\"{}\" is no value for {}: {}.", value, key, known->doc));
    }
  }
  s.port = parts.imap_port.value_or(s.security == Security::implicit ? 993 : 143);
  s.smtp.port = parts.smtp_port.value_or(smtp_port(s.smtp.security));
  if (s.host.empty()) return wrong("host", "The imap back-end needs host = the name of its server.");
  if (s.security == Security::none && !s.allow_plaintext) {
    return wrong("tls",
                 "tls = none would send passwords and mail unencrypted: use implicit or starttls, or say "
                 "allow_plaintext = yes if this network is trusted.");
  }
  if (!s.smtp.host.empty() && s.smtp.security == Security::none && !s.allow_plaintext) {
    return wrong("smtp_tls",
                 "smtp_tls = none would send passwords and mail unencrypted: use implicit or starttls, or say "
                 "allow_plaintext = yes if this network is trusted.");
  }
  if (s.auth == Auth::password_dir && s.password_dir.empty()) {
    return wrong("password_dir", "auth = password_dir needs password_dir = the directory with the users' passwords.");
  }
  if (s.auth == Auth::token) {
    auto token = parts.token.complete();
    if (!token) return std::unexpected(std::move(token.error()));
    s.token = std::move(*token);
  }
  if ((s.auth == Auth::authzid || s.auth == Auth::master) && s.admin.empty()) {
    return wrong("admin", "auth = authzid and auth = master need admin = the administrative account's name.");
  }
  if (s.auth == Auth::master && s.separator.empty()) {
    return wrong("separator", "auth = master needs a separator between user and admin.");
  }
  return s;
}

}  // namespace tidegate::imap
