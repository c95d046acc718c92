// SPDX-License-Identifier: Apache-2.0
// Machines, their disks and the net between them in one thread on virtual time, all from one seed: the same seed
// gives the same run. For tests: nothing here sleeps, and a day passes in the time its events take.
//
//   VirtualWorld world(seed);
//   auto& relay = world.host("relay");            // a World like any other
//   auto program = std::make_unique<Relay>(relay, …);
//   world.run_until([&] { return done; }, 60s);   // 60 virtual seconds at most
//   relay.power_cut([&] { program.reset(); });    // what was not synced may be lost
//   program = std::make_unique<Relay>(relay, …);  // the next boot
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/sim/world.hpp"

namespace tidegate::sim {

class MemoryDisk;
class VirtualClock;
class VirtualNet;
class VirtualWorld;

/// One simulated machine with one process on it. Its reactor never hears of file descriptors: wait() never fires.
/// Its pools run a task as an event of its own after a small random delay, on the same (only) thread. TLS is not
/// simulated, but for this: dialling tls to a listener without certificate (or the reverse) is the fault `invalid`,
/// and where both have it both ends have the same random channel_binding().
class VirtualHost final : public World {
 public:
  VirtualHost(VirtualWorld&, std::string name, std::uint32_t number);
  ~VirtualHost() override;

  Reactor& reactor() override;
  Network& network() override;
  Files& files() override;
  std::unique_ptr<DirectoryWatch> watch(DirectoryHints hints) override;
  const char* sqlite_vfs() const override;  ///< databases lie on the same disk as files()
  std::unique_ptr<Pool> pool(std::string_view name, std::size_t threads, std::size_t queue) override;
  Bytes boot_id() const override;

  const std::string& name() const;
  MemoryDisk& disk();  ///< to limit its size, or to look at what is really on it

  /// The process dies (kill -9): its tasks, timers, streams, listeners, file handles and locks are gone at once, what
  /// it wrote stays; peers see a reset a little later. `drop` destroys the program's objects; whatever their
  /// destructors still try does nothing any more. Objects that live on in spite of this are dead: their timers,
  /// streams and databases fail. Afterwards the host is up again for the next process.
  void kill(const std::function<void()>& drop = {});
  /// The machine loses power: as kill(), and of what was not synced each part is kept or lost by the dice; peers
  /// hear of it up to 5 s later; boot_id() is another one.
  void power_cut(const std::function<void()>& drop = {});

 private:
  friend class VirtualWorld;
  struct State;
  void die(const std::function<void()>& drop, bool power);
  std::unique_ptr<State> state_;
};

class VirtualWorld {
 public:
  explicit VirtualWorld(std::uint64_t seed);
  ~VirtualWorld();  ///< destroy the programs on its hosts before
  VirtualWorld(const VirtualWorld&) = delete;
  VirtualWorld& operator=(const VirtualWorld&) = delete;

  VirtualHost& host(const std::string& name);  ///< made at the first call; other hosts dial it by this name

  Instant now() const;
  bool step();  ///< the next event; false: nothing will ever happen again
  /// Runs until the condition holds (asked after every event). False: that much virtual time passed first, or nothing
  /// is left to happen.
  bool run_until(const std::function<bool()>& condition, std::chrono::nanoseconds limit);
  void run_for(std::chrono::nanoseconds);

  // The net. Default: 0.2 to 2 ms one way, nothing lost. Order within a stream is kept, as TCP does.
  void latency(std::chrono::nanoseconds least, std::chrono::nanoseconds most);
  /// Each delivery of octets breaks its connection with this probability (both ends see a reset).
  void lose_connections(double probability);
  void cut(const std::string& a, const std::string& b);  ///< connections break within a second, dials are refused
  /// Nothing gets through and nobody is told (half-open); a sender sees a time-out 30 s after octets got stuck.
  void blackhole(const std::string& a, const std::string& b);
  void heal(const std::string& a, const std::string& b);  ///< undoes both; what was stuck is delivered

  /// Moves the wall clock of one host away from the world's; monotonic time is untouched.
  void skew_wall(const std::string& host, std::chrono::seconds);

  std::uint64_t random();        ///< from the seed, for the test's own dice
  std::uint64_t trace() const;   ///< a hash over all that happened: equal runs, equal traces
  std::uint64_t events() const;  ///< how many events ran

 private:
  friend class VirtualHost;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::sim
