// SPDX-License-Identifier: Apache-2.0
// The command journal: what devices want changed, from the sealed message to the store and back (design: state,
// commands). Each step is durable before the next: received → (started → the verb) → done → told; the device forgets,
// then we. A user's commands are carried out one after the other, in the order they came. Reactor thread.
//
//   take ──content complete──► received ──turn──► carrying out ──verb done──► effect on the log ──► done ──stored──► ∅
//   carrying out ──back-end cannot now──► resting ──back-off──► carrying out
//   carrying out ──never──► done, with the fault
//   received removal ──above its device's rate──► held, refused to the device ──released──► received, of no device
//   carrying out ──the item is not where the log has it──► resting ──a page told, or three times──► carrying out
//   after a restart: received → its turn; started → its turn, with the note: the verb settles what became of it
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/account/account.hpp"
#include "core/account/course.hpp"
#include "core/e2e/digest.hpp"
#include "core/e2e/sync.hpp"
#include "core/journal/removals.hpp"
#include "core/journal/verbs.hpp"
#include "core/pim/system_zones.hpp"
#include "core/sim/world.hpp"
#include "core/store/journal.hpp"
#include "core/store/log.hpp"
#include "core/store/scheduling.hpp"

namespace tidegate::journal {

struct Settings {
  std::uint64_t largest = std::uint64_t{64} << 20;     ///< octets of one command's content
  std::uint64_t in_memory = std::uint64_t{128} << 20;  ///< octets of contents on their way to back-ends, all users
  std::size_t most_per_device = 1024;                  ///< commands that a device has not stored the results of
  std::chrono::seconds retry_first{1}, retry_ceiling{300};
  std::uint64_t removals_per_hour = 500;  ///< of one device, before somebody is asked; 0: never asks
  bool resends = false;  ///< a mail whose fate is unknown is sent once more; else its device asks. Never invitations
};

struct Wiring {
  sim::World& world;
  store::Log& log;
  store::Journal& journal;
  account::Accounts& accounts;
  Settings settings{};
  /// A result (or "received") for a device; if it is not connected now, it asks again.
  std::function<void(const std::string& user, View device, const e2e::CommandResult&)> tell;
  /// A command could not be made durable (the disk is full …): the device's session is to end, it comes again.
  std::function<void(const std::string& user, View device, const Fault&)> broken;
  std::function<void(store::ViewId, std::uint64_t head, bool folders)> changed;  ///< as Accounts says it
  std::function<void(int level, const std::string&)> note;
  std::function<void(const store::HoldRow&)> held{};  ///< removals of a device are held from now on
  /// All octets of an item that the device makes have come (nothing is durable or done yet).
  std::function<void(const std::string& user, View device, store::ViewId, const Bytes& sha256, std::uint64_t size)>
      made{};
};

class Commands {
 public:
  explicit Commands(Wiring);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// Goes on with a user's commands that an earlier process left; also when he is served again.
  void resume(const std::string& user);
  /// What waits after a fault is tried now.
  void retry(const std::string& user);

  /// `written`: what the message carried is durable, or was not wanted; the device may send as much again.
  void take(const std::string& user, View device, e2e::Command, std::move_only_function<void()> written);
  void part(const std::string& user, View device, const e2e::CommandPart&, std::move_only_function<void()> written);
  void stored(const std::string& user, View device, View id);
  /// A session of the device begins: the results it has not stored are told again, since it may have nothing left to
  /// ask with.
  void greet(const std::string& user, View device);
  void forget(const std::string& user, View device);  ///< device empty: all of the user's
  /// Of a hold for removals: released, they are carried out; else they are forgotten. Fault not_found: not one of
  /// those.
  void decide(std::uint64_t hold, bool release, store::Done<void>);

  struct Waiting {
    std::string user;
    std::size_t commands = 0;
    std::string why;  ///< the last fault; empty: none
  };
  std::vector<Waiting> waiting() const;

 private:
  using Key = store::CommandKey;
  struct Receiving {  ///< a content under way
    std::uint64_t size = 0, at = 0;
    store::ViewId view = 0;
    std::optional<e2e::Digest> digest{};  ///< of what a device makes
  };
  struct Lane {  ///< of a user
    std::deque<Key> queue;
    bool busy = false;
    account::Backoff backoff;
    std::unique_ptr<Timer> rest;
    std::string why;
    int waited = 0;   ///< how often the first command has waited for the log
    Bytes allowed{};  ///< id of the removal that was counted last
  };
  struct Run;  ///< one command being carried out

