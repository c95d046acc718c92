// SPDX-License-Identifier: Apache-2.0
// From a server's refusal to what it means. Pure.
#pragma once
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"
#include "plugins/imap/reply.hpp"

namespace tidegate::imap {

/// What was being done: the same NO means different things.
enum class Doing : std::uint8_t { login, select, reading, writing, listing };

/// A tagged NO or BAD as a Fault: response codes first (RFC 5530), then the words of servers that send none. The
/// server's text goes into `cause` only.
Fault refused(const Reply&, Doing, std::string where);

}  // namespace tidegate::imap
