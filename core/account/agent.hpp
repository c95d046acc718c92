// SPDX-License-Identifier: Apache-2.0
// One user at one back-end: the loop around a Course. Two sessions at most: the watching one, which syncs, and a second
// one, made when needed, for reads, deliveries and the long listings of back-ends that park, so that none of these
// deafens the first.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/account/course.hpp"
#include "core/account/room.hpp"

namespace tidegate::account {

class Agent : public std::enable_shared_from_this<Agent> {
 public:
  Agent(Room&, std::string user, ViewId, const std::vector<Kind>& kinds);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  void start();
  void stop();  ///< gives the sessions back; late answers find nobody
  void hinted(const Hint&);
  void deaf(const Fault&);  ///< the watch lost this mailbox
  /// Ends a rest after a fault, and looks at everything. False: it did not rest.
  bool retry();
  void stirred();               ///< something happens here: what is only polled is asked soon
  void give_way();              ///< others need the connection it listens on
  void ring(sim::Instant now);  ///< the agenda's time has come

  struct Content {
    Bytes octets;
    bool whole = false;  ///< all of the item, whatever range was asked for
  };
  /// `size`: of the whole, as the back-end told it; it may be wrong.
  void read(Bytes item, Range, std::uint64_t size, bool live, Done<Content>);
  void act(Accounts::StoreVerb, Done<void>);
  void deliver(Bytes message, Bytes token, Done<void>);

  const std::string& backend_name() const { return room_.name; }
  const Health& health() const { return health_; }
  bool looked_through() const { return course_.looked_through(); }
  bool serves(Kind kind) const { return (kinds_ & (1U << static_cast<unsigned>(kind))) != 0; }

 private:
  struct Reply {  ///< of the watching session
    Bytes scope{}, from{};
    bool live = false;
    Connection session{};
    std::optional<Capabilities> can{};  ///< it was opened just now
    std::optional<Hint> hint{};
    std::optional<Page> page{};
    std::optional<Parking> parking{};
    std::optional<Fault> fault{};
    bool session_fault = false;
    bool ours = false;  ///< the fault is the gateway's own, not the back-end's
  };
  struct Read {
    Session::Reading what;
    std::uint64_t size = 0;  ///< of the whole item, as the back-end told it
    Done<Content> done;
  };
  struct Errand {  ///< for the second session
    bool live = false;
    std::optional<Read> read = {};  ///< instead of work and done: it may share a flight with others
    std::move_only_function<std::optional<Fault>(const Call&, Session&)> work;
    std::move_only_function<void(std::optional<Fault>)> done;
  };
  struct Flight;
  struct Second {
    Connection session;
    bool busy = false;
    std::deque<Errand> errands;
    std::deque<Bytes> scopes;  ///< listings to go on with
    sim::Instant close_at = sim::Instant::max();
  };

  void go();
  void sync(Bytes scope, bool live);
  void ask(Bytes scope, Bytes anchor, bool live);
  void list();
  void park();
  void wake();
  using Verb = std::move_only_function<void(const Call&, Reply&)>;
  void submit(Reply begun, Verb);  ///< when it is its turn to connect
  void run(Reply begun, Verb, std::shared_ptr<Lease>);
  void took(Reply);
  void bring(Bytes scope, Bytes from, Page, bool live, bool second);
  void brought(const Bytes& scope, bool live, bool second, bool more, Bytes anchor, Result<store::Applied>);
  void publish(store::Applied&);
  void trouble(Reply&);
  void trouble_here(const Bytes& scope, bool live, Fault);  ///< not the back-end's fault, but nothing goes on
  void expired(Bytes scope, FaultKind why);
  void listen(const Parking&);
  void hears(bool everything);
  void quit_listening();
  void well();
  void unwell(const Fault&, bool unreachable);
  void looked_at(const Bytes& scope);
  void keep_only_ours(Page&) const;

  bool second_full() const;
  void errand(Errand);
  void close_second();
  bool second_wanted() const;
  void run_second();
  void run_errand(Errand);  ///< when it is its turn to connect
  void run_errand(Errand, std::shared_ptr<Lease>);
  Errand flight_of(Errand first);
  static std::optional<Fault> fetch(const Call&, Session&, const Session::Reading&, std::uint64_t size, Content&);
  void list_on_second(Bytes scope);
  void second_free();

  bool only_polled() const;
  sim::Instant round_after(sim::Instant now) const;
  void plan();  ///< enters the earliest of all times into the agenda
  void dispose(Connection);

  Room& room_;
  const std::string user_;
  const ViewId view_;
  const std::uint32_t kinds_;  ///< bits by Kind
  bool stopped_ = false, heard_by_watch_ = false, hears_all_ = false, caps_known_ = false, second_allowed_ = true;
  Course course_;
  Pace pace_;
  Connection session_;
  std::unique_ptr<FdWait> fd_;
  Bytes inbox_anchor_;
  bool inbox_anchor_known_ = false;
  sim::Instant next_round_ = sim::Instant::max(), rest_until_ = sim::Instant::max(), wake_by_ = sim::Instant::max();
  sim::Instant entered_ = sim::Instant::max();
  std::uint64_t listens_as_ = 0;  ///< with the room, while it listens; 0: it does not
  Health health_;
  std::unique_ptr<Second> second_;  ///< none while there is nothing for it
};

}  // namespace tidegate::account
