// SPDX-License-Identifier: Apache-2.0
#include "core/token/source.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <openssl/rand.h>

#include "core/token/assertion.hpp"
#include "core/token/refresh.hpp"

namespace tidegate::token {
namespace {

constexpr std::chrono::seconds longest_pause{300};

Result<Token> fetch(const Client& client, const Secret& secret, Pause& pause, const std::string& identity,
                    const Call& call) {
  Request request{.client_id = client.id, .scope = client.scope, .auth = client.auth};
  const auto asked = [&](const std::string& refresh_token) -> Result<Granted> {
    if (auto may = pause.permitted(Clock::now()); !may) return std::unexpected(std::move(may.error()));
    if (auto proved = prove(client, secret, request); !proved) return std::unexpected(std::move(proved.error()));
    request.refresh_token = refresh_token;
    auto granted = ask(client.endpoint, request, call);
    const auto kind = granted ? FaultKind::auth : granted.error().kind;
    if (kind == FaultKind::throttled || kind == FaultKind::unavailable || kind == FaultKind::cancelled)
      pause.failed(Clock::now(), granted.error().retry_after);
    else
      pause.worked();
    return granted;
  };
  if (!client.refresh_token_dir.empty())
    return refresh(
        client.refresh_token_dir + "/" + identity, [&] { return secret("refresh_token/" + identity); }, asked, call);
  auto granted = asked({});
  if (!granted) return std::unexpected(std::move(granted.error()));
  return std::move(granted->access);
}

std::string never_used_before() {
  std::array<unsigned char, 16> chance{};
  if (RAND_bytes(chance.data(), static_cast<int>(chance.size())) != 1) return {};
  return base64url({reinterpret_cast<const char*>(chance.data()), chance.size()});
}

Result<std::string> assertion_of(const Client& client, const Secret& secret) {
  auto key = secret("token_client_key");
  if (!key) return std::unexpected(std::move(key.error()));
  auto certificate = client.has_certificate ? secret("token_client_certificate") : Bytes();
  if (!certificate) return std::unexpected(std::move(certificate.error()));
  const Claims claims{.client_id = client.id,
                      .audience = client.endpoint.url,
                      .id = never_used_before(),
                      .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())};
  if (claims.id.empty()) return fault(FaultKind::unavailable, "token", "This machine has no random numbers to give.");
  return client_assertion(claims, *key, client.key_id, *certificate);
}

}  // namespace

Result<void> prove(const Client& client, const Secret& secret, Request& request) {
  auto own = client.auth == ClientAuth::key ? assertion_of(client, secret) : secret("token_client_secret");
  const bool may_be_public = client.auth != ClientAuth::key && !client.refresh_token_dir.empty();
  if (!own && own.error().kind == FaultKind::not_found && may_be_public) return {};
  if (!own) return std::unexpected(std::move(own.error()));  // client credentials without a credential are nobody's
  request.client_secret = std::move(*own);
  return {};
}

Result<void> Pause::permitted(Clock::time_point now) const {
  const std::scoped_lock lock(mutex_);
  if (now >= until_) return {};
  auto wait =
      fault(FaultKind::throttled, "token endpoint", "The token endpoint is busy or broken; it is asked again later.");
  wait.error().retry_after = std::chrono::ceil<std::chrono::milliseconds>(until_ - now);
  return wait;
}

void Pause::worked() {
  const std::scoped_lock lock(mutex_);
  until_ = {};
  next_ = std::chrono::seconds(1);
}

void Pause::failed(Clock::time_point now, std::chrono::milliseconds retry_after) {
  const std::scoped_lock lock(mutex_);
  if (now < until_) return;  // several were on their way; one outage counts once
  until_ = now + std::max<std::chrono::milliseconds>(retry_after, next_);
  next_ = std::min(next_ * 2, longest_pause);
}

Fetch from_endpoint(Client client, Secret secret) {
  return [client = std::move(client), secret = std::move(secret), pause = std::make_shared<Pause>()](
             const std::string& identity, const Call& call) { return fetch(client, secret, *pause, identity, call); };
}

}  // namespace tidegate::token
