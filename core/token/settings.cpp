// SPDX-License-Identifier: Apache-2.0
#include "core/token/settings.hpp"

#include <utility>

#include "core/token/command.hpp"

namespace tidegate::token {
namespace {

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

}  // namespace

std::optional<bool> ClientSettings::assign(std::string_view key, const std::string& value) {
  if (key == "token_endpoint") return (endpoint_ = value, true);
  if (key == "token_device_endpoint") return (device_endpoint_ = value, true);
  if (key == "token_client_id") return (client_.id = value, true);
  if (key == "token_client_secret_file" || key == "token_client_key_file") return true;  // read at each request
  if (key == "token_client_certificate_file") return (client_.has_certificate = !value.empty(), true);
  if (key == "token_client_key_id") return (client_.key_id = value, true);
  if (key == "token_scope") return (client_.scope = value, true);
  if (key == "refresh_token_dir") return (client_.refresh_token_dir = value, true);
  if (key == "token_ca_file") return (ca_file_ = value, true);
  if (key == "token_proxy") return (proxy_ = value, is_proxy(value));
  if (key != "token_client_auth") return std::nullopt;
  return values::choose(client_.auth, value,
                        {{"basic", ClientAuth::basic}, {"post", ClientAuth::post}, {"key", ClientAuth::key}});
}

Result<Client> ClientSettings::client() && {
  const auto complete = [&](std::string_view key, const std::string& url) -> Result<Endpoint> {
    auto made = parse_endpoint(url);
    if (!made) return wrong(key, std::string(key) + " " + made.error().text + ".");
    made->ca_file = ca_file_;
    made->route = route_by(proxy_, "token_proxy");
    return made;
  };
  auto endpoint = complete("token_endpoint", endpoint_);
  if (!endpoint) return std::unexpected(std::move(endpoint.error()));
  client_.endpoint = std::move(*endpoint);
  if (!device_endpoint_.empty()) {
    auto device = complete("token_device_endpoint", device_endpoint_);
    if (!device) return std::unexpected(std::move(device.error()));
    client_.device_endpoint = std::move(*device);
  }
  if (client_.id.empty())
    return wrong("token_client_id", "token_endpoint needs token_client_id = what this gateway is called there.");
  return std::move(client_);
}

std::optional<bool> SettingsReader::assign(const std::string& key, const std::string& value) {
  if (key == "token_command") return (settings_.command = value, true);
  if (key == "token_lifetime") return values::duration(settings_.lifetime, value);
  return client_.assign(key, value);
}

Result<Settings> SettingsReader::complete() {
  if (settings_.command.empty() != client_.given()) {
    return wrong("token_endpoint",
                 "auth = token needs either token_endpoint = the address that gives access tokens, or token_command = "
                 "what prints one for a user.");
  }
  if (!client_.given()) return std::move(settings_);
  auto client = std::move(client_).client();
  if (!client) return std::unexpected(std::move(client.error()));
  settings_.client = std::move(*client);
  return std::move(settings_);
}

Fetch fetch_by(const Settings& settings, Secret secret) {
  if (settings.client) return from_endpoint(*settings.client, std::move(secret));
  return [command = settings.command](const std::string& user, const Call& call) {
    return run_token_command(command, user, call);
  };
}

std::string identity_of(const Settings& settings, const std::string& user) {
  return served_by(settings) == Tokens::For::all ? std::string() : user;
}

Tokens::For served_by(const Settings& settings) {
  return settings.client && settings.client->refresh_token_dir.empty() ? Tokens::For::all : Tokens::For::one;
}

}  // namespace tidegate::token
