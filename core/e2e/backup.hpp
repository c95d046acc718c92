// SPDX-License-Identifier: Apache-2.0
// The sealed backup of a gateway's state as octets (docs/wire.md §11): what only the holder of the recovery key can
// read, and nobody can alter, cut, lengthen, reorder or pass off as another version or another gateway's. Pure.
//
//   head: "tidegate-backup1" ‖ GUID (16) ‖ version (64 bits) ‖ salt (32)
//   then chunks: last (1 bit) and length (31 bits) ‖ AES-256-GCM of ≤ 64 KiB, nonce = the chunk's number from 0 on,
//   associated data GUID ‖ version ‖ number ‖ last; key = HKDF-SHA256(salt, recovery key, "tidegate backup 1")
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "core/e2e/noise.hpp"

namespace tidegate::e2e {

inline constexpr std::size_t recovery_key_size = 32;
inline constexpr std::size_t backup_chunk = std::size_t{64}
                                            << 10;  ///< plain octets of a chunk; only the last has fewer
inline constexpr std::size_t backup_head = 72;

struct BackupHead {
  Bytes guid;  ///< 16
  std::uint64_t version = 0;
  Bytes salt;  ///< 32
};

/// The Ed25519 key that a backup is fetched from the relay with; follows from the recovery key.
KeyPair restore_login(View recovery_key);

class BackupSealer {
 public:
  /// `recovery_key` 32 octets, `guid` 16.
  BackupSealer(View recovery_key, View guid, std::uint64_t version, const Random&);
  ~BackupSealer();
  BackupSealer(const BackupSealer&) = delete;
  BackupSealer& operator=(const BackupSealer&) = delete;

  void add(View plain, Bytes& sealed);  ///< appends what is whole by now
  void finish(Bytes& sealed);           ///< appends the rest; the sealer is of no more use

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class BackupOpener {
 public:
  explicit BackupOpener(View recovery_key);
  ~BackupOpener();
  BackupOpener(const BackupOpener&) = delete;
  BackupOpener& operator=(const BackupOpener&) = delete;

  /// The next octets, cut anywhere; appends what they hold, in order and each chunk only once it is proven. Fault
  /// invalid: not a backup, another key's, altered, cut or lengthened; nothing of what came before counts then.
  Result<void> feed(View sealed, Bytes& plain);
  /// All octets came. Fault invalid: the backup is not whole.
  Result<void> finish() const;
  /// Proven as soon as the first chunk opened.
  const std::optional<BackupHead>& head() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::e2e
