// SPDX-License-Identifier: Apache-2.0
#include "device/way_out.hpp"

#include "core/config/secret.hpp"
#include "core/proxy/address.hpp"

namespace tidegate::device {
namespace {

proxy::Wish wish_of(const WayOut& way) {
  return {way.address,  way.user,
          way.no_proxy, [file = way.password_file] { return config::read_secret_file(file); },
          "--proxy",    "--proxy-user and --proxy-password-file"};
}

}  // namespace

std::string check(const WayOut& way) {
  if (way.address != as_environment)
    if (auto must = proxy::check_setting(way.address); !must.empty()) return "--proxy " + must + ".";
  if (!way.user.empty() && way.password_file.empty()) return "--proxy-user needs --proxy-password-file.";
  return {};
}

WayOut merged(const WayOut& kept, const WayOut& given) {
  auto now = given.address == as_environment ? WayOut{} : kept;
  if (!given.address.empty() && given.address != as_environment) now.address = given.address;
  if (!given.user.empty()) now.user = given.user;
  if (!given.password_file.empty()) now.password_file = given.password_file;
  if (!given.no_proxy.empty()) now.no_proxy = given.no_proxy;
  return now;
}

sim::Route route_of(const WayOut& way, const proxy::Environment& environment) {
  return proxy::route(wish_of(way), environment);
}

std::string shown(const WayOut& way, const proxy::Environment& environment, const sim::Endpoint& endpoint) {
  return proxy::shown(wish_of(way), environment, endpoint.host, endpoint.port);
}

}  // namespace tidegate::device
