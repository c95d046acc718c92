// SPDX-License-Identifier: Apache-2.0
#include "core/push/chooser.hpp"

#include <algorithm>

namespace tidegate::push {
namespace {

constexpr std::size_t waiting_most = 10'000;  // each session has only so many reads under way

/// As both ends ask it (docs/wire.md §8.3.1); `inside` is told a window. None: it does not know.
std::optional<bool> goes_by(const Choice& choice, const auto& inside) {
  const bool had_some = choice.had_from != 0 || choice.had_until != 0;
  const std::optional<bool> had = had_some ? inside(choice.had_from, choice.had_until) : std::optional(false);
  const std::optional<bool> wanted = choice.wanted.all() ? true : inside(choice.wanted.from, choice.wanted.until);
  if (had == true || wanted == false) return false;
  if (had && wanted) return true;
  return std::nullopt;
}

}  // namespace

Chooser::Chooser(sim::World& world) : world_(world) {}
Chooser::~Chooser() = default;

std::optional<bool> Chooser::goes(store::ViewId view, const store::ItemRow& row, const Choice& choice) const {
  const auto known = known_.find({view, row.gid});
  if (row.content_rev.empty() || known == known_.end() ||
      known->second.revision != e2e::compare_revision(row.content_rev))
    return std::nullopt;
  return goes_by(choice, [&](auto from, auto until) { return known->second.extent.wanted(from, until); });
}

void Chooser::ask(store::ViewId view, const store::ItemRow& row, std::shared_ptr<const Bytes> octets, std::size_t from,
                  std::size_t length, const Choice& choice, std::move_only_function<void(bool goes)> done) {
  auto work = [this, alive = std::weak_ptr(alive_), &reactor = world_.reactor(), zones = zones_, view, gid = row.gid,
               revision = row.content_rev, octets = std::move(octets), from, length, choice,
               done = std::move(done)]() mutable {
    const auto object = tidegate::View(*octets).substr(from, length);
    const auto goes = goes_by(choice, [&](std::int64_t begin, std::int64_t end) {
      return std::optional(pim::wanted_between(object, zones->source(), begin, end));
    });
    const auto extent = pim::extent_of(object, zones->source());
    octets.reset();
    reactor.post([this, alive = std::move(alive), view, gid, revision = std::move(revision), extent,
                  goes = goes.value_or(true), done = std::move(done)]() mutable {
      if (alive.expired()) return;
      if (extent && !revision.empty()) remember(view, gid, {e2e::compare_revision(revision), *extent});
      done(goes);
    });
  };
  if (!pool_) pool_ = world_.pool("windows", 1, waiting_most);
  auto shared = std::make_shared<sim::Task>(std::move(work));
  if (!pool_->submit([shared] { (*shared)(); })) world_.reactor().post([shared] { (*shared)(); });
}

void Chooser::remember(store::ViewId view, const store::Gid& gid, const Known& known) {
  if (known_.size() >= remembered_most) known_.clear();
  known_[{view, gid}] = known;
}

}  // namespace tidegate::push
