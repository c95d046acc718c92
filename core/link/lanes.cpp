// SPDX-License-Identifier: Apache-2.0
#include "core/link/lanes.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace tidegate::link {

Result<std::unique_ptr<Lanes>> Lanes::make(sim::World& world, const Settings& settings, const Offer& offer,
                                           std::uint64_t session, LaneEvents& events) {
  std::unique_ptr<Lanes> lanes(new Lanes(world));
  const auto endpoint = endpoint_of(settings, offer.data);
  for (std::uint32_t number = 0; number < settings.lanes; ++number) {
    auto head = data_head(offer, number, session);
    if (!head) return std::unexpected(std::move(head.error()));
    std::array<std::uint64_t, 1> seed{};
    world.reactor().random(std::as_writable_bytes(std::span(seed)));
    lanes->lanes_.push_back(std::make_unique<Lane>(
        world,
        Lane::Setup{endpoint, offer.data, *std::move(head), settings.connect_within, settings.answer_within, seed[0]},
        events));
    lanes->lanes_.back()->open();
  }
  return lanes;
}

std::uint32_t Lanes::freest() const {
  const auto rank = [](const std::unique_ptr<Lane>& lane) {
    return std::tuple(!lane->idle(), !lane->is_connected(), lane->octets());
  };
  return static_cast<std::uint32_t>(std::ranges::min_element(lanes_.begin() + 1, lanes_.end(), {}, rank) -
                                    lanes_.begin());
}

std::uint32_t Lanes::device(const wire::Frame& frame, std::optional<std::uint32_t> lane) {
  const auto chosen = lane.value_or(0) == 0 ? freest() : *lane;
  lanes_[chosen]->add(frame);
  return chosen;
}

void Lanes::keep_warm(const wire::Frame& frame) {
  control(frame);
  const auto now = world_.reactor().now();
  for (std::size_t i = 1; i < lanes_.size(); ++i)
    if (lanes_[i]->idle() && now - lanes_[i]->last_used() >= cold_after) lanes_[i]->add(frame);
}

void Lanes::flush() {
  for (const auto& lane : lanes_) lane->flush();
}

void Lanes::retire() {
  for (const auto& lane : lanes_) lane->retire();
}

std::size_t Lanes::octets() const {
  std::size_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->octets();
  return sum;
}
std::uint32_t Lanes::connected() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(lanes_, [](const auto& lane) { return lane->is_connected(); }));
}
std::uint64_t Lanes::octets_up() const {
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->octets_up();
  return sum;
}
std::uint64_t Lanes::octets_down() const {
  std::uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->octets_down();
  return sum;
}

}  // namespace tidegate::link
