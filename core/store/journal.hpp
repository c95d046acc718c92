// SPDX-License-Identifier: Apache-2.0
// The commands of devices as they stand on disk (design: state, commands): received → started → done, each durable
// before anything follows from it; forgotten when the device has stored the result. Same database as the log, same
// threads (reactor thread in, reactor thread out) but where it says otherwise. Rows are also in memory, contents never.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/store/log.hpp"

namespace tidegate::store {

struct CommandKey {
  std::string user;
  Bytes device;  ///< 16
  Bytes id;      ///< 16, chosen by the device
  auto operator<=>(const CommandKey&) const = default;
};

enum class CommandState : std::uint8_t {
  receiving = 0,  ///< its content is coming; a restart forgets it
  received = 1,
  started = 2,  ///< the back-end may have done it
  done = 3,
  held = 4,  ///< waits for somebody's word; of no device
};

struct CommandRow {
  CommandKey key;
  std::uint64_t turn = 0;  ///< a user's commands are carried out in this order; given by the journal
  ViewId view = 0;
  Bytes body;  ///< as it came, without content
  CommandState state = CommandState::receiving;
  Bytes note;    ///< the Attempt's
  Bytes result;  ///< as it is told; done only
};

/// A removal that was refused to its device and waits for somebody's word.
struct HeldRemoval {
  CommandKey key;  ///< as its device said it
  Bytes result;    ///< what the device is told
  std::int64_t now_unix = 0;
};

class Journal {
 public:
  /// Loads the rows; drops those whose content never came whole. Blocking; before the reactor runs.
  static Result<std::unique_ptr<Journal>> open(sim::World&, Log&);
  virtual ~Journal() = default;

  virtual const CommandRow* find(const CommandKey&) const = 0;  ///< valid until the next call that changes it
  /// Received or started, in the order of their turns.
  virtual std::vector<CommandKey> pending() const = 0;
  virtual std::vector<CommandRow> done(const std::string& user, View device) const = 0;  ///< told, not stored there yet
  virtual std::size_t count(const std::string& user, View device) const = 0;  ///< of that device, in any state

  // Each is durable when `done` runs, and `find` shows it from then on; begin() shows at once.
  virtual void begin(CommandRow) = 0;  ///< receiving; replaces an earlier try and its content
  virtual void append(const CommandKey&, std::uint64_t at, Bytes octets, Done<void>) = 0;
  virtual void received(const CommandKey&, Done<void>) = 0;
  virtual void started(const CommandKey&, Bytes note, Done<void>) = 0;
  virtual void finished(const CommandKey&, Bytes result, Done<void>) = 0;  ///< drops the content
  virtual void forget(const CommandKey&, Done<void>) = 0;
  virtual void forget_all(const std::string& user, View device, Done<void>) = 0;  ///< device empty: of all of them

  /// Like started(), on a worker thread that waits; may outlive the journal (then: unavailable). `along`: work in the
  /// same transaction; its fault undoes both.
  using Along = std::function<Result<void>(void* sqlite, View note)>;
  virtual std::function<Result<void>(View note)> starter(const CommandKey&, Along along = {}) = 0;
  virtual void content(const CommandKey&, Done<Bytes>) = 0;

  /// Finishes a command and keeps what it asked for under its device's hold, a new one if there is none. Answers that
  /// hold. Durable. The hold is listed with the log's.
  virtual void hold(HeldRemoval, Done<HoldRow>) = 0;
  /// Released: what was kept becomes commands of the user's and no device's, received, whose keys it answers. Fault
  /// not_found: there is no such hold here.
  virtual void decide(std::uint64_t hold, bool release, Done<std::vector<CommandKey>>) = 0;
};

}  // namespace tidegate::store
