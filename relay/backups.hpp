// SPDX-License-Identifier: Apache-2.0
// The sealed backups of gateways (docs/wire.md §4.8): one whole a gateway, and the next one as it comes. The relay can
// read none of them. Blocking: every call on the relay's `db` pool (one thread), like Accounts, which says which
// counts.
//
//   none | whole(v) ──begin(w)──▶ whole(v) + coming(w) ──last part, its hash is right: synced, renamed──▶ whole(w)
//   coming(w) ──begin(x)──▶ coming(x)        coming(w) ──the relay restarts, or its disk is full──▶ gone
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <openssl/evp.h>

#include "core/sim/files.hpp"
#include "relay/accounts/accounts.hpp"

namespace tidegate::relay {

class Backups {
 public:
  /// `quota`: octets of one gateway's backup; 0: none is taken.
  Backups(sim::Files& files, std::string directory, std::uint64_t quota)
      : files_(files), directory_(std::move(directory)), quota_(quota) {}

  /// `number`: octets that are here already (all: it is whole). Codes: too_large (over the quota), conflict (`number`
  /// is the version here, which is no older), invalid, unavailable (disk). `request` is left to the caller.
  wire::Answer begin(Accounts&, View guid, const wire::BackupBegin&);
  /// `number`: octets that are here by now; the sender goes on there. not_found: it has to begin again.
  wire::Answer append(Accounts&, View guid, const wire::BackupPart&, std::int64_t now);
  /// A piece, for whoever has proven to have the key. Faults: not_found, unavailable.
  Result<wire::Retrieved> read(Accounts&, View restore_key, std::uint64_t from) const;

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  struct Coming {
    wire::BackupBegin said;
    std::uint64_t have = 0;
    std::unique_ptr<EVP_MD_CTX, Free> digest;
  };
  Result<void> make_room(View guid);
  Result<void> keep(Accounts&, View guid, Coming&, std::int64_t now);
  void drop_others(View guid, std::uint64_t version);
  std::string part_path(View guid) const;
  std::string path(View guid, std::uint64_t version) const;

  sim::Files& files_;
  std::string directory_;
  std::uint64_t quota_;
  std::map<Bytes, Coming> coming_;  ///< by GUID
};

}  // namespace tidegate::relay
