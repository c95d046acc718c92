// SPDX-License-Identifier: Apache-2.0
#include "core/link/settings.hpp"

#include "core/config/secret.hpp"
#include "core/proxy/address.hpp"

namespace tidegate::link {
namespace {
using namespace std::chrono_literals;

std::string check_pin(std::string_view pin) {
  const bool hex = pin.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  return pin.empty() || (hex && pin.size() == 64) ? "" : "must be 64 hexadecimal digits (SHA-256)";
}

std::string check_all(const Settings& settings) {
  if (settings.interception == Interception::allow && settings.ca_file.empty())
    return "tls_interception = allow needs ca_file, the certificate of the proxy that opens TLS";
  if (!settings.proxy_password_file.empty() && settings.proxy_user.empty())
    return "proxy_password_file needs proxy_user";
  return {};
}

proxy::Wish wish_of(const Settings& settings) {
  return {
      settings.way_out,
      settings.proxy_user,
      settings.no_proxy,
      [file = settings.proxy_password_file.string()] { return config::read_secret("link", "proxy_password", file); },
      "proxy in [link]",
      "proxy_user and proxy_password_file in [link]"};
}
}  // namespace

const config::Table<Settings>& table() {
  static const config::Table<Settings> table{
      "link",
      "How this gateway reaches its relay (the address itself is relay = in [gateway]).",
      {config::path("ca_file", &Settings::ca_file, "",
                    "Certificates (PEM) that vouch for the relay; none: those of the system."),
       config::text("pin", &Settings::pin, "",
                    "SHA-256 (hexadecimal) of the only public key accepted from the relay; none: any that a CA vouches "
                    "for.",
                    check_pin),
       config::choice<Settings, Interception>(
           "tls_interception", &Settings::interception, "refuse",
           "What if a proxy on the way opens TLS: refuse, or allow (needs ca_file here and the relay operator's "
           "consent). Payload stays sealed either way.",
           {{"refuse", Interception::refuse}, {"allow", Interception::allow}}),
       config::text("proxy", &Settings::way_out, "",
                    "HTTP proxy on the way to the relay: http://host:port; none: there is none; default: what "
                    "https_proxy in the environment says.",
                    proxy::check_setting),
       config::text("proxy_user", &Settings::proxy_user, "",
                    "User at the proxy (DOMAIN\\user for NTLM); Basic, Digest and NTLM are spoken."),
       config::secret_file("proxy_password_file", &Settings::proxy_password_file, "",
                           "File with that user's password; default: the systemd credential link.proxy_password."),
       config::text("no_proxy", &Settings::no_proxy, "",
                    "Hosts that are reached without the proxy: names (and all below them), addresses, networks "
                    "(10.0.0.0/8), or *; default, where proxy is not set: what no_proxy in the environment says."),
       config::integer("lanes", &Settings::lanes, "4",
                       "Connections that carry data to the relay; one of them is kept for small control frames.", 2,
                       20),
       config::duration("connect_within", &Settings::connect_within, "15s",
                        "How long connecting to the relay may take, TLS included.", 1s, 5min),
       config::duration("answer_within", &Settings::answer_within, "20s",
                        "How long the relay may take to answer a request or a batch.", 1s, 5min),
       config::duration("retry_most", &Settings::retry_most, "60s", "The longest pause between attempts to connect.",
                        1s, 1h),
       config::size("queue_most", &Settings::queue_most, "64MiB",
                    "Memory for frames on their way to the relay; when full, devices get no more until it drains.",
                    std::uint64_t{1} << 20),
       config::size("window", &Settings::window, "256KiB",
                    "How much a device may send before the gateway has dealt with it.", std::uint64_t{64} << 10,
                    std::uint64_t{16} << 20)},
      check_all};
  return table;
}

sim::Endpoint endpoint_of(const Settings& settings, const Url& url) {
  return {.host = url.host,
          .port = url.port,
          .tls = true,
          .ca_file = settings.ca_file.string(),
          .pin = settings.pin,
          .route = proxy::route(wish_of(settings), settings.environment)};
}

std::string proxy_shown(const Settings& settings, const Url& url) {
  return proxy::shown(wish_of(settings), settings.environment, url.host, url.port);
}

}  // namespace tidegate::link
