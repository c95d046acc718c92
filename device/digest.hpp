// SPDX-License-Identifier: Apache-2.0
// Digests of contents, and how they are written.
#pragma once
#include <string>

#include "core/e2e/digest.hpp"

namespace tidegate::device {

using e2e::Digest;

Bytes sha256(View);
std::string hex(View);
Bytes from_hex(std::string_view);  ///< empty: it was not hex

}  // namespace tidegate::device
