// SPDX-License-Identifier: Apache-2.0
// tidegatectl: administers the gateway on this machine, through the daemon's socket.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/config/secret.hpp"
#include "core/ctl/batch.hpp"
#include "core/ctl/client.hpp"
#include "core/ctl/commands.hpp"
#include "core/ctl/table.hpp"
#include "core/tls/network.hpp"

namespace {
using namespace tidegate;
using namespace std::chrono_literals;

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

int unanswered(const ctl::Invocation& invocation) {
  return complain(ctl::Exit::not_running,
                  {FaultKind::unavailable,
                   invocation.socket,
                   fmt::format("tidegated has not answered within {} minutes; see its log, and whether it was done.",
                               invocation.patience.count()),
                   "",
                   {}});
}

/// Each answer at once and whole: a password in it is told nowhere else.
void show(const ctl::Invocation& invocation, const ctl::Batch::Answer& answer) {
  ctl::Printout printout;
  for (const auto& line : answer.lines) printout.add(line);
  auto text = printout.take();
  if (invocation.json) {
    text.clear();
    for (const auto& raw : answer.raw) text += raw + '\n';
  }
  print(text);
  const bool passed_over = answer.fault && answer.fault->kind == FaultKind::exists;
  if (answer.fault && !passed_over) complain(answer.exit, *answer.fault);
}

int run_list(const ctl::Invocation& invocation) {
  std::ifstream file(invocation.list, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file)
    return complain(ctl::Exit::usage,
                    {FaultKind::not_found, invocation.list, "The list cannot be read; give a file's path.", "", {}});
  auto world = tls::real_world();
  ctl::Batch batch(*world, invocation.socket, invocation.request, invocation.list_field, ctl::list_lines(text),
                   [&](const ctl::Batch::Answer& answer) { show(invocation, answer); });
  batch.start();
  while (!batch.ended()) {
    const auto before = batch.answered();
    if (!world->run_until([&] { return batch.ended() || batch.answered() != before; }, invocation.patience))
      return unanswered(invocation);
  }
  fmt::print(stderr, "tidegatectl: {} done, {} there already, {} refused{}\n", batch.done(), batch.passed_over(),
             batch.refused(),
             batch.not_asked() == 0
                 ? std::string()
                 : fmt::format(", {} not tried; give the same list again for the rest", batch.not_asked()));
  return static_cast<int>(batch.exit());
}

int run(const ctl::Invocation& invocation) {
  if (!invocation.list.empty()) return run_list(invocation);
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
  if (!world->run_until([&] { return ended; }, invocation.patience)) return unanswered(invocation);
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
