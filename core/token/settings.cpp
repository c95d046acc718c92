// SPDX-License-Identifier: Apache-2.0
#include "core/token/settings.hpp"

#include <utility>

#include "core/sdk/values.hpp"
#include "core/token/command.hpp"

namespace tidegate::token {
namespace {

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

}  // namespace

std::optional<bool> SettingsReader::assign(const std::string& key, const std::string& value) {
  if (key == "token_command") return (settings_.command = value, true);
  if (key == "token_endpoint") return (endpoint_ = value, true);
  if (key == "token_client_id") return (client_.id = value, true);
  if (key == "token_client_secret_file") return true;  // read by the host, at each request
  if (key == "token_scope") return (client_.scope = value, true);
  if (key == "refresh_token_dir") return (client_.refresh_token_dir = value, true);
  if (key == "token_ca_file") return (client_.endpoint.ca_file = value, true);
  if (key == "token_proxy") return (proxy_ = value, is_proxy(value));
  if (key == "token_lifetime") return values::duration(settings_.lifetime, value);
  if (key == "token_client_auth")
    return values::choose(client_.auth, value, {{"basic", ClientAuth::basic}, {"post", ClientAuth::post}});
  return std::nullopt;
}

Result<Settings> SettingsReader::complete() {
  if (settings_.command.empty() == endpoint_.empty()) {
    return wrong("token_endpoint",
                 "auth = token needs either token_endpoint = the address that gives access tokens, or token_command = "
                 "what prints one for a user.");
  }
  if (endpoint_.empty()) return std::move(settings_);
  auto endpoint = parse_endpoint(endpoint_);
  if (!endpoint) return wrong("token_endpoint", "token_endpoint " + endpoint.error().text + ".");
  if (client_.id.empty())
    return wrong("token_client_id", "token_endpoint needs token_client_id = what this gateway is called there.");
  endpoint->ca_file = std::move(client_.endpoint.ca_file);
  endpoint->route = route_by(proxy_, "token_proxy");
  client_.endpoint = std::move(*endpoint);
  settings_.client = std::move(client_);
  return std::move(settings_);
}

Fetch fetch_by(const Settings& settings, Secret secret) {
  if (settings.client) return from_endpoint(*settings.client, std::move(secret));
  return [command = settings.command](const std::string& user, const Call& call) {
    return run_token_command(command, user, call);
  };
}

std::string identity_of(const Settings& settings, const std::string& user) {
  return settings.client && settings.client->refresh_token_dir.empty() ? std::string() : user;
}

}  // namespace tidegate::token
