// SPDX-License-Identifier: Apache-2.0
// The way to the relay through a company's proxy: what was given with --proxy and the like, kept with the account.
#pragma once
#include <string>

#include "core/proxy/route.hpp"

namespace tidegate::device {

struct WayOut {
  std::string address;  ///< http://host:port; none; empty: as the environment says
  std::string user;
  std::string password_file;  ///< only its path is kept
  std::string no_proxy;
  bool operator==(const WayOut&) const = default;
  bool given() const { return *this != WayOut{}; }
};

/// --proxy environment: forget what was kept.
inline constexpr std::string_view as_environment = "environment";

/// Empty: fine; else a sentence.
std::string check(const WayOut&);
/// What holds when `given` comes to what was kept: each that is given replaces its like.
WayOut merged(const WayOut& kept, const WayOut& given);
sim::Route route_of(const WayOut&, const proxy::Environment&);
/// For status: "http://host:port (--proxy)", "none", or what is wrong.
std::string shown(const WayOut&, const proxy::Environment&, const sim::Endpoint&);

}  // namespace tidegate::device
