// SPDX-License-Identifier: Apache-2.0
// What changed: the tree by the home sets, a collection by sync-collection (RFC 6578) or by comparing ETags.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "core/mime/parts.hpp"
#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::chrono::seconds poll_good_for{15};
constexpr std::size_t pendings_most = 8;

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// 1994-11-06T08:49:37Z
std::optional<std::int64_t> instant(std::string_view text) {
  const auto at = [&](std::size_t from, std::size_t length) { return whole_number(text.substr(from, length)); };
  if (text.size() != 20 || text[10] != 'T' || text[19] != 'Z') return std::nullopt;
  const auto year = at(0, 4), month = at(5, 2), day = at(8, 2), hour = at(11, 2), minute = at(14, 2),
             second = at(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::sys_days(date)).time_since_epoch().count() + *hour * 3600 +
         *minute * 60 + *second;
}

/// DavMail: base64 of one time, or of two where a collection holds events and tasks. The later one counts.
std::optional<std::int64_t> wrapped_instant(std::string_view text) {
  if (text.size() > 64) return std::nullopt;
  const auto out = mime::base64_decoded(text);
  std::optional<std::int64_t> latest;
  for (std::size_t from = 0; from < out.size(); from += 20) {
    const auto each = instant(std::string_view(out).substr(from, 20));
    if (!each) return std::nullopt;
    latest = std::max(latest, each);
  }
  return latest;
}

/// Tokens and CTags made of the time count whole seconds (DAV-04: SOGo, DavMail): what changes within such a second is
/// not told after it. `date`: the server's own clock; where it does not say (SOGo in its reports) ours, which may be
/// off.
bool is_young(const std::string& token, const std::string& date) {
  auto seconds = whole_number(token);
  if (!seconds) seconds = wrapped_instant(token);
  if (!seconds) return false;
  const auto now = http_date(date);
  const auto age = (now ? now->time_since_epoch().count() : unix_now()) - *seconds;
  return std::abs(age) <= (now ? 2 : 60);
}

}  // namespace

// --- the tree

Result<Page> CaldavSession::tree(const Call& call, View anchor) {
  if (!anchor.empty() && !is_tree_anchor(anchor))
    return fault(FaultKind::anchor_expired, homes_->server.place(), "This is no anchor of the folder tree.");
  // Who lists everything needs no token yet (Radicale writes a file of each member for its first one).
  const bool with_tokens = !anchor.empty();
  std::vector<Collection> all;
  const auto writes = backend_.writes();
  for (const auto& home : homes_->homes) {
    const auto take = [&](std::string id, Resource&& each) {
      if (!id.ends_with('/')) id += '/';
      if (auto made = collection_of(each, std::move(id))) all.push_back(std::move(*made));
      if (!all.empty()) all.back().with_token = with_tokens;
    };
    auto heard = multistatus(call, id_of(home), {"PROPFIND", propfind_collections(with_tokens), "1"},
                             "Listing the user's calendars", take);
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

Result<Collection> CaldavSession::look(const Call& call, View collection, bool with_token) {
  std::optional<Collection> found;
  const std::string id(collection);
  const auto take = [&](std::string, Resource&& each) {
    if (!found) found = collection_of(each, id);
  };
  auto heard =
      multistatus(call, id, {"PROPFIND", propfind_collections(with_token), "0"}, "Looking at a collection", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
  if (!found)
    return fault(FaultKind::not_found, homes_->server.place(), "This is no calendar and no address book (any more).");
  found->with_token = with_token;
  known_[id] = *found;
  return std::move(*found);
}

Result<Collection> CaldavSession::state_of(const Call& call, View scope, bool with_token) {
  if (const auto polled = polled_.find(scope); polled != polled_.end()) {
    const bool good = polled_writes_ == backend_.writes() && backend_.host().now() - polled_at_ < poll_good_for;
    auto state = std::move(polled->second);
    polled_.erase(polled);
    if (good) return state;
  }
  return look(call, scope, with_token);
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
  const bool compares = (due || anchor.compare || anchor.unsure) && !anchor.too_many;
  // What a report leaves out is found by the comparison that is due once in a while.
  pending.by_report = anchor.listing || (anchor.unsure && !due && !anchor.compare);
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
    if (turn.anchor.too_many && turn.anchor.listing && pending.full && !each.late) {
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
    if (turn.anchor.listing && !each.late) {
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
  const bool young = is_young(pending.all.token, pending.all.date) || is_young(pending.ctag, pending.all.date);
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
      anchor.unsure = anchor.token.empty() && turn.collection.syncs;
    }
  }
  if (anchor.listing && pending.full) {
    anchor.listing = false;
    turn.page.changes.emplace_back(Listed{turn.collection.id});
  }
  pendings_.erase(turn.collection.id);
  turn.page.anchor = encode(anchor);
}

bool CaldavSession::stands(Anchor& had, const Collection& now) {
  const bool same_ctag = !had.ctag.empty() && had.ctag == now.ctag;
  if (!had.unsure) return same_ctag || (!had.token.empty() && had.token == now.token);
  if (!same_ctag) return false;
  // Both properties may have been looked up at different instants: only if the CTag is still the same at the next look
  // does the token, too, speak of what was listed.
  if (had.token.empty())
    had.token = now.token;
  else
    had.unsure = false;
  return true;
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
  auto state = goes_on && known_.contains(scope) ? Result<Collection>(known_.find(scope)->second)
                                                 : state_of(call, scope, !from->listing);
  if (!state) return std::unexpected(std::move(state.error()));
  Turn turn{call, want, std::move(*state), std::move(*from), {}};
  if (goes_on) turn.pending = &under_way->second;
  auto& had = turn.anchor;
  const bool due =
      unix_now() - had.compared > std::chrono::floor<std::chrono::seconds>(backend_.settings().compare).count();
  const bool unsure = had.unsure;
  if (!goes_on && !had.listing && !had.compare && !due && stands(had, turn.collection))
    return Page{{}, unsure ? encode(had) : Bytes(anchor), false};
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
