// SPDX-License-Identifier: Apache-2.0
#include "device/queue.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "device/display.hpp"
#include "device/holds.hpp"
#include "device/journal.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

using State = CommandRow::State;

/// Names of folders from the index alone: a running device owns the tree.
FolderName folder_names(Index& index) {
  return [&index](std::uint64_t view, const Gid& gid) {
    for (const auto& row : index.folders(view))
      if (row.info.gid == gid) return row.info.name;
    return std::string();
  };
}

std::string_view word(State state) {
  switch (state) {
    case State::waiting:
      return "waiting";
    case State::sent:
      return "sent, no answer yet";
    case State::failed:
      return "failed";
    case State::unknown:
      return "may have been sent";
  }
  return "unknown";
}

std::string date_text(std::int64_t unix) {
  const auto seconds = static_cast<std::time_t>(unix);
  std::tm at{};
  ::localtime_r(&seconds, &at);
  return fmt::format("{}-{:02}-{:02} {:02}:{:02}", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min);
}

std::unexpected<Fault> no_entry(std::uint64_t number) {
  return fault(FaultKind::not_found, "queue", fmt::format("There is no entry {} in the queue.", number));
}

}  // namespace

std::string queue_text(Index& index, std::size_t limit) {
  const auto names = folder_names(index);
  std::string out;
  for (const auto& row : Journal(index.database()).list(limit))
    out += fmt::format("{:>5}  {}  {}: {}{}\n", row.number, date_text(row.at_unix), in_words(row, names),
                       word(row.state), row.text.empty() ? "" : ". " + row.text);
  return out.empty() ? "nothing waits\n" : out;
}

std::string queue_json(Index& index, std::size_t limit) {
  const auto names = folder_names(index);
  std::string out;
  for (const auto& row : Journal(index.database()).list(limit))
    out +=
        fmt::format(R"({}{{"id":{},"at_unix":{},"what":{},"state":{},"text":{}}})", out.empty() ? "" : ",", row.number,
                    row.at_unix, json_text(in_words(row, names)), json_text(word(row.state)), json_text(row.text));
  return "[" + out + "]\n";
}

Result<void> drop_entry(sim::Files& files, Index& index, std::uint64_t number) {
  Journal journal(index.database());
  Transaction change(index.database());
  const auto row = journal.numbered(number);
  if (!row) return no_entry(number);
  // A changed object is the one that lies there: without its command it would stay so unknown to the store.
  const bool own = row->has_content() && row->command.verb != e2e::Verb::update;
  if (row->state == State::sent || (row->state == State::waiting && !own))
    return fault(FaultKind::denied, "queue",
                 row->state == State::sent ? "The gateway may have it already: wait for its answer."
                                           : "It is done here already and follows by itself: undo it in the program "
                                             "that did it instead.");
  journal.erase(number);
  const bool spooled = row->spooled();
  if (spooled) index.leave(row->path);  // recorded before it goes
  change.commit();
  if (spooled) (void)files.remove(row->path);
  return {};
}

Result<void> repeat_entry(sim::World& world, Index& index, std::uint64_t number) {
  Journal journal(index.database());
  Transaction change(index.database());
  auto row = journal.numbered(number);
  if (!row) return no_entry(number);
  if (row->live() || row->command.verb == e2e::Verb::update ||
      !(row->has_content() || row->command.verb == e2e::Verb::make_folder))
    return fault(FaultKind::denied, "queue",
                 row->live() ? "It waits already: it is sent by itself."
                             : "The mailbox's state was taken again: make the change once more in the program.");
  if (row->command.verb == e2e::Verb::create) {
    const auto item = index.item(row->command.view, row->command.gid);
    if (!item) return fault(FaultKind::not_found, "queue", "Its file is not there any more.");
    row->command.folder = item->folder;
    row->command.flags_add = item->base_flags;
    row->command.keywords_add = item->keywords;
  }
  Bytes id(16, '\0');
  world.reactor().random(std::as_writable_bytes(std::span(id)));
  journal.again(std::move(*row), id);
  change.commit();
  return {};
}

std::string holds_text(Index& index) {
  const auto names = folder_names(index);
  std::string out;
  for (const auto& hold : Holds(index.database()).list())
    out += fmt::format("{:>5}  {}  {} messages are missing in {}{}\n", hold.number, date_text(hold.at_unix), hold.items,
                       names(hold.view, hold.folder), hold.released ? ", released" : "");
  return out.empty() ? "nothing is on hold\n" : out;
}

std::string holds_json(Index& index) {
  const auto names = folder_names(index);
  std::string out;
  for (const auto& hold : Holds(index.database()).list())
    out += fmt::format(R"({}{{"id":{},"at_unix":{},"folder":{},"items":{},"released":{}}})", out.empty() ? "" : ",",
                       hold.number, hold.at_unix, json_text(names(hold.view, hold.folder)), hold.items, hold.released);
  return "[" + out + "]\n";
}

namespace {

Result<HoldRow> find_hold(Holds& holds, std::uint64_t number) {
  const auto all = holds.list();
  const auto found = std::ranges::find(all, number, &HoldRow::number);
  if (found == all.end()) return fault(FaultKind::not_found, "hold", fmt::format("There is no hold {}.", number));
  return *found;
}

}  // namespace

Result<void> release_hold(Index& index, std::uint64_t number) {
  Holds holds(index.database());
  Transaction change(index.database());
  if (auto found = find_hold(holds, number); !found) return std::unexpected(found.error());
  holds.release(number);
  change.commit();
  return {};
}

Result<void> discard_hold(Index& index, std::uint64_t number) {
  Holds holds(index.database());
  Transaction change(index.database());
  const auto found = find_hold(holds, number);
  if (!found) return std::unexpected(found.error());
  // Without rows they are unknown here: the compare finds them lacking, and they come again.
  for (const auto& gid : holds.items(number)) index.erase(found->view, gid);
  holds.erase(number);
  index.want_compare(found->view);
  change.commit();
  return {};
}

}  // namespace tidegate::device
