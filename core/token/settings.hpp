// SPDX-License-Identifier: Apache-2.0
// The keys of a [backend:…] section that say where its access tokens come from, a command or a token endpoint: the same
// for every plugin that takes any, and for tidegatectl, which gets the first refresh token.
#pragma once
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "core/sdk/values.hpp"
#include "core/token/source.hpp"
#include "core/token/tokens.hpp"

namespace tidegate::token {

struct Settings {
  std::string command;           ///< empty: an endpoint
  std::optional<Client> client;  ///< instead of the command
  std::chrono::milliseconds lifetime{1'800'000};
};

/// Those of an endpoint.
inline constexpr std::array client_settings = {
    Setting{"token_endpoint", "",
            "https address of the OAuth 2.0 token endpoint, for auth = token; with refresh_token_dir each user's token "
            "comes by refreshing, without it one token serves all users (client credentials)"},
    Setting{
        "token_device_endpoint", "",
        "https address that gives codes to enter in a browser (RFC 8628), so that `tidegatectl token grant` can get a "
        "user's first refresh token"},
    Setting{"token_client_id", "", "what this gateway is called there"},
    Setting{"token_client_secret_file", "",
            "file with the client's secret, read at each request; none: a public client, which can only refresh"},
    Setting{
        "token_client_auth", "basic",
        "basic: id and secret go in the Authorization field; post: in the body, for endpoints that want it so; key: "
        "no secret, each request is signed (private_key_jwt, RFC 7523)"},
    Setting{
        "token_client_key_file", "",
        "PEM file with the client's private key (RSA, P-256, P-384, P-521 or Ed25519), for token_client_auth = key"},
    Setting{"token_client_key_id", "", "what the key is called there (kid), where the endpoint wants that"},
    Setting{
        "token_client_certificate_file", "",
        "PEM file with the key's certificate; its fingerprint goes along (x5t#S256), where the endpoint wants that"},
    Setting{"token_scope", "", "the scope asked for; blanks between several"},
    Setting{"refresh_token_dir", "",
            "directory with one file a user, named like the user: his refresh token. The gateway must be able to write "
            "there: where the endpoint gives a new one, it takes the old one's place"},
    Setting{"token_ca_file", "", "PEM file with the authority that signed the endpoint's certificate"},
    Setting{
        "token_proxy", "",
        "http://host:port of the HTTP proxy on the way to the endpoint; none: directly; default: as https_proxy and "
        "no_proxy say"},
};

/// For a plugin's own table.
inline constexpr auto settings_table = values::joined<Setting>(
    std::array{Setting{
        "token_command", "",
        "run by /bin/sh with the user's name in TIDEGATE_USER: prints an access token, and in a second line for "
        "how many seconds it is good, if it knows; for auth = token"}},
    client_settings,
    std::array{Setting{"token_lifetime", "30m", "how long a token is used again where command or endpoint don't say"}});

/// Takes the values one by one, then is the client that they name.
class ClientSettings {
 public:
  /// nullopt: none of these keys. False: no value for it.
  std::optional<bool> assign(std::string_view key, const std::string& value);
  bool given() const { return !endpoint_.empty(); }  ///< token_endpoint was
  /// Fault invalid; where = the key.
  Result<Client> client() &&;

 private:
  std::string endpoint_, device_endpoint_, ca_file_, proxy_;
  Client client_;
};

/// The same for all of these keys.
class SettingsReader {
 public:
  /// nullopt: no key of these; false: not a value for it.
  std::optional<bool> assign(const std::string& key, const std::string& value);
  /// Fault invalid, where: the key.
  Result<Settings> complete();

 private:
  ClientSettings client_;
  Settings settings_;
};

/// A source of tokens as these settings say.
Fetch fetch_by(const Settings&, Secret);
/// Whose token a login of that user takes: client credentials are one for all.
std::string identity_of(const Settings&, const std::string& user);
Tokens::For served_by(const Settings&);

}  // namespace tidegate::token
