// SPDX-License-Identifier: Apache-2.0
// `tidegated restore`: the state of a gateway whose machine is lost, made anew from its sealed backup and the recovery
// key (design: state). Runs alone in its process, so it blocks where it likes.
//
//   fetching (from the relay, or asking it for its version only) → opening → importing → the state has its name
// Killed at any point it leaves either no state or a whole one.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/gateway/settings.hpp"
#include "core/sim/world.hpp"
#include "core/store/snapshot.hpp"

namespace tidegate::gateway {

struct RestoreOrder {
  Bytes key;                  ///< the recovery key, 32 octets
  std::string file;           ///< a sealed backup that lies here; empty: the relay's
  bool accept_older = false;  ///< also one that the relay says is not the newest, or cannot be asked about
};
struct Restored {
  std::uint64_t version = 0, newest = 0;  ///< newest: what the relay knows of; 0: it could not be asked
  store::SnapshotContents contents;
};

class Restoring {
 public:
  virtual ~Restoring() = default;
};
/// `done` once, on the reactor thread, never within the call. Faults: exists (there is a state), not_found (no backup
/// for that key), invalid (altered, cut, of another key), denied (older than known), unavailable, quota.
[[nodiscard]] std::unique_ptr<Restoring> restore(sim::World&, const Config&, RestoreOrder,
                                                 std::move_only_function<void(Result<Restored>)> done);

}  // namespace tidegate::gateway
