// SPDX-License-Identifier: Apache-2.0
// tidegate-relay: runs the relay, or administers one (through its Unix socket if it runs, else on its database).
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config/secret.hpp"
#include "core/tls/context.hpp"
#include "core/tls/network.hpp"
#include "relay/admin.hpp"
#include "relay/control_socket.hpp"
#include "relay/relay.hpp"

#ifndef TIDEGATE_VERSION
#define TIDEGATE_VERSION "0.1.0"
#endif

namespace tidegate::relay {
namespace {

constexpr const char* help = R"(tidegate-relay: the relay of Tidegate

  tidegate-relay run                       runs the relay
  tidegate-relay status                    what a running relay is doing
  tidegate-relay licence add NAME --seats N [--expires YYYY-MM-DD] --password-file FILE
  tidegate-relay licence list
  tidegate-relay licence suspend|resume|remove NAME
  tidegate-relay user list
  tidegate-relay user suspend|resume|remove ADDRESS
  tidegate-relay user transfer ADDRESS --to GUID
  tidegate-relay device list
  tidegate-relay device revoke ADDRESS DEVICE
  tidegate-relay gateway list
  tidegate-relay gateway allow-interception|refuse-interception GUID
  tidegate-relay backup list               the sealed backups of gateways that lie here
  tidegate-relay audit [--last N]
  tidegate-relay config check              says whether the configuration is right
  tidegate-relay config sample             prints an annotated configuration
  tidegate-relay --version, --help

  --config FILE   the configuration (default /etc/tidegate/relay.ini)
  --json          machine-readable answers

Exit status: 0 done, 1 refused or failed, 2 wrong usage or configuration.
)";

struct CommandLine {
  std::string config = "/etc/tidegate/relay.ini";
  std::string password_file;
  bool json = false;
  std::vector<std::string> words;
};

int say(const Fault& why, int status) {
  const bool said = why.where.empty() || why.text.contains(why.where);
  fmt::print(stderr, "tidegate-relay: {}{}{}\n", said ? "" : why.where, said ? "" : ": ", why.text);
  return status;
}

std::optional<CommandLine> parse(int argc, char** argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      line.json = true;
    } else if (word == "--config" || word == "--password-file") {
      if (++i == argc) return {};
      (word == "--config" ? line.config : line.password_file) = argv[i];
    } else {
      line.words.push_back(word);
    }
  }
  return line;
}

Result<Settings> read_settings(const std::string& path) {
  auto ini = config::read_ini(path);
  if (!ini) return std::unexpected(std::move(ini.error()));
  if (auto fine = config::only_sections(*ini, {"relay"}); !fine) return std::unexpected(std::move(fine.error()));
  return table().read(*ini);
}

/// What systemd hands over (LoadCredential=) is there only while the service runs.
Result<void> check_certificate(const Settings& settings) {
  const auto handed_over = [](const std::filesystem::path& path) {
    return path.string().starts_with("/run/credentials/") && !std::filesystem::exists(path);
  };
  if (settings.plain || handed_over(settings.certificate) || handed_over(settings.key)) return {};
  auto context = tls::server_context(settings.certificate.string(), settings.key.string());
  if (!context) return std::unexpected(std::move(context.error()));
  return {};
}

void log_as(const Settings& settings) {
  auto logger = spdlog::stderr_color_mt("relay");
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  logger->set_level(spdlog::level::from_str(settings.log_level));
  spdlog::set_default_logger(std::move(logger));
}

int run(const Settings& settings) {
  // No core dump may hold a password or the relay's secret.
  ::prctl(PR_SET_DUMPABLE, 0);
  log_as(settings);
  auto world = tls::real_world();
  Relay relay(*world, settings);
  if (auto fine = relay.start(); !fine) return say(fine.error(), 1);
  world->on_signal([&](int number) {
    if (number == SIGHUP) return;
    relay.drain([&] { world->stop(); });
  });
  world->run();
  spdlog::info("relay stopped");
  return 0;
}

