// SPDX-License-Identifier: Apache-2.0
// Which events devices want to have (decision 0062): asked of octets, on a thread of its own, since a calendar may have
// thousands and a rule take long; and what an event said is remembered, so that it need not be read for every device,
// day and compare. Reactor thread.
#pragma once
#include <map>
#include <memory>
#include <utility>

#include "core/e2e/windows.hpp"
#include "core/pim/extent.hpp"
#include "core/pim/system_zones.hpp"
#include "core/sim/world.hpp"
#include "core/store/log.hpp"

namespace tidegate::push {

/// What a device wants, and what it had by what it wanted before. An event that it had is not sent again.
struct Choice {
  e2e::Instances wanted;
  std::int64_t had_from = 0, had_until = 0;  ///< both 0: nothing
};

class Chooser {
 public:
  explicit Chooser(sim::World&);
  ~Chooser();  ///< waits for what is being asked; then nobody is answered any more
  Chooser(const Chooser&) = delete;
  Chooser& operator=(const Chooser&) = delete;

  /// By what is remembered of that revision. None: it is to be read.
  std::optional<bool> goes(store::ViewId, const store::ItemRow&, const Choice&) const;
  /// By its octets; remembers them. `done` comes later.
  void ask(store::ViewId, const store::ItemRow&, std::shared_ptr<const Bytes>, std::size_t from, std::size_t length,
           const Choice&, std::move_only_function<void(bool goes)> done);

  static constexpr std::size_t remembered_most = 100'000;  ///< events, some 10 MiB; then all are forgotten
  std::size_t remembered() const { return known_.size(); }

 private:
  struct Known {
    std::array<std::byte, 8> revision{};
    pim::Extent extent;
  };
  void remember(store::ViewId, const store::Gid&, const Known&);

  sim::World& world_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::shared_ptr<pim::SystemZones> zones_ = std::make_shared<pim::SystemZones>();
  std::map<std::pair<store::ViewId, store::Gid>, Known> known_;
  std::unique_ptr<sim::Pool> pool_;  ///< when it is first needed
};

}  // namespace tidegate::push
