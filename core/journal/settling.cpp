// SPDX-License-Identifier: Apache-2.0
#include "core/journal/settling.hpp"

#include <fmt/format.h>

namespace tidegate::journal {

namespace {

constexpr e2e::Gid no_gid{};

Fault invalid(const char* why) { return {FaultKind::invalid, "command", why, {}, {}}; }

bool needs_item(e2e::Verb verb) {
  return verb == e2e::Verb::set_flags || verb == e2e::Verb::move || verb == e2e::Verb::remove ||
         verb == e2e::Verb::update || verb == e2e::Verb::respond || verb == e2e::Verb::create;
}

bool names_folder_anew(e2e::Verb verb) { return verb == e2e::Verb::make_folder || verb == e2e::Verb::change_folder; }

}  // namespace

Verdict judge(e2e::Verb verb, FaultKind kind) {
  switch (kind) {
    case FaultKind::unavailable:
    case FaultKind::throttled:
    case FaultKind::cancelled:
    case FaultKind::auth:  // an administrator mends it; the user's change waits
      return Verdict::again;
    case FaultKind::not_found:
      // Gone is what was asked for, whoever did it.
      return verb == e2e::Verb::remove || verb == e2e::Verb::remove_folder ? Verdict::done : Verdict::failed;
    default:
      return Verdict::failed;
  }
}

std::optional<Fault> refuse(const e2e::Command& command, std::uint64_t largest_content) {
  if (command.id.size() != 16) return invalid("A command's id has 16 octets.");
  if (command.verb < e2e::Verb::set_flags || command.verb > e2e::Verb::remove_folder)
    return Fault{FaultKind::unsupported, "command", "This gateway does not know this command; it is older.", {}, {}};
  if (needs_item(command.verb) && command.gid == no_gid) return invalid("The command names no item.");
  const bool names_folder = command.verb == e2e::Verb::create || command.verb == e2e::Verb::move;
  if (names_folder && command.folder == no_gid) return invalid("The command names no folder.");
  if (command.verb == e2e::Verb::move && command.to == no_gid) return invalid("The move names no target.");
  if (names_folder_anew(command.verb) && (command.name.empty() || command.name.find('\0') != std::string::npos))
    return invalid("The folder has no name.");
  if (command.verb == e2e::Verb::send && command.recipients.empty()) return invalid("The message has no recipient.");
  if (command.verb == e2e::Verb::respond && command.reply > 3) return invalid("There is no such answer.");
  if (!has_content(command.verb) && (command.size > 0 || command.content.size > 0))
    return invalid("This command has no content.");
  if (command.content.size > command.size) return invalid("The content is longer than the command says.");
  if (command.size > largest_content) {
    return Fault{FaultKind::too_large,
                 "command",
                 fmt::format("The content is larger than this gateway takes ({} octets at most).", largest_content),
                 {},
                 {}};
  }
  return std::nullopt;
}

bool has_content(e2e::Verb verb) {
  return verb == e2e::Verb::create || verb == e2e::Verb::update || verb == e2e::Verb::send;
}

bool notes_itself(e2e::Verb verb) {
  return verb == e2e::Verb::create || verb == e2e::Verb::move || verb == e2e::Verb::send;
}

}  // namespace tidegate::journal
