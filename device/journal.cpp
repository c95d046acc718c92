// SPDX-License-Identifier: Apache-2.0
#include "device/journal.hpp"

#include <cstring>

#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }

constexpr const char* columns = "SELECT number, state, body, path, skip, sha256, at_unix, text, ignored FROM commands ";

e2e::Command command_from(View body) {
  auto message = e2e::decode_to_gateway(std::as_bytes(std::span(body)));
  auto* command = message ? std::get_if<e2e::Command>(&*message) : nullptr;
  if (command == nullptr)
    throw Trouble(Fault{FaultKind::invalid,
                        "device.db",
                        "The journal of this device is damaged: move the state directory away and pair it again.",
                        "a command that does not decode",
                        {}});
  return std::move(*command);
}

CommandRow read(const Query& query) {
  CommandRow row;
  row.number = query.number(0);
  row.state = static_cast<CommandRow::State>(query.integer(1));
  row.command = command_from(query.bytes(2));
  row.path = query.bytes(3);
  row.skip = query.number(4);
  row.sha256 = query.bytes(5);
  row.at_unix = query.integer(6);
  row.text = query.bytes(7);
  row.ignored = query.number(8);
  return row;
}

std::string_view thing(Kind kind) {
  switch (kind) {
    case Kind::mail:
      return "message";
    case Kind::event:
      return "event";
    case Kind::task:
      return "task";
    case Kind::contact:
      return "contact";
    case Kind::note:
      return "note";
    case Kind::file:
      return "file";
  }
  return "item";
}

std::vector<CommandRow> all_of(Query& query) {
  std::vector<CommandRow> out;
  while (query.next()) out.push_back(read(query));
  return out;
}

}  // namespace

std::string in_words(const CommandRow& row, const FolderName& folder) {
  const auto& said = row.command;
  const auto named = [&](const char* before, const Gid& gid) {
    const auto name = folder ? folder(said.view, gid) : std::string();
    return name.empty() ? std::string() : before + name;
  };
  switch (said.verb) {
    case e2e::Verb::set_flags:
      return "setting flags of a message";
    case e2e::Verb::update:
      return std::string(said.kind == Kind::event ? "changing an " : "changing a ") + std::string(thing(said.kind));
    case e2e::Verb::move:
      return "moving a message" + named(" from ", said.folder) + named(" to ", said.to);
    case e2e::Verb::remove:
      return "removing a message" + named(" from ", said.folder);
    case e2e::Verb::create:
      return "a new " + std::string(thing(said.kind)) + named(" in ", said.folder);
    case e2e::Verb::send:
      return "sending a message to " + (said.recipients.empty() ? std::string("nobody") : said.recipients.front()) +
             (said.recipients.size() > 1 ? " and others" : "");
    case e2e::Verb::make_folder:
      return "a new folder " + said.name;
    case e2e::Verb::change_folder:
      return "renaming a folder" + named(" from ", said.gid) + " to " + said.name;
    case e2e::Verb::remove_folder:
      return "removing the folder" + named(" ", said.gid);
    case e2e::Verb::respond:
      return said.reply > 2 ? "taking over what was said of a meeting" : "answering an invitation";
    default:
      return "a change";
  }
}

