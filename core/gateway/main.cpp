// SPDX-License-Identifier: Apache-2.0
// tidegated: the gateway daemon.
#include <csignal>
#include <iostream>

#include <boost/program_options.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "core/ctl/access.hpp"
#include "core/gateway/control.hpp"
#include "core/gateway/gateway.hpp"
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

}  // namespace

int main(int argc, char** argv) {
  namespace po = boost::program_options;
  po::options_description options(
      "tidegated: pushes the changes of a company's mail and calendars to its people's devices\n\n"
      "Options");
  options.add_options()("help,h", "this text")("version", "the version")(
      "config,c", po::value<std::string>()->default_value("/etc/tidegate/tidegated.ini"), "the ini file")(
      "check", "read the ini, look for its files, load the plugins, make the back-ends, say what is wrong, and end")(
      "sample", "print an annotated sample ini, and end");
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv).options(options).positional({}).run(), given);
    po::notify(given);
  } catch (const po::error& wrong) {
    std::cerr << "tidegated: " << wrong.what() << "; --help lists the options\n";
    return exit_usage;
  }
  if (given.contains("help")) return std::cout << options << '\n', 0;
  if (given.contains("version")) return std::cout << "tidegated " TIDEGATE_VERSION "\n", 0;
  if (given.contains("sample")) {
    const auto directory = gateway::plugin_directory();
    plugin::Plugins all(directory);
    return std::cout << gateway::sample_config(all, directory), 0;
  }
  auto config = gateway::read_config(given["config"].as<std::string>());
  if (!config) return complain(config.error(), exit_config);
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
