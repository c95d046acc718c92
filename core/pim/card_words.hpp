// SPDX-License-Identifier: Apache-2.0
// How the three versions of vCard say the same things: internal to core/pim.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/pim/content_line.hpp"

namespace tidegate::pim {

inline constexpr std::string_view kind_of_apple = "X-ADDRESSBOOKSERVER-KIND";
inline constexpr std::string_view member_of_apple = "X-ADDRESSBOOKSERVER-MEMBER";

bool quoted_printable(const Line&);
bool base64(const Line&);
std::string lower(std::string_view);
/// TYPE=HOME,WORK; TYPE=HOME;TYPE=WORK; TYPE="home,work"; 2.1's HOME;WORK. Upper case.
std::vector<std::string> types_of(const Line&);
std::string media_type(std::string_view type);  ///< of a photo's TYPE
std::string without_urn(std::string_view uid);

}  // namespace tidegate::pim
