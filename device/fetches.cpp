// SPDX-License-Identifier: Apache-2.0
#include "device/fetches.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "core/e2e/stub_mark.hpp"
#include "device/display.hpp"
#include "device/names.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

View view_of(const Gid& gid) { return {reinterpret_cast<const char*>(gid.data()), gid.size()}; }

constexpr const char* columns = "SELECT view, gid, have, total, sha256, text FROM fetches";

FetchRow read_row(const Query& query) {
  FetchRow row{query.number(0), {}, query.number(2), query.number(3), query.bytes(4), query.bytes(5)};
  const auto gid = query.bytes(1);
  std::memcpy(row.gid.data(), gid.data(), std::min(gid.size(), row.gid.size()));
  return row;
}

/// By its name, or by the mark in it (a copy has another name).
std::optional<Gid> gid_of(sim::Files& files, const std::string& word) {
  if (auto gid = gid_from_text(word)) return gid;
  if (const auto name = parse_mail_name(last_of(word))) return name->gid;
  const auto content = files.read_part(word, 0, stub_mark_within);
  return content ? e2e::stub_gid(*content) : std::nullopt;
}

}  // namespace

void Fetches::want(std::uint64_t view, const Gid& gid) {
  database_.query("INSERT INTO fetches(view, gid) VALUES(?, ?) ON CONFLICT(view, gid) DO UPDATE SET text = ''")
      .bind(view)
      .bind(view_of(gid))
      .run();
}

std::optional<FetchRow> Fetches::find(std::uint64_t view, const Gid& gid) {
  static const std::string sql = std::string(columns) + " WHERE view = ? AND gid = ?";
  auto query = database_.query(sql.c_str());
  query.bind(view).bind(view_of(gid));
  return query.next() ? std::optional(read_row(query)) : std::nullopt;
}

std::vector<FetchRow> Fetches::list() {
  std::vector<FetchRow> out;
  auto query = database_.query(columns);
  while (query.next()) out.push_back(read_row(query));
  return out;
}

std::vector<FetchRow> Fetches::waiting() {
  static const std::string sql = std::string(columns) + " WHERE text = '' ORDER BY have = 0";
  std::vector<FetchRow> out;
  auto query = database_.query(sql.c_str());
  while (query.next()) out.push_back(read_row(query));
  return out;
}

void Fetches::put(const FetchRow& row) {
  database_.query("INSERT OR REPLACE INTO fetches(view, gid, have, total, sha256, text) VALUES(?, ?, ?, ?, ?, ?)")
      .bind(row.view)
      .bind(view_of(row.gid))
      .bind(row.have)
      .bind(row.total)
      .bind(View(row.sha256))
      .text(row.text)
      .run();
}

void Fetches::erase(std::uint64_t view, const Gid& gid) {
  database_.query("DELETE FROM fetches WHERE view = ? AND gid = ?").bind(view).bind(view_of(gid)).run();
}

Result<std::size_t> want_whole(sim::Files& files, Index& index, const std::vector<std::string>& words) {
  Transaction together(index.database());
  Fetches fetches(index.database());
  std::size_t count = 0;
  for (const auto& word : words) {
    const auto gid = gid_of(files, word);
    if (!gid)
      return fault(FaultKind::invalid, "fetch",
                   word + " is neither a message that is here in part nor the name of one (26 letters and digits).");
    bool known = false;
    for (const auto& view : index.views()) {
      auto row = index.item(view.view, *gid);
      if (row && row->stub && row->origin == Origin::local) {  // a copy: what it is a copy of
        Gid of{};
        std::memcpy(of.data(), row->fingerprint.data(), std::min(row->fingerprint.size(), of.size()));
        row = index.item(view.view, of);
      }
      known |= row.has_value();
      if (!row || !row->stub) continue;
      fetches.want(view.view, row->gid);
      ++count;
    }
    if (!known) return fault(FaultKind::not_found, "fetch", "No message here is called " + gid_text(*gid) + ".");
  }
  together.commit();
  return count;
}

std::string fetches_text(Index& index) {
  std::string out;
  for (const auto& row : Fetches(index.database()).list())
    out += fmt::format("{}  {}\n", gid_text(row.gid),
                       !row.text.empty() ? row.text
                       : row.total == 0  ? std::string("waits")
                                         : fmt::format("{} of {}", size_text(row.have), size_text(row.total)));
  return out.empty() ? "nothing is to be fetched\n" : out;
}

std::string fetches_json(Index& index) {
  std::string out;
  for (const auto& row : Fetches(index.database()).list())
    out += fmt::format(R"({}{{"gid":{},"have":{},"total":{},"text":{}}})", out.empty() ? "" : ",",
                       json_text(gid_text(row.gid)), row.have, row.total, json_text(row.text));
  return "[" + out + "]\n";
}

}  // namespace tidegate::device
