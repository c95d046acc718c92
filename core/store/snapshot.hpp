// SPDX-License-Identifier: Apache-2.0
// The state as octets, for the sealed backup: all tables but pairing codes and contents of commands, as they stood at
// one instant (design: state). Rows go by names of tables and columns, so that an older backup fits a newer schema.
// Blocking, in bounded memory; each with a connection of its own, so any one thread.
//
//   0x01 schema (32 bits) ‖ Unix seconds (64)
//   0x02 table ‖ count (16) ‖ columns             each name with a length of 16 bits
//   0x03 value for each column: 0 | 1 ‖ 64 bits | 2 text | 3 blob     texts and blobs with a length of 32 bits
//   0x04 count of rows (64)                       the end
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/store/log.hpp"

namespace tidegate::store {

/// What becomes of a table in a backup: `where` picks rows. Empty text: all of them. A test holds that every table of
/// the schema is in one of the two.
struct SnapshotTable {
  const char *name, *where;
};
std::span<const SnapshotTable> snapshot_tables();
std::span<const char* const> tables_left_out();

/// Reads the database at `path`, beside a running Log. What `put` returns as fault ends it.
Result<void> write_snapshot(sim::World&, const std::string& path, std::int64_t now,
                            std::move_only_function<Result<void>(View)> put);

struct SnapshotContents {
  std::int64_t taken = 0;  ///< Unix seconds
  std::uint64_t rows = 0, users = 0, devices = 0, items = 0;
};

/// Makes a new database of a snapshot, in one transaction. Whoever dies before finish() leaves a file without rows.
class SnapshotImport {
 public:
  /// Fault exists: there is something at `path`.
  static Result<std::unique_ptr<SnapshotImport>> make(sim::World&, const std::string& path);
  virtual ~SnapshotImport() = default;
  /// The next octets, cut anywhere. Fault invalid: not a snapshot, or of a newer version.
  virtual Result<void> feed(View) = 0;
  /// All came: from here on it is the state of *another* life. Every view gets a new epoch and numbers beyond any that
  /// a device can have heard, and the start counter goes beyond any that the old machine can reach. `backup_version`:
  /// what the next backup counts on from. Durable and closed when it returns.
  virtual Result<SnapshotContents> finish(std::uint64_t backup_version) = 0;
};

}  // namespace tidegate::store
