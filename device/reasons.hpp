// SPDX-License-Identifier: Apache-2.0
// What a refusal means for the person at the device, and whether trying again can help. Pure.
#pragma once
#include "core/wire/control.hpp"

namespace tidegate::device {

enum class Doing { enrolling, pairing, logging_in, session };

/// `said`: the other side's own sentence.
Fault reason(wire::Code, Doing, std::string_view said, std::uint64_t retry_after_ms = 0);

/// Trying again by itself is of no use: a person must do something first.
bool hopeless(wire::Code, Doing);

}  // namespace tidegate::device
