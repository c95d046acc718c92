// SPDX-License-Identifier: Apache-2.0
// What a gateway remembers of its sealed backups. Threads as core/store/log.hpp.
#pragma once
#include <cstdint>

#include "core/store/log.hpp"

namespace tidegate::store {

struct BackupKept {  ///< the newest that is whole at the relay
  std::uint64_t version = 0;
  std::uint64_t size = 0;
  std::int64_t at = 0;  ///< Unix seconds
};
/// Numbers that a restore leaves out: whoever knows one of them knows a backup that was lost.
inline constexpr std::uint64_t numbers_lost = 1 << 20;

struct BackupState {
  std::uint64_t version = 0;  ///< the last one given out
  /// The backup that this state was restored from, or the highest lost one that was heard of since. 0: never restored.
  std::uint64_t restored_from = 0;
  BackupKept kept;
};

/// Blocking; before the reactor runs.
Result<BackupState> load_backup_state(Log&);
// Durable when they answer.
void put_backup_version(Log&, std::uint64_t version, Done<void>);
void put_restored_from(Log&, std::uint64_t version, Done<void>);
void put_backup_kept(Log&, const BackupKept&, Done<void>);

/// Whether this log was restored from a backup and its mailboxes have not all been looked through since. Blocking;
/// before the reactor runs.
Result<bool> load_set_back(Log&);
void put_looked_through(Log&, Done<void>);  ///< they have

}  // namespace tidegate::store
