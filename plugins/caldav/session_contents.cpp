// SPDX-License-Identifier: Apache-2.0
// Contents in bounded batches: multiget, and GET for what it leaves out.
#include <algorithm>
#include <set>
#include <utility>

#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::size_t batch_items = 100;
constexpr std::uint64_t batch_octets = 4 * 1024 * 1024;
constexpr std::uint64_t usual_length = 2048;  // where a listing says none

bool is_gone(const Fault& fault) { return fault.kind == FaultKind::not_found; }

/// What speaks of the one item rather than of the server or the session.
bool of_the_item(const Fault& fault) {
  return is_gone(fault) || fault.kind == FaultKind::denied || fault.kind == FaultKind::invalid ||
         fault.kind == FaultKind::too_large || fault.kind == FaultKind::unsupported ||
         fault.kind == FaultKind::conflict;
}

}  // namespace

/// False: this server has no multiget.
Result<bool> CaldavSession::multiget(const Call& call, const Collection& collection, std::span<const std::string> ids,
                                     Contents& into) {
  std::vector<std::string> hrefs;
  for (const auto& id : ids) hrefs.push_back(id.starts_with('/') ? id : web::parse_url(id)->path());
  const std::set<std::string> asked(ids.begin(), ids.end());
  const auto take = [&](std::string id, Resource&& each) {
    if (!asked.contains(id)) return;
    if (each.status == 404 || each.status == 410) {
      into.insert_or_assign(std::move(id), fault(FaultKind::not_found, {}, "This item is not there any more."));
    } else if (each.data) {
      Read read{std::move(*each.data), each.etag.value_or(""), each.schedule_tag.value_or(""), 0};
      if (each.modified) read.modified = each.modified->time_since_epoch().count();
      into.insert_or_assign(std::move(id), std::move(read));
    }
  };
  Heard refused;
  // RFC 4791 §7.9: the Depth is ignored; some want one all the same.
  auto heard = multistatus(call, collection.id, {"REPORT", caldav::multiget(collection.cards(), hrefs), "1"},
                           "Reading items", take, &refused);
  if (heard) return true;
  const auto& fault = heard.error();
  const bool unable = refused.status >= 400 && refused.status < 500 && of_the_item(fault) && !is_gone(fault);
  if (unable || refused.status == 501 || fault.kind == FaultKind::too_large || fault.kind == FaultKind::invalid)
    return false;
  return std::unexpected(fault);
}

Result<CaldavSession::Contents> CaldavSession::fetch(const Call& call, const Collection& collection,
                                                     std::span<const Member> members) {
  Contents made;
  while (!members.empty()) {
    std::vector<std::string> ids;
    std::uint64_t octets = 0;
    for (const auto& each : members) {
      const auto length = each.length == 0 ? usual_length : each.length;
      if (!ids.empty() && (ids.size() >= batch_items || octets + length > batch_octets)) break;
      octets += length;
      ids.push_back(collection.id + each.name);
    }
    members = members.subspan(ids.size());
    if (multigets_) {
      auto done = multiget(call, collection, ids, made);
      if (!done) return std::unexpected(std::move(done.error()));
      multigets_ = *done;
    }
    for (const auto& id : ids) {
      if (made.contains(id)) continue;
      auto one = get(call, id, collection.cards());
      if (!one && !of_the_item(one.error())) return std::unexpected(std::move(one.error()));
      made.insert_or_assign(id, std::move(one));
    }
  }
  return made;
}

void CaldavSession::expect(const Call& call, std::span<const Reading> readings) {
  std::map<std::string, std::vector<Member>> by_collection;
  for (const auto& each : readings) {
    const auto slash = each.item.rfind('/');
    if (slash == each.item.npos || backend_.contents().get(by_whom(box_) + '\n' + each.item)) continue;
    by_collection[each.item.substr(0, slash + 1)].push_back({each.item.substr(slash + 1), {}, each.range.length, 0});
  }
  for (auto& [id, members] : by_collection) {
    if (members.size() < 2) continue;
    for (auto& each : members)
      if (each.length == Range{}.length) each.length = 0;
    Collection collection;
    collection.id = id;
    if (members.front().name.ends_with(".vcf")) collection.kind = Kind::contact;
    if (const auto known = known_.find(id); known != known_.end()) collection.kind = known->second.kind;
    auto contents = fetch(call, collection, members);
    if (!contents) return;  // shows itself when they are read
    for (auto& [item, read] : *contents)
      if (read) backend_.contents().put(by_whom(box_) + '\n' + item, std::move(read->octets));
  }
}

}  // namespace tidegate::caldav
