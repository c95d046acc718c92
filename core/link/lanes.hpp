// SPDX-License-Identifier: Apache-2.0
// The data channels of one RTS session: lane 0 for small control frames, the others for devices. Reactor thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/link/lane.hpp"

namespace tidegate::link {

class Lanes {
 public:
  /// Connects all of them ahead of need. Fault invalid: the relay's key fits in no header.
  static Result<std::unique_ptr<Lanes>> make(sim::World&, const Settings&, const Offer&, std::uint64_t session,
                                             LaneEvents&);
  void control(const wire::Frame& frame) { lanes_.front()->add(frame); }
  /// On that lane, or on the one that is free soonest; answers which.
  std::uint32_t device(const wire::Frame&, std::optional<std::uint32_t> lane);
  /// A frame that may be repeated: on lane 0, and on each lane that has been silent for long, so that no middlebox
  /// forgets its connection.
  void keep_warm(const wire::Frame&);
  void flush();
  void retire();

  std::size_t octets() const;
  std::uint32_t connected() const;
  std::uint32_t count() const { return static_cast<std::uint32_t>(lanes_.size()); }
  std::uint64_t octets_up() const;
  std::uint64_t octets_down() const;

  static constexpr std::chrono::seconds cold_after{25};

 private:
  Lanes(sim::World& world) : world_(world) {}
  std::uint32_t freest() const;
  sim::World& world_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace tidegate::link
