// SPDX-License-Identifier: Apache-2.0
// POST /rts/restore, again and again: a gateway that lost its state fetches its sealed backup from the relay with
// nothing but what follows from the recovery key (docs/wire.md §11.4). Reactor thread.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "core/link/settings.hpp"
#include "core/sim/world.hpp"
#include "core/wire/control.hpp"

namespace tidegate::link {

/// Under way; destroying it cancels, no callback runs after that.
class Retrieving {
 public:
  virtual ~Retrieving() = default;
};
struct Retrieval {
  Bytes seed;              ///< Ed25519, 32
  std::uint64_t from = 0;  ///< octet to begin with; beyond the end: only asks what there is
  /// Each piece in order; a fault ends it.
  std::function<Result<void>(const wire::Retrieved&)> take;
  /// Once, never within the call: the last answer. Faults: not_found (no backup for that key), auth, unavailable (tried
  /// several times), invalid, conflict (another backup took its place meanwhile: begin again).
  std::move_only_function<void(Result<wire::Retrieved>)> done;
};
[[nodiscard]] std::unique_ptr<Retrieving> retrieve_backup(sim::World&, const Settings&, Retrieval);

}  // namespace tidegate::link
