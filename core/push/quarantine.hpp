// SPDX-License-Identifier: Apache-2.0
// Items that cannot be read are set apart, so that the rest goes on (law 11): known across restarts, tried again when
// they change, when somebody says so, and by themselves, ever more seldom. What can be read after all counts as
// changed, so that every device that lacks it gets it. Reactor thread.
//
//   left out by a feed ──► kept ──time, word, change──► asked: read to its end
//   asked ──read──► not kept, new in the log        asked ──fault──► kept, until twice its age
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/account/account.hpp"
#include "core/sim/world.hpp"
#include "core/store/quarantine.hpp"

namespace tidegate::push {

class Quarantine {
 public:
  using Changed = std::function<void(store::ViewId, std::uint64_t head)>;
  /// `first`: the pause before the first retry; pauses grow with the age, to a day.
  Quarantine(sim::World&, store::Log&, account::Accounts&, std::chrono::seconds first, Changed);

  /// What earlier lives left. Blocking; before the reactor runs.
  Result<void> load();

  bool knows(store::ViewId view, const store::Gid& gid) const { return kept_.contains({view, gid}); }
  /// It could not be read, and has not changed since.
  bool holds(store::ViewId, const store::ItemRow&) const;
  using Kept = std::move_only_function<void(Result<void>)>;
  /// It could not be read, after that many tries. Nobody may pass it by before `kept` says that this is on disk.
  void add(const std::string& user, store::ViewId, const store::ItemRow&, unsigned tries, const Fault&, Kept kept);
  /// It was read after all.
  void readable(store::ViewId, const store::Gid&);
  /// The log knows of its removal.
  void gone(store::ViewId, const store::Gid&);

  void forget_user(const std::string&);  ///< in memory; the log forgets the rows with the user

  std::vector<store::QuarantineRow> rows() const;
  /// Tries again, soon, those whose gid begins with these hexadecimal digits (empty: all). Fault not_found.
  Result<void> retry(std::string_view digits);

 private:
  using Key = std::pair<store::ViewId, store::Gid>;
  struct Entry {
    store::QuarantineRow row;
    sim::Instant due;
  };
  void keep(const Key&, store::QuarantineRow, Kept);
  void arm();
  void ask(const Key&);
  void read(const Key&, const store::ItemRow&, std::uint64_t from);
  void failed(const Key&, const Fault&);
  void forget(const Key&);
  void asked();
  sim::Instant later(std::int64_t since) const;
  std::int64_t unix_now() const;

  sim::World& world_;
  store::Log& log_;
  account::Accounts& accounts_;
  const std::chrono::seconds first_;
  const Changed changed_;
  std::map<Key, Entry> kept_;  ///< all of it is on disk
  std::size_t writing_ = 0;    ///< on their way to the disk
  bool asking_ = false;        ///< one at a time
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

/// A gid as people see it.
std::string digits(const store::Gid&);

}  // namespace tidegate::push
