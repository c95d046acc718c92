// SPDX-License-Identifier: Apache-2.0
// tidegatectl: administers the gateway on this machine, through the daemon's socket.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/config/secret.hpp"
#include "core/ctl/client.hpp"
#include "core/ctl/commands.hpp"
#include "core/ctl/table.hpp"
#include "core/tls/network.hpp"

namespace {
using namespace tidegate;
using namespace std::chrono_literals;

// Pairing, registering and stopping end within a minute or two; whoever waits longer wants to know.
constexpr auto answered_within = 5min;

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int complain(ctl::Exit exit, const Fault& fault) {
  const bool said =
      fault.where.empty() || fault.where == "ctl" || fault.where == "tidegatectl" || fault.text.contains(fault.where);
  fmt::print(stderr, "tidegatectl: {}{}\n", fault.text, said ? "" : " [" + fault.where + "]");
  return static_cast<int>(exit);
}

int run(const ctl::Invocation& invocation) {
  auto world = tls::real_world();
  ctl::Printout printout;
  ctl::Exit exit = ctl::Exit::not_running;
  std::optional<Fault> fault;
  bool ended = false;
  const auto client = ctl::Client::ask(
      *world, invocation.socket, invocation.request,
      [&](std::string_view raw, const ctl::Line& line) {
        if (invocation.json) return print(std::string(raw) + '\n');
        printout.add(line);
        print(printout.take());
      },
      [&](ctl::Exit how, std::optional<Fault> why) {
        exit = how;
        fault = std::move(why);
        ended = true;
      });
  if (!world->run_until([&] { return ended; }, answered_within))
    return complain(ctl::Exit::not_running,
                    {FaultKind::unavailable,
                     invocation.socket,
                     "tidegated has not answered within 5 minutes; see its log, and whether it was done.",
                     "",
                     {}});
  return fault ? complain(exit, *fault) : static_cast<int>(exit);
}

}  // namespace

int main(int count, char** words) {
  const auto warn = [](std::string_view text) { fmt::print(stderr, "tidegatectl: {}\n", text); };
  const auto invocation = ctl::parse(std::vector<std::string>(words + (count > 0 ? 1 : 0), words + count),
                                     [&](const std::string& path) { return config::read_secret_file(path, warn); });
  if (!invocation) return complain(ctl::Exit::usage, invocation.error());
  if (invocation->version) return print("tidegatectl " TIDEGATE_VERSION "\n"), 0;
  if (!invocation->help.empty()) return print(invocation->help), 0;
  return run(*invocation);
}
