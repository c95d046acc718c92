// SPDX-License-Identifier: Apache-2.0
// What changes the server: items under their UID, with the ETag that was edited; folders.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/refusal.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::size_t octets_most = 32 * 1024 * 1024;

std::string all_of(Source& source, std::uint64_t size) {
  std::string made;
  made.reserve(std::min<std::uint64_t>(size, octets_most));
  std::array<std::byte, 16 * 1024> part;
  while (made.size() <= octets_most) {
    const auto count = source(part);
    if (count == 0) break;
    made.append(reinterpret_cast<const char*>(part.data()), count);
  }
  return made;
}

bool success(const web::Response& answer) { return answer.status >= 200 && answer.status < 300; }

/// The request may have been carried out all the same.
bool may_be_done(const Fault& fault) {
  return fault.kind == FaultKind::unavailable || fault.kind == FaultKind::cancelled ||
         fault.kind == FaultKind::throttled;
}

bool uid_conflict(const web::Response& answer) {
  return names_condition(answer.body, {cal, "no-uid-conflict"}) ||
         names_condition(answer.body, {card, "no-uid-conflict"});
}

}  // namespace

web::Url CaldavSession::child(View folder, std::string_view name) const {
  auto made = url_of(folder).value_or(homes_->server);
  // Some take a Destination as it stands: so nothing is encoded that need not be.
  made.target = canonical(made.path() + web::encoded(name));
  return made;
}

Result<web::Response> CaldavSession::put(const Call& call, const Put& what) {
  auto asked = request("PUT", what.id);
  if (!asked) return std::unexpected(std::move(asked.error()));
  const bool is_card = what.object.kind == Kind::contact;
  asked->fields = {{"Content-Type", is_card ? "text/vcard; charset=utf-8" : "text/calendar; charset=utf-8"}};
  if (!what.if_schedule_tag.empty())
    asked->fields.add("If-Schedule-Tag-Match", what.if_schedule_tag);
  else if (!what.if_match.empty())
    asked->fields.add("If-Match", strong(what.if_match));
  else
    asked->fields.add("If-None-Match", "*");
  asked->body = what.octets;
  asked->redirects = 0;
  backend_.count_write();
  backend_.contents().drop(by_whom(box_) + '\n' + what.id);
  return ask(call, std::move(*asked));
}

/// What came of a PUT that was taken. Without an ETag the server keeps something else than it was given (DAV-07).
Result<Written> CaldavSession::written(const Call& call, const Put& what, const web::Response& answer) {
  Written made;
  made.id = what.id;
  if (const auto* where = answer.fields.find("Location")) {
    // Some servers choose the name themselves.
    if (auto url = web::resolve(answer.url, *where); url && url->same_origin(answer.url)) made.id = id_of(*url);
  }
  Revision revision;
  if (const auto* etag = answer.fields.find("ETag")) revision.etag = *etag;
  if (const auto* tag = answer.fields.find("Schedule-Tag")) revision.schedule_tag = *tag;
  if (revision.etag.empty()) {
    auto there = get(call, made.id, what.object.kind == Kind::contact);
    if (!there) return std::unexpected(std::move(there.error()));
    made.same_octets = there->octets == what.octets;
    revision = {std::move(there->etag), std::move(there->schedule_tag)};
    if (revision.etag.empty()) {
      auto said = etags(call, made.id);
      if (!said) return std::unexpected(std::move(said.error()));
      revision.etag = said->etag.value_or("");
    }
  }
  backend_.wrote().note(made.id, {decode_revision(what.if_match).etag, revision.etag, digest(what.octets)},
                        backend_.host().now());
  made.content_rev = encode(revision);
  return made;
}

/// Whether that resource is there with our UID, as after an attempt whose answer was lost.
Result<std::optional<Written>> CaldavSession::stored(const Call& call, const Put& what, bool any_content) {
  auto there = get(call, what.id, what.object.kind == Kind::contact);
  if (!there && there.error().kind == FaultKind::not_found) return std::nullopt;
  if (!there) return std::unexpected(std::move(there.error()));
  const auto object = look_at(there->octets);
  const bool same = digest_of_content(there->octets) == digest_of_content(what.octets);
  if (!object || object->uid != what.object.uid || !(any_content || same)) return std::nullopt;
  return Written{what.id, encode(Revision{there->etag, there->schedule_tag}), {}, there->octets == what.octets};
}

