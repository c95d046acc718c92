// SPDX-License-Identifier: Apache-2.0
#include "core/sim/real_world.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include "core/sim/epoll_reactor.hpp"
#include "core/sim/inotify_watch.hpp"
#include "core/sim/thread_pool.hpp"

namespace tidegate::sim {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
// A handler may touch little: lock-free atomics and write() on the reactor's eventfd.
std::atomic<std::uint64_t> signals_seen = 0;
std::atomic<EpollReactor*> signals_for = nullptr;

void signal_came(int number) {
  const int saved = errno;
  signals_seen.fetch_or(std::uint64_t{1} << number);
  if (auto* reactor = signals_for.load()) reactor->wake();
  errno = saved;
}

}  // namespace

struct RealWorld::State {
  // Birth order: the network may own waits of the reactor and pools that post to it.
  EpollReactor reactor;
  std::unique_ptr<Files> files = posix_files();
  std::unique_ptr<Network> network;
  std::atomic<bool> stopped = false;
  std::move_only_function<void(int)> on_signal;

  void turn(Instant limit) {
    reactor.turn(limit);
    if (!on_signal) return;
    const auto seen = signals_seen.exchange(0);
    for (const int number : kSignals)
      if ((seen & (std::uint64_t{1} << number)) != 0) on_signal(number);
  }
};

RealWorld::RealWorld() : state_(std::make_unique<State>()) {
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
}

RealWorld::~RealWorld() {
  if (!state_->on_signal) return;
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  for (const int number : kSignals) ::sigaction(number, &plain, nullptr);
  signals_for = nullptr;
}

Reactor& RealWorld::reactor() { return state_->reactor; }
Files& RealWorld::files() { return *state_->files; }
void RealWorld::use(std::unique_ptr<Network> network) { state_->network = std::move(network); }

std::unique_ptr<DirectoryWatch> RealWorld::watch(DirectoryHints hints) {
  auto made = std::make_unique<InotifyWatch>(state_->reactor, std::move(hints));
  if (!made->works()) return nullptr;
  return made;
}

Network& RealWorld::network() {
  if (!state_->network) throw std::logic_error("RealWorld: use() a network first (tls::real_world)");
  return *state_->network;
}

std::unique_ptr<Pool> RealWorld::pool(std::string_view name, std::size_t threads, std::size_t queue) {
  return std::make_unique<ThreadPool>(name, threads, queue);
}

Bytes RealWorld::boot_id() const {
  auto text = state_->files->read("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};  // no procfs here: callers then see one boot without end, and a clean stop tells the rest
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return std::move(*text);
}

void RealWorld::run() {
  while (!state_->stopped.exchange(false)) state_->turn(Instant::max());
}

bool RealWorld::run_until(const std::function<bool()>& condition, std::chrono::nanoseconds limit) {
  const auto end = state_->reactor.now() + limit;
  while (!condition()) {
    if (state_->reactor.now() >= end) return false;
    state_->turn(end);
  }
  return true;
}

void RealWorld::stop() {
  state_->stopped = true;
  state_->reactor.wake();
}

void RealWorld::on_signal(std::move_only_function<void(int)> callback) {
  state_->on_signal = std::move(callback);
  signals_for = &state_->reactor;
  struct sigaction handle{};
  handle.sa_handler = signal_came;
  handle.sa_flags = SA_RESTART;
  for (const int number : kSignals) ::sigaction(number, &handle, nullptr);
}

}  // namespace tidegate::sim
