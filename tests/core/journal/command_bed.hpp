// SPDX-License-Identifier: Apache-2.0
// Commands over the real log and journal (SQLite on a disk that forgets), against a scripted mailbox.
#pragma once
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/journal/commands.hpp"
#include "tests/core/journal/scripted_mailbox.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::journal {

inline const Bytes phone(16, 'p');

struct CommandBed : store::LogBed {
  explicit CommandBed(std::uint64_t seed = 1) : LogBed(seed) {
    boot();
    view_id = view("ann");
    EXPECT_TRUE(apply(view_id, "",
                      {store::folder("in", Role::inbox), store::folder("old"), store::folder("out", Role::sent)}, "t"));
    EXPECT_TRUE(apply(view_id, "in", {store::item("1", "in", 10), store::item("2", "in", 20)}, "a"));
    EXPECT_TRUE(apply(view_id, "old", {}, "a"));
    EXPECT_TRUE(apply(view_id, "out", {}, "a"));
    box.add_folder("in", Role::inbox);
    box.add_folder("old");
    box.add_folder("out", Role::sent);
    box.mails["1"] = {"in", "one"};
    box.mails["2"] = {"in", "two"};
    wait(std::chrono::seconds(1));  // all of it is durable
  }
  ~CommandBed() { leave(); }
  CommandBed(const CommandBed&) = delete;
  CommandBed& operator=(const CommandBed&) = delete;

  void boot() {
    auto opened = store::Journal::open(host, *log);
    ASSERT_TRUE(opened) << opened.error().text;
    journal = std::move(*opened);
    actors = std::make_unique<Actors>(host, box);
    commands = std::make_unique<Commands>(
        Wiring{.world = host,
               .log = *log,
               .journal = *journal,
               .accounts = *actors,
               .settings = settings_of,
               .tell = [this](const std::string&, View, const e2e::CommandResult& result) { told.push_back(result); },
               .broken = [](const std::string&, View, const Fault&) {},
               .changed =
                   [this](store::ViewId, std::uint64_t head, bool folders) {
                     heads.push_back(head);
                     trees |= folders;
                   },
               .note = [this](int, const std::string& line) { notes.push_back(line); },
               .held = [this](const store::HoldRow& hold) { held.push_back(hold); }});
  }
  void leave() {
    commands.reset();
    actors.reset();
    journal.reset();
  }
  void die(bool power) {
    const auto drop = [this] {
      leave();
      log.reset();
    };
    power ? host.power_cut(drop) : host.kill(drop);
    open();
    boot();
    commands->resume("ann");
  }
  store::Gid gid_of(const std::string& id) {
    for (const auto& row : changes(view_id))
      if (row.id == id && row.seq_gone == 0) return row.gid;
    ADD_FAILURE() << "no item " << id;
    return {};
  }
  store::Gid folder_gid(const std::string& id) { return folder_named(view_id, id).gid; }
  e2e::Command command(e2e::Verb verb, const std::string& item = {}) {
    e2e::Command made{.view = view_id, .id = Bytes(15, 'c') + static_cast<char>(++number), .verb = verb};
    if (!item.empty()) made.gid = gid_of(item);
    return made;
  }
  e2e::Command creating(Bytes content) {
    auto made = command(e2e::Verb::create);
    made.gid[0] = std::byte{0xcc};
    made.folder = folder_gid("in");
    made.flags_add = seen;
    made.size = content.size();
    made.content = e2e::pack(content, e2e::Compression::none);
    return made;
  }
  void say(e2e::Command command) {
    bool written = false;
    commands->take("ann", phone, std::move(command), [&] { written = true; });
    world.run_until([&] { return written; }, std::chrono::seconds(10));
  }
  /// Says it again and again, as a device does after each break, until its result has come.
  e2e::CommandResult insist(const e2e::Command& command) {
    for (int tries = 0; tries < 50; ++tries) {
      say(command);
      const auto ended = [&] {
        return std::ranges::any_of(told, [&](const auto& r) { return r.id == command.id && r.done; });
      };
      if (world.run_until(ended, std::chrono::seconds(20))) break;
    }
    for (const auto& result : told)
      if (result.id == command.id && result.done) return result;
    ADD_FAILURE() << "no result";
    return {};
  }
  int count(const char* verb) const { return static_cast<int>(std::ranges::count(box.calls, verb)); }

  Settings settings_of;
  std::vector<store::HoldRow> held;
  ScriptedMailbox box;
  std::unique_ptr<store::Journal> journal;
  std::unique_ptr<Actors> actors;
  std::unique_ptr<Commands> commands;
  store::ViewId view_id = 0;
  char number = 0;
  std::vector<e2e::CommandResult> told;
  std::vector<std::uint64_t> heads;
  bool trees = false;  ///< the tree was said to have changed
  std::vector<std::string> notes;
};

inline Fault of(FaultKind kind) { return {kind, "script", "As the script says.", {}, {}}; }
constexpr std::uint32_t code(FaultKind kind) { return static_cast<std::uint32_t>(kind) + 1; }

}  // namespace tidegate::journal
