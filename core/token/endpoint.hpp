// SPDX-License-Identifier: Apache-2.0
// Access tokens from a token endpoint (RFC 6749 §4.4 client credentials, §6 refreshing; RFC 8628 device codes) over
// HTTPS.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/sim/network.hpp"
#include "core/token/token.hpp"

namespace tidegate::token {

struct Endpoint {
  std::string host;
  std::uint16_t port = 443;
  std::string path = "/";
  std::string url = {};      ///< as it was written
  std::string ca_file = {};  ///< PEM; empty: the system's store
  sim::Route route = {};     ///< empty: directly
};
/// https://host[:port]/path. Fault invalid.
Result<Endpoint> parse_endpoint(std::string_view url);

/// Whether a setting may say that: nothing, "none", or http://host:port without user and password.
bool is_proxy(const std::string& setting);
/// The way that such a setting names; empty: as the environment says, which is read here, once.
sim::Route route_by(const std::string& setting, const std::string& named_by);

/// How the client says who it is (RFC 6749 §2.3.1; key: RFC 7523 §2.2). A public one only names itself.
enum class ClientAuth : std::uint8_t { basic, post, key };

/// What is asked for.
struct Request {
  std::string client_id;
  std::string client_secret = {};  ///< empty: a public client; with ClientAuth::key the signed assertion
  std::string scope = {};
  std::string refresh_token = {};  ///< empty: client credentials
  std::string device_code = {};    ///< instead of a refresh token
  ClientAuth auth = ClientAuth::basic;
  bool asks_device_code = false;  ///< no grant yet (RFC 8628 §3.1)
};
/// application/x-www-form-urlencoded (RFC 6749 §4.4.2, §6). Pure.
std::string form_of(const Request&);
/// The value of Authorization; empty: the form says it. Pure.
std::string authorization_of(const Request&);

struct Granted {
  Token access;
  std::string refresh_token;  ///< non-empty: takes the place of the one that was used (RFC 6749 §6)
};
/// What the endpoint answered. Faults: auth (the grant or the client is refused, the cause being the error code),
/// throttled, unavailable, invalid. None bears anything of the body but a known error code. retry_after is at most an
/// hour. Pure.
Result<Granted> read_answer(unsigned status, std::string_view retry_after, std::string_view body);

/// An answer as it came.
struct Answer {
  unsigned status = 0;
  std::string retry_after, body;
};
/// Faults: those of the connection, cancelled. Otherwise as ask().
Result<Answer> post(const Endpoint&, const Request&, const Call&);

/// Asks; blocks until the Call's end, on a reactor of its own, so never call it on another. Not followed: redirects.
/// Faults of read_answer, and of the connection.
Result<Granted> ask(const Endpoint&, const Request&, const Call&);

}  // namespace tidegate::token
