// SPDX-License-Identifier: Apache-2.0
// All members of a collection, and those that changed since a token.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::chrono::seconds refresh_after{2};
constexpr int refresh_share = 10;  // of the time, where a look costs a listing
constexpr std::size_t members_most = 500'000;
constexpr std::size_t comparable_most = 12'000;  // an anchor surely has room for that many
constexpr std::size_t regress_least = 10;        // fewer may all be removed by their user

/// A status on a report with a token that means: this token is not known (any more), DAV-01. Servers say 400, 403, 409,
/// 412, 415, 418, 507 …
bool means_lost_token(unsigned status) {
  return (status >= 400 && status < 500 && status != 401 && status != 404 && status != 407 && status != 408 &&
          status != 423 && status != 429) ||
         status == 501 || status == 507;
}

std::uint64_t length_of(const Resource& each) { return each.length.value_or(0); }
std::int64_t modified_of(const Resource& each) { return each.modified ? each.modified->time_since_epoch().count() : 0; }

}  // namespace

void CaldavSession::add_member(const Collection& collection, std::string id, const Resource& each, Listing& to) {
  // The collection itself is among them, and what lies in it is not below anything (DAV-17).
  if (each.collection || !id.starts_with(collection.id) || id.size() == collection.id.size() || !each.etag) return;
  if (id.find('/', collection.id.size()) != id.npos || to.members.size() >= members_most) return;
  to.members.push_back({id.substr(collection.id.size()), *each.etag, length_of(each), modified_of(each)});
}

