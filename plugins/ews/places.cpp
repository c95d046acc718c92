// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/places.hpp"

#include <array>
#include <bit>

#include <fmt/format.h>

#include "core/web/service.hpp"

namespace tidegate::ews {
namespace {

constexpr std::chrono::minutes good_for{24 * 60}, young{10};
constexpr std::size_t remembered = 200'000;

}  // namespace

Places::Places(const Settings& settings, Host& host, web::Client& client)
    : settings_(settings),
      host_(host),
      client_(client),
      plain_({.ca_file = settings.ca_file,
              .route = settings.route,
              .connect_timeout = settings.connect_timeout,
              .idle_connections = 0,
              .allow_plaintext = true}) {}

bool Places::allowed(const std::string& mailbox, const std::string& host) const {
  const auto domain = mailbox.substr(mailbox.find('@') + 1);
  return host == domain || host.ends_with("." + domain) || host == settings_.url.host ||
         host == settings_.autodiscover_url.host || web::is_named(settings_.hosts, host);
}

Result<web::Response> Places::ask(const Call& call, const Discovery::Step& step, const web::Login& login) {
  web::Request request{.method = step.body.empty() ? "GET" : "POST", .url = step.url, .most = 1U << 20, .redirects = 0};
  if (step.form == Discovery::Form::redirect) return plain_.send(call, request);
  if (step.form == Discovery::Form::service) return named(call, step);
  request.fields.add("Content-Type", "text/xml; charset=utf-8");
  request.body = step.body;
  request.login = login;
  return client_.send(call, request);
}

/// As a redirect: what DNS says is no answer yet, and credentials only go where they may.
Result<web::Response> Places::named(const Call& call, const Discovery::Step& step) {
  const auto chance = [&](std::uint32_t below) {
    std::array<std::byte, 4> octets{};
    host_.random(octets);
    return std::bit_cast<std::uint32_t>(octets) % below;
  };
  auto urls = web::find_service(call, {"_autodiscover", step.url.target, false}, step.url.host, chance,
                                settings_.dns ? &*settings_.dns : nullptr);
  if (!urls) return std::unexpected(std::move(urls.error()));
  web::Response made;
  made.status = urls->empty() ? 404 : 302;
  if (!urls->empty()) made.fields.add("Location", urls->front().text());
  return made;
}

Result<Place> Places::find(const Call& call, const std::string& mailbox, const web::Login& login) {
  if (!settings_.autodiscover) return Place{settings_.url};
  const auto now = host_.now();
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(mailbox);
    if (found != known_.end() && now - found->second.found < good_for) return found->second.place;
  }
  Discovery search(
      mailbox, [&](const std::string& host) { return allowed(mailbox, host); },
      settings_.autodiscover_url.host.empty() ? nullptr : &settings_.autodiscover_url);
  bool refused = false;
  while (const auto step = search.next()) {
    const auto answer = ask(call, *step, login);
    if (!answer && answer.error().kind == FaultKind::cancelled) return std::unexpected(answer.error());
    const auto* location = answer ? answer->fields.find("Location") : nullptr;
    refused |= answer ? answer->status == 401 : answer.error().kind == FaultKind::auth;
    if (!search.answered(*step, answer ? answer->status : 0, answer ? View(answer->body) : View(),
                         location == nullptr ? View() : View(*location)))
      continue;
    const std::lock_guard lock(mutex_);
    if (known_.size() >= remembered) known_.clear();
    known_[mailbox] = {{search.found().ews, search.found().group}, now};
    return known_[mailbox].place;
  }
  const auto kind = search.nobody() ? FaultKind::not_found : refused ? FaultKind::auth : FaultKind::unavailable;
  return fault(kind, "autodiscover",
               fmt::format("Autodiscover does not say where the mailbox is ({}); url = names a server without asking.",
                           search.why()));
}

void Places::doubt(const std::string& mailbox, bool surely) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(mailbox);
  if (found != known_.end() && (surely || host_.now() - found->second.found > young)) known_.erase(found);
}

}  // namespace tidegate::ews
