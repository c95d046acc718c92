// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>

#include "core/account/account.hpp"
#include "core/account/agent.hpp"

namespace tidegate::account {

namespace {

constexpr std::size_t most_in_a_piece = 256 * 1024;

class AllAccounts final : public Accounts {
 public:
  AllAccounts(sim::World& world, store::Log& log, const Settings& settings,
              std::function<void(ViewId, std::uint64_t, bool)> changed)
      : house_{
            world, log, settings, std::move(changed), ContentCache(settings.cache_mib << 20), Agenda(world.reactor())} {
    log.on_settled([this, alive = std::weak_ptr(alive_)](ViewId view, std::uint64_t head) {
      if (!alive.expired()) house_.changed(view, head, false);
    });
  }
  ~AllAccounts() override {
    alive_.reset();
    for (auto& [name, user] : users_) stop_agents(user);
    users_.clear();
    rooms_.clear();
  }
  AllAccounts(const AllAccounts&) = delete;
  AllAccounts& operator=(const AllAccounts&) = delete;

  void start(const std::string& user, const std::string& site, std::vector<BackendUse>, Done<ViewId>) override;
  void stop(const std::string& user) override {
    const auto found = users_.find(user);
    if (found == users_.end()) return;
    stop_agents(found->second);
    users_.erase(found);
  }
  void read(const std::string& user, ViewId, const store::ItemRow&, std::uint64_t from, std::size_t length, bool live,
            Done<Piece> got) override;
  void act(const std::string& user, const std::string& backend, StoreVerb verb, Done<void> done) override {
    auto* actor = agent(user, backend);
    if (actor == nullptr)
      return done(fault(FaultKind::unavailable, user, "The user's back-end is not in service at this gateway now."));
    actor->act(std::move(verb), std::move(done));
  }
  void hint(const std::string& user, const std::string& backend, const std::vector<Bytes>& scopes) override {
    if (auto* hearer = agent(user, backend)) hearer->hinted({scopes, false});
  }
  std::string mail_backend(const std::string& user) const override {
    const auto found = users_.find(user);
    return found == users_.end() ? std::string() : found->second.mail_backend;
  }
  bool serves(const std::string& user, const std::string& backend, Kind kind) const override {
    const auto* of = agent(user, backend);
    return of == nullptr || of->serves(kind);
  }
  void deliver(const std::string& user, Bytes message, Bytes token, Done<void>) override;
  void test(const BackendUse&, const std::string& user, Done<void>) override;
  std::size_t retry(const std::string& user, const std::string& backend) override;
  void attend(const std::string& user) override {
    const auto found = users_.find(user);
    if (found == users_.end()) return;
    for (const auto& agent : found->second.agents) agent->stirred();
  }
  bool looked_through(const std::string& user) const override {
    const auto found = users_.find(user);
    return found != users_.end() && !found->second.agents.empty() &&
           std::ranges::all_of(found->second.agents, [](const auto& agent) { return agent->looked_through(); });
  }
  std::vector<Health> health(const std::string& user) const override;
  std::vector<std::string> users() const override {
    std::vector<std::string> names;
    for (const auto& [name, user] : users_) names.push_back(name);
    return names;
  }

 private:
  struct User {
    std::uint64_t start = 0;  ///< tells a late answer for an earlier start of this user from this one's
    std::vector<std::shared_ptr<Agent>> agents;
    std::string mail_backend;
  };
  struct Reading {
    ViewId view = 0;
    Gid gid{};
    Bytes content_rev;
    std::uint64_t from = 0;
    std::size_t length = 0;
    std::uint64_t size = 0;  ///< as the back-end told it
    auto operator<=>(const Reading&) const = default;
  };

  static void stop_agents(User& user) {
    for (const auto& agent : user.agents) agent->stop();
  }
  Room& room(const BackendUse& use) {
    auto& made = rooms_[use.backend];
    if (!made) made = std::make_unique<Room>(house_, use);
    return *made;
  }
  Agent* agent(const std::string& user, const std::string& backend) const {
    const auto found = users_.find(user);
    if (found == users_.end()) return nullptr;
    const auto& agents = found->second.agents;
    const auto at = std::ranges::find_if(agents, [&](const auto& one) { return one->backend_name() == backend; });
    return at == agents.end() ? nullptr : at->get();
  }
  Piece piece_of(const Reading&, Agent::Content);
  void answer(const Reading&, Result<Agent::Content>);

