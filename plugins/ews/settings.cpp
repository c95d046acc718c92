// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "core/sdk/values.hpp"

namespace tidegate::ews {
namespace {

constexpr std::array before{
    Setting{"url", "",
            "https address of the server's EWS, as https://mail.example.com/EWS/Exchange.asmx; none: Autodiscover says "
            "where each mailbox is"},
    Setting{
        "autodiscover", "",
        "yes: Autodiscover is asked where each mailbox is, as its domain has it; or the https address that is asked "
        "instead; default: yes without url, no with it"},
    Setting{"dns", "",
            "address of the name server that Autodiscover asks for _autodiscover._tcp of a user's domain, and its port "
            "if it is not 53; default: those of /etc/resolv.conf"},
    Setting{
        "hosts", "",
        "other hosts than those of the users' own domains where mailboxes may be and credentials may go, with blanks "
        "between; .example.com: all below it"},
    Setting{"ca_file", "", "PEM file with the authority that signed the server's certificate; default: the system's"},
    Setting{
        "auth", "impersonation",
        "impersonation: the account admin acts for each user (its ApplicationImpersonation role); token: the same with "
        "one "
        "OAuth 2.0 access token for all, from token_endpoint (client credentials) or token_command; password_dir: each "
        "user's own password from a file; user_token: each user's own access token, by refresh_token_dir or "
        "token_command"},
    Setting{"scheme", "basic",
            "how the account logs in, always within TLS: basic or ntlm, with a password; negotiate: Kerberos, as the "
            "account whose "
            "keytab KRB5_CLIENT_KTNAME names in the gateway's environment"},
    Setting{"admin", "", "the account that acts for all users, as DOMAIN\\name or name@example.com"},
    Setting{"password_file", "", "file with its password, read at each request"},
    Setting{"password_dir", "", "directory with one file a user, named like the user, for auth = password_dir"},
    Setting{"login", "full", "full: users log in as ann@example.com; local: as ann; for auth = password_dir"},
};
constexpr std::array after{
    Setting{"proxy", "",
            "http://host:port of the HTTP proxy on the way to the server; none: directly; default: as https_proxy and "
            "no_proxy "
            "say"},
    Setting{"connect_timeout", "30s", "longest time for connection and TLS"},
    Setting{
        "time_zone", "UTC",
        "where the users are: the zone of all-day events and of times without a zone, as Europe/Berlin or as Windows "
        "calls it"},
    Setting{"requests_at_once", "10",
            "requests that may be under way at the same time (EWSMaxConcurrency of the account)"},
    Setting{"batch", "50", "items asked for in one request, at most; fewer where the server is slow"},
    Setting{"version", "Exchange2013_SP1",
            "of the schema, the newest that is spoken: Exchange2010_SP2, Exchange2013 or Exchange2013_SP1; an older "
            "one is used "
            "where the server wants it"},
    Setting{"streaming", "yes",
            "yes: the server tells of changes at once (streaming notifications); no: mailboxes are polled"},
    Setting{"stream_minutes", "29", "how long a connection for notifications lasts before it is renewed, 1 to 30"},
    Setting{"stream_mailboxes", "200", "mailboxes that share one such connection, 1 to 200"},
};
constexpr auto table = values::joined<Setting>(before, token::settings_table, after);

struct Parts {
  std::string url, autodiscover, proxy;
  token::SettingsReader token;
};

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

template <class Number>
bool whole_number(Number& out, const std::string& value, Number least, Number most) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  return error == std::errc{} && end == value.data() + value.size() && out >= least && out <= most;
}

bool assign(Settings& s, const std::string& key, const std::string& value, Parts& parts) {
  using Scheme = web::Login::Scheme;
  using values::choose;
  if (const auto done = parts.token.assign(key, value)) return *done;
  if (key == "url") return (parts.url = value, true);
  if (key == "autodiscover") return (parts.autodiscover = value, true);
  if (key == "dns") {
    auto server = web::parse_name_server(value);
    if (server) s.dns = std::move(*server);
    return server.has_value();
  }
  if (key == "time_zone") return (s.time_zone = value, true);
  if (key == "hosts") return (s.hosts = web::host_list(value), true);
  if (key == "proxy") return (parts.proxy = value, token::is_proxy(value));
  if (key == "ca_file") return (s.ca_file = value, true);
  if (key == "admin") return (s.admin = value, true);
  if (key == "password_file") return true;  // read by the host, at each request
  if (key == "password_dir") return (s.password_dir = value, true);
  if (key == "connect_timeout") return values::duration(s.connect_timeout, value);
  if (key == "requests_at_once") return whole_number(s.requests_at_once, value, 1U, 1000U);
  if (key == "batch") return whole_number(s.batch, value, 1U, 500U);
  if (key == "stream_minutes") return whole_number(s.stream_minutes, value, 1, 30);
  if (key == "stream_mailboxes") return whole_number(s.stream_mailboxes, value, 1U, 200U);
  if (key == "login") return choose(s.local_part_login, value, {{"full", false}, {"local", true}});
  if (key == "streaming") return values::yes_or_no(s.streaming, value);
  if (key == "scheme")
    return choose(s.scheme, value,
                  {{"basic", Scheme::basic}, {"ntlm", Scheme::ntlm}, {"negotiate", Scheme::negotiate}});
  if (key == "auth") {
    return choose(s.auth, value,
                  {{"impersonation", Auth::impersonation},
                   {"token", Auth::token},
                   {"password_dir", Auth::password_dir},
                   {"user_token", Auth::user_token}});
  }
  return choose(s.version, value,
                {{"Exchange2010_SP2", Version::exchange2010_sp2},
                 {"Exchange2013", Version::exchange2013},
                 {"Exchange2013_SP1", Version::exchange2013_sp1}});
}

Result<web::Url> https(std::string_view key, const std::string& text) {
  auto url = web::parse_url(text);
  if (!url) return wrong(key, fmt::format("{} {}.", key, url.error().text));
  if (url->scheme != "https")
    return wrong(key, fmt::format("{} must begin with https://: passwords and mail go over it.", key));
  return url;
}

Result<void> find_servers(Settings& s, const Parts& parts) {
  if (!parts.url.empty()) {
    auto url = https("url", parts.url);
    if (!url) return std::unexpected(std::move(url.error()));
    s.url = std::move(*url);
  }
  if (parts.autodiscover.empty() || values::yes_or_no(s.autodiscover, parts.autodiscover)) {
    s.autodiscover |= parts.autodiscover.empty() && parts.url.empty();
  } else {
    auto url = https("autodiscover", parts.autodiscover);
    if (!url) return std::unexpected(std::move(url.error()));
    s.autodiscover_url = std::move(*url);
    s.autodiscover = true;
  }
  if (!s.autodiscover && parts.url.empty())
    return wrong("url", "With autodiscover = no the ews back-end needs url = https://HOST/EWS/Exchange.asmx.");
  return {};
}

Result<void> complete(Settings& s, Parts& parts) {
  if (auto found = find_servers(s, parts); !found) return found;
  s.route = token::route_by(parts.proxy, "proxy");
  if (s.scheme == web::Login::Scheme::negotiate && s.auth != Auth::impersonation)
    return wrong("scheme",
                 "scheme = negotiate needs auth = impersonation: the gateway has one Kerberos ticket, its own.");
  if (s.auth == Auth::impersonation && s.admin.empty() && s.scheme != web::Login::Scheme::negotiate)
    return wrong("admin", "auth = impersonation needs admin = the account that acts for all users.");
  if (s.auth == Auth::password_dir && s.password_dir.empty())
    return wrong("password_dir", "auth = password_dir needs password_dir = the directory with the users' passwords.");
  if (s.auth != Auth::token && s.auth != Auth::user_token) return {};
  auto token = parts.token.complete();
  if (!token) return std::unexpected(std::move(token.error()));
  s.token = std::move(*token);
  const bool for_all = token::served_by(s.token) == token::Tokens::For::all;
  if (s.auth == Auth::user_token && for_all)
    return wrong("refresh_token_dir",
                 "auth = user_token needs refresh_token_dir = the directory with the users' refresh tokens: client "
                 "credentials are nobody's own.");
  if (s.auth == Auth::token && s.token.client && !for_all)
    return wrong("refresh_token_dir", "auth = token is one token for all users; their own are auth = user_token.");
  return {};
}

}  // namespace

std::span<const Setting> settings_table() noexcept { return table; }

Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values) {
  Settings s;
  Parts parts;
  for (const auto& [key, value] : values) {
    const auto known = std::ranges::find_if(table, [&](const Setting& each) { return key == each.key; });
    if (known == table.end()) return wrong(key, fmt::format("The ews plugin has no setting \"{}\".", key));
    if (value.empty() && *known->fallback == 0) continue;
    if (!assign(s, key, value, parts))
      return wrong(key, fmt::format("\"{}\" is no value for {}: {}.", value, key, known->doc));
  }
  if (auto good = complete(s, parts); !good) return std::unexpected(std::move(good.error()));
  return s;
}

}  // namespace tidegate::ews
