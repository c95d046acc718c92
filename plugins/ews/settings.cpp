// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/settings.hpp"

#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/token/endpoint.hpp"

namespace tidegate::ews {
namespace {

constexpr std::array table = {
    Setting{"url", "", "https address of the server's EWS, as https://mail.example.com/EWS/Exchange.asmx"},
    Setting{"ca_file", "", "PEM file with the authority that signed the server's certificate; default: the system's"},
    Setting{
        "auth", "impersonation",
        "impersonation: the account admin acts for each user (its ApplicationImpersonation role); password_dir: each "
        "user's own password from a file; token: an OAuth 2.0 access token from token_command, with impersonation"},
    Setting{"scheme", "basic", "basic, ntlm or negotiate: how passwords are shown to the server, always within TLS"},
    Setting{"admin", "", "the account that acts for all users, as DOMAIN\\name or name@example.com"},
    Setting{"password_file", "", "file with its password, read at each request"},
    Setting{"password_dir", "", "directory with one file a user, named like the user, for auth = password_dir"},
    Setting{"login", "full", "full: users log in as ann@example.com; local: as ann; for auth = password_dir"},
    Setting{"token_command", "",
            "run by /bin/sh: prints an access token, and in a second line for how many seconds it is good, if it "
            "knows; for "
            "auth = token"},
    Setting{"token_lifetime", "30m", "how long a token is used again where the command doesn't say"},
    Setting{"proxy", "",
            "http://host:port of the HTTP proxy on the way to the server; none: directly; default: as https_proxy and "
            "no_proxy "
            "say"},
    Setting{"connect_timeout", "30s", "longest time for connection and TLS"},
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

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

template <class Number>
bool whole_number(Number& out, const std::string& value, Number least, Number most) {
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  return error == std::errc{} && end == value.data() + value.size() && out >= least && out <= most;
}

bool set_duration(std::chrono::milliseconds& out, const std::string& value) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(value.data() + value.size() - end));
  if (error != std::errc{} || number == 0) return false;
  if (unit == "ms") return (out = std::chrono::milliseconds(number), true);
  if (unit == "s" || unit.empty()) return (out = std::chrono::seconds(number), true);
  if (unit == "m" || unit == "min") return (out = std::chrono::minutes(number), true);
  if (unit == "h") return (out = std::chrono::hours(number), true);
  return false;
}

template <class Choice>
bool choose(Choice& out, const std::string& value, std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  for (const auto& [word_, choice] : choices)
    if (value == word_) return (out = choice, true);
  return false;
}

bool assign(Settings& s, const std::string& key, const std::string& value) {
  using Scheme = web::Login::Scheme;
  if (key == "ca_file") return (s.ca_file = value, true);
  if (key == "admin") return (s.admin = value, true);
  if (key == "password_file") return true;  // read by the host, at each request
  if (key == "password_dir") return (s.password_dir = value, true);
  if (key == "token_command") return (s.token_command = value, true);
  if (key == "token_lifetime") return set_duration(s.token_lifetime, value);
  if (key == "proxy") return (s.route = token::route_by(value, "proxy"), true);
  if (key == "connect_timeout") return set_duration(s.connect_timeout, value);
  if (key == "requests_at_once") return whole_number(s.requests_at_once, value, 1U, 1000U);
  if (key == "batch") return whole_number(s.batch, value, 1U, 500U);
  if (key == "stream_minutes") return whole_number(s.stream_minutes, value, 1, 30);
  if (key == "stream_mailboxes") return whole_number(s.stream_mailboxes, value, 1U, 200U);
  if (key == "login") return choose(s.local_part_login, value, {{"full", false}, {"local", true}});
  if (key == "streaming")
    return choose(s.streaming, value, {{"yes", true}, {"no", false}, {"true", true}, {"false", false}});
  if (key == "scheme")
    return choose(s.scheme, value,
                  {{"basic", Scheme::basic}, {"ntlm", Scheme::ntlm}, {"negotiate", Scheme::negotiate}});
  if (key == "auth") {
    return choose(
        s.auth, value,
        {{"impersonation", Auth::impersonation}, {"password_dir", Auth::password_dir}, {"token", Auth::token}});
  }
  return choose(s.version, value,
                {{"Exchange2010_SP2", Version::exchange2010_sp2},
                 {"Exchange2013", Version::exchange2013},
                 {"Exchange2013_SP1", Version::exchange2013_sp1}});
}

}  // namespace

std::span<const Setting> settings_table() noexcept { return table; }

Result<Settings> parse_settings(std::span<const std::pair<std::string, std::string>> values) {
  Settings s;
  s.route = token::route_by({}, "proxy");
  std::string url;
  for (const auto& [key, value] : values) {
    const Setting* known = nullptr;
    for (const Setting& setting : table)
      if (key == setting.key) known = &setting;
    if (known == nullptr) return wrong(key, fmt::format("The ews plugin has no setting \"{}\".", key));
    if (value.empty() && *known->fallback == 0) continue;
    if (key == "url")
      url = value;
    else if ((key == "proxy" && !token::is_proxy(value)) || !assign(s, key, value))
      return wrong(key, fmt::format("\"{}\" is no value for {}: {}.", value, key, known->doc));
  }
  if (url.empty()) return wrong("url", "The ews back-end needs url = https://HOST/EWS/Exchange.asmx.");
  auto parsed = web::parse_url(url);
  if (!parsed) return wrong("url", "url " + parsed.error().text + ".");
  if (parsed->scheme != "https") return wrong("url", "url must begin with https://: passwords and mail go over it.");
  s.url = std::move(*parsed);
  if (s.auth == Auth::impersonation && s.admin.empty())
    return wrong("admin", "auth = impersonation needs admin = the account that acts for all users.");
  if (s.auth == Auth::password_dir && s.password_dir.empty())
    return wrong("password_dir", "auth = password_dir needs password_dir = the directory with the users' passwords.");
  if (s.auth == Auth::token && s.token_command.empty())
    return wrong("token_command", "auth = token needs token_command = what prints an access token.");
  return s;
}

}  // namespace tidegate::ews