  void begin(const Key&, e2e::Command, std::move_only_function<void()> written);
  void known(const store::CommandRow&, const Bytes& body);
  void tell_result(const store::CommandRow&);
  void add(const Key&, Bytes octets, bool last, std::move_only_function<void()> written);
  void complete(const Key&);
  void answer(const Key&, const e2e::CommandResult&);
  void refuse(const Key&, std::uint64_t view, const Fault&);

  Lane& lane(const std::string& user);
  void next(const std::string& user);
  void run(Lane&, const store::CommandRow&, e2e::Command);
  bool allowed(Lane&, const store::CommandRow&);
  void hold(const std::shared_ptr<Run>&);
  void look_up(std::shared_ptr<Run>);
  void folders(const std::shared_ptr<Run>&, std::vector<store::FolderRow>);
  void item(const std::shared_ptr<Run>&, std::vector<store::FolderRow>);
  void elsewhere(const std::shared_ptr<Run>&, const store::ItemRow&);
  void look(const std::shared_ptr<Run>&, store::ItemRow);
  bool log_is_behind(const std::shared_ptr<Run>&, const Fault&);
  bool looks_again(const std::shared_ptr<Run>&, const Fault&);
  bool sends_again(const std::shared_ptr<Run>&, const Fault&);
  void created_here(const std::shared_ptr<Run>&);
  void ready(std::shared_ptr<Run>);
  void act(std::shared_ptr<Run>);
  void acted(std::shared_ptr<Run>, Result<void>);
  // answering.cpp
  void answer(const std::shared_ptr<Run>&);
  void consult(const std::shared_ptr<Run>&);
  void choose_way(const std::shared_ptr<Run>&);
  void ask_server(const std::shared_ptr<Run>&, std::size_t at);
  void answered(const std::shared_ptr<Run>&, const store::SchedulingRow&, const std::string& backend);
  void submit(const std::shared_ptr<Run>&);
  void submitted(const std::shared_ptr<Run>&, Result<void>);
  void put_into_calendar(const std::shared_ptr<Run>&);
  void change_event(const std::shared_ptr<Run>&, const store::ItemRow&);
  void make_event(const std::shared_ptr<Run>&, const store::FolderRow&);
  void in_calendar(const std::shared_ptr<Run>&, const std::string& backend, Result<void>);
  bool waits_for_page(const std::shared_ptr<Run>&, const Fault&);
  void remember_event(const Run&, const std::string& backend);
  std::vector<Bytes> event_scopes(const std::shared_ptr<Run>&) const;
  void take_over(const std::shared_ptr<Run>&, std::size_t at);  // taking_over.cpp

  void effect(std::shared_ptr<Run>);
  void finish(std::shared_ptr<Run>, std::optional<Fault>);
  void again(const std::shared_ptr<Run>&, const Fault&);
  void rest(const std::shared_ptr<Run>&, std::chrono::milliseconds pause);
  void rest_noted(const std::shared_ptr<Run>&, std::chrono::milliseconds pause);
  void free_lane(const std::string& user);
  void feed_thirsty();
  double dice();

  template <class F>
  auto if_alive(F call) {
    return [alive = std::weak_ptr(alive_), call = std::move(call)](auto&&... arguments) mutable {
      if (!alive.expired()) call(std::forward<decltype(arguments)>(arguments)...);
    };
  }

  Wiring wiring_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  /// What an answer put into a calendar, until the log knows it: the next answer is not to put it there again.
  struct MadeEvent {
    store::ViewId view = 0;
    std::string uid;
    store::ItemRow row{};
  };
  std::deque<MadeEvent> made_events_;  ///< bounded
  std::shared_ptr<pim::SystemZones> zones_ = std::make_shared<pim::SystemZones>();
  std::map<Key, Receiving> receiving_;
  std::map<std::string, Lane> lanes_;
  RemovalRate removals_;
  std::uint64_t in_memory_ = 0;
  std::deque<std::string> thirsty_;  ///< users whose next content has no room in memory yet
};

}  // namespace tidegate::journal
