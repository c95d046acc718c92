// SPDX-License-Identifier: Apache-2.0
// The [relay] section: everything that can be set at a relay, every limit with its name.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config/settings.hpp"
#include "core/wire/frame.hpp"

namespace tidegate::relay {

struct Settings {
  std::string listen = "0.0.0.0:443";
  std::string public_url;
  std::vector<std::string> names;
  std::filesystem::path certificate, key;
  std::filesystem::path state = "/var/lib/tidegate-relay";
  std::filesystem::path socket;
  std::filesystem::path secret_file;
  std::string node = "a";
  bool plain = false;
  std::string log_level = "info";

  std::chrono::milliseconds heartbeat{10'000};
  std::chrono::milliseconds reply_time{20'000};
  std::chrono::milliseconds key_lifetime{60'000};
  std::chrono::milliseconds request_time{30'000};
  std::chrono::milliseconds idle_time{300'000};
  std::chrono::milliseconds device_ping{240'000};
  std::chrono::milliseconds device_answer{30'000};
  std::chrono::milliseconds device_login_time{20'000};
  std::chrono::milliseconds drain_time{5'000};

  std::uint32_t lanes = 20;
  std::uint32_t connections_a_device = 4;
  std::uint32_t connections_a_visitor = 64;
  std::uint32_t visitors = 4096;
  std::uint32_t handshakes_per_second = 500;
  std::uint32_t audit_per_minute = 600;
  std::uint64_t window_down = std::uint64_t{256} << 10;
  std::uint64_t window_up = std::uint64_t{256} << 10;
  std::uint64_t queue_memory = std::uint64_t{256} << 20;

  std::uint64_t backup_quota = std::uint64_t{256} << 20;

  std::uint32_t argon2_threads = 2;
  std::uint32_t argon2_queue = 64;
  std::uint64_t argon2_memory = std::uint64_t{64} << 20;
  std::uint32_t argon2_passes = 3;
  std::uint32_t lockout_free = 5;
  std::chrono::milliseconds lockout_first{1'000};
  std::chrono::milliseconds lockout_longest{900'000};
  std::chrono::milliseconds lockout_forget{3'600'000};
  std::uint32_t lockout_entries = 10'000;

  std::string socket_path() const { return socket.empty() ? (state / "control").string() : socket.string(); }
  std::string database_path() const { return (state / "accounts.db").string(); }
  std::string backup_directory() const { return (state / "backups").string(); }
};

const config::Table<Settings>& table();

/// "host:port" or "[v6]:port".
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostPort> parse_listen(std::string_view);
/// The host of an https URL in lower case, without port; empty: it is none.
std::string host_of(std::string_view url);

}  // namespace tidegate::relay
