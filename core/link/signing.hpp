// SPDX-License-Identifier: Apache-2.0
// The two primitives of the opening (this folder never links core/e2e). Pure; any thread.
#pragma once
#include "core/sdk/fault.hpp"

namespace tidegate::link {

Bytes sha256(View);
/// Ed25519 (RFC 8032) with a 32-octet seed: 64 octets. Fault invalid: the seed is none.
Result<Bytes> ed25519_sign(View seed, View message);
/// The public key of a seed, 32 octets; empty if it is none.
Bytes ed25519_public(View seed);

}  // namespace tidegate::link
