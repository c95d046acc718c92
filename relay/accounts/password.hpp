// SPDX-License-Identifier: Apache-2.0
// Passwords of licences and accounts as argon2id hashes (RFC 9106), in the PHC string form. Heavy on purpose: 64 MiB
// and a second of one core by default, so only on the relay's capped `argon2` pool. Pure; any thread.
#pragma once
#include <cstdint>
#include <string>

#include "core/sdk/fault.hpp"

namespace tidegate::relay {

struct HashCost {
  std::uint32_t memory_kib = 64 * 1024;
  std::uint32_t passes = 3;
};

/// `salt`: 16 random octets. Fault unavailable: no memory.
Result<std::string> hash_password(View password, View salt, HashCost);
/// False also for an encoded hash that is none. Takes the cost the hash was made with.
bool verify_password(View password, const std::string& encoded);
/// Does the work of a verification and refuses: for accounts that do not exist, so that the time tells nothing.
void refuse_slowly(View password, HashCost);

}  // namespace tidegate::relay
