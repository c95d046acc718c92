// SPDX-License-Identifier: Apache-2.0
// What changed: the tree by the home sets, a collection by sync-collection (RFC 6578) or by comparing ETags.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::chrono::seconds poll_good_for{15};
constexpr std::chrono::seconds refresh_after{2};
constexpr std::size_t members_most = 500'000;
constexpr std::size_t pendings_most = 8;
constexpr std::size_t regress_least = 10;  // fewer may all be removed by their user

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Tokens made of the time count whole seconds (DAV-04: SOGo): what changes within the second of such a token is
/// not told after it. `date`: the server's own clock.
bool is_young(const std::string& token, const std::string& date) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), seconds);
  const auto now = http_date(date);
  if (error != std::errc{} || end != token.data() + token.size() || !now) return false;
  const auto age = now->time_since_epoch().count() - seconds;
  return age >= -2 && age <= 2;
}

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

/// One call of changes() on a collection.
struct CaldavSession::Turn {
  const Call& call;
  const Want& want;
  Collection collection;
  Anchor anchor;
  Page page;
  Pending* pending = nullptr;
  std::uint32_t told = 0;
  std::uint64_t octets = 0;  ///< of what comes along

  void removed(const std::string& name) { page.changes.emplace_back(Removed{collection.id + name, collection.id}); }
};

// --- the tree

Result<Page> CaldavSession::tree(const Call& call, View anchor) {
  if (!anchor.empty() && !is_tree_anchor(anchor))
    return fault(FaultKind::anchor_expired, homes_->server.place(), "This is no anchor of the folder tree.");
  std::vector<Collection> all;
  const auto writes = backend_.writes();
  for (const auto& home : homes_->homes) {
    const auto take = [&](std::string id, Resource&& each) {
      if (!id.ends_with('/')) id += '/';
      if (auto made = collection_of(each, std::move(id))) all.push_back(std::move(*made));
    };
    auto heard =
        multistatus(call, id_of(home), {"PROPFIND", propfind_collections(), "1"}, "Listing the user's calendars", take);
    if (heard) continue;
    if (heard.error().kind == FaultKind::not_found) backend_.forget(box_);
    return std::unexpected(std::move(heard.error()));
  }
  polled_.clear();
  known_.clear();
  for (const auto& each : all) polled_[each.id] = known_[each.id] = each;
  polled_at_ = backend_.host().now();
  polled_writes_ = writes;
  const auto folders = folders_of(std::move(all));
  Page page;
  page.anchor = tree_anchor(folders);
  if (page.anchor == anchor) return page;
  for (const auto& each : folders) page.changes.emplace_back(FolderUpsert{each});
  page.changes.emplace_back(Listed{{}});
  return page;
}

// --- a collection