Result<CaldavSession::Listing> CaldavSession::list_members(const Call& call, const Collection& collection) {
  Listing made;
  const auto take = [&](const std::string& id, const Resource& each) { add_member(collection, id, each, made); };
  auto heard = multistatus(call, collection.id, {"PROPFIND", propfind_members(), "1"}, "Listing a collection", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
  made.date = std::move(heard->date);
  return made;
}

/// The same by a report, which some servers answer in a tenth of the time. nullopt: there is no relying on it here.
Result<std::optional<CaldavSession::Listing>> CaldavSession::query_members(const Call& call,
                                                                           const Collection& collection) {
  if (!queries_) return std::nullopt;
  Listing made;
  const auto take = [&](const std::string& id, const Resource& each) { add_member(collection, id, each, made); };
  Heard refused;
  auto heard = multistatus(call, collection.id, {"REPORT", caldav::query_members(collection.cards()), "1"},
                           "Listing a collection", take, &refused);
  if (!heard) {
    const auto kind = heard.error().kind;
    const bool answered = refused.status != 0 && kind != FaultKind::auth && kind != FaultKind::throttled;
    if (!answered && kind != FaultKind::invalid && kind != FaultKind::too_large)
      return std::unexpected(std::move(heard.error()));
    queries_ = false;
    return std::nullopt;
  }
  // RFC 6352 §8.6.2; and where nothing is found, a filter may have been understood otherwise (DAV-17).
  if (heard->truncated || made.members.empty()) return std::nullopt;
  made.date = std::move(heard->date);
  return made;
}

Result<CaldavSession::Listing> CaldavSession::sync(const Call& call, const Collection& collection,
                                                   const std::string& token, bool& token_lost) {
  Listing made;
  const auto take = [&](std::string id, Resource&& each) {
    if (!id.starts_with(collection.id) || id.size() == collection.id.size()) return;
    auto name = id.substr(collection.id.size());
    if (each.status == 404 || each.status == 410)
      made.gone.push_back(std::move(name));
    else if (each.etag && !each.collection && !name.contains('/') && made.members.size() < members_most)
      made.members.push_back({std::move(name), *each.etag, length_of(each), modified_of(each)});
  };
  Heard refused;
  // RFC 6578 §3.2: Depth 0; the level stands in the body.
  auto heard =
      multistatus(call, collection.id, {"REPORT", sync_collection(token), "0"}, "Asking what changed", take, &refused);
  if (!heard) {
    token_lost = means_lost_token(refused.status);
    return std::unexpected(std::move(heard.error()));
  }
  made.token = std::move(heard->token);
  made.date = std::move(heard->date);
  made.truncated = heard->truncated;
  return made;
}

/// Empty: a CTag serves as well for the time being, or there is none to be had.
Result<std::string> CaldavSession::first_token(Turn& turn) {
  // A token from before the listing: what happens meanwhile is told twice rather than never.
  if (turn.anchor.listing && !turn.anchor.token.empty()) return turn.anchor.token;
  if (!turn.collection.token.empty() || !turn.collection.syncs) return turn.collection.token;
  if (turn.anchor.listing && !turn.collection.ctag.empty()) return std::string();
  if (!turn.collection.with_token) {
    auto now = look(turn.call, turn.collection.id);
    if (!now) return std::unexpected(std::move(now.error()));
    turn.collection = std::move(*now);
    if (!turn.collection.token.empty()) return turn.collection.token;
  }
  // Servers that name no token as a property give one with a first report (RFC 6578 §3.4); some refuse it (DAV-02).
  bool lost = false;
  auto first = sync(turn.call, turn.collection, {}, lost);
  if (!first && !lost) return std::unexpected(std::move(first.error()));
  return first ? std::move(first->token) : std::string();
}

Result<void> CaldavSession::list_all(Turn& turn) {
  auto& pending = *turn.pending;
  auto token = std::move(pending.all.token);
  const auto began = backend_.host().now();
  std::optional<Listing> listed;
  if (pending.by_report) {
    auto queried = query_members(turn.call, turn.collection);
    if (!queried) return std::unexpected(std::move(queried.error()));
    listed = std::move(*queried);
  }
  if (!listed) {
    auto members = list_members(turn.call, turn.collection);
    if (!members) return std::unexpected(std::move(members.error()));
    listed = std::move(*members);
  }
  pending.took = backend_.host().now() - began;
  pending.all = std::move(*listed);
  pending.all.token = std::move(token);
  return {};
}

/// Everything there is, and the token from which to go on.
Result<void> CaldavSession::collect_all(Turn& turn) {
  auto& pending = *turn.pending;
  pending.full = true;
  auto token = first_token(turn);
  if (!token) return std::unexpected(std::move(token.error()));
  pending.all.token = std::move(*token);
  if (auto listed = list_all(turn); !listed) return listed;
  if (pending.all.token.empty() && turn.collection.syncs && !turn.collection.with_token &&
      pending.all.members.size() > comparable_most) {
    // What is too large to be compared afterwards has to have its token before.
    auto now = look(turn.call, turn.collection.id);
    if (!now) return std::unexpected(std::move(now.error()));
    turn.collection = std::move(*now);
    pending.ctag = turn.collection.ctag;
    pending.all.token = turn.collection.token;
    if (auto listed = list_all(turn); !listed) return listed;
  }
  auto& members = pending.all.members;
  std::ranges::sort(members, {}, &Member::name);
  for (const auto& each : turn.anchor.told)
    if (!std::ranges::binary_search(members, each.name, {}, &Member::name)) pending.all.gone.push_back(each.name);
  // Most of it gone at once, and nobody told of removals: a backup was put back, or the wrong disk (law 10, DAV-06).
  if (!turn.anchor.listing && turn.anchor.told.size() >= regress_least &&
      pending.all.gone.size() * 2 > turn.anchor.told.size()) {
    return fault(
        FaultKind::regressed, homes_->server.place(),
        fmt::format("Most of a collection is gone from the server ({} of {} items); was it restored from a backup?",
                    pending.all.gone.size(), turn.anchor.told.size()));
  }
  std::ranges::sort(members, [](const Member& a, const Member& b) {
    return a.modified != b.modified ? a.modified > b.modified : a.name < b.name;
  });
  return {};
}

/// While a long listing goes on, what changes meanwhile comes first.
Result<void> CaldavSession::refresh(Turn& turn) {
  auto& pending = *turn.pending;
  const auto now = backend_.host().now();
  if (!pending.full) return {};
  const Clock::duration pause = pending.all.token.empty()
                                    ? std::max<Clock::duration>(refresh_after, pending.took * refresh_share)
                                    : refresh_after;
  if (pending.writes == backend_.writes() && now - pending.asked < pause) return {};
  pending.asked = now;
  pending.writes = backend_.writes();
  if (pending.all.token.empty()) return turn.anchor.too_many ? Result<void>() : list_again(turn);
  bool lost = false;
  auto changed = sync(turn.call, turn.collection, pending.all.token, lost);
  if (!changed && !lost) return std::unexpected(std::move(changed.error()));
  if (!changed || changed->token.empty() || changed->truncated) return {};  // told after the listing
  auto& members = pending.all.members;
  const auto rest = members.begin() + static_cast<std::ptrdiff_t>(pending.at);
  members.erase(members.begin(), rest);
  pending.at = 0;
  std::erase_if(members, [&](const Member& each) {
    return std::ranges::find(changed->members, each.name, &Member::name) != changed->members.end() ||
           std::ranges::find(changed->gone, each.name) != changed->gone.end();
  });
  for (auto& each : changed->members) each.late = true;
  members.insert(members.begin(), changed->members.begin(), changed->members.end());
  pending.all.gone.insert(pending.all.gone.end(), changed->gone.begin(), changed->gone.end());
  pending.all.token = std::move(changed->token);
  return {};
}

/// The same without a token. What was not there before comes first.
Result<void> CaldavSession::list_again(Turn& turn) {
  auto& pending = *turn.pending;
  const auto before = std::move(pending.all.members);
  if (auto listed = list_all(turn); !listed) return listed;
  auto& members = pending.all.members;
  std::ranges::sort(members, {}, &Member::name);
  const auto find = [&](std::string_view name) {
    return std::ranges::lower_bound(members, name, {}, [](const Member& each) { return std::string_view(each.name); });
  };
  std::vector<Member> rest;
  for (auto at = pending.at; at < before.size(); ++at) {
    const auto found = find(before[at].name);
    if (found == members.end() || found->name != before[at].name || found->etag != before[at].etag) continue;
    rest.push_back(*found);  // a copy: its name is still to be searched by
    found->etag.clear();     // it waits already
  }
  for (const auto& each : turn.anchor.told)
    if (const auto found = find(each.name); found == members.end() || found->name != each.name)
      pending.all.gone.push_back(each.name);
  std::erase_if(members, [](const Member& each) { return each.etag.empty(); });
  members.insert(members.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  pending.at = 0;
  return {};
}

}  // namespace tidegate::caldav
