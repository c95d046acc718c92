// SPDX-License-Identifier: Apache-2.0
// The watching session: sync, list, park, wake. When: agent_rounds.cpp. The second session: agent_second.cpp.
#include "core/account/agent.hpp"

#include <algorithm>

namespace tidegate::account {

namespace {

std::uint32_t bits(const std::vector<Kind>& kinds) {
  std::uint32_t made = 0;
  for (const auto kind : kinds) made |= 1U << static_cast<unsigned>(kind);
  return made == 0 ? ~0U : made;
}

}  // namespace

Agent::Agent(Room& room, std::string user, ViewId view, const std::vector<Kind>& kinds)
    : room_(room),
      user_(std::move(user)),
      view_(view),
      kinds_(bits(kinds)),
      course_(room.house.settings.retry_first, room.house.settings.retry_ceiling),
      pace_(room.poll) {
  health_.backend = room.name;
}

Agent::~Agent() = default;

void Agent::start() {
  // Watching begins before the first question, so that nothing falls between them.
  room_.join(user_, *this);
  heard_by_watch_ = room_.watched();
  course_.round();
  next_round_ = round_after(room_.house.world.reactor().now());
  plan();
  go();
}

void Agent::stop() {
  if (std::exchange(stopped_, true)) return;
  room_.part(user_, *this);
  if (entered_ != sim::Instant::max()) room_.house.agenda.leave(*this, entered_);
  entered_ = sim::Instant::max();
  course_.stop();
  quit_listening();
  dispose(std::move(session_));
  close_second();
}

void Agent::dispose(Connection session) {
  if (!session) return;
  room_.workers.call<void>(
      false,
      [session = std::move(session)](const Call&) mutable -> Result<void> {
        session.reset();
        return {};
      },
      [](Result<void>) {});
}

// --- what comes from outside

void Agent::hinted(const Hint& hint) {
  if (stopped_) return;
  course_.hinted(hint);
  stirred();
  go();
}

bool Agent::retry() {
  if (stopped_) return false;
  const bool rested = rest_until_ != sim::Instant::max();
  rest_until_ = sim::Instant::max();
  course_.rested();
  course_.round();
  plan();
  go();
  return rested;
}

// --- the loop

void Agent::go() {
  if (stopped_) return;
  if (second_ && !second_allowed_) {
    run_second();
    if (second_ && second_->busy) return;
  }
  auto action = course_.next();
  switch (action.what) {
    case Course::What::sync:
      return sync(std::move(action.scope), action.live);
    case Course::What::list:
      return list();
    case Course::What::park:
      return park();
    case Course::What::wake:
      return wake();
    case Course::What::nothing:
      // Nothing is kept open that does not listen.
      if (course_.state() == Course::State::idle && caps_known_ && !course_.parks()) dispose(std::move(session_));
  }
}

void Agent::sync(Bytes scope, bool live) {
  if (inbox_anchor_known_ && scope == course_.inbox()) return ask(std::move(scope), inbox_anchor_, live);
  auto then = [self = weak_from_this(), scope, live](Result<Bytes> anchor) mutable {
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return;
    if (anchor) return agent->ask(std::move(scope), std::move(*anchor), live);
    agent->trouble_here(scope, live, std::move(anchor.error()));
  };
  room_.house.log.anchor(view_, room_.name, scope, std::move(then));
}

void Agent::ask(Bytes scope, Bytes anchor, bool live) {
  const auto& settings = room_.house.settings;
  const Want want{settings.page_limit, live ? settings.inline_up_to : 0, {}};
  const bool last = caps_known_ && !course_.parks() && course_.nothing_due();
  Reply begun{.scope = std::move(scope), .from = std::move(anchor), .live = live};
  submit(std::move(begun), [want, last](const Call& call, Reply& reply) {
    auto page = reply.session->changes(call, reply.scope, reply.from, want);
    if (!page) {
      reply.fault = std::move(page.error());
      return;
    }
    reply.page = std::move(*page);
    if (last && !reply.page->more) reply.session.reset();  // here, where it may take its time
  });
}

void Agent::park() {
  submit({.scope = course_.inbox(), .live = true}, [](const Call& call, Reply& reply) {
    auto parking = reply.session->park(call);
    if (parking) {
      reply.parking = *parking;
    } else {
      reply.fault = std::move(parking.error());
      reply.session_fault = true;
    }
  });
}

/// One call for the whole way from "the descriptor is readable" to the page.
void Agent::wake() {
  quit_listening();
  plan();
  const Want want{room_.house.settings.page_limit, room_.house.settings.inline_up_to, {}};
  const bool idle_else = course_.nothing_due();
  const bool may_ask = inbox_anchor_known_;
  Reply begun{.scope = course_.inbox(), .from = inbox_anchor_, .live = true};
  submit(std::move(begun), [want, idle_else, may_ask](const Call& call, Reply& reply) {
    auto hint = reply.session->unpark(call);
    if (!hint) {
      reply.fault = std::move(hint.error());
      reply.session_fault = true;
      return;
    }
    if (hint->scopes.empty() && !hint->all && idle_else) {  // a sign of life, no more: it goes on listening
      auto parking = reply.session->park(call);
      if (parking) {
        reply.parking = *parking;
      } else {
        reply.fault = std::move(parking.error());
        reply.session_fault = true;
      }
      return;
    }
    const auto inbox = std::ranges::find(hint->scopes, reply.scope);
    if (inbox != hint->scopes.end() && may_ask) {
      hint->scopes.erase(inbox);
      auto page = reply.session->changes(call, reply.scope, reply.from, want);
      if (page) {
        reply.page = std::move(*page);
      } else {
        reply.fault = std::move(page.error());
      }
    }
    reply.hint = std::move(*hint);
  });
}

void Agent::submit(Reply begun, Verb verb) {
  const bool live = begun.live;
  auto granted = [self = weak_from_this(), begun = std::move(begun),
                  verb = std::move(verb)](std::shared_ptr<Lease> lease) mutable {
    const auto agent = self.lock();
    if (agent && !agent->stopped_) agent->run(std::move(begun), std::move(verb), std::move(lease));
  };
  room_.connections.ask(user_, live, session_ != nullptr, std::move(granted));
}

void Agent::run(Reply begun, Verb verb, std::shared_ptr<Lease> lease) {
  begun.session = std::move(session_);
  auto then = [self = weak_from_this(), scope = begun.scope, live = begun.live,
               opening = std::weak_ptr(lease)](Result<Reply> reply) {
    if (!reply)
      if (const auto hangs = opening.lock()) hangs->tell(&reply.error());
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return;
    if (reply) return agent->took(std::move(*reply));
    Reply stuck{.scope = scope, .live = live, .fault = std::move(reply.error()), .session_fault = true};
    agent->trouble(stuck);
  };
  const bool live = begun.live;
  auto work = [&backend = room_.backend, mailbox = Mailbox{user_, user_, user_}, reply = std::move(begun),
               verb = std::move(verb), lease = std::move(lease)](const Call& call) mutable -> Result<Reply> {
    if (!reply.session) {
      auto opened = open_session(backend, call, mailbox, std::move(lease));
      if (!opened) {
        reply.fault = std::move(opened.error());
        reply.session_fault = true;
        return std::move(reply);
      }
      reply.session = std::move(*opened);
      reply.can = reply.session->capabilities();
    }
    verb(call, reply);
    const bool spoilt =
        reply.fault &&
        (reply.session_fault || (!concerns_scope(*reply.fault) && reply.fault->kind != FaultKind::anchor_expired));
    if (spoilt) {
      reply.session_fault = true;
      reply.session.reset();
    }
    return std::move(reply);
  };
  room_.workers.call<Reply>(live, std::move(work), std::move(then));
}

void Agent::list() {
  room_.house.log.folders(view_, [self = weak_from_this()](Result<std::vector<store::FolderRow>> folders) {
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return;
    if (!folders) {
      agent->course_.list_again();
      return agent->trouble_here({}, false, std::move(folders.error()));
    }
    std::vector<Bytes> scopes;
    for (const auto& folder : *folders) {
      if (folder.gone || folder.backend != agent->room_.name) continue;
      if (!agent->serves(folder.kind)) continue;
      if (folder.role == Role::inbox && agent->course_.inbox() != folder.scope) {
        agent->course_.inbox(folder.scope);
        agent->inbox_anchor_known_ = false;
      }
      if (std::ranges::find(scopes, folder.scope) == scopes.end()) scopes.push_back(folder.scope);
    }
    const bool before = agent->looked_through();
    agent->course_.listed(scopes);
    if (!before && agent->looked_through()) agent->room_.house.changed(agent->view_, 0, false);
    agent->go();
  });
}

// --- what comes back

void Agent::took(Reply reply) {
  session_ = std::move(reply.session);
  if (reply.can) {
    hears(false);
    caps_known_ = true;
    course_.parks(reply.can->parks && !room_.watched());
    second_allowed_ = std::min<unsigned>(reply.can->sessions_per_user, room_.connections_per_user) >= 2;
  }
  if (reply.hint) course_.hinted(*reply.hint);
  if (reply.fault) return trouble(reply);
  well();
  if (reply.parking) {
    course_.parked();
    listen(*reply.parking);
    hears(reply.parking->everything);
    return go();
  }
  if (reply.page) {
    course_.answered(reply.scope);
    return bring(std::move(reply.scope), std::move(reply.from), std::move(*reply.page), reply.live, false);
  }
  course_.idle();
  go();
}

void Agent::listen(const Parking& parking) {
  auto& reactor = room_.house.world.reactor();
  wake_by_ = parking.wake_by;
  if (parking.wake_by <= reactor.now()) {
    wake_by_ = sim::Instant::max();
    course_.woken();
  } else if (parking.fd >= 0) {
    fd_ = reactor.wait(parking.fd, false, [this] {
      course_.woken();
      go();
    });
  }
  listens_as_ = room_.listens(*this);
  plan();
}

void Agent::quit_listening() {
  fd_.reset();
  wake_by_ = sim::Instant::max();
  room_.leaves(std::exchange(listens_as_, 0));
}

void Agent::give_way() {
  listens_as_ = 0;
  if (stopped_ || !course_.give_way()) return;
  quit_listening();
  dispose(std::move(session_));
  hears(false);
  plan();
  go();
}

void Agent::keep_only_ours(Page& page) const {
  if (kinds_ == ~0U) return;
  std::erase_if(page.changes, [&](const Change& change) {
    if (const auto* upsert = std::get_if<Upsert>(&change)) return !serves(upsert->kind);
    if (const auto* folder = std::get_if<FolderUpsert>(&change)) return !serves(folder->folder.kind);
    return false;
  });
}

void Agent::bring(Bytes scope, Bytes from, Page page, bool live, bool second) {
  keep_only_ours(page);
  const bool more = page.more;
  auto anchor = page.anchor;
  live = live && !from.empty();  // what follows a first page is a listing, and waits its turn
  auto then = [self = weak_from_this(), scope, live, second, more,
               anchor = std::move(anchor)](Result<store::Applied> result) mutable {
    const auto agent = self.lock();
    if (agent && !agent->stopped_) agent->brought(scope, live, second, more, std::move(anchor), std::move(result));
  };
  room_.house.log.apply({view_, room_.name, std::move(scope), std::move(from), std::move(page)}, std::move(then));
}

void Agent::brought(const Bytes& scope, bool live, bool second, bool more, Bytes anchor,
                    Result<store::Applied> result) {
  if (scope == course_.inbox()) {
    inbox_anchor_known_ = result.has_value();
    inbox_anchor_ = result ? std::move(anchor) : Bytes();
  }
  if (second) {
    if (result) publish(*result);
    if (result && more) second_->scopes.push_back(scope);
    if (result && !more) looked_at(scope);
    return second_free();
  }
  if (!result && result.error().kind != FaultKind::conflict) {
    return trouble_here(scope, live, std::move(result.error()));
  }
  if (!result) {
    course_.due(scope, live);  // another page came first: ask again from there
  } else {
    if (scope.empty() && result->folders_changed) course_.list_again();
    publish(*result);
    if (stopped_) return;
    if (more && course_.parks() && second_allowed_ && scope != course_.inbox() && !scope.empty()) {
      list_on_second(scope);
    } else if (more) {
      course_.due(scope, live);
    } else {
      looked_at(scope);
    }
  }
  course_.idle();
  go();
}

void Agent::publish(store::Applied& applied) {
  for (auto& change : applied.changes) {
    if (!change.content) continue;
    room_.house.cache.put(view_, change.gid, change.content_rev,
                          std::make_shared<const Bytes>(std::move(*change.content)));
  }
  if (applied.changes.empty() && !applied.folders_changed) return;
  stirred();
  room_.house.changed(view_, applied.head, applied.folders_changed);
}

// --- what goes wrong

void Agent::trouble(Reply& reply) {
  const auto& fault = *reply.fault;
  if (reply.session) session_ = std::move(reply.session);
  const bool lost_anchor = fault.kind == FaultKind::anchor_expired || fault.kind == FaultKind::regressed;
  if (lost_anchor && !reply.from.empty()) return expired(std::move(reply.scope), fault.kind);
  const bool session = reply.session_fault || reply.scope.empty() || !concerns_scope(fault);
  unwell(fault, session && !reply.ours);
  if (fault.kind == FaultKind::throttled && !reply.ours) room_.connections.throttled(user_, fault);
  if (!session) {
    course_.unusable(reply.scope);
    looked_at(reply.scope);
  }
  if (fault.kind == FaultKind::not_found && !session) course_.due({}, false);  // the tree will tell
  auto& house = room_.house;
  if (const auto until = course_.failed(fault, session, house.world.reactor().now(), house.dice())) {
    rest_until_ = *until;
    course_.due(reply.scope, reply.live);  // what was asked is still to be asked
    quit_listening();
    dispose(std::move(session_));
    hears(false);
    plan();
  }
  go();
}

void Agent::trouble_here(const Bytes& scope, bool live, Fault fault) {
  Reply failed{.scope = scope, .live = live, .fault = std::move(fault), .session_fault = true, .ours = true};
  trouble(failed);
}

void Agent::expired(Bytes scope, FaultKind why) {
  if (scope == course_.inbox()) inbox_anchor_known_ = false;
  room_.house.log.expire_anchor(view_, room_.name, scope, why, [self = weak_from_this(), scope](Result<void> done) {
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return;
    if (!done) {
      return agent->trouble_here(scope, false, std::move(done.error()));
    }
    agent->course_.due(scope, false);
    agent->course_.idle();
    agent->go();
  });
}

/// All there is of it now is in the log, or it cannot be asked for.
void Agent::looked_at(const Bytes& scope) {
  if (course_.looked_at(scope)) room_.house.changed(view_, 0, false);
}

void Agent::well() {
  health_.proven_unix = room_.house.unix_now();
  health_.unreachable_since = 0;
  health_.fault.clear();
}

void Agent::unwell(const Fault& fault, bool unreachable) {
  health_.fault = fault.text;
  if (unreachable && health_.unreachable_since == 0) health_.unreachable_since = room_.house.unix_now();
}

}  // namespace tidegate::account