Result<std::optional<Written>> CaldavSession::found_by_uid(const Call& call, View folder, const Put& what) {
  std::optional<Written> found;
  const auto take = [&](std::string id, Resource&& each) {
    if (found || !each.data || !each.etag) return;
    const auto object = look_at(*each.data);  // some servers match parts of a UID, or everything
    if (!object || object->uid != what.object.uid) return;
    found = Written{
        std::move(id), encode(Revision{*each.etag, each.schedule_tag.value_or("")}), {}, *each.data == what.octets};
  };
  const auto component =
      what.object.kind == Kind::contact ? std::string_view() : std::string_view(what.object.component);
  auto heard =
      multistatus(call, folder, {"REPORT", query_uid(component, what.object.uid), "1"}, "Looking for a UID", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
  return found;
}

Result<Written> CaldavSession::create(const Call& call, View folder, const NewItem& item, Source source,
                                      Attempt& attempt) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  const auto where = homes_->server.place();
  Put what;
  what.octets = all_of(source, item.size);
  if (what.octets.size() > octets_most)
    return fault(FaultKind::too_large, where, "An item of over 32 MiB is not sent.");
  const auto object = look_at(what.octets);
  if (!object || object->uid.empty())
    return fault(FaultKind::unsupported, where, "This is no calendar object and no card with a UID.");
  what.object = *object;
  what.id = id_of(child(folder, name_for(*object)));
  const bool repeated = !attempt.note.empty();
  if (repeated) {
    what.id = attempt.note;
    auto done = stored(call, what, true);
    if (!done) return std::unexpected(std::move(done.error()));
    if (*done) return std::move(**done);
  }
  if (attempt.before)
    if (auto noted = attempt.before(what.id); !noted) return std::unexpected(std::move(noted.error()));
  auto answer = put(call, what);
  if (answer && success(*answer)) return written(call, what, *answer);
  if (answer && (answer->status == 404 || answer->status == 409) && !uid_conflict(*answer))
    if (auto there = look(call, folder); !there) return std::unexpected(std::move(there.error()));
  // It was stored and the answer was an error (DAV-19), or it was there before: under its name, or under another.
  const auto why = answer ? refusal(*answer, "Storing an item", what.octets, what.object.kind) : answer.error();
  if (answer && answer->status != 412 && !uid_conflict(*answer) && !may_be_done(refusal(*answer, {})))
    return std::unexpected(why);
  auto done = stored(call, what, repeated);
  if (!done) return std::unexpected(why);
  if (!*done && answer) {
    done = found_by_uid(call, folder, what);
    if (done && *done && !(*done)->same_octets && !repeated) done = std::optional<Written>();
  }
  if (done && *done) return std::move(**done);
  if (answer && (answer->status == 412 || uid_conflict(*answer)))
    return fault(FaultKind::exists, where, "Another item with this UID is there already.");
  return std::unexpected(why);
}

Result<Resource> CaldavSession::etags(const Call& call, View item) {
  std::optional<Resource> found;
  const auto take = [&](std::string, Resource&& each) {
    if (!found) found = std::move(each);
  };
  auto heard = multistatus(call, item, {"PROPFIND", propfind_etag(), "0"}, "Looking at an item", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
  if (!found || found->status == 404)
    return fault(FaultKind::not_found, homes_->server.place(), "This item is not there.");
  return std::move(*found);
}

/// After a 412: the ETag to send instead, if the server's own listing says that nothing has changed since (DAV-08,
/// DAV-09). Never one that was merely read just now: what it stands for was not what was edited (DAV-10).
Result<std::string> CaldavSession::matching(const Call& call, View item, const Revision& edited) {
  auto said = etags(call, item);
  if (!said) return std::unexpected(std::move(said.error()));
  const auto listed = said->etag.value_or("");
  if (strong(listed) == strong(edited.etag)) {
    auto there = get(call, item, item.ends_with(".vcf"));
    if (!there) return std::unexpected(std::move(there.error()));
    if (!there->etag.empty() && strong(there->etag) != strong(edited.etag)) return there->etag;
    return edited.etag;  // it may have caught up meanwhile
  }
  return changed_meanwhile();
}

std::unexpected<Fault> CaldavSession::changed_meanwhile() const {
  return fault(FaultKind::conflict, homes_->server.place(), "Somebody else has changed this item meanwhile.");
}

Result<Written> CaldavSession::update(const Call& call, View item, View if_content_rev, Source source) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  const auto edited = decode_revision(if_content_rev);
  Put what{std::string(item), all_of(source, 0), {}, edited.etag};
  const auto where = homes_->server.place();
  if (what.octets.size() > octets_most)
    return fault(FaultKind::too_large, where, "An item of over 32 MiB is not sent.");
  const auto object = look_at(what.octets);
  if (!object) return fault(FaultKind::unsupported, where, "This is no calendar object and no card.");
  what.object = *object;
  if (edited.etag.empty())
    return fault(FaultKind::conflict, where, "It is not known which state of the item was edited.");
  auto answer = put(call, what);
  if (answer && answer->status == 412) {
    auto instead = matching(call, item, edited);
    // Answers of attendees move the ETag, not the Schedule-Tag; the server keeps them (RFC 6638 §3.2.10, DAV-12).
    if (!instead && instead.error().kind == FaultKind::conflict && !edited.schedule_tag.empty())
      what.if_schedule_tag = edited.schedule_tag;
    else if (!instead)
      return std::unexpected(std::move(instead.error()));
    else
      what.if_match = std::move(*instead);
    answer = put(call, what);
  }
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (success(*answer)) return written(call, what, *answer);
  if (answer->status == 412) return fault(FaultKind::conflict, where, "Somebody else has changed this item meanwhile.");
  return std::unexpected(refusal(*answer, "Changing an item", what.octets, what.object.kind));
}

