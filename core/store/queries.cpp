// SPDX-License-Identifier: Apache-2.0
#include "core/store/queries.hpp"

#include <algorithm>
#include <chrono>

#include <openssl/evp.h>

namespace tidegate::store {

namespace {

#define TIDEGATE_ROW_COLUMNS                                                                                 \
  "SELECT i.gid, i.folders, b.name, i.id, i.content_rev, i.state_rev, i.kind, i.received, i.size, i.flags, " \
  "i.keywords, i.fingerprint, i.seq_added, i.seq_body, i.seq_meta, i.seq_gone, i.seq_moved, i.moved_from "

std::vector<Gid> gids_of(View octets) {
  std::vector<Gid> gids;
  for (std::size_t at = 0; at + sizeof(Gid) <= octets.size(); at += sizeof(Gid))
    octets.copy(reinterpret_cast<char*>(gids.emplace_back().data()), sizeof(Gid), at);
  return gids;
}

ItemRow row_of(const Query& query) {
  ItemRow row;
  row.gid = query.array<16>(0);
  row.folders = gids_of(query.octets(1));
  row.backend = query.bytes(2);
  row.id = query.bytes(3);
  row.content_rev = query.bytes(4);
  row.state_rev = query.bytes(5);
  row.kind = static_cast<Kind>(query.integer(6));
  row.received = query.integer(7);
  row.size = static_cast<std::uint64_t>(query.integer(8));
  row.flags = static_cast<std::uint32_t>(query.integer(9));
  for (auto rest = query.octets(10); !rest.empty();) {
    const auto end = std::min(rest.find('\0'), rest.size());
    row.keywords.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  row.fingerprint = query.array<20>(11);
  row.seq_added = static_cast<std::uint64_t>(query.integer(12));
  row.seq_body = static_cast<std::uint64_t>(query.integer(13));
  row.seq_meta = static_cast<std::uint64_t>(query.integer(14));
  row.seq_gone = static_cast<std::uint64_t>(query.integer(15));
  row.seq_moved = static_cast<std::uint64_t>(query.integer(16));
  row.moved_from = gids_of(query.octets(17));
  return row;
}

std::vector<ItemRow> rows_of(Query& query) {
  std::vector<ItemRow> rows;
  while (query.row()) rows.push_back(row_of(query));
  return rows;
}

/// First second of a month since 1970-01.
std::int64_t start_of(std::uint32_t month) {
  using namespace std::chrono;
  const year_month_day day{year(1970 + static_cast<int>(month / 12)), std::chrono::month(month % 12 + 1),
                           std::chrono::day(1)};
  return duration_cast<seconds>(sys_days(day).time_since_epoch()).count();
}

void mix(Bucket& bucket, const Gid& gid, std::uint64_t seq) {
  std::array<unsigned char, 24> named{};
  std::copy_n(reinterpret_cast<const unsigned char*>(gid.data()), gid.size(), named.begin());
  for (int i = 0; i < 8; ++i) named[16 + i] = static_cast<unsigned char>(seq >> (56 - 8 * i));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(named.data(), named.size(), digest.data(), &size, EVP_sha256(), nullptr);
  for (std::size_t i = 0; i < bucket.digest.size(); ++i) bucket.digest[i] ^= std::byte{digest[i]};
  ++bucket.count;
}

}  // namespace

std::uint32_t month_of(std::int64_t received) {
  using namespace std::chrono;
  // Beyond the year 9999 nothing sensible lies; the calendar type ends at 32767.
  const auto at = std::clamp<std::int64_t>(received, 0, 253402300799);
  const year_month_day day{floor<days>(sys_seconds(seconds(at)))};
  return static_cast<std::uint32_t>((static_cast<int>(day.year()) - 1970) * 12) +
         (static_cast<unsigned>(day.month()) - 1);
}

std::vector<ViewRow> find_views(Database& database, const std::string& user) {
  std::vector<ViewRow> rows;
  Query query(database, "SELECT id, user, mailbox, actor, site FROM views WHERE user = ? ORDER BY id", user);
  while (query.row()) {
    rows.push_back(
        {static_cast<ViewId>(query.integer(0)), query.bytes(1), query.bytes(2), query.bytes(3), query.bytes(4)});
  }
  return rows;
}

Head find_head(Database& database, ViewId view) {
  Head head;
  Query query(database, "SELECT epoch, head, floor FROM views WHERE id = ?", view);
  if (query.row()) {
    head.epoch = query.array<16>(0);
    head.head = static_cast<std::uint64_t>(query.integer(1));
    head.floor = static_cast<std::uint64_t>(query.integer(2));
  }
  return head;
}

Bytes find_anchor(Database& database, ViewId view, const std::string& backend, View scope) {
  Query query(database,
              "SELECT a.anchor FROM anchors a JOIN backends b ON b.no = a.backend "
              "WHERE a.view = ? AND b.name = ? AND a.scope = ?",
              view, backend, blob(scope));
  return query.row() ? query.bytes(0) : Bytes();
}

std::vector<FolderRow> find_folders(Database& database, ViewId view) {
  std::vector<FolderRow> rows;
  Query query(
      database,
      "SELECT f.gid, p.gid, b.name, f.id, f.scope, f.name, f.kind, f.role, f.rights, f.seq, f.items, f.gone, f.color "
      "FROM folders f JOIN backends b ON b.no = f.backend "
      "LEFT JOIN folders p ON p.view = f.view AND p.backend = f.backend AND p.id = f.parent "
      "WHERE f.view = ? ORDER BY f.no",
      view);
  while (query.row()) {
    FolderRow row;
    row.gid = query.array<16>(0);
    row.parent = query.array<16>(1);
    row.backend = query.bytes(2);
    row.id = query.bytes(3);
    row.scope = query.bytes(4);
    row.name = query.bytes(5);
    row.kind = static_cast<Kind>(query.integer(6));
    row.role = static_cast<Role>(query.integer(7));
    row.rights = static_cast<std::uint32_t>(query.integer(8));
    row.seq = static_cast<std::uint64_t>(query.integer(9));
    row.items = static_cast<std::uint64_t>(query.integer(10));
    row.gone = query.integer(11) != 0;
    row.color = query.bytes(12);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ItemRow> find_changes(Database& database, ViewId view, std::uint64_t above, std::size_t limit) {
  Query query(database,
              TIDEGATE_ROW_COLUMNS
              "FROM items i JOIN backends b ON b.no = i.backend "
              "WHERE i.view = ? AND i.seq > ? ORDER BY i.seq LIMIT ?",
              view, above, limit);
  return rows_of(query);
}

std::vector<ItemRow> find_backfill(Database& database, ViewId view, const BackfillQuery& q, std::size_t limit) {
  Query query(database,
              TIDEGATE_ROW_COLUMNS
              "FROM item_folders m CROSS JOIN items i ON i.no = m.item JOIN backends b ON "
              "b.no = i.backend WHERE m.view = ? AND m.folder = ? AND (m.received, m.gid) < (?, ?) "
              "AND m.received >= ? AND i.seq_added <= ? AND i.seq_gone = 0 "
              "ORDER BY m.received DESC, m.gid DESC LIMIT ?",
              view, blob(q.folder), q.below_received, blob(q.below_gid), q.until, q.snapshot, limit);
  return rows_of(query);
}

std::uint64_t count_backfill(Database& database, ViewId view, const BackfillQuery& q) {
  Query query(
      database,
      "SELECT count(*) FROM item_folders m CROSS JOIN items i ON i.no = m.item WHERE m.view = ? AND "
      "m.folder = ? AND (m.received, m.gid) < (?, ?) AND m.received >= ? AND i.seq_added <= ? AND i.seq_gone = 0",
      view, blob(q.folder), q.below_received, blob(q.below_gid), q.until, q.snapshot);
  return query.row() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

std::vector<ItemRow> find_items(Database& database, ViewId view, const std::vector<Gid>& gids) {
  std::vector<ItemRow> rows;
  for (const auto& gid : gids) {
    Query query(database,
                TIDEGATE_ROW_COLUMNS "FROM items i JOIN backends b ON b.no = i.backend WHERE i.view = ? AND i.gid = ?",
                view, blob(gid));
    if (query.row()) rows.push_back(row_of(query));
  }
  return rows;
}

std::vector<Bucket> find_buckets(Database& database, ViewId view, const std::vector<Since>& folders) {
  std::vector<Bucket> buckets;
  for (const auto& [folder, from] : folders) {
    Query query(database,
                "SELECT m.received, m.gid, i.seq FROM item_folders m CROSS JOIN items i ON i.no = m.item "
                "WHERE m.view = ? AND m.folder = ? AND m.received >= ? ORDER BY m.received, m.gid",
                view, blob(folder), from);
    const auto first = buckets.size();
    while (query.row()) {
      const auto month = month_of(query.integer(0));
      if (buckets.size() == first || buckets.back().month != month) buckets.push_back({folder, month, 0, {}});
      mix(buckets.back(), query.array<16>(1), static_cast<std::uint64_t>(query.integer(2)));
    }
  }
  return buckets;
}

std::vector<ItemRow> find_bucket(Database& database, ViewId view, const Gid& folder, std::uint32_t month) {
  const auto from = month == 0 ? INT64_MIN : start_of(month);
  Query query(database,
              TIDEGATE_ROW_COLUMNS
              "FROM item_folders m CROSS JOIN items i ON i.no = m.item JOIN backends b ON "
              "b.no = i.backend WHERE m.view = ? AND m.folder = ? AND m.received >= ? AND "
              "m.received < ? ORDER BY m.received DESC, m.gid DESC",
              view, blob(folder), from, start_of(month + 1));
  return rows_of(query);
}

}  // namespace tidegate::store
