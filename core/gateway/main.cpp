// SPDX-License-Identifier: Apache-2.0
// tidegated: the gateway daemon.
#include <csignal>
#include <iostream>

#include <boost/program_options.hpp>
#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/config/secret.hpp"
#include "core/ctl/access.hpp"
#include "core/gateway/control.hpp"
#include "core/gateway/gateway.hpp"
#include "core/gateway/recovery.hpp"
#include "core/gateway/restore.hpp"
#include "core/proxy/network.hpp"
#include "core/proxy/route.hpp"
#include "core/sim/allocator.hpp"

namespace {
using namespace tidegate;

constexpr int exit_usage = 2, exit_config = 78;  // EX_CONFIG

int complain(const Fault& fault, int code) {
  const bool said = fault.where.empty() || fault.text.contains(fault.where);
  std::cerr << "tidegated: " << (said ? "" : fault.where + ": ") << fault.text << '\n';
  if (!fault.cause.empty()) std::cerr << "  (" << fault.cause << ")\n";
  return code;
}

void harden() {
  ::prctl(PR_SET_DUMPABLE, 0);  // keys live in this memory: no core dumps, no ptrace by others
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;  // one descriptor an idling IMAP session
  ::setrlimit(RLIMIT_NOFILE, &files);
}

int run(gateway::Config config) {
  auto logger = spdlog::stderr_logger_mt("tidegated");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  logger->set_level(spdlog::level::from_str(config.gateway.log_level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
  gateway::Note note = [logger](int level, const std::string& line) {
    logger->log(static_cast<spdlog::level::level_enum>(level), line);
  };
  sim::RealWorld world;
  world.use(proxy::make_network(world.reactor()));
  config.link.environment = proxy::environment();
  plugin::Plugins plugins(config.gateway.plugins,
                          [note](int level, std::string_view line) { note(level, std::string(line)); });
  auto control = config.gateway.control;
  auto group = config.gateway.control_group;
  auto access = ctl::access_for(group);
  if (!access) return complain(access.error(), exit_config);
  // The socket first: a second process on the same state ends here, before it touches that.
  if (auto there = world.files().make_directories(config.gateway.state); !there) return complain(there.error(), 1);
  auto server = ctl::CtlServer::make(world, control, *access);
  if (!server) return complain(server.error(), 1);
  if (auto opened = ctl::open_to_group(control, group); !opened) return complain(opened.error(), 1);
  auto made = gateway::Gateway::make(world, std::move(config), plugins, note);
  if (!made) return complain(made.error(), 1);
  auto stop = [&world] { world.reactor().post([&world] { world.stop(); }); };
  gateway::serve_commands(**server, **made, stop);
  world.on_signal([&](int signal) {
    if (signal != SIGHUP) world.stop();
  });
  (*made)->start();
  note(2, "tidegated " TIDEGATE_VERSION " serves; control socket " + control.string());
  world.run();
  server->reset();
  made->reset();
  note(2, "stopped");
  return 0;
}

Result<Bytes> read_recovery_key(const std::string& path) {
  std::string text;
  if (path == "-") {
    std::getline(std::cin, text);
  } else {
    auto read =
        config::read_secret_file(path, [](std::string_view warning) { std::cerr << "tidegated: " << warning << '\n'; });
    if (!read) return std::unexpected(std::move(read.error()));
    text = std::move(*read);
  }
  return gateway::recovery_from_text(text);
}

void say_restored(const gateway::Restored& made) {
  const auto day = std::chrono::sys_seconds(std::chrono::seconds(made.contents.taken));
  std::cout << fmt::format(
      "Backup {} of {:%Y-%m-%d %H:%M:%S} UTC is restored: {} users, {} devices, {} items.\n"
      "Start tidegated. The devices compare and fetch only what they lack. Pairing codes given out before are void:\n"
      "tidegatectl pair makes new ones.\n",
      made.version, day, made.contents.users, made.contents.devices, made.contents.items);
  if (made.version < made.newest)
    std::cout << fmt::format(
        "It is older than backup {}, which the relay knows of: devices revoked since then are back. Look at\n"
        "tidegatectl device list, and revoke them again.\n",
        made.newest);
}

/// A sentence without its end, or nothing.
std::string wrong_usage(const boost::program_options::variables_map& given) {
  if (!given.contains("command")) {
    for (const auto* option : {"recovery-key", "file", "accept-older"})
      if (given.contains(option)) return fmt::format("--{} is for tidegated restore only", option);
    return {};
  }
  if (const auto& word = given["command"].as<std::string>(); word != "restore")
    return fmt::format("\"{}\" is no command; there is restore", word);
  return given.contains("recovery-key") ? "" : "restore needs --recovery-key FILE";
}

int restore(gateway::Config config, gateway::RestoreOrder order) {
  sim::RealWorld world;
  world.use(proxy::make_network(world.reactor()));
  config.link.environment = proxy::environment();
  if (auto there = world.files().make_directories(config.gateway.state); !there) return complain(there.error(), 1);
  // A gateway that runs on this state holds the socket.
  auto access = ctl::access_for(config.gateway.control_group);
  if (!access) return complain(access.error(), exit_config);
  auto server = ctl::CtlServer::make(world, config.gateway.control, *access);
  if (!server) return complain(server.error(), 1);
  int code = 1;
  auto under_way = gateway::restore(world, config, std::move(order), [&](Result<gateway::Restored> made) {
    if (made)
      say_restored(*made);
    else
      complain(made.error(), 1);
    code = made ? 0 : 1;
    world.stop();
  });
  world.on_signal([&](int signal) {
    if (signal != SIGHUP) world.stop();
  });
  world.run();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  namespace po = boost::program_options;
  po::options_description options(
      "tidegated: pushes the changes of a company's mail and calendars to its people's devices\n\n"
      "  tidegated                                    runs\n"
      "  tidegated restore --recovery-key FILE        makes the state of a lost gateway anew, from its sealed "
      "backup\n\n"
      "Options");
  options.add_options()("help,h", "this text")("version", "the version")(
      "config,c", po::value<std::string>()->default_value("/etc/tidegate/tidegated.ini"), "the ini file")(
      "check", "read the ini, look for its files, load the plugins, make the back-ends, say what is wrong, and end")(
      "sample", "print an annotated sample ini, and end");
  options.add_options()("recovery-key", po::value<std::string>()->value_name("FILE"),
                        "restore: file with the recovery key as it was written down; -: from standard input")(
      "file", po::value<std::string>(), "restore: a sealed backup that lies here, instead of the relay's")(
      "accept-older", "restore: also one that is not the newest");
  po::options_description accepted;
  accepted.add(options).add_options()("command", po::value<std::string>());
  po::positional_options_description words;
  words.add("command", 1);
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv).options(accepted).positional(words).run(), given);
    po::notify(given);
  } catch (const po::error& wrong) {
    std::cerr << "tidegated: " << wrong.what() << "; --help lists the options\n";
    return exit_usage;
  }
  if (given.contains("help")) return std::cout << options << '\n', 0;
  if (given.contains("version")) return std::cout << "tidegated " TIDEGATE_VERSION "\n", 0;
  const bool restoring = given.contains("command");
  if (auto wrong = wrong_usage(given); !wrong.empty()) {
    std::cerr << "tidegated: " << wrong << "; --help lists the options\n";
    return exit_usage;
  }
  if (given.contains("sample")) {
    const auto directory = gateway::plugin_directory();
    plugin::Plugins all(directory);
    return std::cout << gateway::sample_config(all, directory), 0;
  }
  auto config = gateway::read_config(given["config"].as<std::string>());
  if (!config) return complain(config.error(), exit_config);
  if (restoring) {
    harden();
    auto key = read_recovery_key(given["recovery-key"].as<std::string>());
    if (!key) return complain(key.error(), exit_usage);
    return restore(std::move(*config),
                   {.key = std::move(*key),
                    .file = given.contains("file") ? given["file"].as<std::string>() : std::string(),
                    .accept_older = given.contains("accept-older")});
  }
  if (!given.contains("check")) {
    harden();
    return run(std::move(*config));
  }
  sim::RealWorld world;
  plugin::Plugins plugins(config->gateway.plugins);
  int wrong = 0;
  if (auto there = gateway::find_files(config->ini); !there) wrong = complain(there.error(), exit_config);
  for (const auto& section : config->ini.sections)
    if (section.kind == "backend")
      if (auto made = plugins.make(world, config->ini, section); !made) wrong = complain(made.error(), exit_config);
  if (wrong == 0) std::cout << given["config"].as<std::string>() << ": fine\n";
  return wrong;
}
