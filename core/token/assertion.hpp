// SPDX-License-Identifier: Apache-2.0
// A client that proves itself by a key instead of a secret: the signed assertion (private_key_jwt; RFC 7523 §2.2, RFC
// 7515). Pure.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"

namespace tidegate::token {

struct Claims {
  std::string client_id;
  std::string audience;  ///< the token endpoint's address
  std::string id;        ///< never used twice
  std::chrono::sys_seconds now;
};
/// Good for five minutes. `key`: PEM of a private key; RSA signs by RS256, elliptic curves by ES256, ES384 or ES512,
/// Ed25519 by EdDSA. `key_id` (kid) and `certificate` (PEM; its SHA-256 is x5t#S256) may be empty. Fault invalid: no
/// such key or certificate.
Result<std::string> client_assertion(const Claims&, std::string_view key, std::string_view key_id,
                                     std::string_view certificate);

std::string base64(std::string_view octets);
std::string base64url(std::string_view octets);  ///< RFC 4648 §5, without padding

}  // namespace tidegate::token
