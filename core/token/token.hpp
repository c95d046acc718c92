// SPDX-License-Identifier: Apache-2.0
// What an OAuth 2.0 access token is here.
#pragma once
#include <chrono>
#include <functional>
#include <string>

#include "core/sdk/store.hpp"

namespace tidegate::token {

struct Token {
  std::string text;                 ///< RFC 6750 §2.1 b64token; a secret
  std::chrono::seconds good_for{};  ///< 0: it wasn't said
};

/// Brings a new one for an identity; blocks. Any thread.
using Fetch = std::function<Result<Token>(const std::string& identity, const Call&)>;

/// Whether it may go into a login: no blank, no control character, not empty.
bool is_token(std::string_view);

}  // namespace tidegate::token
