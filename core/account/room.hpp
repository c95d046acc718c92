// SPDX-License-Identifier: Apache-2.0
// What the agents share: the house's services, and for each back-end its threads, its watch, its hints.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/account/account.hpp"
#include "core/account/connections.hpp"
#include "core/account/pace.hpp"
#include "core/account/workers.hpp"
#include "core/sim/world.hpp"

namespace tidegate::account {

class Agent;

/// When each agent wants to be woken; one timer for all of them.
class Agenda {
 public:
  explicit Agenda(sim::Reactor& reactor) : reactor_(reactor) {}
  /// Replaces `before` (what this agent was entered with; max: not entered).
  void enter(Agent&, sim::Instant before, sim::Instant when);
  void leave(Agent&, sim::Instant when);

 private:
  void arm();
  void ring();

  sim::Reactor& reactor_;
  std::set<std::pair<sim::Instant, Agent*>> entries_;
  sim::Instant armed_for_ = sim::Instant::max();
  std::unique_ptr<Timer> timer_;
};

struct House {
  sim::World& world;
  store::Log& log;
  Settings settings;
  std::function<void(ViewId, std::uint64_t, bool)> changed;
  ContentCache cache;
  Agenda agenda;

  double dice();  ///< uniform in [0, 1)
  std::int64_t unix_now();
};

/// One back-end as the accounts see it.
class Room final : public Hints {
 public:
  Room(House&, const BackendUse&);
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  void join(const std::string& mailbox, Agent&);  ///< begins watching, if the back-end can for all
  void part(const std::string& mailbox, Agent&);
  void listen_again(const std::string& mailbox);
  bool watched() const { return watch_ != nullptr; }
  /// A number for leaves(): this agent holds a connection only to listen. Whoever does so longest gives it up first.
  std::uint64_t listens(Agent&);
  void leaves(std::uint64_t number) { listening_.erase(number); }

  void hint(View mailbox, const Hint&) noexcept override;
  void lost(View mailbox, const Fault&) noexcept override;

  House& house;
  const std::string name;
  Backend& backend;
  const std::chrono::milliseconds sweep;
  const Pace::Limits poll;
  const unsigned connections_per_user;
  Workers workers;
  Connections connections;

 private:
  struct News {
    Hint hint;
    std::optional<Fault> lost;
  };
  void note(View mailbox, const Hint*, const Fault*) noexcept;
  void deliver();
  void make_way();

  std::map<std::uint64_t, Agent*> listening_;
  std::uint64_t listened_ = 0;
  std::unordered_multimap<std::string, Agent*> agents_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::mutex mutex_;
  std::map<std::string, News, std::less<>> news_;  // under mutex_: what came since the last deliver()
  std::unique_ptr<Watch> watch_;
};

}  // namespace tidegate::account
