// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/settings.hpp"

#include <array>
#include <charconv>

namespace tidegate::mock {
namespace {

constexpr std::array<Setting, 8> table{{
    {"mode", "directory", "directory: a Maildir a user below root. memory: made up from a counter, for load tests."},
    {"root", "", "Directory mode: the directory that holds one sub-directory a user."},
    {"script", "", "File of scripted changes and faults (docs/sdk/mock.md)."},
    {"control", "", "Path of a Unix socket that takes lines of the script at once (docs/sdk/mock.md)."},
    {"users", "1000", "Memory mode: how many users there are: user0, user1 …"},
    {"items", "10", "Memory mode: messages in each INBOX at the start."},
    {"item_size", "1024", "Memory mode: octets of each message, 256 to 16777216."},
    {"rate", "0", "Memory mode: messages a second that come in, over all watched mailboxes in turn."},
}};

std::unexpected<Fault> wrong(std::string_view key, std::string_view must) {
  return fault(FaultKind::invalid, {}, std::string(key) + " " + std::string(must));
}

Result<std::uint32_t> number(std::string_view key, std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return wrong(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

}  // namespace

std::span<const Setting> settings_table() noexcept { return table; }

Result<Settings> read_settings(std::span<const std::pair<std::string, std::string>> values) {
  Settings settings;
  const std::array<std::pair<std::string_view, std::uint32_t Settings::*>, 4> numbers{
      {{"users", &Settings::users},
       {"items", &Settings::items},
       {"item_size", &Settings::item_size},
       {"rate", &Settings::rate}}};
  for (const auto& [key, text] : values) {
    if (key == "mode") {
      if (text != "directory" && text != "memory") return wrong(key, "must be directory or memory");
      settings.memory = text == "memory";
    } else if (key == "root") {
      settings.root = text;
    } else if (key == "script") {
      settings.script = text;
    } else if (key == "control") {
      settings.control = text;
    }
    for (const auto& [name, member] : numbers) {
      if (name != key) continue;
      const bool size = name == "item_size";
      auto value = number(key, text, size ? 256 : 0, size ? 16U << 20 : 10'000'000);
      if (!value) return std::unexpected(value.error());
      settings.*member = *value;
    }
  }
  if (!settings.memory && settings.root.empty())
    return wrong("root", "must be given in directory mode: the directory that holds one sub-directory a user");
  return settings;
}

}  // namespace tidegate::mock
