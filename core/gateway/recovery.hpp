// SPDX-License-Identifier: Apache-2.0
// The recovery key: 256 bits in a file of their own, which the sealed backup will be encrypted under. Shown until the
// administrator confirms that it is written down. Blocking (a small local file); reactor thread, on his command only.
#pragma once
#include <string>

#include "core/sim/world.hpp"

namespace tidegate::gateway {

/// Makes it if it isn't there, durably. 32 octets.
Result<Bytes> load_recovery_key(sim::World&, const std::string& path);
Result<void> confirm_recovery_key(sim::World&, const std::string& path);
/// For paper: Crockford base32 in groups of four, the last two characters being a check.
std::string recovery_text(View key);

}  // namespace tidegate::gateway
