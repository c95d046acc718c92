// SPDX-License-Identifier: Apache-2.0
// Whether octets are UTF-8 (RFC 3629).
#pragma once
#include <cstddef>
#include <string_view>

namespace tidegate::http {

bool is_utf8(std::string_view);
/// The longest beginning of at most that many octets which cuts no character.
std::string_view utf8_prefix(std::string_view, std::size_t octets);

}  // namespace tidegate::http
