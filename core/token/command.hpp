// SPDX-License-Identifier: Apache-2.0
// Access tokens from a command of the administrator: whoever knows how to get one prints it.
#pragma once
#include <string>
#include <string_view>

#include "core/token/token.hpp"

namespace tidegate::token {

/// Runs `command` by /bin/sh with TIDEGATE_USER set, its standard input empty, its errors thrown away. First line of
/// what it prints: the token. Second, if any: for how many seconds it is good. Nothing of it is ever logged. Ends with
/// the Call: the command and its children are killed. Faults: cancelled, unavailable (it failed), auth (it printed
/// no token).
Result<Token> run_token_command(const std::string& command, const std::string& user, const Call&);
/// Pure: what the command printed.
Result<Token> token_in(std::string_view printed);

}  // namespace tidegate::token
