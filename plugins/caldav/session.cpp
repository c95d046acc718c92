// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/session.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::caldav {
namespace {

std::unexpected<Fault> never(std::string_view what) {
  return fault(FaultKind::unsupported, {}, std::string(what) + " is not there in calendars and address books.");
}

}  // namespace

CaldavSession::CaldavSession(CaldavBackend& backend, Mailbox box, std::shared_ptr<const Homes> homes)
    : backend_(backend), box_(std::move(box)), homes_(std::move(homes)) {}

Capabilities CaldavSession::capabilities() const {
  Capabilities can;
  can.verbs = can_create | can_update | can_move | can_remove | can_make_folder | can_change_folder |
              can_remove_folder | can_respond;
  can.token_kept = true;  // a new resource is called by its UID, which is looked for
  can.delta = true;
  can.removals = true;
  can.sessions_per_user = 2;
  return can;
}

/// Law 9 before anything is looked at.
Result<void> CaldavSession::in_time(const Call& call) const {
  if (!call.stop.stop_requested() && Clock::now() < call.deadline) return {};
  return fault(FaultKind::cancelled, homes_->server.place(),
               "The call was stopped or its time was over before it began.");
}

Result<web::Url> CaldavSession::url_of(View id) const {
  if (id.empty() || id.find('\0') != id.npos)
    return fault(FaultKind::not_found, homes_->server.place(), "There is no resource of that name.");
  auto url = id.starts_with('/') ? web::resolve(homes_->server, id) : web::parse_url(id);
  if (url) return url;
  return fault(FaultKind::not_found, homes_->server.place(), "There is no resource of that name.");
}

std::string CaldavSession::id_of(const web::Url& url) const {
  const auto path = canonical(url.path());
  return url.same_origin(homes_->server) ? path : url.origin() + path;
}

Result<web::Request> CaldavSession::request(std::string method, View id) const {
  auto url = url_of(id);
  if (!url) return std::unexpected(std::move(url.error()));
  web::Request made;
  made.method = std::move(method);
  made.url = std::move(*url);
  return made;
}

Result<web::Response> CaldavSession::ask(const Call& call, web::Request asked, web::Sink sink) {
  return backend_.ask(call, box_, std::move(asked), std::move(sink));
}

Result<CaldavSession::Heard> CaldavSession::multistatus(const Call& call, View id, Asked asked, std::string_view doing,
                                                        const Take& take, Heard* refused) {
  auto made = request(std::move(asked.method), id);
  if (!made) return std::unexpected(std::move(made.error()));
  made->fields = {{"Depth", std::move(asked.depth)}, {"Content-Type", "application/xml; charset=utf-8"}};
  made->body = std::move(asked.body);
  made->most = 256 * 1024 * 1024;
  const auto base = made->url;
  Multistatus reader([&](Resource&& each) {
    if (auto url = web::resolve(base, each.href)) take(id_of(*url), std::move(each));
  });
  Result<void> read;
  auto answer =
      ask(call, std::move(*made), [&](std::string_view piece) { return (read = reader.feed(piece)).has_value(); });
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status != 207) {
    if (refused != nullptr) *refused = {{}, {}, std::move(answer->body), false, answer->status};
    return std::unexpected(web::fault_of(*answer, doing));
  }
  if (read) read = reader.finish();
  if (!read) {
    auto fault = std::move(read.error());
    fault.where = base.place();
    return std::unexpected(std::move(fault));
  }
  const auto* date = answer->fields.find("Date");
  return Heard{reader.sync_token(), date == nullptr ? std::string() : *date, {}, reader.truncated(), 207};
}

Result<Page> CaldavSession::changes(const Call& call, View scope, View anchor, const Want& want) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  return scope.empty() ? tree(call, anchor) : of_collection(call, scope, anchor, want);
}

Result<CaldavSession::Read> CaldavSession::get(const Call& call, View item, bool cards) {
  auto asked = request("GET", item);
  if (!asked) return std::unexpected(std::move(asked.error()));
  asked->fields = {{"Accept", cards ? "text/vcard, */*;q=0.1" : "text/calendar, */*;q=0.1"}};
  asked->compressed = false;  // with it some servers say another ETag
  asked->most = 64 * 1024 * 1024;
  auto answer = ask(call, std::move(*asked));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status != 200) return std::unexpected(web::fault_of(*answer, "Reading an item"));
  Read made;
  if (const auto* etag = answer->fields.find("ETag")) made.etag = *etag;
  if (const auto* tag = answer->fields.find("Schedule-Tag")) made.schedule_tag = *tag;
  if (const auto* date = answer->fields.find("Last-Modified"))
    if (const auto when = http_date(*date)) made.modified = when->time_since_epoch().count();
  made.octets = std::move(answer->body);
  return made;
}

Result<CaldavSession::Read> CaldavSession::whole(const Call& call, View item) {
  if (auto known = backend_.contents().get(by_whom(box_) + '\n' + std::string(item)))
    return Read{std::move(*known), {}, {}, 0};
  return get(call, item, item.ends_with(".vcf"));
}

Result<std::uint64_t> CaldavSession::read(const Call& call, View item, Range range, Sink sink) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  auto found = whole(call, item);
  if (!found) return std::unexpected(std::move(found.error()));
  auto octets = std::as_bytes(std::span(found->octets));
  octets = octets.subspan(std::min<std::uint64_t>(range.from, octets.size()));
  octets = octets.first(std::min<std::uint64_t>(range.length, octets.size()));
  std::uint64_t given = 0;
  while (!octets.empty()) {
    const auto piece = octets.first(std::min<std::size_t>(octets.size(), 64 * 1024));
    given += piece.size();
    if (!sink(piece)) break;
    if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
    octets = octets.subspan(piece.size());
  }
  return given;
}

Result<Written> CaldavSession::set_flags(const Call&, View, const FlagDelta&) { return never("A flag"); }
Result<Sent> CaldavSession::send(const Call&, const Envelope&, Source, View, Attempt&) { return never("Sending"); }
Result<Hits> CaldavSession::search(const Call&, View, std::string_view, View) { return never("Searching"); }
Result<std::vector<Person>> CaldavSession::resolve(const Call&, std::string_view, std::uint32_t) {
  return never("A directory");
}
Result<Parking> CaldavSession::park(const Call&) { return never("Waiting on a connection"); }
Result<Hint> CaldavSession::unpark(const Call&) { return never("Waiting on a connection"); }

}  // namespace tidegate::caldav
