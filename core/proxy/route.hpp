// SPDX-License-Identifier: Apache-2.0
// Which proxy leads to a host: the program's own settings, or the environment where they name none.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "core/sim/network.hpp"

namespace tidegate::proxy {

/// What the environment says; taken once, at the start of a process.
struct Environment {
  std::string address;   ///< of https_proxy or HTTPS_PROXY; may hold user and password
  std::string named_by;  ///< which of the two
  std::string no_proxy;  ///< of no_proxy or NO_PROXY
};
Environment environment();

/// What a program's settings say.
struct Wish {
  std::string address;   ///< http://host:port; "none": directly, whatever the environment says; empty: as it says
  std::string user;      ///< also for a proxy of the environment
  std::string no_proxy;  ///< see core/proxy/bypass.hpp; empty: the environment's, if the address is, too
  /// Reads it at each dial, so that a changed one needs no restart; asked only where there is a user.
  std::function<Result<Bytes>()> password;
  std::string named_by, credentials_by;  ///< the settings' names: "proxy in [link]"
};

/// The proxy on the way to that host, without asking for a password; nullopt: directly. Fault invalid: the environment
/// names what is no HTTP proxy.
Result<std::optional<sim::Proxy>> choose(const Wish&, const Environment&, const std::string& host, std::uint16_t port);
/// The same for an Endpoint, with the password; faults also those of Wish::password.
sim::Route route(Wish, Environment);
/// For status: "http://host:port (https_proxy)", "none", or what is wrong. No user, no password.
std::string shown(const Wish&, const Environment&, const std::string& host, std::uint16_t port);

}  // namespace tidegate::proxy
