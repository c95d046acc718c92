// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/route.hpp"

#include <cstdlib>
#include <utility>

#include "core/proxy/address.hpp"
#include "core/proxy/bypass.hpp"

namespace tidegate::proxy {
namespace {

/// The first of them that is set and not empty, and which that is.
std::pair<std::string, std::string> variable(const char* small, const char* capital) {
  for (const auto* name : {small, capital})
    if (const auto* value = std::getenv(name); value != nullptr && *value != '\0') return {value, name};
  return {};
}

}  // namespace

Environment environment() {
  auto [address, named_by] = variable("https_proxy", "HTTPS_PROXY");
  return {std::move(address), std::move(named_by), variable("no_proxy", "NO_PROXY").first};
}

Result<std::optional<sim::Proxy>> choose(const Wish& wish, const Environment& around, const std::string& host,
                                         std::uint16_t port) {
  const bool own = !wish.address.empty();
  const auto& text = own ? wish.address : around.address;
  if (text.empty() || text == "none") return std::nullopt;
  if (bypasses(own || !wish.no_proxy.empty() ? wish.no_proxy : around.no_proxy, host, port)) return std::nullopt;
  const auto& named_by = own ? wish.named_by : around.named_by;
  auto address = parse_address(text);
  if (!address)
    return fault(FaultKind::invalid, named_by,
                 "The proxy named by " + named_by + " must be http://host:port: " + address.error().text + ".");
  sim::Proxy via{std::move(address->host),     address->port, std::move(address->user),
                 std::move(address->password), named_by,      wish.credentials_by};
  if (!wish.user.empty()) {
    via.user = wish.user;
    via.password.clear();
  } else if (!via.user.empty()) {
    via.credentials_by = named_by;
  }
  return via;
}

sim::Route route(Wish wish, Environment around) {
  return [wish = std::move(wish), around = std::move(around)](const std::string& host,
                                                              std::uint16_t port) -> Result<std::optional<sim::Proxy>> {
    auto chosen = choose(wish, around, host, port);
    if (!chosen || !*chosen || wish.user.empty() || !wish.password) return chosen;
    auto password = wish.password();
    if (!password) return std::unexpected(std::move(password.error()));
    (*chosen)->password = std::move(*password);
    return chosen;
  };
}

std::string shown(const Wish& wish, const Environment& around, const std::string& host, std::uint16_t port) {
  const auto chosen = choose(wish, around, host, port);
  if (!chosen) return chosen.error().text;
  if (!*chosen) return "none";
  return "http://" + place_of((*chosen)->host, (*chosen)->port) + " (" + (*chosen)->named_by + ")";
}

}  // namespace tidegate::proxy
