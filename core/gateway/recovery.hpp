// SPDX-License-Identifier: Apache-2.0
// The recovery key: 256 bits in a file of their own, which the sealed backup is encrypted under (docs/decisions/0037).
// Shown until the administrator confirms that it is written down. Blocking (a small local file); any thread.
#pragma once
#include <string>

#include "core/sim/world.hpp"

namespace tidegate::gateway {

/// Makes it if it isn't there, durably; a new one is not confirmed, whatever an earlier one was. 32 octets.
Result<Bytes> load_recovery_key(sim::World&, const std::string& path);
Result<void> confirm_recovery_key(sim::World&, const std::string& path);
/// For paper: Crockford base32 in groups of four, the last two characters being a check.
std::string recovery_text(View key);
/// As people type it: case, blanks and dashes do not count, O is 0, I and L are 1. Fault invalid: which is wrong.
Result<Bytes> recovery_from_text(std::string_view);
/// After a restore: whoever typed it has it on paper. Takes the place of another.
Result<void> put_recovery_key(sim::World&, const std::string& path, View key);

}  // namespace tidegate::gateway
