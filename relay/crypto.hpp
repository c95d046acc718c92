// SPDX-License-Identifier: Apache-2.0
// The few primitives the relay needs to know who speaks: hashes, HMAC, Ed25519 verification. None of it could open a
// payload. Pure; any thread.
#pragma once
#include <optional>
#include <string>

#include "core/sdk/fault.hpp"

namespace tidegate::relay {

Bytes sha256(View);
Bytes hmac_sha256(View key, View message);
/// RFC 8032; false for keys and signatures of a wrong size too.
bool ed25519_verify(View public_key, View message, View signature);
/// In time that depends on the sizes only.
bool equal(View, View) noexcept;

std::string hex(View);
std::optional<Bytes> from_hex(View);

}  // namespace tidegate::relay
