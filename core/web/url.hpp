// SPDX-License-Identifier: Apache-2.0
// Addresses of the web (RFC 3986), as far as http and https need them. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::web {

struct Url {
  std::string scheme = "https";  ///< or http
  std::string host;              ///< in small letters; an IPv6 address without its brackets
  std::uint16_t port = 443;
  std::string target = "/";  ///< path and query as they go over the wire; no fragment

  std::string origin() const;  ///< "https://host[:port]", the port where it is not the usual one
  std::string text() const { return origin() + target; }
  std::string path() const { return target.substr(0, target.find('?')); }
  std::string place() const;  ///< "host:port", for faults
  bool same_origin(const Url& other) const;
  bool operator==(const Url&) const = default;
};

/// An absolute http or https address without user and password. Fault invalid, its text "must be …".
Result<Url> parse_url(std::string_view);
/// What a reference means that stands in what `base` answered (RFC 3986 §5): absolute, or a path. Blanks, control
/// characters and octets above 127 in it are percent-encoded, which sloppy servers forget. Fault invalid.
Result<Url> resolve(const Url& base, std::string_view reference);

/// Names of hosts in a setting, with blanks or commas between, in small letters; ".example.com": all below it.
std::vector<std::string> host_list(std::string_view);
/// Whether such a list has that host.
bool is_named(const std::vector<std::string>& hosts, std::string_view host);

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3), for one component.
std::string encoded(std::string_view);
/// %XX undone; what is no such sequence stays.
std::string decoded(std::string_view);

}  // namespace tidegate::web
