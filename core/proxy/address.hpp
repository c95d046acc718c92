// SPDX-License-Identifier: Apache-2.0
// A proxy's address as people write it. Pure; any thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"

namespace tidegate::proxy {

struct Address {
  std::string host;  ///< an IPv6 address without its brackets
  std::uint16_t port = 80;
  std::string user, password;  ///< percent signs undone
};

/// [http://][user[:password]@]host[:port], the port 80 where none is named. Faults, whose texts are a reason and
/// never repeat what was given (it may hold a password): unsupported (another kind of proxy), invalid.
Result<Address> parse_address(const std::string&);

/// "host:port", an IPv6 address in brackets.
std::string place_of(const std::string& host, std::uint16_t port);

/// What a setting may say: nothing, "none", or http://host:port without user and password. Empty: fine; else "must be
/// …".
std::string check_setting(std::string_view);

}  // namespace tidegate::proxy
