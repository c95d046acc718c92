// SPDX-License-Identifier: Apache-2.0
#include "core/store/guard.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::store {

namespace {

constexpr std::size_t gid_size = 16;
enum Decision : std::int64_t { open, released };

/// What a hold is about: the items of a folder, or the tree of one back-end, which holds no items.
std::string tree_of(std::int64_t backend) { return fmt::format("{}/{}", held_folders, backend); }
bool of_tree(std::string_view reason) { return reason.starts_with(held_folders); }
bool of_removals(std::string_view reason) { return reason.starts_with(held_removals); }

struct Place {
  std::string name;
  Role role = Role::none;
  bool gone = false;
  std::int64_t items = 0;  ///< those in limbo among them
};

Place place_of(Database& database, ViewId view, View folder) {
  Place place;
  {
    Query query(database, "SELECT name, role, gone FROM folders WHERE view = ? AND gid = ?", view, blob(folder));
    if (!query.row()) return place;
    place.name = query.octets(0);
    place.role = static_cast<Role>(query.integer(1));
    place.gone = query.integer(2) != 0;
  }
  Query query(database, "SELECT count(*) FROM item_folders WHERE view = ? AND folder = ?", view, blob(folder));
  if (query.row()) place.items = query.integer(0);
  return place;
}

/// Holds of this kind go when nothing waits under them any more.
std::string items_of(const Place& place) { return "items of " + (place.name.empty() ? "a folder" : place.name); }

std::int64_t hold(Database& database, ViewId view, const std::string& what, std::int64_t count,
                  std::int64_t wall_seconds) {
  {
    Query query(database, "SELECT no FROM holds WHERE view = ? AND reason = ?", view, what);
    if (query.row()) {
      const auto no = query.integer(0);
      database.run("UPDATE holds SET count = ? WHERE no = ?", count, no);
      return no;
    }
  }
  database.run("INSERT INTO holds(view, reason, count, since) VALUES(?, ?, ?, ?)", view, what, count, wall_seconds);
  return database.last_row();
}

bool too_many(std::int64_t lost, std::int64_t all, const EditContext& context) {
  return context.hold_share != 0 && lost * 100 > all * context.hold_share;
}

/// People empty these, and servers do.
bool emptied_by_nature(Role role) { return role == Role::trash || role == Role::junk; }

}  // namespace

std::vector<HoldRow> hold_losses(Database& database, const EditContext& context) {
  database.run(
      "DELETE FROM holds WHERE reason LIKE 'items of %' AND NOT EXISTS(SELECT 1 FROM limbo WHERE limbo.hold = "
      "holds.no)");
  struct Loss {
    ViewId view = 0;
    Bytes folders;
    std::int64_t count = 0;
  };
  std::vector<Loss> losses;
  {
    Query query(database,
                "SELECT l.view, i.folders, count(*) FROM limbo l JOIN items i ON i.no = l.item WHERE l.hold = 0 AND "
                "l.start <> 0 "
                "GROUP BY l.view, i.folders HAVING count(*) > ?",
                held_beyond_items);
    while (query.row()) losses.push_back({static_cast<ViewId>(query.integer(0)), query.bytes(1), query.integer(2)});
  }
  std::vector<HoldRow> held;
  for (const auto& loss : losses) {
    const auto place = place_of(database, loss.view, View(loss.folders).substr(0, gid_size));
    // A folder that was removed went by somebody's hand: the tree has a guard of its own.
    if (place.gone || emptied_by_nature(place.role) || !too_many(loss.count, place.items, context)) continue;
    const auto no = hold(database, loss.view, items_of(place), loss.count, context.wall_seconds);
    database.run(
        "UPDATE limbo SET hold = ? WHERE hold = 0 AND start <> 0 AND view = ? AND (SELECT folders FROM items WHERE no "
        "= limbo.item) = "
        "?",
        no, loss.view, blob(loss.folders));
    for (auto& row : find_holds(database))
      if (row.number == static_cast<std::uint64_t>(no)) held.push_back(std::move(row));
  }
  return held;
}

std::int64_t hold_regressed(Database& database, ViewId view, View folder, const EditContext& context) {
  const auto place = place_of(database, view, folder);
  return hold(database, view, items_of(place) + ", which went back in time", 0, context.wall_seconds);
}

Belief believe_tree(Database& database, ViewId view, std::int64_t backend, const std::vector<Bytes>& missing,
                    const EditContext& context) {
  const auto reason = tree_of(backend);
  const auto forget = [&] { database.run("DELETE FROM holds WHERE view = ? AND reason = ?", view, reason); };
  if (missing.empty()) return forget(), Belief{true};
  std::int64_t there = 0;
  bool inbox = false;
  {
    Query query(database, "SELECT id, role FROM folders WHERE view = ? AND backend = ? AND gone = 0", view, backend);
    for (; query.row(); ++there)
      inbox = inbox || (static_cast<Role>(query.integer(1)) == Role::inbox &&
                        std::ranges::find(missing, query.bytes(0)) != missing.end());
  }
  const auto count = static_cast<std::int64_t>(missing.size());
  if (context.hold_share == 0) return {true};
  if (!inbox && (count <= held_beyond_folders || !too_many(count, there, context))) return {true};
  {
    Query query(database, "SELECT decision FROM holds WHERE view = ? AND reason = ?", view, reason);
    if (query.row()) {
      if (query.integer(0) != released) return {};
      return forget(), Belief{true};
    }
  }
  return {false, hold(database, view, reason, count, context.wall_seconds)};
}

std::vector<HoldRow> find_holds(Database& database) {
  std::vector<HoldRow> found;
  Query query(database,
              "SELECT h.no, h.view, v.user, h.reason, h.count, h.since, (SELECT count(*) FROM limbo l WHERE l.hold = "
              "h.no) FROM holds h JOIN views v ON v.id = h.view WHERE h.decision = 0 ORDER BY h.no");
  while (query.row()) {
    const bool tree = of_tree(query.octets(3)), removals = of_removals(query.octets(3));
    HoldRow row;
    row.number = static_cast<std::uint64_t>(query.integer(0));
    row.view = static_cast<ViewId>(query.integer(1));
    row.user = query.octets(2);
    row.what = tree ? std::string_view(held_folders) : removals ? "removals by a device" : query.octets(3);
    row.count = static_cast<std::uint64_t>(tree || removals ? query.integer(4) : query.integer(6));
    row.since = query.integer(5);
    if (row.count != 0) found.push_back(std::move(row));
  }
  return found;
}

Result<void> decide_hold(Database& database, std::uint64_t number, bool release) {
  bool tree = false;
  {
    Query query(database, "SELECT reason FROM holds WHERE no = ? AND decision = 0", number);
    if (!query.row() || of_removals(query.octets(0)))  // those are the command journal's
      return fault(FaultKind::not_found, fmt::format("hold {}", number),
                   "there is no such hold: tidegatectl hold list shows all");
    tree = of_tree(query.octets(0));
  }
  if (tree && release) {
    database.run("UPDATE holds SET decision = 1 WHERE no = ?", number);
    return {};
  }
  if (release) {
    // start 0 is no process's: due at once, and not held again.
    database.run("UPDATE limbo SET hold = 0, start = 0 WHERE hold = ?", number);
  } else {
    database.run("UPDATE items SET limbo = 0 WHERE no IN (SELECT item FROM limbo WHERE hold = ?)", number);
    database.run("DELETE FROM limbo WHERE hold = ?", number);
  }
  database.run("DELETE FROM holds WHERE no = ?", number);
  return {};
}

}  // namespace tidegate::store
