// SPDX-License-Identifier: Apache-2.0
// The second session of an agent: reads and deliveries first, then a page of a listing, one after the other.
#include <algorithm>

#include "core/account/agent.hpp"

namespace tidegate::account {

namespace {

constexpr std::chrono::seconds kept_for{10};  ///< a second session with nothing to do
constexpr std::size_t most_errands = 256;
constexpr std::size_t flight_reads = 16;
constexpr std::uint64_t flight_octets = 1 << 20;

Fault crowded(const std::string& where) {
  return Fault{FaultKind::throttled, where, "Too much is being read from this mailbox at once.", {}, {}};
}

/// A mailbox that cannot be opened says nothing of the item that was to be read: it is there tomorrow.
Fault of_opening(Fault fault) {
  if (fault.kind != FaultKind::auth) fault.kind = FaultKind::throttled;
  return fault;
}

Fault no_longer_served() {
  return Fault{FaultKind::cancelled, "account", "This user is no longer served here.", {}, {}};
}

/// How many octets a read will bring, about.
std::uint64_t expected(Range range, std::uint64_t size) {
  return std::min<std::uint64_t>(range.length, size - std::min(size, range.from));
}

/// Whether a session that gave this fault is to be given up.
bool spoils(const Fault& fault) {
  return !concerns_scope(fault) && fault.kind != FaultKind::anchor_expired && fault.kind != FaultKind::conflict;
}

std::span<const std::byte> octets(View view) { return std::as_bytes(std::span(view.data(), view.size())); }

}  // namespace

bool Agent::second_full() const { return second_ && second_->errands.size() >= most_errands; }

void Agent::errand(Errand work) {
  if (!second_) second_ = std::make_unique<Second>();
  second_->errands.push_back(std::move(work));
  run_second();
}

void Agent::close_second() {
  const auto second = std::move(second_);
  if (!second) return;
  dispose(std::move(second->session));
  for (auto& waiting : second->errands) {
    if (waiting.read)
      waiting.read->done(std::unexpected(no_longer_served()));
    else
      waiting.done(no_longer_served());
  }
}

bool Agent::second_wanted() const { return second_ && !(second_->errands.empty() && second_->scopes.empty()); }

void Agent::list_on_second(Bytes scope) {
  if (!second_) second_ = std::make_unique<Second>();
  auto& scopes = second_->scopes;
  if (std::ranges::find(scopes, scope) == scopes.end()) scopes.push_back(std::move(scope));
  run_second();
}

void Agent::run_second() {
  if (!second_wanted() || second_->busy) return;
  if (!second_allowed_) {  // one session a user: the watching one is borrowed between its calls
    if (!course_.lend()) return;
    quit_listening();
    second_->session = std::move(session_);
  }
  second_->busy = true;
  second_->close_at = sim::Instant::max();
  plan();
  if (!second_->errands.empty()) {
    auto next = std::move(second_->errands.front());
    second_->errands.pop_front();
    return run_errand(next.read ? flight_of(std::move(next)) : std::move(next));
  }
  auto scope = std::move(second_->scopes.front());
  second_->scopes.pop_front();
  room_.house.log.anchor(view_, room_.name, scope, [self = weak_from_this(), scope](Result<Bytes> anchor) {
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return;
    if (!anchor) return agent->second_free();
    auto page = std::make_shared<Page>();
    const Want want{agent->room_.house.settings.page_limit, 0, {}};
    Errand listing;
    listing.work = [scope, from = *anchor, want, page](const Call& call, Session& session) -> std::optional<Fault> {
      auto got = session.changes(call, scope, from, want);
      if (!got) return std::move(got.error());
      *page = std::move(*got);
      return std::nullopt;
    };
    listing.done = [self, scope, from = *anchor, page](std::optional<Fault> fault) {
      const auto still = self.lock();
      if (!still || still->stopped_) return;
      // What failed is found again by the next round of the watching session.
      if (fault) return still->second_free();
      still->bring(scope, from, std::move(*page), false, true);
    };
    agent->run_errand(std::move(listing));
  });
}

void Agent::run_errand(Errand next) {
  const bool live = next.live, has = second_->session != nullptr;
  auto granted = [self = weak_from_this(), next = std::move(next)](std::shared_ptr<Lease> lease) mutable {
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return next.done(no_longer_served());
    agent->run_errand(std::move(next), std::move(lease));
  };
  room_.connections.ask(user_, live, has, std::move(granted));
}

void Agent::run_errand(Errand next, std::shared_ptr<Lease> lease) {
  struct Outcome {
    Connection session;
    std::optional<Fault> fault;
  };
  const std::weak_ptr opening = lease;
  // A listing ends only with its apply; everything else frees the session before its caller hears.
  auto work = [&backend = room_.backend, mailbox = Mailbox{user_, user_, user_}, session = std::move(second_->session),
               borrowed = !second_allowed_, verb = std::move(next.work),
               lease = std::move(lease)](const Call& call) mutable -> Result<Outcome> {
    Outcome outcome;
    if (!session) {
      auto opened = open_session(backend, call, mailbox, std::move(lease));
      if (!opened) {
        outcome.fault = of_opening(std::move(opened.error()));
        return outcome;
      }
      session = std::move(*opened);
    } else if (borrowed && session->capabilities().parks) {
      if (auto woken = session->unpark(call); !woken) {
        outcome.fault = of_opening(std::move(woken.error()));
        return outcome;
      }
    }
    outcome.fault = verb(call, *session);
    verb = nullptr;
    if (!outcome.fault || !spoils(*outcome.fault)) outcome.session = std::move(session);
    session.reset();
    return outcome;
  };
  auto then = [self = weak_from_this(), done = std::move(next.done), opening](Result<Outcome> result) mutable {
    if (!result)
      if (const auto hangs = opening.lock()) hangs->tell(&result.error());
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return done(no_longer_served());
    if (result) agent->second_->session = std::move(result->session);
    done(result ? std::move(result->fault) : std::optional(std::move(result.error())));
  };
  room_.workers.call<Outcome>(next.live, std::move(work), std::move(then));
}

/// Reads that wait one behind the other, asked for at once: a round trip, and a change of threads, for all of them.
struct Agent::Flight {
  bool live = false;
  std::deque<Read> left;  ///< not answered yet; reactor thread

