// SPDX-License-Identifier: Apache-2.0
#include "relay/settings.hpp"

#include <charconv>

namespace tidegate::relay {

using namespace std::chrono_literals;

Result<HostPort> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  HostPort place;
  if (colon != std::string_view::npos) {
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
    if (error == std::errc{} && end == port.data() + port.size() && !host.empty()) {
      place.host = host;
      return place;
    }
  }
  return fault(FaultKind::invalid, "listen", "listen must be address:port, such as 0.0.0.0:443 or [::]:443");
}

std::string host_of(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme)) return {};
  url.remove_prefix(scheme.size());
  url = url.substr(0, url.find('/'));
  if (url.starts_with('['))
    url = url.substr(1, url.find(']') - 1);
  else
    url = url.substr(0, url.find(':'));
  std::string host;
  for (const char c : url) host += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return host;
}

namespace {

std::string listen_wrong(std::string_view text) {
  return parse_listen(text) ? "" : "must be address:port, such as 0.0.0.0:443 or [::]:443";
}

std::string url_wrong(std::string_view text) {
  if (host_of(text).empty()) return "must be https://host or https://host:port";
  if (text.ends_with('/')) return "must not end in /";
  return "";
}

std::string node_wrong(std::string_view text) {
  if (text.empty() || text.size() > 32 || text.find('.') != std::string_view::npos)
    return "must have 1 to 32 characters and no dot";
  return "";
}

/// What doesn't go together.
std::string together(const Settings& s) {
  if (!s.plain && (s.certificate.empty() || s.key.empty()))
    return "certificate and key must be given (or plain = yes behind a TLS proxy of your own on the same machine)";
  if (s.device_answer >= s.device_ping) return "device_answer must be shorter than device_ping";
  if (s.queue_memory < 4 * (s.window_down + s.window_up)) return "queue_memory must hold at least four windows";
  return "";
}

std::vector<config::Row<Settings>> rows() {
  using S = Settings;
  std::vector<config::Row<S>> rows{
      config::text("listen", &S::listen, "0.0.0.0:443", "Address and port for gateways and devices.", listen_wrong),
      config::text("public_url", &S::public_url, config::required,
                   "This relay as gateways and devices name it: https://host[:port].", url_wrong),
      config::list("names", &S::names, "", "Further host names under which gateways and devices may name this relay."),
      config::path("certificate", &S::certificate, "", "PEM file with the certificate and its chain."),
      config::path("key", &S::key, "", "PEM file with the certificate's private key."),
      config::boolean("plain", &S::plain, "no",
                      "Speak plain HTTP, for a TLS proxy of your own in front on the same machine; such a relay works "
                      "only with gateways that allow interception."),
      config::path("state", &S::state, "/var/lib/tidegate-relay",
                   "Directory of the accounts database and of the gateways' sealed backups."),
      config::path("socket", &S::socket, "", "Unix socket for the subcommands; without it: STATE/control."),
      config::secret_file(
          "secret_file", &S::secret_file, "",
          "File with the secret that several nodes of one relay share; without it each start makes its own."),
      config::text("node", &S::node, "a", "Name of this node among several.", node_wrong),
      config::choice(
          "log_level", &S::log_level, "info", "How much is logged.",
          std::vector<std::pair<std::string, std::string>>{
              {"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warning", "warn"}, {"error", "err"}}),
      config::duration("heartbeat", &S::heartbeat, "10s",
                       "Pause between two heartbeats to a gateway; two without answer end its session.", 100ms, 5min),
      config::duration("reply_time", &S::reply_time, "20s",
                       "Within this time a gateway must see the first octets of its command channel.", 1s, 5min),
      config::duration("key_lifetime", &S::key_lifetime, "60s",
                       "How long an answer to GET /rts/connect can open a session.", 5s, 10min),
      config::duration("request_time", &S::request_time, "30s", "A request must be complete within this time.", 1s,
                       10min),
      config::duration("idle_time", &S::idle_time, "5m", "A connection without request is closed after this time.", 1s,
                       1h),
      config::duration("device_ping", &S::device_ping, "4m", "A device that was silent that long is pinged.", 10s,
                       15min),
      config::duration("device_answer", &S::device_answer, "30s",
                       "A pinged device that stays silent that long is gone.", 1s, 5min),
      config::duration("device_login_time", &S::device_login_time, "20s",
                       "A device must have logged in or enrolled within this time.", 1s, 2min),
      config::duration("drain_time", &S::drain_time, "5s",
                       "How long a stopping relay waits for its good-byes to go out.", 0ms, 2min)};
  return rows;
}

std::vector<config::Row<Settings>> limits() {
  using S = Settings;
  return {
      config::integer("lanes", &S::lanes, "20", "Data lanes a gateway may use at once.", 1, 20),
      config::integer("connections_a_device", &S::connections_a_device, "4",
                      "Connections one device may hold at once; one more ends its oldest.", 1, 64),
      config::integer("connections_a_visitor", &S::connections_a_visitor, "64",
                      "Connections from one address that are neither a device nor a gateway yet.", 1, 100'000),
      config::integer("visitors", &S::visitors, "4096",
                      "All connections that are neither a device nor a gateway's command channel.", 16, 1'000'000),
      config::integer("handshakes_per_second", &S::handshakes_per_second, "500",
                      "New devices let in a second; the others are told when to come back.", 1, 100'000),
      config::integer("audit_per_minute", &S::audit_per_minute, "600",
                      "Audit entries a minute that strangers can cause (lockouts, refusals); more are counted only.", 1,
                      100'000),
      config::size("window_down", &S::window_down, "256 KiB",
                   "Octets a gateway may send a device beyond what the device's socket took.", wire::initial_credit),
      config::size("window_up", &S::window_up, "256 KiB",
                   "Octets a device may send beyond what the command channel took.", wire::initial_credit),
      config::size("queue_memory", &S::queue_memory, "256 MiB",
                   "Octets all queues may hold together; windows shrink as it fills, and a device session whose frames "
                   "find no room is ended.",
                   1 << 20),
      config::size(
          "backup_quota", &S::backup_quota, "256 MiB",
          "Size of the sealed backup that the relay keeps of each gateway, and of the next one while it comes; "
          "0: it keeps none.",
          0),
      config::integer("argon2_threads", &S::argon2_threads, "2", "Passwords checked at once.", 1, 64),
      config::integer("argon2_queue", &S::argon2_queue, "64",
                      "Passwords that may wait to be checked; more are told to come back.", 1, 10'000),
      config::size("argon2_memory", &S::argon2_memory, "64 MiB", "Memory of one argon2id hash.", 8192,
                   std::uint64_t{1} << 30),
      config::integer("argon2_passes", &S::argon2_passes, "3", "Passes of one argon2id hash.", 1, 100),
      config::integer("lockout_free", &S::lockout_free, "5",
                      "Wrong passwords of an account or an address that cost nothing.", 1, 1000),
      config::duration("lockout_first", &S::lockout_first, "1s",
                       "First lockout; each further wrong password doubles it.", 1ms, 1h),
      config::duration("lockout_longest", &S::lockout_longest, "15m", "Longest lockout.", 1s, 24h),
      config::duration("lockout_forget", &S::lockout_forget, "1h",
                       "Wrong passwords are forgotten after this time of quiet.", 1s, 24h * 30),
      config::integer("lockout_entries", &S::lockout_entries, "10000",
                      "Accounts and addresses whose wrong passwords are remembered.", 16, 1'000'000)};
}

}  // namespace

const config::Table<Settings>& table() {
  static const config::Table<Settings> table = [] {
    auto all = rows();
    for (auto& row : limits()) all.push_back(std::move(row));
    return config::Table<Settings>("relay",
                                   "The relay: where it listens, where it keeps its accounts, and every limit.",
                                   std::move(all), together);
  }();
  return table;
}

}  // namespace tidegate::relay
