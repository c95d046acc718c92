// SPDX-License-Identifier: Apache-2.0
// A gid as people and file names have it: 26 characters of lower-case base32 (RFC 4648 §6, no padding). Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/e2e/sync.hpp"

namespace tidegate::e2e {

inline constexpr std::size_t gid_characters = 26;
std::string gid_text(const Gid&);
std::optional<Gid> gid_from_text(std::string_view);

}  // namespace tidegate::e2e
