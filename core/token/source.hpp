// SPDX-License-Identifier: Apache-2.0
// A token endpoint as a source of access tokens: which grant, which secrets, and when it is left in peace.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/token/endpoint.hpp"

namespace tidegate::token {

struct Client {
  Endpoint endpoint;
  std::string id;
  std::string scope = {};
  ClientAuth auth = ClientAuth::basic;
  std::string key_id = {};                       ///< kid, for ClientAuth::key
  bool has_certificate = false;                  ///< named beside the key
  std::optional<Endpoint> device_endpoint = {};  ///< gives codes to enter (RFC 8628)
  std::string refresh_token_dir = {};            ///< one file an identity; empty: client credentials, one token for all
};

/// As Host::secret: "token_client_secret" (not_found: a public client), "refresh_token/IDENTITY"; for ClientAuth::key
/// "token_client_key" and, if it has one, "token_client_certificate".
using Secret = std::function<Result<Bytes>(std::string_view key)>;

/// Puts into the request what proves the client: its secret, or an assertion made now. Faults: those of the secret, of
/// client_assertion().
Result<void> prove(const Client&, const Secret&, Request&);

/// How long an endpoint that is busy, broken or silent is left in peace, whoever asks. Any thread.
class Pause {
 public:
  Result<void> permitted(Clock::time_point now) const;  ///< Fault throttled, with what is left
  void worked();
  void failed(Clock::time_point now, std::chrono::milliseconds retry_after);

 private:
  mutable std::mutex mutex_;
  Clock::time_point until_{};
  std::chrono::seconds next_{1};
};

/// Asks that client's endpoint; see Fetch. Faults: those of ask() and refresh(), throttled while the endpoint is left
/// in peace.
Fetch from_endpoint(Client, Secret);

}  // namespace tidegate::token