  void answer(Result<Content> content) {
    if (left.empty()) return;  // given up as stuck meanwhile
    auto first = std::move(left.front());
    left.pop_front();
    first.done(std::move(content));
  }
};

Agent::Errand Agent::flight_of(Errand first) {
  auto flight = std::make_shared<Flight>();
  flight->live = first.live;
  std::vector<Session::Reading> readings;
  std::vector<std::uint64_t> sizes;
  std::uint64_t octets = 0;
  const auto take = [&](Read read) {
    octets += expected(read.what.range, read.size);
    readings.push_back(read.what);
    sizes.push_back(read.size);
    flight->left.push_back(std::move(read));
  };
  take(std::move(*first.read));
  for (auto& waiting = second_->errands; !waiting.empty() && readings.size() < flight_reads; waiting.pop_front()) {
    auto& next = waiting.front();
    if (!next.read || next.live != flight->live ||
        octets + expected(next.read->what.range, next.read->size) > flight_octets)
      break;
    take(std::move(*next.read));
  }
  Errand all;
  all.live = flight->live;
  all.work = [flight, readings = std::move(readings), sizes = std::move(sizes), &reactor = room_.house.world.reactor()](
                 const Call& call, Session& session) -> std::optional<Fault> {
    if (readings.size() > 1) session.expect(call, readings);
    for (std::size_t at = 0; at < readings.size(); ++at) {
      auto content = std::make_unique<Content>();
      auto fault = fetch(call, session, readings[at], sizes[at], *content);
      if (fault && spoils(*fault)) return fault;
      reactor.post([flight, content = std::move(content), fault = std::move(fault)]() mutable {
        flight->answer(fault ? Result<Content>(std::unexpected(std::move(*fault))) : std::move(*content));
      });
    }
    return std::nullopt;
  };
  all.done = [self = weak_from_this(), flight](std::optional<Fault> fault) {
    if (fault) flight->answer(std::unexpected(std::move(*fault)));
    const auto agent = self.lock();
    // Who broke the session has heard of it. The others have done nothing wrong, and come again.
    auto rest = std::move(flight->left);
    flight->left.clear();
    const bool served = agent && !agent->stopped_ && agent->second_;
    for (; !rest.empty(); rest.pop_back()) {
      if (served)
        agent->second_->errands.push_front({.live = flight->live, .read = std::move(rest.back())});
      else
        rest.back().done(std::unexpected(no_longer_served()));
    }
    if (agent) agent->second_free();
  };
  return all;
}

void Agent::second_free() {
  if (stopped_ || !second_) return;
  second_->busy = false;
  if (!second_allowed_) {
    session_ = std::move(second_->session);
    course_.idle();
    if (!second_wanted()) second_.reset();
    return go();
  }
  if (second_wanted()) return run_second();
  const bool wanted = room_.connections.wanting();
  second_->close_at = room_.house.world.reactor().now() + (wanted ? std::chrono::seconds(0) : kept_for);
  plan();
}

/// A back-end that can't read ranges gives all of it; the piece is cut out by the caller.
std::optional<Fault> Agent::fetch(const Call& call, Session& session, const Session::Reading& what, std::uint64_t size,
                                  Content& got) {
  got.whole = !session.capabilities().ranged_read;
  const Range wanted = got.whole ? Range{} : what.range;
  auto& octets = got.octets;
  // Short of the announced size is the end only if nothing follows: a server may cut a range as it likes.
  for (bool more = true; more;) {
    const auto before = octets.size();
    const Range rest{wanted.from + before, wanted.length - before};
    auto given = session.read(call, what.item, rest, [&](Octets part) {
      octets.append(reinterpret_cast<const char*>(part.data()), part.size());
      return octets.size() < wanted.length;
    });
    if (!given) return std::move(given.error());
    if (octets.size() > wanted.length) octets.resize(wanted.length);
    more = !got.whole && octets.size() > before && octets.size() < wanted.length && wanted.from + octets.size() < size;
  }
  return std::nullopt;
}

void Agent::read(Bytes item, Range range, std::uint64_t size, bool live, Done<Content> done) {
  if (stopped_) return done(std::unexpected(no_longer_served()));
  if (second_full()) return done(std::unexpected(crowded(room_.name)));
  auto then = [self = weak_from_this(), done = std::move(done)](Result<Content> content) mutable {
    if (const auto agent = self.lock(); agent && content) agent->well();
    done(std::move(content));
  };
  errand({.live = live, .read = Read{{std::move(item), range}, size, std::move(then)}});
}

void Agent::act(Accounts::StoreVerb verb, Done<void> done) {
  if (stopped_) return done(std::unexpected(no_longer_served()));
  if (second_full()) return done(std::unexpected(crowded(room_.name)));
  Errand acting;
  acting.live = true;
  acting.work = std::move(verb);
  acting.done = [self = weak_from_this(), done = std::move(done)](std::optional<Fault> fault) mutable {
    const auto agent = self.lock();
    if (!fault && agent) agent->well();
    if (fault) {
      done(std::unexpected(std::move(*fault)));
    } else {
      done({});
    }
    if (agent) agent->second_free();
  };
  errand(std::move(acting));
}

void Agent::deliver(Bytes message, Bytes token, Done<void> done) {
  room_.house.log.folders(view_, [self = weak_from_this(), message = std::move(message), token = std::move(token),
                                  done = std::move(done)](Result<std::vector<store::FolderRow>> folders) mutable {
    const auto agent = self.lock();
    if (!agent || agent->stopped_) return done(std::unexpected(no_longer_served()));
    if (!folders) return done(std::unexpected(std::move(folders.error())));
    if (agent->second_full()) return done(std::unexpected(crowded(agent->room_.name)));
    const auto inbox = std::ranges::find_if(*folders, [&](const store::FolderRow& row) {
      return !row.gone && row.backend == agent->room_.name && row.role == Role::inbox;
    });
    if (inbox == folders->end()) {
      return done(fault(FaultKind::unavailable, agent->room_.name,
                        "The mailbox's inbox is not known yet; see `tidegatectl user list`."));
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(agent->room_.house.world.reactor().wall());
    Errand delivery;
    delivery.work = [folder = inbox->id, message = std::move(message), token = std::move(token), now](
                        const Call& call, Session& session) -> std::optional<Fault> {
      std::size_t at = 0;
      Source source = [&](std::span<std::byte> into) {
        const auto rest = octets(View(message).substr(at));
        const auto count = std::min(rest.size(), into.size());
        std::copy_n(rest.begin(), count, into.begin());
        at = count == 0 ? 0 : at + count;  // after its end it can be read once more
        return count;
      };
      // The note is not kept: this message may arrive twice after a crash, which harms nobody.
      Attempt attempt{token, {}, [](View) -> Result<void> { return {}; }};
      auto written = session.create(call, folder, {Kind::mail, message.size(), 0, {}, now}, std::move(source), attempt);
      if (!written) return std::move(written.error());
      return std::nullopt;
    };
    delivery.done = [self, scope = inbox->scope, done = std::move(done)](std::optional<Fault> fault) mutable {
      const auto still = self.lock();
      if (fault) {
        done(std::unexpected(std::move(*fault)));
      } else {
        done({});
        if (still) still->hinted({{scope}, false});
      }
      if (still) still->second_free();
    };
    agent->errand(std::move(delivery));
  });
}

}  // namespace tidegate::account
