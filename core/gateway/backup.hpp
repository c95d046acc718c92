// SPDX-License-Identifier: Apache-2.0
// The sealed backup (design: state): when one is made, how it is sealed into a file beside the state, and how it goes
// up to the relay. Reactor thread; reading, sealing and the disk are the `backup` pool's.
//
//   resting  --due, now()--> sealing    a version of its own first, durable: no version has two contents
//   sealing  --done--> sending          BackupBegin: where the relay stands; then blocks of parts, each answered
//   sending  --no channel--> sending    waits; opened() begins where the relay stands
//   sending  --whole there--> resting   written down; devices are told the version
//   sealing, sending --refused, disk--> resting   an alarm; again after a while
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sim/world.hpp"
#include "core/store/backup_state.hpp"
#include "core/wire/control.hpp"

namespace tidegate::gateway {

class Backup {
 public:
  struct Wiring {
    sim::World& world;
    store::Log& log;
    std::string database;  ///< the state's file
    std::string key_path;  ///< the recovery key's
    std::string spool;     ///< the sealed file, until it is at the relay
    Bytes guid;
    std::chrono::milliseconds every{}, soon{};
    std::function<void(wire::Control, std::move_only_function<void(wire::Answer)>)> request;
    std::function<void(int level, const std::string&)> note;
    std::function<void(const std::string&)> alarm;
  };
  using Kept = store::BackupKept;

  /// Reads what an earlier process left. Blocking; before the reactor runs.
  static Result<std::unique_ptr<Backup>> make(Wiring);
  ~Backup();
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  void start();
  void opened();  ///< there is a channel to the relay
  void soon();    ///< something changed that must not be lost: a pairing, a revocation, a user
  void now(store::Done<Kept>);
  /// A device was told that version. Higher than ours: this state is an older one than it should be.
  void heard(std::uint64_t version);

  const Kept& kept() const { return kept_; }
  const std::string& trouble() const { return trouble_; }  ///< why the last try failed; empty: it didn't

 private:
  explicit Backup(Wiring);
  struct Sealed {
    std::uint64_t size = 0;
    Bytes sha256;
  };
  static Result<Sealed> seal(const Wiring&, std::uint64_t version, const std::atomic<bool>& stop);

  void arm(std::chrono::milliseconds);
  void take();
  void begin();
  void begun(const wire::Answer&);
  void send();
  void sent(const wire::Answer&);
  void wait_for_channel();
  void complete();
  void failed(const Fault&);
  void rest(std::chrono::milliseconds until_next);
  void answer(const Result<Kept>&);
  /// Calls back only while we live.
  template <class F>
  auto if_alive(F call) {
    return [alive = std::weak_ptr(alive_), call = std::move(call)](auto&&... arguments) mutable {
      if (!alive.expired()) call(std::forward<decltype(arguments)>(arguments)...);
    };
  }

  Wiring wiring_;
  std::uint64_t restored_from_ = 0;
  Kept kept_;
  std::uint64_t version_ = 0;    ///< the last one given out
  std::uint64_t under_way_ = 0;  ///< of the one being sealed or sent
  bool busy_ = false, again_ = false, waiting_for_channel_ = false;
  Sealed sealed_;
  std::uint64_t at_ = 0, reached_ = 0;  ///< octets that the relay has: when the block was sent, by now
  std::size_t unanswered_ = 0;          ///< parts of the block under way
  unsigned strikes_ = 0;                ///< blocks in a row without progress
  unsigned conflicts_ = 0;              ///< in a row: the relay had a version that was no older
  std::optional<wire::Answer> refused_;
  std::string trouble_;
  std::vector<store::Done<Kept>> asked_, asked_again_;
  std::optional<sim::Instant> due_;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<sim::Pool> pool_;
};

}  // namespace tidegate::gateway
