// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/commands.hpp"

#include <algorithm>

#include <boost/program_options.hpp>
#include <fmt/format.h>

namespace tidegate::ctl {
namespace {
namespace po = boost::program_options;
using Kind = Argument::Kind;

std::unexpected<Fault> usage(std::string text) { return fault(FaultKind::invalid, "tidegatectl", std::move(text)); }

std::string upper(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
  return out;
}

std::string synopsis(const Argument& argument) {
  switch (argument.kind) {
    case Kind::positional:
      return upper(argument.name);
    case Kind::optional_positional:
      return "[" + upper(argument.name) + "]";
    case Kind::flag:
      return "[--" + argument.name + "]";
    case Kind::list_file:
      return "[--" + argument.name + " LIST]";
    case Kind::option:
    case Kind::secret_file:
      break;
  }
  const auto shown = fmt::format("--{} {}", argument.name, argument.kind == Kind::option ? "VALUE" : "FILE");
  return argument.required ? shown : "[" + shown + "]";
}

std::string synopsis(const Command& command) {
  std::string out = command.words;
  for (const auto& argument : command.arguments) out += " " + synopsis(argument);
  return out;
}

po::options_description global_options() {
  po::options_description options("Options");
  options.add_options()("socket", po::value<std::string>()->value_name("PATH"), "the daemon's socket")(
      "json", po::bool_switch(), "print the daemon's answer as JSON lines")("help,h", po::bool_switch(), "explain")(
      "version", po::bool_switch(), "print the version");
  return options;
}

std::size_t word_count(const Command& command) {
  return 1 + static_cast<std::size_t>(std::ranges::count(command.words, ' '));
}

/// The command whose words stand first among the words that are no options.
const Command* find(const std::vector<std::string>& words) {
  const Command* best = nullptr;
  for (const auto& command : commands()) {
    std::string joined;
    for (std::size_t i = 0; i < word_count(command) && i < words.size(); ++i) joined += (i ? " " : "") + words[i];
    if (joined == command.words && (!best || word_count(command) > word_count(*best))) best = &command;
  }
  return best;
}

std::unexpected<Fault> unknown(const std::vector<std::string>& words) {
  if (words.empty()) return usage("No command given; `tidegatectl --help` lists them.");
  std::string begun;
  for (const auto& command : commands())
    if (command.words.starts_with(words[0] + " ")) begun += (begun.empty() ? "" : ", ") + command.words;
  if (!begun.empty() && words.size() > 1)
    return usage(fmt::format("There is no command \"{} {}\"; there are {}.", words[0], words[1], begun));
  if (!begun.empty()) return usage(fmt::format("\"{}\" needs one more word: {}.", words[0], begun));
  return usage(fmt::format("There is no command \"{}\"; `tidegatectl --help` lists them.", words[0]));
}

/// Splits what stands alone (command words and positionals) from options, so that options may stand anywhere.
struct Split {
  std::vector<std::string> plain;
  po::variables_map options;
};
Result<Split> split(const std::vector<std::string>& words, const Command* command) {
  auto options = global_options();
  if (command)
    for (const auto& argument : command->arguments) {
      if (argument.kind == Kind::flag)
        options.add_options()(argument.name.c_str(), po::bool_switch(), "");
      else if (argument.kind == Kind::option || argument.kind == Kind::secret_file || argument.kind == Kind::list_file)
        options.add_options()(argument.name.c_str(), po::value<std::string>(), "");
    }
  options.add_options()("word", po::value<std::vector<std::string>>(), "");
  po::positional_options_description positional;
  positional.add("word", -1);
  Split out;
  try {
    auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    auto parser = po::command_line_parser(words).options(options).positional(positional).style(style);
    if (!command) parser.allow_unregistered();
    po::store(parser.run(), out.options);
  } catch (const po::error& error) {
    return usage(fmt::format("{}; `tidegatectl {}--help` says what may be given.", error.what(),
                             command ? command->words + " " : ""));
  }
  if (out.options.count("word")) out.plain = out.options["word"].as<std::vector<std::string>>();
  return out;
}

/// A list of values takes the place of the one positional; no secret may go with it, since all would share it.
Result<void> fill_list(const Command& command, const po::variables_map& options, Invocation& invocation) {
  for (const auto& argument : command.arguments) {
    if (argument.kind != Kind::list_file || !options.count(argument.name)) continue;
    invocation.list = options[argument.name].as<std::string>();
    invocation.list_field = argument.field;
    for (const auto& other : command.arguments)
      if (other.kind == Kind::secret_file && options.count(other.name))
        return usage(fmt::format("--{} and --{} exclude each other: all of the list would share one password.",
                                 argument.name, other.name));
  }
  return {};
}

Result<void> fill_positional(const Command& command, const std::vector<std::string>& plain, Invocation& invocation) {
  auto& request = invocation.request;
  std::size_t at = word_count(command);
  for (const auto& argument : command.arguments) {
    if (argument.kind != Kind::positional && argument.kind != Kind::optional_positional) continue;
    if (!invocation.list.empty() && argument.field == invocation.list_field) continue;
    if (at < plain.size())
      request.fields[argument.field] = plain[at++];
    else if (argument.kind == Kind::positional)
      return usage(fmt::format("{} is missing: tidegatectl {}", upper(argument.name), synopsis(command)));
  }
  if (at < plain.size())
    return usage(fmt::format("\"{}\" is one word too many: tidegatectl {}", plain[at], synopsis(command)));
  return {};
}

Result<void> fill_options(const Command& command, const po::variables_map& options, const ReadSecret& read_secret,
                          Request& request) {
  for (const auto& argument : command.arguments) {
    if (argument.kind == Kind::flag) {
      if (options[argument.name].as<bool>()) request.fields[argument.field] = "true";
    } else if (argument.kind == Kind::option || argument.kind == Kind::secret_file) {
      if (!options.count(argument.name)) {
        if (argument.required)
          return usage(fmt::format("--{} is missing: tidegatectl {}", argument.name, synopsis(command)));
        continue;
      }
      auto value = options[argument.name].as<std::string>();
      if (argument.kind == Kind::secret_file) {
        auto secret = read_secret(value);
        if (!secret) return std::unexpected(std::move(secret.error()));
        value = *std::move(secret);
      }
      request.fields[argument.field] = std::move(value);
    }
  }
  return {};
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all{
      {"register",
       "Register this gateway at its relay under a licence.",
       {{Kind::option, "licence", "licence", "name of the licence", true},
        {Kind::secret_file, "password-file", "password", "file that holds the licence's password", true}}},
      {"user add",
       "Serve a user; prints the account password for his devices if none is given.",
       {{Kind::positional, "user", "user", "address"},
        {Kind::option, "site", "site", "site that holds his data (default: the one whose pattern fits)"},
        {Kind::secret_file, "password-file", "password", "file that holds his account password at the relay"},
        {Kind::list_file, "file", "user", "file with one address a line, instead of USER"}}},
      {"user list", "The users, whether they are served, and why not."},
      {"user remove",
       "Stop serving a user and forget his pairings; nothing in his mailbox changes.",
       {{Kind::positional, "user", "user", "address"}}},
      {"pair", "Print a pairing code for one more device of a user.", {{Kind::positional, "user", "user", "address"}}},
      {"device list", "The devices, of one user or of all.", {{Kind::optional_positional, "user", "user", "address"}}},
      {"device add",
       "Admit an old terminal by hand; the relay can then read that user's data. Prints its id.",
       {{Kind::positional, "user", "user", "address"},
        {Kind::option, "suite", "suite", "vmes-1 or none, as far as the gateway's settings allow it", true},
        {Kind::option, "days", "days", "how long it may come, 1 to 366 (default: 30)"}}},
      {"device revoke",
       "Shut a lost device out at once and forget its keys.",
       {{Kind::positional, "user", "user", "address"}, {Kind::positional, "id", "device", "id from `device list`"}}},
      {"hold list", "What disappeared from a server at once and waits for your word."},
      {"hold release",
       "It was meant: what is held is removed from the devices.",
       {{Kind::positional, "number", "number", "from `hold list`"}}},
      {"hold discard",
       "It was not meant: nothing of it is removed.",
       {{Kind::positional, "number", "number", "from `hold list`"}}},
      {"quarantine list", "Messages that cannot be read and are left out, and why."},
      {"quarantine retry",
       "Try them again now: one, or all.",
       {{Kind::optional_positional, "id", "id", "from `quarantine list`; the beginning is enough"}}},
      {"recovery-key",
       "Show the recovery key; write it down, then confirm.",
       {{Kind::flag, "confirm", "confirm", "it is written down: stop reminding"}}},
      {"backup", "Send a sealed backup of the state to the relay now; it is done by itself, too."},
      {"test",
       "Try a back-end now: address, encryption, secrets, and a user's login; says what is wrong and what to do.",
       {{Kind::positional, "backend", "backend", "name of its section: hq-mail for [backend:hq-mail]"},
        {Kind::option, "user", "user", "whose login is tried (default: the first user who is served from it)"}}},
      {"retry",
       "Try now what waits after a fault, such as a password that was refused: a user's mailbox, or all of a back-end.",
       {{Kind::positional, "who", "who", "a user's address or a back-end's name"}}},
      {.words = "token grant",
       .doc = "Get a user's first refresh token: prints an address and a code to enter there, and waits until it was.",
       .arguments = {{Kind::positional, "backend", "backend", "name of its section; it has token_device_endpoint"},
                     {Kind::positional, "user", "user", "address"}},
       .patience = std::chrono::minutes(65)},
      {"status", "What runs, what does not and why: relay, back-ends, users, devices."},
      {"queue", "What waits on its way to the relay, and what the channel has carried."},
      {"resume", "Go on after another gateway used this identity, or try a paused connection now."},
      {"stop", "End the daemon in good order."}};
  return all;
}

std::string help(const Command& command) {
  auto out = fmt::format("tidegatectl {}\n\n{}\n", synopsis(command), command.doc);
  if (!command.arguments.empty()) out += '\n';
  for (const auto& argument : command.arguments) {
    const bool plain = argument.kind == Kind::positional || argument.kind == Kind::optional_positional;
    out += fmt::format("  {:<18} {}\n", plain ? upper(argument.name) : "--" + argument.name, argument.doc);
  }
  return out;
}

std::string help() {
  std::string out =
      "tidegatectl administers the Tidegate gateway on this machine.\n\n"
      "Usage: tidegatectl [--socket PATH] [--json] COMMAND …\n\nCommands:\n";
  for (const auto& command : commands()) out += fmt::format("  {}\n      {}\n", synopsis(command), command.doc);
  out += fmt::format(
      "\nOptions:\n"
      "  --socket PATH   the daemon's socket (default {})\n"
      "  --json          the daemon's answer as JSON, one object a line\n"
      "  --help          this, or of one command: tidegatectl user add --help\n"
      "  --version       print the version\n\n"
      "Exit codes: 0 done; 1 the gateway refused or failed; 2 wrong usage; 3 the daemon is not running or does not\n"
      "answer; 4 you may not administer it.\n\n"
      "First steps: tidegatectl register --licence NAME --password-file FILE\n"
      "             tidegatectl user add anna@example.com\n"
      "             tidegatectl pair anna@example.com\n",
      default_socket);
  return out;
}

Result<Invocation> parse(const std::vector<std::string>& words, const ReadSecret& read_secret) {
  // The command is found first, among all that could be its words; then its own options are known.
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--socket")
      ++i;
    else if (!words[i].starts_with('-'))
      plain.push_back(words[i]);
  }
  const auto* command = find(plain);
  auto parts = split(words, command);
  if (!parts) return std::unexpected(std::move(parts.error()));
  Invocation invocation;
  invocation.json = parts->options["json"].as<bool>();
  invocation.version = parts->options["version"].as<bool>();
  if (parts->options.count("socket")) invocation.socket = parts->options["socket"].as<std::string>();
  if (invocation.version) return invocation;
  if (parts->options["help"].as<bool>()) {
    invocation.help = command ? help(*command) : help();
    return invocation;
  }
  if (!command) return unknown(plain);
  invocation.request.command = command->words;
  invocation.patience = command->patience;
  if (auto filled = fill_list(*command, parts->options, invocation); !filled)
    return std::unexpected(std::move(filled.error()));
  if (auto filled = fill_positional(*command, parts->plain, invocation); !filled)
    return std::unexpected(std::move(filled.error()));
  if (auto filled = fill_options(*command, parts->options, read_secret, invocation.request); !filled)
    return std::unexpected(std::move(filled.error()));
  return invocation;
}

}  // namespace tidegate::ctl
