// SPDX-License-Identifier: Apache-2.0
// The tables of the gateway's database, complete by the design of the state; only core/store names them, but for
// Log::transact(), whose callers own the tables said there.
#pragma once
#include "core/store/database.hpp"

namespace tidegate::store {

inline constexpr int schema_version = 5;
inline constexpr int application_id = 0x54494445;  ///< "TIDE", in the file's header

/// Makes or migrates the tables; refuses what is not ours or is newer. Blocking, at start only.
Result<void> prepare_schema(Database&, const std::string& path);

}  // namespace tidegate::store
