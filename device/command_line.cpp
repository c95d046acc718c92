// SPDX-License-Identifier: Apache-2.0
#include "device/command_line.hpp"

namespace options = boost::program_options;
namespace tidegate::device {

options::options_description described() {
  options::options_description all("Options");
  const auto word = [] { return options::value<std::string>(); };
  const auto words = [] { return options::value<std::vector<std::string>>()->composing(); };
  all.add_options()("help,h", "say this")("version", "say the version")(
      "state", word(), "directory of keys and index (default ~/.local/state/tidegate-device)")(
      "maildir", word(), "where mail goes; chosen once (default STATE/mail)")(
      "vdir", word(), "where calendars and contacts go; chosen once (default STATE/pim)")(
      "ca", word(), "PEM file of the authority that signed the relay's certificate (default: the system's)")(
      "proxy", word(),
      "pair, run: HTTP proxy on the way to the relay, http://host:port; none; or environment (default: https_proxy "
      "there); kept")("proxy-user", word(), "pair, run: user at the proxy; kept")(
      "proxy-password-file", word(), "pair, run: file with that user's password; its path is kept")(
      "no-proxy", word(), "pair, run: hosts that are reached without the proxy; kept")(
      "relay", word(), "pair: address of the relay, https://host[:port]")("user", word(),
                                                                          "pair: the account's address")(
      "password-file", word(), "pair: file with the account's password at the relay (default: asked for)")(
      "suite", word(), "pair: vmes-1 or none, with the id that the administrator admitted: the relay can then read")(
      "name", word(), "pair: what this device is called in lists (default: the host's name)")(
      "once-idle", "run: end when all that was there has been stored")("events", word()->default_value("text"),
                                                                       "run: text, or json: one object a line")(
      "compression", word(), "run: how contents come: zstd, deflate or none (default: the first the gateway has)")(
      "json", "status, policy, search, agenda, respond, fetch --list, queue, hold list: as JSON")(
      "drop", options::value<std::uint64_t>(), "queue: forget this entry")("again", options::value<std::uint64_t>(),
                                                                           "queue: send this entry again")(
      "list", "fetch: what is to be fetched, and what cannot be")(
      "all-folders", "policy: every folder, also those to come")("only", words(), "policy: this folder and no other")(
      "with", words(), "policy: this folder, too")("without", words(), "policy: not this folder")(
      "days", word(),
      "policy: mail of the last N days (today not counted), or all; with --folder also usual; agenda: so many days; "
      "respond: invitations of so many")("folder", word(),
                                         "policy: --days is for this folder alone; search, agenda: in this one alone")(
      "from", word(), "agenda: the first day, YYYY-MM-DD (default: today)")("to", word(), "agenda: the last day")(
      "zone", word(), "agenda: seen from there, Europe/Berlin (default: this machine's zone)")(
      "kind", word(), "search: mail, event, task, contact or note")(
      "most", options::value<std::size_t>()->default_value(100), "search: so many, the newest")(
      "events-back", word(), "policy: of calendars, what happens up to N days ago, or all")(
      "events-ahead", word(), "policy: the same, up to N days ahead, or all")(
      "largest", word(), "policy: larger messages come without their attachments; 200K, 5M, none")(
      "on-demand", word(), "policy: yes: attachments only when fetched; no");
  all.add_options()("all", "respond: also invitations that are answered, cancelled or over")(
      "comment", word(), "respond: what the organizer is told beside the answer")(
      "as", word(), "respond: the address that was invited (default: the account's)");
  return all;
}

/// With the words that stand alone, which --help does not list.
options::options_description all_described() {
  auto all = described();
  all.add_options()("command", options::value<std::string>())("code", options::value<std::string>())(
      "number", options::value<std::string>())("more", options::value<std::vector<std::string>>());
  return all;
}

}  // namespace tidegate::device
