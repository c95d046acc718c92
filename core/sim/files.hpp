// SPDX-License-Identifier: Apache-2.0
// The seam for files: a real file system, or one in memory that forgets what was not synced when it "crashes".
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sim/reactor.hpp"

namespace tidegate::sim {

struct FileInfo {
  std::string name;  ///< last component
  bool directory = false;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::int64_t mtime_ns = 0;
};

/// Blocking calls on paths; any thread. Faults: not_found, exists, denied, quota (disk full), unavailable (I/O error).
/// Nothing is durable before the matching sync.
class Files {
 public:
  virtual ~Files() = default;
  virtual Result<Bytes> read(const std::string& path, std::uint64_t limit = UINT64_MAX) = 0;
  /// At most `length` octets from `offset` on; shorter at the file's end.
  virtual Result<Bytes> read_part(const std::string& path, std::uint64_t offset, std::uint64_t length) = 0;
  /// Creates the file (fault `exists` if there) with that mode and writes the octets.
  virtual Result<void> create(const std::string& path, View octets, unsigned mode = 0600) = 0;
  virtual Result<void> append(const std::string& path, View octets) = 0;
  virtual Result<void> sync(const std::string& path) = 0;            ///< fsync of a file
  virtual Result<void> sync_directory(const std::string& path) = 0;  ///< fsync of a directory: its names are durable
  /// Makes all that was written to the file system of `path` durable, contents and names: one flush instead of one a
  /// file. False: it is not of a kind where that is known to hold; nothing was done.
  virtual Result<bool> sync_everything(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  ///< replaces
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> make_directories(const std::string& path, unsigned mode = 0700) = 0;
  virtual Result<std::vector<FileInfo>> list(const std::string& directory) = 0;  ///< without . and ..
  virtual Result<std::optional<FileInfo>> info(const std::string& path) = 0;     ///< nullopt: not there
};

}  // namespace tidegate::sim
