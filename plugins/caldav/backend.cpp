// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/backend.hpp"

#include <array>
#include <bit>
#include <utility>

#include "plugins/caldav/bodies.hpp"
#include "plugins/caldav/session.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::size_t contents_most = 16 * 1024 * 1024;
constexpr std::chrono::minutes names_good_for{60};
constexpr std::string_view tester = "tidegate-connection-test";

/// Answers that say "not here", after which another place is asked.
bool elsewhere(const web::Response& answer) {
  return answer.status >= 300 && answer.status < 500 && answer.status != 401 && answer.status != 407 &&
         answer.status != 408 && answer.status != 423 && answer.status != 429;
}

}  // namespace

CaldavBackend::CaldavBackend(Host& host, Settings settings)
    : host_(host),
      settings_(std::move(settings)),
      client_(settings_.client),
      tokens_(token::fetch_by(settings_.token, [&host](std::string_view key) { return host.secret(key); }),
              std::chrono::duration_cast<std::chrono::seconds>(settings_.token.lifetime),
              token::served_by(settings_.token)),
      contents_(contents_most) {}

Result<void> CaldavBackend::identify(const Call& call, const std::string& actor, web::Request& request) {
  const auto name = settings_.local_part_login ? actor.substr(0, actor.find('@')) : actor;
  const auto secret = [&](const std::string& key) -> Result<Bytes> {
    auto found = host_.secret(key);
    if (found) return found;
    // Without a password there is nothing to repeat: the account waits until its file is there.
    Fault missing = std::move(found.error());
    missing.kind = FaultKind::auth;
    return std::unexpected(std::move(missing));
  };
  using Scheme = web::Login::Scheme;
  switch (settings_.auth) {
    case Auth::remote_user:
      request.fields.add(settings_.remote_user_header, name);
      return {};
    case Auth::token: {
      auto token = tokens_.get(token::identity_of(settings_.token, actor), host_.now(), call);
      if (!token) return std::unexpected(std::move(token.error()));
      request.login = {Scheme::bearer, name, std::move(*token)};
      return {};
    }
    case Auth::password_dir: {
      auto password = secret("password/" + actor);
      if (!password) return std::unexpected(std::move(password.error()));
      request.login = {settings_.scheme, name, std::move(*password)};
      return {};
    }
    case Auth::authzid:
    case Auth::admin:
      break;
  }
  if (settings_.scheme == Scheme::negotiate) {
    request.login = {.scheme = settings_.scheme};
  } else {
    auto password = secret("password");
    if (!password) return std::unexpected(std::move(password.error()));
    request.login = {settings_.scheme, settings_.admin, std::move(*password)};
  }
  if (settings_.auth == Auth::authzid && actor != tester) request.fields.add("Authorize-As", name);
  return {};
}

Result<web::Response> CaldavBackend::ask(const Call& call, const Mailbox& box, web::Request request, web::Sink sink) {
  const auto& actor = by_whom(box);
  for (bool again = settings_.auth == Auth::token;; again = false) {
    auto asked = request;
    if (auto who = identify(call, actor, asked); !who) return std::unexpected(std::move(who.error()));
    auto answer = sink ? client_.send(call, asked, [&](std::string_view piece) { return sink(piece); })
                       : client_.send(call, asked);
    if (const auto* made_by = answer ? answer->fields.find("Server") : nullptr; made_by && made_by->contains("SOPE"))
      is_sogo_ = true;
    const auto whose = token::identity_of(settings_.token, actor);
    if (!answer || answer->status != 401) {
      if (answer && settings_.auth == Auth::token) tokens_.accepted(whose, asked.login.secret, host_.now());
      return answer;
    }
    const bool renewed = settings_.auth == Auth::token && tokens_.refused(whose, asked.login.secret, host_.now());
    if (!again || !renewed) return std::unexpected(web::fault_of(*answer, "Login of " + actor));
  }
}

void CaldavBackend::forget(const Mailbox& box) {
  const std::scoped_lock lock(mutex_);
  homes_.erase(whose(box) + '\n' + by_whom(box));
}

