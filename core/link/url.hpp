// SPDX-License-Identifier: Apache-2.0
// The few forms of URL that RTS knows: https, a host, a port, a path. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"

namespace tidegate::link {

struct Url {
  std::string host;  ///< lower case; an IPv6 address without its brackets
  std::uint16_t port = 443;
  std::string path = "/";         ///< with query
  std::string authority() const;  ///< for the Host header: port only if it isn't 443
  bool operator==(const Url&) const = default;
};

/// The relay's address from the ini: https://host[:port], with nothing behind but perhaps "/". Fault invalid.
Result<Url> parse_relay(std::string_view);

/// EventUrl or DataUrl as the relay names them: https, at the relay's host or below it (design: RTS, opening). Faults:
/// invalid, denied (elsewhere).
Result<Url> parse_below(const Url& relay, std::string_view name, std::string_view url);

}  // namespace tidegate::link
