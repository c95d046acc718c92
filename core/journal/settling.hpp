// SPDX-License-Identifier: Apache-2.0
// What the fault of a command's verb means for the command. Pure.
#pragma once
#include <optional>
#include <string>

#include "core/e2e/sync.hpp"

namespace tidegate::journal {

enum class Verdict : std::uint8_t {
  done,    ///< the outcome is the one asked for
  failed,  ///< it will never be: the device hears why
  again,   ///< the back-end cannot now
};

Verdict judge(e2e::Verb, FaultKind);

/// Why a command cannot be taken at all, as a fault for its result; none: it can.
std::optional<Fault> refuse(const e2e::Command&, std::uint64_t largest_content);

bool has_content(e2e::Verb);
/// The verb gets an Attempt: it gives its note itself when it is about to act.
bool notes_itself(e2e::Verb);

}  // namespace tidegate::journal