Result<void> CaldavSession::remove(const Call& call, View item, View, View if_content_rev) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  const auto edited = decode_revision(if_content_rev);
  std::string etag = edited.etag;
  if (backend_.is_sogo() && !etag.empty()) {  // it removes whatever If-Match says
    auto there = etags(call, item);
    if (!there) return std::unexpected(std::move(there.error()));
    if (strong(there->etag.value_or("")) != strong(etag)) return changed_meanwhile();
  }
  for (bool again = true;; again = false) {
    auto asked = request("DELETE", item);
    if (!asked) return std::unexpected(std::move(asked.error()));
    if (!etag.empty()) asked->fields.add("If-Match", strong(etag));
    asked->redirects = 0;
    backend_.count_write();
    backend_.contents().drop(by_whom(box_) + '\n' + std::string(item));
    auto answer = ask(call, std::move(*asked));
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (success(*answer)) return {};
    if (answer->status != 412 || !again) return std::unexpected(refusal(*answer, "Removing an item"));
    auto instead = matching(call, item, edited);
    if (!instead) return std::unexpected(std::move(instead.error()));
    etag = std::move(*instead);
  }
}

/// A move where the server has none: stored there, then removed here. Cut short in between it is done again, and meets
/// its own copy.
Result<Written> CaldavSession::carry(const Call& call, View item, const std::string& to) {
  auto here = get(call, item, item.ends_with(".vcf"));
  if (!here) return std::unexpected(std::move(here.error()));
  const auto object = look_at(here->octets);
  if (!object)
    return fault(FaultKind::unsupported, homes_->server.place(),
                 "This is no calendar object and no card, and is not moved.");
  const Put copy{to, here->octets, *object, {}};
  auto answer = put(call, copy);
  if (!answer) return std::unexpected(std::move(answer.error()));
  Result<Written> made;
  if (success(*answer)) {
    made = written(call, copy, *answer);
  } else if (answer->status == 412) {
    auto before = stored(call, copy, false);
    if (!before) return std::unexpected(std::move(before.error()));
    if (!*before) return fault(FaultKind::exists, homes_->server.place(), "An item of this name is there already.");
    made = std::move(**before);
  } else {
    return std::unexpected(refusal(*answer, "Moving an item"));
  }
  if (!made) return made;
  auto gone = remove(call, item, {}, encode(Revision{here->etag, here->schedule_tag}));
  if (gone || gone.error().kind == FaultKind::not_found) return made;
  // Changed while it was carried: it stays where it is.
  if (gone.error().kind == FaultKind::conflict) (void)remove(call, made->id, {}, made->content_rev);
  return std::unexpected(std::move(gone.error()));
}

Result<Written> CaldavSession::move(const Call& call, View item, View, View to, Attempt& attempt) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  const auto where = homes_->server.place();
  const auto from = url_of(item);
  if (!from) return std::unexpected(from.error());
  const auto target = child(to, web::decoded(last_segment(from->path())));
  const auto id = id_of(target);
  const auto moved = [&]() -> Result<Written> {
    auto said = etags(call, id);
    if (!said) return std::unexpected(std::move(said.error()));
    return Written{id, encode(Revision{said->etag.value_or(""), said->schedule_tag.value_or("")}), {}, true};
  };
  if (!attempt.note.empty()) {
    // Done in an earlier attempt, if it is there and no longer here.
    auto here = etags(call, item);
    if (!here && here.error().kind == FaultKind::not_found) return moved();
    if (!here) return std::unexpected(std::move(here.error()));
  }
  if (attempt.before)
    if (auto noted = attempt.before(id); !noted) return std::unexpected(std::move(noted.error()));
  if (backend_.is_sogo() && item.ends_with(".vcf")) return carry(call, item, id);  // its MOVE gives cards another UID
  auto asked = request("MOVE", item);
  if (!asked) return std::unexpected(std::move(asked.error()));
  asked->fields = {{"Destination", target.text()}, {"Overwrite", "F"}};
  asked->redirects = 0;
  backend_.count_write();
  backend_.contents().drop(by_whom(box_) + '\n' + std::string(item));
  auto answer = ask(call, std::move(*asked));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (success(*answer)) {
    auto there = moved();
    // DavMail: it is there under a name of the server's own, and the next changes() tell which.
    if (!there && there.error().kind == FaultKind::not_found) return Written{{}, {}, {}, true};
    return there;
  }
  if (answer->status == 405 || answer->status == 501) return carry(call, item, id);
  if (answer->status == 412) return fault(FaultKind::exists, where, "An item of this name is there already.");
  if (uid_conflict(*answer)) return fault(FaultKind::exists, where, "An item with this UID is there already.");
  if (answer->status == 409) return fault(FaultKind::not_found, where, "The folder to move to is not there.");
  return std::unexpected(refusal(*answer, "Moving an item"));
}