  House house_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::uint64_t starts_ = 0;
  std::map<std::string, User> users_;
  std::map<Reading, std::vector<Done<Piece>>> readings_;  ///< one reads for all who want the same
  std::map<Backend*, std::unique_ptr<Room>> rooms_;
};

void AllAccounts::start(const std::string& user, const std::string& site, std::vector<BackendUse> uses,
                        Done<ViewId> done) {
  if (users_.contains(user)) {
    house_.world.reactor().post([done = std::move(done)]() mutable {
      done(fault(FaultKind::exists, "account", "This user is served already."));
    });
    return;
  }
  const auto start = ++starts_;
  users_[user].start = start;
  auto then = [this, alive = std::weak_ptr(alive_), user, start, uses = std::move(uses),
               done = std::move(done)](Result<store::ViewRow> view) mutable {
    if (alive.expired()) return;
    const auto found = users_.find(user);
    if (found == users_.end() || found->second.start != start) {
      return done(fault(FaultKind::cancelled, "account", "The user was stopped before he was served."));
    }
    if (!view) {
      users_.erase(found);
      return done(std::unexpected(std::move(view.error())));
    }
    std::vector<std::shared_ptr<Agent>> agents;
    for (const auto& use : uses) {
      agents.push_back(std::make_shared<Agent>(room(use), user, view->id, use.kinds));
      const bool mail = use.kinds.empty() || std::ranges::find(use.kinds, Kind::mail) != use.kinds.end();
      if (mail && found->second.mail_backend.empty()) found->second.mail_backend = use.name;
    }
    found->second.agents = agents;
    done(view->id);
    if (alive.expired()) return;
    for (const auto& agent : agents) agent->start();
  };
  house_.log.ensure_view(user, user, user, site, std::move(then));
}

void AllAccounts::read(const std::string& user, ViewId view, const store::ItemRow& row, std::uint64_t from,
                       std::size_t length, bool live, Done<Piece> got) {
  length = std::min(length, most_in_a_piece);
  if (auto held = house_.cache.get(view, row.gid, row.content_rev)) {
    Piece piece{held, std::min<std::size_t>(from, held->size()), 0, held->size()};
    piece.length = std::min(length, held->size() - piece.offset);
    return got(std::move(piece));
  }
  auto* reader = agent(user, row.backend);
  if (reader == nullptr) return got(fault(FaultKind::not_found, user, "This user has no such back-end here."));
  Reading key{view, row.gid, row.content_rev, from, length, row.size};
  auto& waiting = readings_[key];
  waiting.push_back(std::move(got));
  if (waiting.size() > 1) return;
  reader->read(row.id, {from, length}, row.size, live, [this, alive = std::weak_ptr(alive_), key](auto result) {
    if (!alive.expired()) answer(key, std::move(result));
  });
}

Accounts::Piece AllAccounts::piece_of(const Reading& asked, Agent::Content content) {
  auto octets = std::make_shared<const Bytes>(std::move(content.octets));
  const std::uint64_t held = octets->size();
  Piece piece{octets, 0, 0, 0};
  if (content.whole) {
    piece.total = held;
    piece.offset = std::min<std::size_t>(asked.from, held);
    piece.length = std::min(asked.length, octets->size() - piece.offset);
  } else {
    const auto reached = asked.from + held;
    piece.length = octets->size();
    if (held == 0) {
      piece.total = std::min(asked.from, asked.size);
    } else if (held < asked.length) {
      piece.total = reached;
    } else {
      // Longer than was said: by how much is seen when its end comes.
      piece.total = reached > asked.size ? reached + 1 : asked.size;
    }
  }
  if (piece.total == held) house_.cache.put(asked.view, asked.gid, asked.content_rev, octets);
  return piece;
}

void AllAccounts::answer(const Reading& asked, Result<Agent::Content> result) {
  auto waiting = std::move(readings_.extract(asked).mapped());
  Result<Piece> piece;
  if (result && result->octets.empty() && asked.from == 0 && asked.size > 0) {
    // Dovecot, killed or at odds with its index, says NIL or {0} for a message that is there. That is no empty mail.
    piece = fault(FaultKind::unavailable, "account",
                  "The back-end gave nothing of an item that has " + std::to_string(asked.size) + " octets.");
  } else if (result) {
    piece = piece_of(asked, std::move(*result));
  } else {
    piece = std::unexpected(std::move(result.error()));
  }
  const std::weak_ptr alive = alive_;
  for (auto& done : waiting) {
    done(piece);
    if (alive.expired()) return;
  }
}

void AllAccounts::deliver(const std::string& user, Bytes message, Bytes token, Done<void> done) {
  const auto found = users_.find(user);
  auto* agent_of_mail = found == users_.end() ? nullptr : agent(user, found->second.mail_backend);
  if (agent_of_mail == nullptr) return done(fault(FaultKind::not_found, user, "This user's mail is not served here."));
  agent_of_mail->deliver(std::move(message), std::move(token), std::move(done));
}

void AllAccounts::test(const BackendUse& use, const std::string& user, Done<void> done) {
  auto work = [&backend = *use.backend, user](const Call& call) -> Result<void> {
    if (auto tested = backend.test(call); !tested || user.empty()) return tested;
    auto session = backend.open(call, {user, user, user});
    if (!session) return std::unexpected(std::move(session.error()));
    return {};
  };
  room(use).workers.call<void>(true, std::move(work), std::move(done));
}

std::size_t AllAccounts::retry(const std::string& user, const std::string& backend) {
  std::vector<std::shared_ptr<Agent>> chosen;  // what is tried may come back here
  for (const auto& [name, each] : users_)
    for (const auto& agent : each.agents)
      if ((user.empty() || name == user) && (backend.empty() || agent->backend_name() == backend))
        chosen.push_back(agent);
  for (const auto& [which, room] : rooms_)
    if (std::ranges::any_of(chosen, [&](const auto& agent) { return agent->backend_name() == room->name; }))
      room->connections.retry();
  return static_cast<std::size_t>(std::ranges::count_if(chosen, [](const auto& agent) { return agent->retry(); }));
}

std::vector<Health> AllAccounts::health(const std::string& user) const {
  std::vector<Health> all;
  const auto found = users_.find(user);
  if (found == users_.end()) return all;
  for (const auto& agent : found->second.agents) all.push_back(agent->health());
  return all;
}

}  // namespace

std::unique_ptr<Accounts> Accounts::make(sim::World& world, store::Log& log, const Settings& settings,
                                         std::function<void(ViewId, std::uint64_t head, bool folders)> changed) {
  return std::make_unique<AllAccounts>(world, log, settings, std::move(changed));
}

}  // namespace tidegate::account
