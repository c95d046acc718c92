// SPDX-License-Identifier: Apache-2.0
// no_proxy: which hosts are reached directly. Pure; any thread.
#pragma once
#include <cstdint>
#include <string_view>

namespace tidegate::proxy {

/// Whether the list (parted by commas or blanks) names that host. Its entries, as curl and others read them:
///   *                       every host
///   example.com             that host and all below it; also written .example.com or *.example.com
///   192.0.2.7, [2001:db8::1] that address
///   192.0.2.0/24, fd00::/8  every address of that network
/// With :port behind it, an entry is for that port only. A name is never resolved: addresses and networks match hosts
/// that are given as addresses.
bool bypasses(std::string_view no_proxy, std::string_view host, std::uint16_t port);

}  // namespace tidegate::proxy
