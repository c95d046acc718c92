// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/settings.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/sdk/values.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::array own{
    Setting{"url", "",
            "https address of the CalDAV and CardDAV server; a path is only needed where the server names no "
            ".well-known addresses (RFC 6764)"},
    Setting{"domain", "",
            "instead of url: a domain whose SRV and TXT records say where its servers are (_caldavs._tcp, "
            "_carddavs._tcp; RFC 6764); credentials go to hosts below it, and to those that hosts names"},
    Setting{"dns", "",
            "address of the name server that is asked about domain, and its port if it is not 53; default: those of "
            "/etc/resolv.conf"},
    Setting{"ca_file", "", "PEM file with the authority that signed the server's certificate; default: the system's"},
    Setting{"allow_plaintext", "no", "yes: url may be http://, and passwords cross the network unencrypted"},
    Setting{"auth", "password_dir",
            "password_dir: each user's own password from a file; token: an OAuth 2.0 access token; admin: one account "
            "that may see every user's home (needs principal); authzid: one account that acts for each user by the "
            "field Authorize-As (Cyrus); remote_user: no password, the server trusts a field from this host"},
    Setting{"scheme", "basic",
            "how the login is sent: basic, digest or ntlm, with a password; negotiate: Kerberos, as the account whose "
            "keytab "
            "KRB5_CLIENT_KTNAME names in the gateway's environment, for auth = admin or authzid"},
    Setting{"admin", "", "administrative account, for auth = admin and authzid"},
    Setting{"password_file", "", "file with the administrative account's password, read at each request"},
    Setting{"password_dir", "", "directory with one file a user, named like the user, for auth = password_dir"},
    Setting{"remote_user_header", "X-Remote-User",
            "the field that carries the user's name, for auth = remote_user; let no other machine send it"},
    Setting{"principal", "",
            "path of a user's principal, {user} standing for the name and {local} for what is before its @; default: "
            "the server is asked; needed for auth = admin"},
    Setting{"login", "full", "full: log in as ann@example.com; local: as ann"},
    Setting{"hosts", "",
            "other hosts where users' homes may be and credentials may go, with blanks between; .example.com: all "
            "below it"},
    Setting{"proxy", "",
            "http://host:port of the HTTP proxy on the way to the server; none: directly; default: as https_proxy "
            "and no_proxy say"},
    Setting{"connect_timeout", "30s", "longest time for a connection and its TLS"},
    Setting{"compare", "24h",
            "how often all of a collection is compared with what was told of it, because servers lose their logs of "
            "changes"},
};
constexpr auto table = values::joined<Setting>(own, token::settings_table);

struct Parts {
  std::string url, proxy;
  token::SettingsReader token;
};

