// SPDX-License-Identifier: Apache-2.0
// tidegate-device pair | run | status | policy | fetch | search | agenda | respond | send | queue | hold
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include "core/config/secret.hpp"
#include "core/e2e/stub_mark.hpp"
#include "core/pim/system_zones.hpp"
#include "core/proxy/network.hpp"
#include "device/agenda.hpp"
#include "device/charsets.hpp"
#include "device/command_line.hpp"
#include "device/device.hpp"
#include "device/display.hpp"
#include "device/fetches.hpp"
#include "device/invitations.hpp"
#include "device/names.hpp"
#include "device/outbox.hpp"
#include "device/policy.hpp"
#include "device/queue.hpp"
#include "device/search.hpp"
#include "device/sendmail.hpp"
#include "device/status.hpp"
#include "device/terminal.hpp"
#include "device/trouble.hpp"

namespace options = boost::program_options;
namespace tidegate::device {
namespace {

constexpr int wrong_usage = 2;
constexpr std::array codecs{std::pair{std::string_view("zstd"), e2e::Compression::zstd},
                            std::pair{std::string_view("deflate"), e2e::Compression::deflate},
                            std::pair{std::string_view("none"), e2e::Compression::none}};
int fail(const Fault& why) {
  std::cerr << "tidegate-device: " << why.text << "\n";
  if (!why.cause.empty()) std::cerr << "  (" << why.cause << ")\n";
  return 1;
}

Settings settings_of(const Command& command) {
  Settings settings;
  settings.state = command.text("state").empty() ? default_state() : absolute(command.text("state"));
  settings.maildir = absolute(command.text("maildir"));
  settings.vdir = absolute(command.text("vdir"));
  settings.ca_file = absolute(command.text("ca"));
  settings.way_out = {command.text("proxy"), command.text("proxy-user"), absolute(command.text("proxy-password-file")),
                      command.text("no-proxy")};
  settings.environment = proxy::environment();
  settings.name = command.text("name").empty() ? host_name() : command.text("name");
  return settings;
}

class Silent final : public Events {
  void event(const Event&) override {}
};

int pair(const Command& command) {
  PairRequest request{command.text("relay"), command.text("user"), {}, command.text("code")};
  if (const auto name = command.text("suite"); !name.empty()) {
    const auto suite = wire::suite_named(name);
    if (!suite) {
      std::cerr << "tidegate-device: --suite must be noise-1, vmes-1 or none\n";
      return wrong_usage;
    }
    request.suite = *suite;
  }
  if (request.code.empty()) {
    const bool admitted = request.suite != wire::Suite::noise_1;
    auto code = ask(admitted ? "Id (from the administrator): " : "Pairing code (from the welcome mail): ", true);
    if (!code) return fail(code.error());
    request.code = std::move(*code);
  }
  if (const auto file = command.text("password-file"); !file.empty()) {
    auto read = config::read_secret_file(file, [](std::string_view why) { std::cerr << why << "\n"; });
    if (!read) return fail(read.error());
    request.password = std::move(*read);
  } else {
    auto asked = ask("Password of the account at the relay: ", false);
    if (!asked) return fail(asked.error());
    request.password = std::move(*asked);
  }
  auto settings = settings_of(command);
  if (auto wrong = check(settings.way_out); !wrong.empty()) {
    std::cerr << "tidegate-device: " << wrong << "\n";
    return wrong_usage;
  }
  auto lock = StateLock::take(settings.state);
  if (!lock) return fail(lock.error());
  auto world = proxy::real_world();
  Silent nobody;
  std::optional<Result<Pairing>> result;
  {
    Device device(*world, settings, nobody);
    device.pair(std::move(request), [&](Result<Pairing> done) {
      result = std::move(done);
      world->stop();
    });
    world->on_signal([&](int) { world->stop(); });
    world->run();
  }
  if (!result)
    return fail(Fault{FaultKind::cancelled, "pair", "Interrupted; the same code can be used again.", {}, {}});
  if (!*result) return fail(result->error());
  const auto& done = **result;
  if (done.own_fingerprint.empty()) {
    fmt::print(
        "enrolled with {} for {}, without end-to-end encryption: whoever runs the relay can read what this device "
        "gets.\n",
        done.gateway_name, done.user);
    return 0;
  }
  fmt::print(
      "paired with {} for {}\n  this device {}\n  gateway     {}\nBoth also stand in the mail that the gateway sends "
      "now.\n",
      done.gateway_name, done.user, done.own_fingerprint, done.gateway_fingerprint);
  return 0;
}

class Printer final : public Events {
 public:
  Printer(bool json, bool once) : json_(json), once_(once), screen_(json ? 0 : terminal_width()) {}
  std::function<void()> end;
  int code = 0;