int print(const AdminAnswer& answer, const std::string& line, bool json) {
  if (json)
    fmt::print("{}\n", line);
  else
    fmt::print(answer.ok ? stdout : stderr, "{}", to_text(answer));
  return answer.ok ? 0 : answer.text.starts_with("usage:") ? 2 : 1;
}

/// No relay runs: the same subcommand on the database itself. SQLite's exclusive lock keeps a relay out meanwhile.
Result<std::string> on_database(sim::World& world, const Settings& settings, const CommandLine& line,
                                const std::string& password) {
  if (auto made = world.files().make_directories(settings.state.string()); !made)
    return std::unexpected(std::move(made.error()));
  auto accounts = Accounts::open(settings.database_path(), world.sqlite_vfs());
  if (!accounts) return std::unexpected(std::move(accounts.error()));
  AdminRequest request{line.words, password,        std::string(16, '\0'),
                       {},         "administrator", static_cast<std::int64_t>(std::time(nullptr))};
  world.reactor().random(std::as_writable_bytes(std::span(request.salt)));
  request.cost = {static_cast<std::uint32_t>(settings.argon2_memory / 1024), settings.argon2_passes};
  return to_json(administer(**accounts, request));
}

int administer(const Settings& settings, const CommandLine& line) {
  std::string password;
  if (!line.password_file.empty()) {
    auto read = config::read_secret_file(
        line.password_file, [](std::string_view text) { fmt::print(stderr, "tidegate-relay: {}\n", text); });
    if (!read) return say(read.error(), 2);
    password = std::move(*read);
  }
  auto world = tls::real_world();
  std::optional<Result<std::string>> answer;
  const ControlCall call(*world, settings.socket_path(), request_to_json(line.words, password),
                         [&](Result<std::string> said) {
                           answer = std::move(said);
                           world->stop();
                         });
  world->run();
  if (answer && !*answer && line.words.front() != "status") answer = on_database(*world, settings, line, password);
  if (!answer || !*answer) return say(answer ? answer->error() : Fault{}, 1);
  const auto parsed = from_json(**answer);
  if (!parsed) return say(parsed.error(), 1);
  return print(*parsed, **answer, line.json);
}

/// Before anything is read or asked: what is wrong with the subcommand's words, or nothing.
std::string wrong_words(const std::vector<std::string>& words) {
  if (words[0] == "run" || words[0] == "status")
    return words.size() == 1 ? "" : fmt::format("\"{}\" is one word too many: tidegate-relay {}", words[1], words[0]);
  if (words[0] == "config")
    return words.size() == 2 && words[1] == "check" ? ""
                                                    : "\"config\" needs one more word: config check, config sample";
  return unknown_subcommand(words);
}

int main(int argc, char** argv) {
  const auto line = parse(argc, argv);
  if (!line)
    return say({FaultKind::invalid, {}, "the last option lacks its value; tidegate-relay --help shows all", {}, {}}, 2);
  const auto& words = line->words;
  const bool asked = std::ranges::any_of(words, [](const auto& word) { return word == "--help" || word == "-h"; });
  if (words.empty() || asked) {
    fmt::print(asked ? stdout : stderr, "{}", help);
    return asked ? 0 : 2;
  }
  if (words[0] == "--version") {
    fmt::print("tidegate-relay {}\n", TIDEGATE_VERSION);
    return 0;
  }
  if (words == std::vector<std::string>{"config", "sample"}) {
    fmt::print("{}", table().sample());
    return 0;
  }
  if (auto why = wrong_words(words); !why.empty()) return say({FaultKind::invalid, {}, std::move(why), {}, {}}, 2);
  const auto settings = read_settings(line->config);
  if (!settings) return say(settings.error(), 2);
  if (words == std::vector<std::string>{"config", "check"}) {
    if (auto fine = check_certificate(*settings); !fine) return say(fine.error(), 2);
    fmt::print("{}: the configuration is right\n", line->config);
    return 0;
  }
  if (words == std::vector<std::string>{"run"}) return run(*settings);
  return administer(*settings, *line);
}

}  // namespace
}  // namespace tidegate::relay

int main(int argc, char** argv) {
  ::umask(077);  // the database holds hashes of passwords
  return tidegate::relay::main(argc, argv);
}