Result<Collection> CaldavSession::look(const Call& call, View collection) {
  std::optional<Collection> found;
  const std::string id(collection);
  const auto take = [&](std::string, Resource&& each) {
    if (!found) found = collection_of(each, id);
  };
  auto heard = multistatus(call, id, {"PROPFIND", propfind_collections(), "0"}, "Looking at a collection", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
  if (!found)
    return fault(FaultKind::not_found, homes_->server.place(), "This is no calendar and no address book (any more).");
  known_[id] = *found;
  return std::move(*found);
}

Result<Collection> CaldavSession::state_of(const Call& call, View scope) {
  if (const auto polled = polled_.find(scope); polled != polled_.end()) {
    const bool good = polled_writes_ == backend_.writes() && backend_.host().now() - polled_at_ < poll_good_for;
    auto state = std::move(polled->second);
    polled_.erase(polled);
    if (good) return state;
  }
  return look(call, scope);
}

Result<CaldavSession::Listing> CaldavSession::list_members(const Call& call, const Collection& collection) {
  Listing made;
  const auto take = [&](std::string id, Resource&& each) {
    // The collection itself is among them, and what lies in it is not below anything (DAV-17).
    if (each.collection || !id.starts_with(collection.id) || id.size() == collection.id.size() || !each.etag) return;
    if (id.find('/', collection.id.size()) != id.npos || made.members.size() >= members_most) return;
    made.members.push_back({id.substr(collection.id.size()), *each.etag, length_of(each), modified_of(each)});
  };
  auto heard = multistatus(call, collection.id, {"PROPFIND", propfind_members(), "1"}, "Listing a collection", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
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

/// Everything there is, and the token from which to go on.
Result<void> CaldavSession::collect_all(Turn& turn) {
  auto& pending = *turn.pending;
  pending.full = true;
  // A token from before the listing: what happens meanwhile is told twice rather than never.
  std::string token = turn.anchor.listing && !turn.anchor.token.empty() ? turn.anchor.token : turn.collection.token;
  if (turn.collection.syncs && token.empty()) {
    // Servers that name no token as a property give one with a first report (RFC 6578 §3.4); some refuse it (DAV-02).
    bool lost = false;
    auto first = sync(turn.call, turn.collection, {}, lost);
    if (!first && !lost) return std::unexpected(std::move(first.error()));
    if (first) token = std::move(first->token);
  }
  auto listed = list_members(turn.call, turn.collection);
  if (!listed) return std::unexpected(std::move(listed.error()));
  pending.all = std::move(*listed);
  pending.all.token = std::move(token);
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

Result<void> CaldavSession::collect(Turn& turn) {
  auto& anchor = turn.anchor;
  // Of several collections: they are listed by turns, page by page.
  if (pendings_.size() >= pendings_most && !pendings_.contains(turn.collection.id))
    pendings_.erase(std::ranges::min_element(pendings_, {}, [](const auto& each) { return each.second.asked; }));
  auto& pending = pendings_[turn.collection.id];
  pending = {};
  pending.ctag = turn.collection.ctag;
  pending.asked = backend_.host().now();
  pending.writes = backend_.writes();
  turn.pending = &pending;
  const bool due =
      unix_now() - anchor.compared > std::chrono::floor<std::chrono::seconds>(backend_.settings().compare).count();
  const bool compares = (due || anchor.compare) && !anchor.too_many;
  if (!anchor.listing && !anchor.token.empty() && !compares) {
    bool lost = false;
    auto changed = sync(turn.call, turn.collection, anchor.token, lost);
    // An empty token must not be kept (DAV-02); one that does not move while there is more leads nowhere (DAV-03).
    const bool usable = changed && !changed->token.empty() && !(changed->truncated && changed->token == anchor.token);
    if (usable) {
      pending.all = std::move(*changed);
      return {};
    }
    if (!changed && !lost) return std::unexpected(std::move(changed.error()));
  }
  if (!anchor.listing && anchor.too_many) {
    return fault(FaultKind::anchor_expired, homes_->server.place(),
                 "The server does not tell what changed in this collection, which is too large to be compared.");
  }
  return collect_all(turn);
}

/// While a long listing goes on, what changes meanwhile comes first.
Result<void> CaldavSession::refresh(Turn& turn) {
  auto& pending = *turn.pending;
  const auto now = backend_.host().now();
  if (!pending.full || pending.all.token.empty()) return {};
  if (pending.writes == backend_.writes() && now - pending.asked < refresh_after) return {};
  pending.asked = now;
  pending.writes = backend_.writes();
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
  members.insert(members.begin(), changed->members.begin(), changed->members.end());
  pending.all.gone.insert(pending.all.gone.end(), changed->gone.begin(), changed->gone.end());
  pending.all.token = std::move(changed->token);
  return {};
}

void CaldavSession::tell(Turn& turn, const Member& member, Read&& read) {
  const auto id = turn.collection.id + member.name;
  if (read.etag.empty()) read.etag = member.etag;
  const auto content = digest_of_content(read.octets);
  const auto* before = turn.anchor.find(member.name);
  const bool same_content = before != nullptr && before->content == content && before->content != 0;
  // The listing still says what was before our own write (DAV-08).
  if (const auto wrote = backend_.wrote().find(id, backend_.host().now());
      wrote && wrote->before == read.etag && wrote->content == digest(read.octets))
    read.etag = wrote->after;
  turn.anchor.tell({member.name, digest(member.etag), content});
  // A feed that only makes its stamps anew (DAV-20); nobody here may write to it, so nobody needs its ETag.
  if (same_content && (turn.collection.rights & may_update) == 0) return;
  const auto looked = look_at(read.octets);
  Upsert upsert;
  upsert.id = id;
  upsert.folders = {turn.collection.id};
  upsert.content_rev = encode(Revision{read.etag, read.schedule_tag});
  upsert.kind = looked ? looked->kind : turn.collection.kind;
  upsert.size = read.octets.size();
  upsert.received =
      std::chrono::sys_seconds(std::chrono::seconds(read.modified != 0 ? read.modified : member.modified));
  upsert.flags = 0;
  upsert.fingerprint = fingerprint(looked.value_or(Object{upsert.kind, {}, {}}), id);
  const auto key = by_whom(box_) + '\n' + id;
  if (read.octets.size() <= turn.want.inline_up_to && turn.octets + read.octets.size() <= page_octets) {
    turn.octets += read.octets.size();
    backend_.contents().drop(key);
    upsert.content = std::move(read.octets);
  } else {
    backend_.contents().put(key, std::move(read.octets));
  }
  turn.page.changes.emplace_back(std::move(upsert));
  ++turn.told;
}

Result<void> CaldavSession::give(Turn& turn) {
  auto& pending = *turn.pending;
  for (const auto& name : std::exchange(pending.all.gone, {})) {
    if (turn.anchor.find(name) == nullptr && !turn.anchor.too_many) continue;
    turn.anchor.forget(name);
    backend_.contents().drop(by_whom(box_) + '\n' + turn.collection.id + name);
    turn.removed(name);
  }
  const auto limit = std::max<std::uint32_t>(turn.want.limit, 1);
  std::vector<Member> next;
  auto& members = pending.all.members;
  for (; pending.at < members.size() && next.size() < limit; ++pending.at) {
    const auto& each = members[pending.at];
    const auto* told = turn.anchor.find(each.name);
    if (told != nullptr && told->etag == digest(each.etag)) continue;
    if (turn.anchor.too_many && turn.anchor.listing && pending.full) {
      const bool before = each.modified != turn.anchor.place_modified ? each.modified > turn.anchor.place_modified
                                                                      : each.name <= turn.anchor.place_name;
      if (before) continue;
    }
    next.push_back(each);
  }
  auto contents = fetch(turn.call, turn.collection, next);
  if (!contents) return std::unexpected(std::move(contents.error()));
  for (const auto& each : next) {
    auto& read = contents->at(turn.collection.id + each.name);
    if (turn.anchor.listing) {
      turn.anchor.place_modified = each.modified;
      turn.anchor.place_name = each.name;
    }
    if (read) {
      tell(turn, each, std::move(*read));
    } else if (read.error().kind == FaultKind::not_found) {
      // Listed and gone by now (DAV-18).
      if (turn.anchor.find(each.name) != nullptr) turn.removed(each.name);
      turn.anchor.forget(each.name);
    } else {
      // There, but not to be had: read() says why, and the core knows what to do (law 11).
      turn.page.changes.emplace_back(Upsert{.id = turn.collection.id + each.name,
                                            .folders = {turn.collection.id},
                                            .content_rev = each.etag,
                                            .state_rev = {},
                                            .kind = turn.collection.kind,
                                            .size = each.length,
                                            .received = std::chrono::sys_seconds(std::chrono::seconds(each.modified)),
                                            .flags = 0,
                                            .keywords = {},
                                            .fingerprint = fingerprint({turn.collection.kind, {}, {}}, each.name),
                                            .was = {},
                                            .content = {}});
      turn.anchor.tell({each.name, digest(each.etag), 0});
    }
  }
  return {};
}

void CaldavSession::finish(Turn& turn) {
  auto& pending = *turn.pending;
  auto& anchor = turn.anchor;
  if (pending.at < pending.all.members.size()) {
    turn.page.more = true;
    if (anchor.listing) anchor.token = pending.all.token;
    turn.page.anchor = encode(anchor);
    pending.expects = digest(turn.page.anchor);
    return;
  }
  const bool young = is_young(pending.all.token, pending.all.date);
  if (pending.all.truncated) {
    anchor.token = pending.all.token;
    anchor.compare = true;  // some give their newest token with a list cut short: what it left out shows then
    turn.page.more = true;
  } else {
    // A delta is asked for again from the token before; what it names twice is known by its ETag.
    if (pending.full || !young || anchor.token.empty()) anchor.token = pending.all.token;
    anchor.ctag = young ? std::string() : pending.ctag;
    if (pending.full) {
      anchor.compare = young;
      anchor.compared = unix_now();
    }
  }
  if (anchor.listing && pending.full) {
    anchor.listing = false;
    turn.page.changes.emplace_back(Listed{turn.collection.id});
  }
  pendings_.erase(turn.collection.id);
  turn.page.anchor = encode(anchor);
}

Result<Page> CaldavSession::of_collection(const Call& call, View scope, View anchor, const Want& want) {
  std::optional<Anchor> from = Anchor{};
  if (anchor.empty())
    from->listing = true;
  else
    from = decode_anchor(anchor);
  if (!from) return fault(FaultKind::anchor_expired, homes_->server.place(), "This anchor is none of this server's.");
  const auto under_way = pendings_.find(scope);
  const bool goes_on = under_way != pendings_.end() && !anchor.empty() && under_way->second.expects == digest(anchor);
  auto state =
      goes_on && known_.contains(scope) ? Result<Collection>(known_.find(scope)->second) : state_of(call, scope);
  if (!state) return std::unexpected(std::move(state.error()));
  Turn turn{call, want, std::move(*state), std::move(*from), {}};
  if (goes_on) turn.pending = &under_way->second;
  auto& had = turn.anchor;
  const bool due =
      unix_now() - had.compared > std::chrono::floor<std::chrono::seconds>(backend_.settings().compare).count();
  const bool same = (!had.token.empty() && had.token == turn.collection.token) ||
                    (!had.ctag.empty() && had.ctag == turn.collection.ctag);
  if (!goes_on && !had.listing && !had.compare && !due && same) return Page{{}, Bytes(anchor), false};
  auto step = goes_on ? refresh(turn) : collect(turn);
  if (step) step = give(turn);
  if (!step) {
    pendings_.erase(turn.collection.id);
    return std::unexpected(std::move(step.error()));
  }
  finish(turn);
  return std::move(turn.page);
}

}  // namespace tidegate::caldav
