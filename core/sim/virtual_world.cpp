// SPDX-License-Identifier: Apache-2.0
#include "core/sim/virtual_world.hpp"

#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "core/sim/memory_disk.hpp"
#include "core/sim/memory_vfs.hpp"
#include "core/sim/virtual_network.hpp"
#include "core/sim/virtual_reactor.hpp"
#include "core/sim/virtual_watch.hpp"

namespace tidegate::sim {

struct VirtualWorld::State {
  explicit State(std::uint64_t seed) : clock(seed) {}
  VirtualClock clock;
  VirtualNet net{clock};
  std::map<std::string, std::unique_ptr<VirtualHost>> hosts;
};

namespace {

/// What one process on a host has; kept after its death, as its objects may still hold on to it.
struct Process {
  Process(VirtualClock& clock, VirtualNet& net, MemoryDisk& disk, const std::chrono::seconds& skew, std::uint32_t host)
      : life(std::make_shared<Life>(Life{.host = host})),
        reactor(clock, life, skew),
        network(net.network_of(life)),
        files(files_of(disk, life)) {}
  std::shared_ptr<Life> life;
  VirtualReactor reactor;
  std::unique_ptr<Network> network;
  std::unique_ptr<Files> files;
};

std::string vfs_name(const std::string& host) {
  static std::atomic<unsigned> worlds = 0;
  return "tidegate-" + std::to_string(worlds++) + "-" + host;
}

}  // namespace

struct VirtualHost::State {
  State(VirtualWorld::State& w, std::string n, std::uint32_t host)
      : world(w), name(std::move(n)), number(host), disk(w.clock), vfs(vfs_name(name), disk, w.clock) {
    boot();
    start();
  }
  void boot() {
    boot_id.resize(16);
    world.clock.fill(std::as_writable_bytes(std::span(boot_id)));
  }
  void start() {
    processes.push_back(std::make_unique<Process>(world.clock, world.net, disk, skew, number));
    vfs.live(processes.back()->life);
  }
  Process& now() { return *processes.back(); }

  VirtualWorld::State& world;
  std::string name;
  std::uint32_t number;
  std::chrono::seconds skew{};
  Bytes boot_id;
  MemoryDisk disk;
  MemoryVfs vfs;
  std::vector<std::unique_ptr<Process>> processes;
};

VirtualHost::VirtualHost(VirtualWorld& world, std::string name, std::uint32_t number)
    : state_(std::make_unique<State>(*world.state_, std::move(name), number)) {}
VirtualHost::~VirtualHost() = default;

Reactor& VirtualHost::reactor() { return state_->now().reactor; }
Network& VirtualHost::network() { return *state_->now().network; }
Files& VirtualHost::files() { return *state_->now().files; }
const char* VirtualHost::sqlite_vfs() const { return state_->vfs.name(); }
Bytes VirtualHost::boot_id() const { return state_->boot_id; }
std::unique_ptr<DirectoryWatch> VirtualHost::watch(DirectoryHints hints) {
  return std::make_unique<VirtualWatch>(state_->disk, state_->now().reactor, state_->now().life, std::move(hints));
}
const std::string& VirtualHost::name() const { return state_->name; }
MemoryDisk& VirtualHost::disk() { return state_->disk; }

std::unique_ptr<Pool> VirtualHost::pool(std::string_view, std::size_t threads, std::size_t queue) {
  return std::make_unique<VirtualPool>(state_->world.clock, state_->now().life, threads, queue);
}

void VirtualHost::kill(const std::function<void()>& drop) { die(drop, false); }
void VirtualHost::power_cut(const std::function<void()>& drop) { die(drop, true); }

void VirtualHost::die(const std::function<void()>& drop, bool power) {
  auto& world = state_->world;
  world.clock.note(power ? 2 : 1);
  state_->now().life->dead = true;
  world.net.dies(state_->number, power ? std::chrono::seconds(5) : std::chrono::seconds(0));
  world.clock.cancel_all(state_->number);
  if (power) {
    state_->disk.lose_unsynced();
    state_->boot();
  }
  if (drop) drop();
  world.clock.cancel_all(state_->number);
  state_->start();
}

VirtualWorld::VirtualWorld(std::uint64_t seed) : state_(std::make_unique<State>(seed)) {}

VirtualWorld::~VirtualWorld() {
  state_->clock.clear();  // tasks may hold streams and timers: they need the net once more
  state_->hosts.clear();
}

VirtualHost& VirtualWorld::host(const std::string& name) {
  auto& found = state_->hosts[name];
  if (!found) {
    const auto number = static_cast<std::uint32_t>(state_->hosts.size());
    found = std::make_unique<VirtualHost>(*this, name, number);
    state_->net.name(name, number);
  }
  return *found;
}

Instant VirtualWorld::now() const { return state_->clock.now(); }
bool VirtualWorld::step() { return state_->clock.step(Instant::max()); }

bool VirtualWorld::run_until(const std::function<bool()>& condition, std::chrono::nanoseconds limit) {
  const auto end = state_->clock.now() + limit;
  while (!condition())
    if (!state_->clock.step(end)) return false;
  return true;
}

void VirtualWorld::run_for(std::chrono::nanoseconds time) {
  const auto end = state_->clock.now() + time;
  while (state_->clock.step(end)) {
  }
}

void VirtualWorld::latency(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
  state_->net.latency(least, most);
}
void VirtualWorld::lose_connections(double probability) { state_->net.lose_connections(probability); }
void VirtualWorld::cut(const std::string& a, const std::string& b) {
  state_->net.cut(host(a).state_->number, host(b).state_->number);
}
void VirtualWorld::blackhole(const std::string& a, const std::string& b) {
  state_->net.blackhole(host(a).state_->number, host(b).state_->number);
}
void VirtualWorld::heal(const std::string& a, const std::string& b) {
  state_->net.heal(host(a).state_->number, host(b).state_->number);
}
void VirtualWorld::skew_wall(const std::string& name, std::chrono::seconds by) {
  host(name).state_->skew = by;
  host(name).state_->vfs.skew(by);
}

std::uint64_t VirtualWorld::random() { return state_->clock.dice(); }
std::uint64_t VirtualWorld::trace() const { return state_->clock.trace(); }
std::uint64_t VirtualWorld::events() const { return state_->clock.events(); }

}  // namespace tidegate::sim
