// SPDX-License-Identifier: Apache-2.0
#include "device/holds.hpp"

#include <algorithm>
#include <cstring>

namespace tidegate::device {
namespace {

View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }
Gid gid_of(View octets) {
  Gid gid{};
  std::memcpy(gid.data(), octets.data(), std::min(octets.size(), gid.size()));
  return gid;
}

}  // namespace

std::vector<HoldRow> Holds::list() {
  std::vector<HoldRow> out;
  auto query = database_.query(
      "SELECT number, view, folder, at_unix, released, (SELECT count(*) FROM held WHERE hold = number) FROM holds "
      "ORDER BY number");
  while (query.next())
    if (query.number(5) != 0)
      out.push_back({query.number(0), query.number(1), gid_of(query.bytes(2)), query.integer(3), query.integer(4) != 0,
                     query.number(5)});
  return out;
}

std::set<Holds::Key> Holds::items() {
  std::set<Key> out;
  auto query = database_.query("SELECT view, gid FROM held");
  while (query.next()) out.emplace(query.number(0), gid_of(query.bytes(1)));
  return out;
}

std::vector<Gid> Holds::items(std::uint64_t number) {
  std::vector<Gid> out;
  auto query = database_.query("SELECT gid FROM held WHERE hold = ?");
  query.bind(number);
  while (query.next()) out.push_back(gid_of(query.bytes(0)));
  return out;
}

std::uint64_t Holds::hold(std::uint64_t view, const Gid& folder, const std::vector<Gid>& items, std::int64_t at_unix) {
  const auto open = list();
  const auto same = std::ranges::find_if(
      open, [&](const HoldRow& row) { return row.view == view && row.folder == folder && !row.released; });
  std::uint64_t number = same == open.end() ? 0 : same->number;
  if (number == 0) {
    database_.query("INSERT INTO holds(view, folder, at_unix) VALUES(?, ?, ?)")
        .bind(view)
        .bind(view_of(folder))
        .bind(at_unix)
        .run();
    auto query = database_.query("SELECT max(number) FROM holds");
    if (query.next()) number = query.number(0);
  }
  for (const auto& gid : items)
    database_.query("INSERT OR REPLACE INTO held(view, gid, hold) VALUES(?, ?, ?)")
        .bind(view)
        .bind(view_of(gid))
        .bind(number)
        .run();
  return number;
}

void Holds::free(const Key& key) {
  database_.query("DELETE FROM held WHERE view = ? AND gid = ?").bind(key.first).bind(view_of(key.second)).run();
}
void Holds::release(std::uint64_t number) {
  database_.query("UPDATE holds SET released = 1 WHERE number = ?").bind(number).run();
}
void Holds::erase(std::uint64_t number) {
  database_.query("DELETE FROM held WHERE hold = ?").bind(number).run();
  database_.query("DELETE FROM holds WHERE number = ?").bind(number).run();
}

}  // namespace tidegate::device