 private:
  void event(const Event& event) override {
    const auto* stopped = std::get_if<Stopped>(&event);
    // What stops it is said to people once, on standard error.
    const auto text = json_ ? to_json(event) + "\n" : stopped == nullptr ? screen_.show(event) : std::string();
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (stopped != nullptr) {
      code = fail(stopped->why);
      end();
    }
    if (std::holds_alternative<Wiped>(event) || (once_ && std::holds_alternative<Idle>(event))) end();
  }
  bool json_, once_;
  Screen screen_;
};

int run(const Command& command) {
  const auto format = command.text("events");
  if (format != "text" && format != "json") {
    std::cerr << "tidegate-device: --events must be text or json\n";
    return wrong_usage;
  }
  auto settings = settings_of(command);
  if (const auto codec = command.text("compression"); !codec.empty()) {
    const auto found = std::ranges::find(codecs, codec, &std::pair<std::string_view, e2e::Compression>::first);
    if (found == codecs.end()) {
      std::cerr << "tidegate-device: --compression must be zstd, deflate or none\n";
      return wrong_usage;
    }
    settings.compressions = {found->second};
  }
  if (auto wrong = check(settings.way_out); !wrong.empty()) {
    std::cerr << "tidegate-device: " << wrong << "\n";
    return wrong_usage;
  }
  auto lock = StateLock::take(settings.state);
  if (!lock) return fail(lock.error());
  auto world = proxy::real_world();
  Printer printer(format == "json", command.values.count("once-idle") != 0);
  Device device(*world, settings, printer);
  bool ending = false;
  printer.end = [&] {
    if (std::exchange(ending, true)) return;
    // Not within the event that says so.
    world->reactor().post([&] { device.stop([&] { world->stop(); }); });
  };
  world->on_signal([&](int) { ending ? world->stop() : printer.end(); });
  device.run();
  world->run();
  return printer.code;
}

int status(const Command& command) {
  const auto state = settings_of(command).state;
  auto world = proxy::real_world();
  auto read = read_status(*world, state, StateLock::held(state), proxy::environment());
  if (!read) return fail(read.error());
  fmt::print("{}", command.values.count("json") != 0 ? to_json(*read) + "\n" : to_text(*read));
  return 0;
}

/// Work on device.db beside a running device, which then looks at once.
int decide(const std::string& state, const std::function<Result<void>(sim::World&, Index&)>& work) {
  auto world = proxy::real_world();
  if (auto read = read_status(*world, state, false); !read) return fail(read.error());
  try {
    Index index(state + "/device.db", world->sqlite_vfs());
    if (auto done = work(*world, index); !done) return fail(done.error());
  } catch (const Trouble& trouble) {
    return fail(trouble.fault);
  }
  poke(*world, state);
  return 0;
}

int policy(const Command& command) {
  const PolicyChange change{.all_folders = command.values.count("all-folders") != 0,
                            .only = command.texts("only"),
                            .with = command.texts("with"),
                            .without = command.texts("without"),
                            .days = command.text("days"),
                            .folder = command.text("folder"),
                            .events_back = command.text("events-back"),
                            .events_ahead = command.text("events-ahead"),
                            .largest = command.text("largest"),
                            .on_demand = command.text("on-demand")};
  return decide(settings_of(command).state, [&](sim::World&, Index& index) -> Result<void> {
    if (!change.empty())
      if (auto done = change_policy(index, change); !done) return done;
    fmt::print("{}", command.values.count("json") != 0 ? policy_json(index) : policy_text(index));
    return {};
  });
}

/// What stands alone behind the command, in its order.
std::vector<std::string> words_of(const Command& command) {
  auto words = command.texts("more");
  for (const char* word : {"number", "code"})
    if (auto text = command.text(word); !text.empty()) words.insert(words.begin(), std::move(text));
  return words;
}

int search(const Command& command) {
  const auto words = words_of(command);
  if (words.empty()) {
    std::cerr << "tidegate-device: search WORD ...; see --help\n";
    return wrong_usage;
  }
  const auto state = settings_of(command).state;
  auto world = proxy::real_world();
  auto status = read_status(*world, state, false);
  if (!status) return fail(status.error());
  try {
    Index index(state + "/device.db", world->sqlite_vfs(), true);
    const auto found =
        search(world->files(), index, status->places,
               {words, command.text("kind"), command.text("folder"), command.values["most"].as<std::size_t>()});
    if (!found) return fail(found.error());
    fmt::print("{}", command.values.count("json") != 0 ? search_json(*found) : search_text(*found));
    return found->hits.empty() ? 1 : 0;
  } catch (const Trouble& trouble) {
    return fail(trouble.fault);
  }
}

int agenda(const Command& command) {
  if (!words_of(command).empty()) {
    std::cerr << "tidegate-device: too many words; see --help\n";
    return wrong_usage;
  }
  const auto state = settings_of(command).state;
  auto world = proxy::real_world();
  auto status = read_status(*world, state, false);
  if (!status) return fail(status.error());
  try {
    Index index(state + "/device.db", world->sqlite_vfs(), true);
    pim::SystemZones zones;
    const auto now = std::chrono::floor<std::chrono::seconds>(world->reactor().wall());
    const auto found = agenda(
        world->files(), index, status->places, status->account.user, zones.source(), zones.local(std::getenv("TZ")),
        now,
        {command.text("from"), command.text("to"), command.text("days"), command.text("folder"), command.text("zone")});
    if (!found) return fail(found.error());
    fmt::print("{}", command.values.count("json") != 0 ? agenda_json(*found) : agenda_text(*found));
    return found->trouble.empty() ? 0 : 1;
  } catch (const Trouble& trouble) {
    return fail(trouble.fault);
  }
}

int respond(const Command& command) {
  const auto words = words_of(command);
  if (words.size() != 0 && words.size() != 2) {
    std::cerr << "tidegate-device: respond, or respond MAIL|UID accept|decline|tentative|acknowledge; see --help\n";
    return wrong_usage;
  }
  const auto state = settings_of(command).state;
  auto world = proxy::real_world();
  const auto status = read_status(*world, state, false);
  if (!status) return fail(status.error());
  InvitationWish wish{command.text("days"), {status->account.user}};
  if (command.has("as")) wish.addresses.push_back(command.text("as"));
  return decide(state, [&](sim::World& beside, Index& index) -> Result<void> {
    pim::SystemZones zones;
    const auto all = invitations(beside, index, status->places, zones.source(), zones.local(std::getenv("TZ")), wish);
    if (!all) return std::unexpected(all.error());
    if (words.empty()) {
      fmt::print("{}", command.has("json") ? invitations_json(*all, command.has("all"))
                                           : invitations_text(*all, command.has("all")));
      return {};
    }
    const auto done = respond(beside, index, *all, {words[0], words[1], command.text("comment"), command.text("as")});
    if (!done) return std::unexpected(done.error());
    fmt::print("to be {}{}\n", words[1] == "acknowledge" ? "taken over" : "answered",
               done->empty() ? "" : ": " + for_people(*done));
    return {};
  });
}

int fetch(const Command& command) {
  const auto words = words_of(command);
  if (words.empty() != (command.values.count("list") != 0)) {
    std::cerr << "tidegate-device: fetch FILE or GID ..., or fetch --list; see --help\n";
    return wrong_usage;
  }
  return decide(settings_of(command).state, [&](sim::World& world, Index& index) -> Result<void> {
    if (words.empty()) {
      fmt::print("{}", command.values.count("json") != 0 ? fetches_json(index) : fetches_text(index));
      return {};
    }
    auto wanted = want_whole(world.files(), index, words);
    if (!wanted) return std::unexpected(wanted.error());
    fmt::print("{}\n",
               *wanted == 0 ? std::string("all of it is here already") : fmt::format("{} to be fetched", *wanted));
    return {};
  });
}

int queue(const Command& command) {
  const auto state = settings_of(command).state;
  return decide(state, [&](sim::World& world, Index& index) -> Result<void> {
    if (command.values.count("drop") != 0)
      return drop_entry(world.files(), index, command.values["drop"].as<std::uint64_t>());
    if (command.values.count("again") != 0)
      return repeat_entry(world, index, command.values["again"].as<std::uint64_t>());
    fmt::print("{}", command.values.count("json") != 0 ? queue_json(index) : queue_text(index));
    return {};
  });
}

int hold(const Command& command) {
  const auto state = settings_of(command).state;
  const auto what = command.text("code"), text = command.text("number");
  std::uint64_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool numbered = !text.empty() && wrong == std::errc() && end == text.data() + text.size();
  if ((what != "list" || !text.empty()) && ((what != "release" && what != "discard") || !numbered)) {
    std::cerr << "tidegate-device: hold list, hold release ID, or hold discard ID; see --help\n";
    return wrong_usage;
  }
  return decide(state, [&](sim::World&, Index& index) -> Result<void> {
    if (what == "release") return release_hold(index, number);
    if (what == "discard") return discard_hold(index, number);
    fmt::print("{}", command.values.count("json") != 0 ? holds_json(index) : holds_text(index));
    return {};
  });
}

/// Durably in the outbox when it returns 0, whether a device runs or not.
int send(const SendArguments& arguments) {
  const auto state = arguments.state.empty() ? default_state() : absolute(arguments.state);
  auto world = proxy::real_world();
  auto status = read_status(*world, state, false);
  if (!status) return fail(status.error());
  std::string input((std::istreambuf_iterator<char>(std::cin)), {});
  std::array<std::byte, 16> unique{};
  world->reactor().random(unique);
  LetterOptions options{.from_header = arguments.from_header,
                        .dots = arguments.dots,
                        .recipients = arguments.recipients,
                        .user = status->account.user,
                        .now_unix = std::chrono::system_clock::to_time_t(world->reactor().wall()),
                        .unique = gid_text(unique)};
  if (const auto part = e2e::stub_gid(input))
    return fail(Fault{FaultKind::invalid,
                      "send",
                      "It contains a message that is here only in part: get it whole first, `tidegate-device fetch " +
                          gid_text(*part) + "`, and attach it again.",
                      {},
                      {}});
  auto letter = read_letter(input, options);
  if (!letter) return fail(letter.error());
  if (auto done = spool(*world, state, *letter); !done) return fail(done.error());
  return 0;
}

int start(int count, char** words) {
  auto sending = read_send_arguments({words + 1, words + count});
  if (!sending) {
    (void)fail(sending.error());
    return wrong_usage;
  }
  if (*sending) return send(**sending);
  Command command;
  const auto all = all_described();
  try {
    options::positional_options_description order;
    order.add("command", 1).add("code", 1).add("number", 1).add("more", -1);
    options::store(options::command_line_parser(count, words).options(all).positional(order).run(), command.values);
    options::notify(command.values);
  } catch (const options::error& wrong) {
    std::cerr << "tidegate-device: " << wrong.what() << "; see --help\n";
    return wrong_usage;
  }
  command.name = command.text("command");
  if (command.values.count("more") != 0 && command.name != "fetch" && command.name != "search") {
    std::cerr << "tidegate-device: too many words; see --help\n";
    return wrong_usage;
  }
  if (command.values.count("version") != 0) {
    fmt::print("tidegate-device {}\n", TIDEGATE_VERSION);
    return 0;
  }
  if (command.values.count("help") != 0 || command.name.empty()) {
    (command.name.empty() && command.values.count("help") == 0 ? std::cerr : std::cout) << usage << "\n" << described();
    return command.name.empty() && command.values.count("help") == 0 ? wrong_usage : 0;
  }
  if (command.name == "pair") return pair(command);
  if (command.name == "run") return run(command);
  if (command.name == "status") return status(command);
  if (command.name == "policy") return policy(command);
  if (command.name == "fetch") return fetch(command);
  if (command.name == "search") return search(command);
  if (command.name == "agenda") return agenda(command);
  if (command.name == "respond") return respond(command);
  if (command.name == "queue") return queue(command);
  if (command.name == "hold") return hold(command);
  std::cerr << "tidegate-device: there is no `" << command.name << "`; see --help\n";
  return wrong_usage;
}

}  // namespace
}  // namespace tidegate::device

int main(int count, char** words) {
  tidegate::device::no_core_dumps();
  ::umask(077);
  return tidegate::device::start(count, words);
}