Result<Homes> CaldavBackend::discover(const Call& call, const Mailbox& box) {
  const auto& owner = whose(box);
  std::string principal;
  if (!settings_.principal.empty()) principal = principal_path(settings_.principal, owner);
  if (principal.empty() && owner != by_whom(box)) {
    return fault(FaultKind::unsupported, settings_.url.place(),
                 "Other users' calendars are found only where the setting principal says how their principals are "
                 "called.");
  }
  auto named = starts(call);
  if (!named) return std::unexpected(std::move(named.error()));
  auto discovery = named->empty()      ? Discovery(settings_.url, principal)
                   : principal.empty() ? Discovery(*named, settings_.url.place())
                                       : Discovery(named->front(), principal);
  std::optional<Fault> away;
  while (const auto where = discovery.next()) {
    web::Request request;
    request.method = "PROPFIND";
    request.url = *where;
    request.fields = {{"Depth", "0"}, {"Content-Type", "application/xml; charset=utf-8"}};
    request.body = propfind_principal();
    std::string body;
    auto answer = ask(call, box, std::move(request), [&](std::string_view piece) { return (body += piece, true); });
    if (!answer && answer.error().kind == FaultKind::denied && answer.error().text.contains("redirects")) {
      away = std::move(answer.error());
      discovery.answered(*where, nullptr);
      continue;
    }
    // Of several servers that DNS names one may be down.
    if (!answer && answer.error().kind == FaultKind::unavailable && named->size() > 1) {
      away = std::move(answer.error());
      discovery.answered(*where, nullptr);
      continue;
    }
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (answer->status >= 500 || answer->status == 408 || answer->status == 423 || answer->status == 429)
      return std::unexpected(web::fault_of(*answer, "Looking for the user's calendars"));
    const auto said = answer->status == 207 ? read_multistatus(body) : Said{};
    const bool useful = said && !elsewhere(*answer) && !said->resources.empty();
    discovery.answered(useful ? answer->url : *where, useful ? &said->resources.front() : nullptr);
  }
  auto found = discovery.outcome();
  if (!found && away) return std::unexpected(std::move(*away));
  return found;
}

Result<std::vector<web::Url>> CaldavBackend::starts(const Call& call) {
  if (settings_.domain.empty()) return std::vector<web::Url>();
  {
    const std::scoped_lock lock(mutex_);
    if (starts_until_ && host_.now() < *starts_until_) return starts_;
  }
  const auto chance = [&](std::uint32_t below) {
    std::array<std::byte, 4> octets{};
    host_.random(octets);
    return std::bit_cast<std::uint32_t>(octets) % below;
  };
  std::vector<web::Url> found;
  for (const auto& service :
       {web::Service{"_caldavs", "/.well-known/caldav"}, web::Service{"_carddavs", "/.well-known/carddav"}}) {
    auto urls = web::find_service(call, service, settings_.domain, chance, settings_.dns ? &*settings_.dns : nullptr);
    if (!urls) return std::unexpected(std::move(urls.error()));
    for (auto& each : *urls) {
      // RFC 6764 §8: who answers for DNS must not thereby be given credentials.
      if (!web::is_below(each.host, settings_.domain) && !web::is_named(settings_.hosts, each.host))
        return fault(FaultKind::denied, settings_.domain,
                     "DNS says that the calendars of " + settings_.domain + " are at " + each.host +
                         ", which is not below it: if that is so, add it to the setting hosts.");
      found.push_back(std::move(each));
    }
  }
  if (found.empty())
    host_.log(1,
              "DNS names no _caldavs._tcp and no _carddavs._tcp of " + settings_.domain + "; its web server is asked");
  const std::scoped_lock lock(mutex_);
  starts_ = found;
  starts_until_ = host_.now() + names_good_for;
  return found;
}

Result<std::shared_ptr<const Homes>> CaldavBackend::homes(const Call& call, const Mailbox& box) {
  const auto key = whose(box) + '\n' + by_whom(box);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = homes_.find(key); known != homes_.end()) return known->second;
  }
  auto found = discover(call, box);
  if (!found) return std::unexpected(std::move(found.error()));
  auto made = std::make_shared<const Homes>(std::move(*found));
  const std::scoped_lock lock(mutex_);
  return homes_[key] = made;
}

Result<std::unique_ptr<Session>> CaldavBackend::open(const Call& call, const Mailbox& box) {
  if (whose(box).empty())
    return fault(FaultKind::not_found, settings_.url.place(), "A user without a name has nothing.");
  if (call.stop.stop_requested() || Clock::now() >= call.deadline)
    return fault(FaultKind::cancelled, settings_.url.place(),
                 "The call was stopped or its time was over before it began.");
  auto where = homes(call, box);
  if (!where) return std::unexpected(std::move(where.error()));
  return std::make_unique<CaldavSession>(*this, box, std::move(*where));
}

Result<void> CaldavBackend::test(const Call& call) {
  web::Request request;
  request.method = "PROPFIND";
  auto named = starts(call);
  if (!named) return std::unexpected(std::move(named.error()));
  request.url = named->empty() ? settings_.url : named->front();
  request.fields = {{"Depth", "0"}, {"Content-Type", "application/xml; charset=utf-8"}};
  request.body = propfind_principal();
  const bool one_account = settings_.auth == Auth::admin || settings_.auth == Auth::authzid;
  auto answer =
      one_account ? ask(call, {std::string(tester), {}, {}}, std::move(request)) : client_.send(call, request);
  if (!answer) return std::unexpected(std::move(answer.error()));
  // Anybody else's login can't be tried; being asked for one shows that somebody is there.
  if (answer->status >= 500) return std::unexpected(web::fault_of(*answer, "A first question"));
  return {};
}

}  // namespace tidegate::caldav
