// SPDX-License-Identifier: Apache-2.0
#include "device/status.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "core/e2e/session.hpp"
#include "device/display.hpp"
#include "device/holds.hpp"
#include "device/journal.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

std::string field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(name) && line.substr(name.size()).starts_with('='))
      return std::string(line.substr(name.size() + 1));
  }
  return {};
}

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string_view word(Standing standing) {
  switch (standing) {
    case Standing::none:
      return "not paired";
    case Standing::pending:
      return "pairing not finished";
    case Standing::paired:
      return "paired";
  }
  return "unknown";
}

}  // namespace

Result<Status> read_status(sim::World& world, const std::string& state, bool running,
                           const proxy::Environment& environment) {
  try {
    auto& files = world.files();
    auto identity = need(load_identity(files, state));
    if (!identity)
      return fault(FaultKind::not_found, state,
                   "No device is paired in " + state + ": run `tidegate-device pair` first.");
    Status status;
    status.running = running;
    status.places = need(chosen_places(files, state, {}, {}));
    Index index(state + "/device.db", world.sqlite_vfs(), true);
    status.account = account_of(index);
    if (status.account.suite == wire::Suite::noise_1)
      status.own_fingerprint = e2e::fingerprint_text(identity->exchange.open);
    if (auto endpoint = parse_relay(status.account.relay))
      status.way_out = shown(status.account.way_out, environment, *endpoint);
    if (status.account.gateway_key.size() == sizeof(e2e::Key32)) {
      e2e::Key32 key;
      std::memcpy(key.data(), status.account.gateway_key.data(), key.size());
      status.gateway_fingerprint = e2e::fingerprint_text(key);
    }
    for (const auto& view : index.views()) {
      Status::View out{view.name, index.count(view.view), 0, 0, view.position.has_value()};
      if (view.position) {
        out.live = view.position->live;
        out.jobs_left = static_cast<std::uint64_t>(std::count_if(view.position->jobs.begin(), view.position->jobs.end(),
                                                                 [](const auto& job) { return !job.done; }));
      }
      status.views.push_back(std::move(out));
    }
    if (index.version() >= 3) {  // an older one is brought up by the next run
      Journal journal(index.database());
      status.waiting = journal.live();
      status.failed = journal.count(CommandRow::State::failed) + journal.count(CommandRow::State::unknown);
      for (const auto& hold : Holds(index.database()).list()) status.held += hold.items;
    }
    if (need(files.info(state + "/status"))) {
      const auto text = need(files.read(state + "/status", 65536));
      status.connected_unix = number(field(text, "connected_unix"));
      status.proven_unix = number(field(text, "proven_unix"));
      status.current = running && field(text, "current") == "1";
      status.readable_by_relay = field(text, "readable") == "1";
      status.last_error = field(text, "last_error");
      // The running one's environment counts, not that of whoever asks.
      if (auto way_out = field(text, "proxy"); running && !way_out.empty()) status.way_out = std::move(way_out);
    }
    return status;
  } catch (const Trouble& trouble) {
    return std::unexpected(trouble.fault);
  }
}

std::string to_text(const Status& s) {
  std::string out = fmt::format("account     {} at {} ({})\n", s.account.user.empty() ? "none" : s.account.user,
                                s.account.relay.empty() ? "no relay" : s.account.relay, word(s.account.standing));
  if (!s.way_out.empty() && s.way_out != "none") out += fmt::format("proxy       {}\n", s.way_out);
  if (!s.account.gateway_name.empty()) out += fmt::format("gateway     {}\n", s.account.gateway_name);
  if (s.account.suite != wire::Suite::noise_1)
    out += fmt::format("suite       {}: not end-to-end, whoever runs the relay can read what this device gets\n",
                       wire::to_string(s.account.suite));
  else
    out += fmt::format("fingerprint this device {}\n", s.own_fingerprint);
  if (!s.gateway_fingerprint.empty()) out += fmt::format("            gateway     {}\n", s.gateway_fingerprint);
  out += fmt::format("mail in     {}\nothers in   {}\n", s.places.maildir, s.places.vdir);
  if (s.current)
    out += fmt::format("state       current, connected since {}\n", clock_text(s.connected_unix));
  else
    out += fmt::format("state       {}, {}\n", s.running ? "running" : "not running",
                       s.proven_unix == 0 ? "never current yet" : "not current since " + clock_text(s.proven_unix));
  for (const auto& view : s.views)
    out += fmt::format("mailbox     {}: {} items, {}\n", view.name, grouped(view.items),
                       !view.positioned      ? "position not known yet"
                       : view.jobs_left == 0 ? "complete"
                                             : fmt::format("{} folders still coming", view.jobs_left));
  if (s.readable_by_relay && s.account.suite == wire::Suite::noise_1)
    out += "attention   readable by the relay: another device of this account is not end-to-end encrypted\n";
  if (s.waiting != 0) out += fmt::format("to go up    {}\n", grouped(s.waiting));
  if (s.failed != 0)
    out += fmt::format("attention   {} were not done: see `tidegate-device queue`\n", grouped(s.failed));
  if (s.held != 0)
    out += fmt::format("attention   {} removals on hold: see `tidegate-device hold list`\n", grouped(s.held));
  if (!s.last_error.empty() && !s.current) out += fmt::format("last error  {}\n", s.last_error);
  return out;
}

std::string to_json(const Status& s) {
  std::string views;
  for (const auto& view : s.views)
    views += fmt::format(R"({}{{"name":{},"items":{},"live":{},"jobs_left":{}}})", views.empty() ? "" : ",",
                         json_text(view.name), view.items, view.live, view.jobs_left);
  return fmt::format(
      R"({{"user":{},"relay":{},"proxy":{},"state":{},"gateway":{},"suite":{},"readable_by_relay":{},"fingerprint":{},"gateway_fingerprint":{},"maildir":{},"vdir":{},)"
      R"("running":{},"current":{},"connected_unix":{},"proven_unix":{},"last_error":{},"waiting":{},"failed":{},"held":{},"views":[{}]}})",
      json_text(s.account.user), json_text(s.account.relay), json_text(s.way_out), json_text(word(s.account.standing)),
      json_text(s.account.gateway_name), json_text(wire::to_string(s.account.suite)), s.readable_by_relay,
      json_text(s.own_fingerprint), json_text(s.gateway_fingerprint), json_text(s.places.maildir),
      json_text(s.places.vdir), s.running, s.current, s.connected_unix, s.proven_unix, json_text(s.last_error),
      s.waiting, s.failed, s.held, views);
}

}  // namespace tidegate::device
