// SPDX-License-Identifier: Apache-2.0
// The keys of a [backend:…] section that say where its access tokens come from: the same for every plugin that takes
// any, and for tidegatectl, which gets the first refresh token.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "core/token/source.hpp"

namespace tidegate::token {

/// Rows for a plugin's own table.
inline constexpr std::array settings = {
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

}  // namespace tidegate::token
