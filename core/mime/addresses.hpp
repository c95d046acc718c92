// SPDX-License-Identifier: Apache-2.0
// Addresses as header fields hold them. Any octets are survived. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::mime {

/// The addresses of an address list (RFC 5322 §3.4): comments, names, groups left out.
std::vector<std::string> addresses_of(std::string_view list);

}  // namespace tidegate::mime
