// SPDX-License-Identifier: Apache-2.0
// Gateway's acts on back-ends on behalf of the administrator: whether one works, trying again what waits, and
// getting a user's first refresh token.
#include <algorithm>

#include "core/gateway/gateway.hpp"
#include "core/plugin/host.hpp"
#include "core/token/settings.hpp"

namespace tidegate::gateway {
namespace {

constexpr std::size_t grants_most = 8;
constexpr std::chrono::minutes grant_within{60};

}  // namespace

std::string Gateway::known_backends() const {
  std::string names;
  for (const auto& [name, entry] : backends_) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "there is no [backend:...] section" : "there are " + names;
}

/// The first user whose store has a part from that back-end.
std::string Gateway::user_of(const std::string& backend) const {
  for (const auto& user : directory_->users()) {
    const auto chosen = config_.sites.of(user.user);
    if (!chosen) continue;
    const auto& parts = chosen->site->backends;
    if (std::ranges::any_of(parts, [&](const auto& part) { return part.second == backend; })) return user.user;
  }
  return {};
}

Result<Gateway::BackendEntry*> Gateway::backend_in_service(const std::string& name) {
  const auto found = backends_.find(name);
  if (found == backends_.end())
    return fault(FaultKind::not_found, name, "no back-end is called \"" + name + "\": " + known_backends());
  if (!found->second.made) return fault(FaultKind::invalid, name, found->second.fault);
  return &found->second;
}

void Gateway::test(const std::string& backend, std::string user, Done<std::string> done) {
  const auto entry = backend_in_service(backend);
  if (!entry) return done(std::unexpected(entry.error()));
  if (user.empty()) user = user_of(backend);
  accounts_->test(
      (*entry)->use(backend), user,
      [this, alive = std::weak_ptr(alive_), backend, user, done = std::move(done)](Result<void> tested) mutable {
        if (tested) return done(user);
        auto& why = tested.error();
        if (!alive.expired() && !why.cause.empty())
          note_(3, "test of " + backend + ": " + why.text + " (" + why.cause + ")");
        done(std::unexpected(std::move(why)));
      });
}

Result<std::size_t> Gateway::retry(const std::string& user_or_backend) {
  const bool backend = backends_.contains(user_or_backend);
  const auto* user = backend ? nullptr : directory_->user(user_or_backend);
  if (!backend && user == nullptr)
    return fault(FaultKind::not_found, user_or_backend,
                 "neither a user nor a back-end is called \"" + user_or_backend +
                     "\": tidegatectl user list shows the users; of back-ends " + known_backends());
  const auto waited = accounts_->retry(user ? user->user : std::string(), backend ? user_or_backend : std::string());
  for (const auto& each : directory_->users())
    if (user == nullptr || each.user == user->user) commands_->retry(each.user);
  return waited;
}

void Gateway::grant(const std::string& backend, const std::string& user,
                    std::function<void(const token::DeviceCode&)> show, std::function<bool()> gone, Done<void> done) {
  const auto entry = backend_in_service(backend);
  if (!entry) return done(std::unexpected(entry.error()));
  const auto* known = directory_->user(user);
  if (known == nullptr)
    return done(fault(FaultKind::not_found, user, "there is no such user here: tidegatectl user list shows all"));
  if (grantings_.size() >= grants_most)
    return done(fault(FaultKind::throttled, backend, "too many codes wait to be entered; try again when one was"));
  const auto* section = config_.ini.find("backend", backend);
  token::ClientSettings settings;
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& value : section->values) {
    settings.assign(value.key, value.text);
    values.emplace(value.key, value.text);
  }
  if (!settings.given())
    return done(fault(FaultKind::invalid, section->title, "this back-end has no token_endpoint to grant access at"));
  auto client = std::move(settings).client();
  if (!client) return done(std::unexpected(std::move(client.error())));
  const auto number = ++grants_;
  auto& granting = grantings_[number];
  auto host = std::make_shared<plugin::HostImpl>(world_, section->title, std::move(values),
                                                 [this](int level, View line) { note_(level, std::string(line)); });
  auto work = [this, alive = std::weak_ptr(alive_), number, backend, user = known->user, client = std::move(*client),
               host, show = std::move(show), done = std::move(done)](const std::stop_token& stop) mutable {
    const auto tell = [&](const token::DeviceCode& code) { world_.reactor().post([show, code] { show(code); }); };
    auto kept = token::grant_by_device_code(client, [&](View key) { return host->secret(key); }, user, tell,
                                            {Clock::now() + grant_within, stop, 0});
    // With all that is the asker's, so that it ends on the reactor thread.
    world_.reactor().post([this, alive, number, backend, user, kept = std::move(kept), show = std::move(show),
                           done = std::move(done)]() mutable {
      if (!alive.expired()) granted(number, backend, user, std::move(kept), std::move(done));
    });
  };
  granting.thread = std::jthread(std::move(work));
  look_after_grant(number, std::move(gone));
}

void Gateway::look_after_grant(std::uint64_t number, std::function<bool()> gone) {
  const auto found = grantings_.find(number);
  if (found == grantings_.end()) return;
  if (gone()) found->second.thread.request_stop();
  found->second.look = world_.reactor().after(
      std::chrono::seconds(1), [this, number, gone = std::move(gone)] { look_after_grant(number, gone); });
}

void Gateway::granted(std::uint64_t number, const std::string& backend, const std::string& user, Result<void> kept,
                      Done<void> done) {
  grantings_.erase(number);
  if (!kept) {
    note_(2, user + ": no access to " + backend + " was granted: " + kept.error().text);
    return done(std::move(kept));
  }
  note_(2, user + ": access to " + backend + " was granted, a refresh token is kept");
  accounts_->retry(user, backend);
  test(backend, user, [done = std::move(done)](Result<std::string> tested) mutable {
    if (!tested) return done(std::unexpected(std::move(tested.error())));
    done({});
  });
}

}  // namespace tidegate::gateway
