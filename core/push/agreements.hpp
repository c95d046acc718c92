// SPDX-License-Identifier: Apache-2.0
// The gateway's half of vmes-1's key agreements: computed on a thread of their own, bounded in number and, a device, in
// rate (design: end to end). Reactor thread.
#pragma once
#include <memory>
#include <string>

#include "core/e2e/suites.hpp"
#include "core/push/attempts.hpp"

namespace tidegate::push {

class Agreements {
 public:
  explicit Agreements(const Wiring&);

  struct Agreed {
    Bytes point;  ///< ours, for the device
    e2e::Secured secured;
  };
  /// With that point of the device's. Faults: throttled, invalid (no usable point). `done` comes as an event of its
  /// own, and not after this has gone.
  void agree(const std::string& user, View device_id, Bytes point, store::Done<Agreed> done);

 private:
  const Wiring& wiring_;
  AttemptGuard guard_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::unique_ptr<sim::Pool> pool_;
};

}  // namespace tidegate::push