bool is_field_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_domain(std::string_view text) {
  return text.contains('.') && text.size() <= 200 && !text.starts_with('.') && !text.ends_with('.') &&
         std::ranges::all_of(
             text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

bool assign(Settings& s, const std::string& key, const std::string& value, Parts& parts) {
  using Scheme = web::Login::Scheme;
  if (const auto done = parts.token.assign(key, value)) return *done;
  if (key == "url") return (parts.url = value, true);
  if (key == "domain") return (s.domain = value, is_domain(value));
  if (key == "dns") {
    auto server = web::parse_name_server(value);
    if (server) s.dns = std::move(*server);
    return server.has_value();
  }
  if (key == "ca_file") return (s.client.ca_file = value, true);
  if (key == "allow_plaintext") return values::yes_or_no(s.client.allow_plaintext, value);
  if (key == "admin") return (s.admin = value, true);
  if (key == "password_file") return true;  // read by the host, at each request
  if (key == "password_dir") return (s.password_dir = value, true);
  if (key == "remote_user_header") return (s.remote_user_header = value, is_field_name(value));
  if (key == "principal") return (s.principal = value, value.starts_with('/'));
  if (key == "login") return values::choose(s.local_part_login, value, {{"full", false}, {"local", true}});
  if (key == "hosts") return (s.hosts = web::host_list(value), true);
  if (key == "proxy") return (parts.proxy = value, token::is_proxy(value));
  if (key == "connect_timeout") return values::duration(s.client.connect_timeout, value);
  if (key == "compare") return values::duration(s.compare, value);
  if (key == "scheme")
    return values::choose(s.scheme, value,
                          {{"basic", Scheme::basic},
                           {"digest", Scheme::digest},
                           {"ntlm", Scheme::ntlm},
                           {"negotiate", Scheme::negotiate}});
  return values::choose(s.auth, value,
                        {{"password_dir", Auth::password_dir},
                         {"token", Auth::token},
                         {"admin", Auth::admin},
                         {"authzid", Auth::authzid},
                         {"remote_user", Auth::remote_user}});
}

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

Result<void> complete(Settings& s, Parts& parts) {
  if (parts.url.empty() == s.domain.empty())
    return wrong("url",
                 "The caldav back-end needs either url = the address of its server, or domain = a domain that names "
                 "it in DNS.");
  if (!s.domain.empty()) parts.url = "https://" + s.domain + "/";
  auto url = web::parse_url(parts.url);
  if (!url) return wrong("url", "url " + url.error().text + ".");
  if (url->scheme != "https" && !s.client.allow_plaintext)
    return wrong("url",
                 "url = http://… would send passwords and calendars unencrypted: use https://, or say "
                 "allow_plaintext = yes if this network is trusted.");
  s.url = std::move(*url);
  if (s.auth == Auth::password_dir && s.password_dir.empty())
    return wrong("password_dir", "auth = password_dir needs password_dir = the directory with the users' passwords.");
  const bool kerberos = s.scheme == web::Login::Scheme::negotiate;
  if (kerberos && s.auth != Auth::admin && s.auth != Auth::authzid)
    return wrong(
        "scheme",
        "scheme = negotiate needs auth = admin or auth = authzid: the gateway has one Kerberos ticket, its own.");
  if ((s.auth == Auth::admin || s.auth == Auth::authzid) && s.admin.empty() && !kerberos)
    return wrong("admin", "auth = admin and auth = authzid need admin = the administrative account's name.");
  if (s.auth == Auth::admin && s.principal.empty())
    return wrong("principal", "auth = admin needs principal = the path of a user's principal, as /principals/{user}/.");
  if (s.auth == Auth::token) {
    auto token = parts.token.complete();
    if (!token) return std::unexpected(std::move(token.error()));
    s.token = std::move(*token);
  }
  s.client.route = token::route_by(parts.proxy, "proxy");
  s.client.may_visit = [hosts = s.hosts, domain = s.domain](const web::Url& to) {
    return web::is_named(hosts, to.host) || web::is_below(to.host, domain);
  };
  return {};
}

}  // namespace

std::span<const Setting> settings_table() noexcept { return table; }

Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values) {
  Settings s;
  Parts parts;
  for (const auto& [key, value] : values) {
    const auto known = std::ranges::find_if(table, [&](const Setting& each) { return key == each.key; });
    if (known == table.end()) return wrong(key, fmt::format("The caldav plugin has no setting \"{}\".", key));
    if (value.empty() && *known->fallback == 0) continue;  // a default of "nothing"
    if (!assign(s, key, value, parts))
      return wrong(key, fmt::format("\"{}\" is no value for {}: {}.", value, key, known->doc));
  }
  if (auto good = complete(s, parts); !good) return std::unexpected(std::move(good.error()));
  return s;
}

std::string principal_path(const std::string& pattern, const std::string& user) {
  std::string made = pattern;
  const auto replace = [&](std::string_view mark, const std::string& by) {
    for (auto at = made.find(mark); at != made.npos; at = made.find(mark, at + by.size()))
      made.replace(at, mark.size(), by);
  };
  replace("{user}", web::encoded(user));
  replace("{local}", web::encoded(user.substr(0, user.find('@'))));
  return made;
}

}  // namespace tidegate::caldav
