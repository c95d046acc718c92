// SPDX-License-Identifier: Apache-2.0
#include "core/account/room.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/account/agent.hpp"

namespace tidegate::account {

namespace {
/// More different scopes than these in one moment are told as "all".
constexpr std::size_t most_scopes = 64;
}  // namespace

void Agenda::enter(Agent& agent, sim::Instant before, sim::Instant when) {
  if (before != sim::Instant::max()) entries_.erase({before, &agent});
  if (when == sim::Instant::max()) return;
  entries_.emplace(when, &agent);
  if (when < armed_for_) arm();
}

void Agenda::leave(Agent& agent, sim::Instant when) { entries_.erase({when, &agent}); }

void Agenda::arm() {
  armed_for_ = entries_.empty() ? sim::Instant::max() : entries_.begin()->first;
  timer_ = nullptr;
  if (!entries_.empty()) timer_ = reactor_.at(armed_for_, [this] { ring(); });
}

void Agenda::ring() {
  const auto now = reactor_.now();
  armed_for_ = sim::Instant::min();  // not armed again by those who enter now
  while (!entries_.empty() && entries_.begin()->first <= now) {
    auto* agent = entries_.begin()->second;
    entries_.erase(entries_.begin());
    agent->ring(now);
  }
  arm();
}

double House::dice() {
  std::uint64_t octets = 0;
  world.reactor().random(std::as_writable_bytes(std::span(&octets, 1)));
  return static_cast<double>(octets >> 11) * 0x1p-53;
}

std::int64_t House::unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(world.reactor().wall().time_since_epoch()).count();
}

Room::Room(House& the_house, const BackendUse& use)
    : house(the_house),
      name(use.name),
      backend(*use.backend),
      sweep(use.sweep.count() != 0 ? use.sweep : house.settings.sweep),
      poll{use.poll_soon.count() != 0 ? use.poll_soon : house.settings.poll_folders,
           use.poll_quiet.count() != 0 ? use.poll_quiet : house.settings.poll_folders},
      connections_per_user(use.connections_per_user),
      workers(house.world, name, use.workers != 0 ? use.workers : house.settings.workers,
              {.call = use.deadline.count() != 0 ? use.deadline : house.settings.call_deadline}),
      connections(
          house.world,
          {.per_second = use.connects_per_second,
           .connections = use.connections,
           .retry_first = house.settings.retry_first,
           .retry_ceiling = house.settings.retry_ceiling},
          [this] { return house.dice(); }, [this] { make_way(); }),
      watch_(backend.watch(*this)) {
  // Who is told of changes by one watch for all has light handles; else each session is taken for a connection.
  connections.are_connections(watch_ == nullptr);
}

Room::~Room() {
  watch_.reset();  // no hint comes any more
  alive_.reset();
}

void Room::join(const std::string& mailbox, Agent& agent) {
  agents_.emplace(mailbox, &agent);
  if (watch_) watch_->add(mailbox);
}

void Room::part(const std::string& mailbox, Agent& agent) {
  const auto [first, last] = agents_.equal_range(mailbox);
  const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == &agent; });
  if (found != last) agents_.erase(found);
  if (watch_ && !agents_.contains(mailbox)) watch_->drop(mailbox);
}

std::uint64_t Room::listens(Agent& agent) {
  listening_.emplace(++listened_, &agent);
  if (connections.wanting())  // not within the agent's own steps
    house.world.reactor().post([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired() && connections.wanting()) make_way();
    });
  return listened_;
}

void Room::make_way() {
  if (listening_.empty()) return;
  auto* agent = listening_.begin()->second;
  listening_.erase(listening_.begin());
  house.world.reactor().post([weak = agent->weak_from_this()] {
    if (const auto still = weak.lock()) still->give_way();
  });
}

void Room::listen_again(const std::string& mailbox) {
  if (!watch_) return;
  watch_->drop(mailbox);
  watch_->add(mailbox);
}

void Room::hint(View mailbox, const Hint& hint) noexcept { note(mailbox, &hint, nullptr); }
void Room::lost(View mailbox, const Fault& fault) noexcept { note(mailbox, nullptr, &fault); }

void Room::note(View mailbox, const Hint* hint, const Fault* lost) noexcept {
  try {
    bool first = false;
    {
      const std::scoped_lock lock(mutex_);
      first = news_.empty();
      auto& news = news_[std::string(mailbox)];
      if (lost != nullptr) news.lost = *lost;
      if (hint != nullptr) {
        news.hint.all |= hint->all;
        for (const auto& scope : hint->scopes) {
          if (std::ranges::find(news.hint.scopes, scope) == news.hint.scopes.end()) news.hint.scopes.push_back(scope);
        }
        if (news.hint.scopes.size() > most_scopes) news.hint = {{}, true};
      }
    }
    if (!first) return;
    house.world.reactor().post([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) deliver();
    });
  } catch (...) {
    // Out of memory: the sweep finds it.
    return;
  }
}

void Room::deliver() {
  std::map<std::string, News, std::less<>> news;
  {
    const std::scoped_lock lock(mutex_);
    news.swap(news_);
  }
  for (const auto& [mailbox, what] : news) {
    std::vector<std::shared_ptr<Agent>> heard;
    const auto [first, last] = agents_.equal_range(mailbox);
    for (auto at = first; at != last; ++at) heard.push_back(at->second->shared_from_this());
    for (const auto& agent : heard) {
      if (what.lost) agent->deaf(*what.lost);
      agent->hinted(what.hint);
    }
  }
}

}  // namespace tidegate::account