// --- folders

Result<Folder> CaldavSession::make_folder(const Call& call, const Folder& like, Attempt& attempt) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  const auto where = homes_->server.place();
  const bool cards = like.kind == Kind::contact;
  const auto component = component_of(like.kind);
  if (!cards && component.empty()) return fault(FaultKind::unsupported, where, "Mail has no place in calendars.");
  if (!like.parent.empty()) return fault(FaultKind::unsupported, where, "Calendars have no folders below them.");
  // Calendars' homes come first, address books' last.
  const auto& home = cards ? homes_->homes.back() : homes_->homes.front();
  std::string name;
  for (const char c : attempt.token) name += fmt::format("{:02x}", static_cast<unsigned char>(c));
  const auto id = id_of(home) + name + "/";
  const auto there = [&]() -> Result<Folder> {
    auto made = look(call, id);
    if (!made) return std::unexpected(std::move(made.error()));
    return Folder{id, {}, id, made->name, made->kind, Role::none, made->rights, made->color};
  };
  if (attempt.before)
    if (auto noted = attempt.before(id); !noted) return std::unexpected(std::move(noted.error()));
  backend_.count_write();
  std::optional<web::Response> answer;
  for (const bool extended : {false, true}) {
    if (cards && !extended) continue;
    // RFC 5689 where MKCALENDAR is not known; for address books there is nothing else.
    if (answer && answer->status != 405 && answer->status != 501 && answer->status != 415 && answer->status != 400)
      break;
    auto asked = request(extended ? "MKCOL" : "MKCALENDAR", id);
    if (!asked) return std::unexpected(std::move(asked.error()));
    asked->fields = {{"Content-Type", "application/xml; charset=utf-8"}};
    asked->body = extended ? mkcol(like.name, cards, component) : mkcalendar(like.name, component);
    asked->redirects = 0;
    auto said = ask(call, std::move(*asked));
    if (!said) return std::unexpected(std::move(said.error()));
    if (success(*said)) return there();
    // What an earlier attempt made is in the way.
    if (said->status == 405 || said->status == 409 || said->status == 403)
      if (auto made = there()) return made;
    answer = std::move(*said);
  }
  return std::unexpected(refusal(*answer, "Making a folder"));
}

Result<Folder> CaldavSession::change_folder(const Call& call, const Folder& folder) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  auto now = look(call, folder.id);
  if (!now) return std::unexpected(std::move(now.error()));
  backend_.count_write();
  unsigned status = 200;
  const auto take = [&](std::string, Resource&& each) {
    if (each.status >= 300) status = each.status;
  };
  auto heard = multistatus(call, folder.id, {"PROPPATCH", proppatch_name(folder.name), "0"}, "Renaming a folder", take);
  if (!heard) return std::unexpected(std::move(heard.error()));
  auto after = look(call, folder.id);
  if (!after) return std::unexpected(std::move(after.error()));
  if (status >= 300 || after->name != folder.name)
    return fault(FaultKind::denied, homes_->server.place(), "The server does not let this folder be renamed.");
  return Folder{after->id, {}, after->id, after->name, after->kind, folder.role, after->rights, after->color};
}

Result<void> CaldavSession::remove_folder(const Call& call, View folder) {
  if (auto on = in_time(call); !on) return std::unexpected(std::move(on.error()));
  auto asked = request("DELETE", folder);
  if (!asked) return std::unexpected(std::move(asked.error()));
  asked->redirects = 0;
  backend_.count_write();
  auto answer = ask(call, std::move(*asked));
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (success(*answer)) return {};
  return std::unexpected(refusal(*answer, "Removing a folder"));
}

}  // namespace tidegate::caldav