void Journal::put(const CommandRow& row) {
  auto query = database_.query(
      "INSERT INTO commands(id, view, gid, state, body, path, skip, sha256, at_unix, text) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  query.bind(View(row.command.id)).bind(row.command.view).bind(view_of(row.command.gid));
  query.bind(static_cast<int>(row.state)).bind(View(e2e::encode(e2e::ToGateway(row.command))));
  query.text(row.path).bind(row.skip).bind(View(row.sha256)).bind(row.at_unix).text(row.text).run();
}

std::optional<CommandRow> Journal::find(View id) {
  static const std::string sql = std::string(columns) + "WHERE id = ?";
  auto query = database_.query(sql.c_str());
  query.bind(id);
  if (!query.next()) return std::nullopt;
  return read(query);
}

std::optional<CommandRow> Journal::numbered(std::uint64_t number) {
  static const std::string sql = std::string(columns) + "WHERE number = ?";
  auto query = database_.query(sql.c_str());
  query.bind(number);
  if (!query.next()) return std::nullopt;
  return read(query);
}

std::optional<CommandRow> Journal::next(std::uint64_t after) {
  static const std::string sql = std::string(columns) + "WHERE number > ? AND state <= 1 ORDER BY number LIMIT 1";
  auto query = database_.query(sql.c_str());
  query.bind(after);
  if (!query.next()) return std::nullopt;
  return read(query);
}

std::vector<CommandRow> Journal::of(std::uint64_t view, const Gid& gid) {
  static const std::string sql = std::string(columns) + "WHERE view = ? AND gid = ? AND state <= 1 ORDER BY number";
  auto query = database_.query(sql.c_str());
  query.bind(view).bind(view_of(gid));
  return all_of(query);
}

std::vector<CommandRow> Journal::failed_of(std::uint64_t view, const Gid& gid) {
  static const std::string sql = std::string(columns) + "WHERE view = ? AND gid = ? AND state > 1 ORDER BY number";
  auto query = database_.query(sql.c_str());
  query.bind(view).bind(view_of(gid));
  return all_of(query);
}

Pending Journal::pending(std::uint64_t view, const Gid& gid, View but) {
  Pending out;
  for (const auto& row : of(view, gid))
    if (row.command.id != but) out.add(row.command);
  return out;
}

PendingItems Journal::pending() {
  static const std::string sql = std::string(columns) + "WHERE state <= 1 ORDER BY number";
  PendingItems out;
  auto query = database_.query(sql.c_str());
  while (query.next()) {
    const auto row = read(query);
    out[{row.command.view, row.command.gid}].add(row.command);
  }
  return out;
}

PendingFolders Journal::folders() {
  static const std::string sql = std::string(columns) + "WHERE state <= 2 ORDER BY number";
  PendingFolders out;
  auto query = database_.query(sql.c_str());
  while (query.next()) {
    const auto row = read(query);
    const auto& said = row.command;
    const auto key = std::make_pair(said.view, said.gid);
    if (said.verb == e2e::Verb::make_folder)
      out.made.push_back({said.view, row.number, {said.folder, said.name}, row.path, !row.live()});
    else if (said.verb == e2e::Verb::change_folder && row.live())
      out.changed[key] = {said.folder, said.name};
    else if (said.verb == e2e::Verb::remove_folder && row.live())
      out.removed.insert(key);
  }
  return out;
}

std::vector<CommandRow> Journal::list(std::size_t limit) {
  static const std::string sql = std::string(columns) + "ORDER BY number LIMIT ?";
  auto query = database_.query(sql.c_str());
  query.bind(static_cast<std::uint64_t>(limit));
  return all_of(query);
}

std::uint64_t Journal::count(CommandRow::State state) {
  auto query = database_.query("SELECT count(*) FROM commands WHERE state = ?");
  query.bind(static_cast<int>(state));
  return query.next() ? query.number(0) : 0;
}

std::size_t Journal::live() {
  return static_cast<std::size_t>(count(CommandRow::State::waiting) + count(CommandRow::State::sent));
}

std::set<std::string> Journal::paths() {
  std::set<std::string> out;
  auto query = database_.query("SELECT path FROM commands WHERE path <> ''");
  while (query.next()) out.insert(query.bytes(0));
  return out;
}

void Journal::sent(std::uint64_t number) {
  database_.query("UPDATE commands SET state = 1 WHERE number = ? AND state = 0").bind(number).run();
}

void Journal::fail(std::uint64_t number, CommandRow::State state, std::string_view text) {
  database_.query("UPDATE commands SET state = ?, text = ? WHERE number = ?")
      .bind(static_cast<int>(state))
      .text(text)
      .bind(number)
      .run();
}

void Journal::erase(std::uint64_t number) {
  database_.query("DELETE FROM commands WHERE number = ?").bind(number).run();
}

void Journal::ignored(std::uint64_t view, const Gid& gid, std::uint64_t seq) {
  for (const auto& row : of(view, gid))
    if (row.command.verb == e2e::Verb::remove || row.command.verb == e2e::Verb::update)
      database_.query("UPDATE commands SET ignored = max(ignored, ?) WHERE number = ?")
          .bind(seq)
          .bind(row.number)
          .run();
}

void Journal::again(CommandRow row, View id) {
  erase(row.number);
  row.command.id = id;
  row.state = CommandRow::State::waiting;
  row.text.clear();
  put(row);
}

void Journal::rename_item(std::uint64_t view, const Gid& from, const Gid& to) {
  for (auto row : of(view, from)) {
    // What was sent keeps its body: the gateway compares it by its hash when it comes again.
    if (row.state != CommandRow::State::waiting) continue;
    row.command.gid = to;
    database_.query("UPDATE commands SET gid = ?, body = ? WHERE number = ?")
        .bind(view_of(to))
        .bind(View(e2e::encode(e2e::ToGateway(row.command))))
        .bind(row.number)
        .run();
  }
}

}  // namespace tidegate::device
