// SPDX-License-Identifier: Apache-2.0
// How long a connection may wait in IDLE, as far as it is known beforehand; the rest is learned
// (core/tls/silent_life.hpp). Pure.
#pragma once
#include <chrono>
#include <string_view>

namespace tidegate::imap {

/// The longest silence that some providers allow, by the host's name (IMAP-03); max() for all others.
std::chrono::milliseconds idle_most(std::string_view host);

}  // namespace tidegate::imap
