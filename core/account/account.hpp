// SPDX-License-Identifier: Apache-2.0
// A user's agent: watches the user's mailbox at each back-end, asks for changes on the back-end's worker pool, and
// brings them into the log (design: the way of a new message, 1-3). Also the one door to contents for sessions (read).
// All of it on the reactor thread; Store verbs run on the back-ends' pools.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/store/log.hpp"

namespace tidegate::account {

using store::Done;
using store::Gid;
using store::ViewId;

struct BackendUse {  ///< one back-end that serves a part of the user's store
  std::string name;  ///< ini section
  Backend* backend = nullptr;
  std::vector<Kind> kinds;  ///< which folders are taken from it
  /// Of the back-end itself, for all its users; 0: as Settings says.
  std::size_t workers = 0;
  std::chrono::milliseconds deadline{0}, sweep{0};
  std::chrono::milliseconds poll_soon{0}, poll_quiet{0};  ///< where nothing is told of any change: see Pace
  unsigned connects_per_second = 0;                       ///< 0: as many as want to
  std::size_t connections = 0;                            ///< at once, of all users; 0: as many as want to
  unsigned connections_per_user = 2;
};

struct Settings {
  std::size_t workers = 16;  ///< threads a back-end
  std::chrono::seconds call_deadline{60};
  std::chrono::seconds poll_folders{60};  ///< other folders than the watched
  std::chrono::minutes sweep{15};         ///< all scopes, against lost hints (jittered)
  std::uint32_t page_limit = 500;
  std::uint32_t inline_up_to = 256 * 1024;  ///< contents this small come along with live changes
  std::size_t cache_mib = 64;               ///< contents in memory, a gateway
  std::chrono::seconds retry_first{1}, retry_ceiling{300};
};

/// Contents in memory for moments: what came along with a change or was just read. Bounded, oldest out.
class ContentCache {
 public:
  explicit ContentCache(std::size_t limit_octets);
  ~ContentCache();
  void put(ViewId, const Gid&, View content_rev, std::shared_ptr<const Bytes>);
  std::shared_ptr<const Bytes> get(ViewId, const Gid&, View content_rev);
  std::size_t held() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct Health {
  std::string backend;
  std::int64_t proven_unix = 0;        ///< last time the back-end answered for this user
  std::int64_t unreachable_since = 0;  ///< 0: reachable
  std::string fault;                   ///< public sentence of the last fault; empty: none
};

/// All accounts of a gateway; owns the back-ends' worker pools.
class Accounts {
 public:
  /// `changed(view, head, folders)`: committed changes, and whether the folder tree is among them; called on the
  /// reactor thread after the commit. With head 0: nothing new, but looked_through() may be another now.
  static std::unique_ptr<Accounts> make(sim::World&, store::Log&, const Settings&,
                                        std::function<void(ViewId, std::uint64_t head, bool folders)> changed);
  virtual ~Accounts() = default;  ///< stops watching, cancels calls (waits at most a second for them)

  /// Starts serving a user: makes his view, opens sessions, lists, watches. done: the view exists (not: all is listed).
  virtual void start(const std::string& user, const std::string& site, std::vector<BackendUse>, Done<ViewId>) = 0;
  virtual void stop(const std::string& user) = 0;

  /// Content of an item in ranges ≤ 256 KiB, from the cache or the back-end: `got` gets the octets from `from`, at most
  /// `length`, and the total: the row's size until the content's end was seen, which counts more (servers estimate).
  /// Fault not_found: gone by now (the log will say so). On a second session of the user, so that long reads don't
  /// deafen the watching one. A mailbox that cannot be opened, or has too much to do, is auth or throttled: never a
  /// fault of the item.
  struct Piece {
    std::shared_ptr<const Bytes> octets;  ///< the piece is octets->substr(offset, length)
    std::size_t offset = 0, length = 0;
    std::uint64_t total = 0;
  };
  virtual void read(const std::string& user, ViewId, const store::ItemRow&, std::uint64_t from, std::size_t length,
                    bool live, Done<Piece> got) = 0;
  /// A verb that changes the store, on the user's second session at that back-end, live. What it gives is its fault.
  /// Destroyed on its thread. done's faults, besides the verb's: unavailable (not in service now), cancelled.
  using StoreVerb = std::move_only_function<std::optional<Fault>(const Call&, Session&)>;
  virtual void act(const std::string& user, const std::string& backend, StoreVerb, Done<void>) = 0;
  /// These scopes may have changed (a command changed them): they are asked next.
  virtual void hint(const std::string& user, const std::string& backend, const std::vector<Bytes>& scopes) = 0;
  /// The back-end of the user's mail; empty: none.
  virtual std::string mail_backend(const std::string& user) const = 0;
  /// Whether things of that kind are taken from that back-end for the user: what is not would be made there, and never
  /// be seen again. Of what is not in service now nobody knows: true.
  virtual bool serves(const std::string& user, const std::string& backend, Kind) const = 0;
  /// Delivers a message into the user's inbox (the welcome mail). Fault unsupported where the back-end can't.
  virtual void deliver(const std::string& user, Bytes message, Bytes token, Done<void>) = 0;

  /// Backend::test(), and a user's login unless `user` is empty: at once, beside what the broker lets in, since whoever
  /// asks wants to know what the server says now.
  virtual void test(const BackendUse&, const std::string& user, Done<void>) = 0;
  /// Ends all waiting after a fault, for that user (empty: all) at that back-end (empty: each). How many agents waited.
  virtual std::size_t retry(const std::string& user, const std::string& backend) = 0;

  /// A device of the user's is here: what is only polled, and may be far behind, is looked at soon.
  virtual void attend(const std::string& user) = 0;

  /// Whether all of the user's mailbox has been asked for since start(), and brought into the log: before that, what is
  /// not in the log may merely not be listed yet. A folder that cannot be asked for does not count.
  virtual bool looked_through(const std::string& user) const = 0;
  virtual std::vector<Health> health(const std::string& user) const = 0;
  virtual std::vector<std::string> users() const = 0;
};

}  // namespace tidegate::account
