// SPDX-License-Identifier: Apache-2.0
// The spool of mails to be sent, STATE/outbox: a file is there whole and durable before its sender is told so; a
// running device, or the next one, journals it. The file is the command's content until its result is stored.
#pragma once
#include <string>

#include "core/sim/world.hpp"
#include "device/index.hpp"
#include "device/journal.hpp"
#include "device/letter.hpp"

namespace tidegate::device {

std::string outbox_path(const std::string& state);
/// Of the copies of a vdir's files that go up, which lie there, too (device/outgoing.hpp).
inline constexpr std::string_view object_suffix = ".object";

/// Durable when it returns. Any process; beside a running device.
Result<void> spool(sim::World&, const std::string& state, const Letter&);
/// A running device looks at its journal and its Maildir at once.
void poke(sim::World&, const std::string& state);

class Outbox {
 public:
  Outbox(sim::World& world, std::string state) : world_(world), files_(world.files()), state_(std::move(state)) {}
  /// Journals what lies there and is not journaled yet: how many. Trouble for failures.
  std::size_t collect(Index&, Journal&);
  void sweep(Index&, Journal&);  ///< copies of objects that no command names, left by an earlier life
  void erase();                  ///< all of it: the account's data go

 private:
  bool take(Index&, Journal&, std::uint64_t view, const std::string& path);
  sim::World& world_;
  sim::Files& files_;
  std::string state_;
};

}  // namespace tidegate::device
