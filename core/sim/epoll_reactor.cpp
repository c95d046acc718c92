// SPDX-License-Identifier: Apache-2.0
#include "core/sim/epoll_reactor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <system_error>

#include <openssl/rand.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace tidegate::sim {

struct EpollReactor::Wait final : FdWait {
  Wait(EpollReactor& r, int f, bool w, Task t) : reactor(r), fd(f), write(w), task(std::move(t)) {}
  ~Wait() override { reactor.forget(*this); }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  EpollReactor& reactor;
  int fd;
  bool write;
  Task task;
};

struct EpollReactor::Due final : Timer {
  Due(EpollReactor& r, Key k) : reactor(r), key(k) {}
  ~Due() override {
    // The task's own captures may cancel other timers while they die, so it leaves the map first.
    auto node = reactor.timers_.extract(key);
  }
  Due(const Due&) = delete;
  Due& operator=(const Due&) = delete;

  EpollReactor& reactor;
  Key key;
};

EpollReactor::EpollReactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_ < 0 || wake_ < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = static_cast<std::uint32_t>(wake_)}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll");
}

EpollReactor::~EpollReactor() {
  // Tasks may own waits and timers of this reactor: they go while it still stands.
  auto timers = std::move(timers_);
  timers_.clear();
  timers.clear();
  auto posted = std::move(posted_);
  posted_.clear();
  posted.clear();
  ::close(wake_);
  ::close(epoll_);
}

Instant EpollReactor::now() const noexcept { return std::chrono::steady_clock::now(); }
WallTime EpollReactor::wall() const noexcept { return std::chrono::system_clock::now(); }

void EpollReactor::random(std::span<std::byte> into) noexcept {
  // Without randomness there is no key, nonce or id worth having: going on would be worse than ending.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(into.data()), static_cast<int>(into.size())) != 1) std::abort();
}

void EpollReactor::post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    posted_.push_back(std::move(task));
  }
  if (!woken_.exchange(true)) wake();
}

void EpollReactor::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

std::unique_ptr<Timer> EpollReactor::at(Instant when, Task task) {
  const Key key{when, next_timer_++};
  timers_.emplace(key, std::move(task));
  return std::make_unique<Due>(*this, key);
}

std::unique_ptr<FdWait> EpollReactor::wait(int fd, bool write, Task task) {
  auto wait = std::make_unique<Wait>(*this, fd, write, std::move(task));
  if (static_cast<std::size_t>(fd) >= slots_.size()) slots_.resize(std::max<std::size_t>(64, fd + fd / 2 + 1));
  (write ? slots_[fd].writer : slots_[fd].reader) = wait.get();
  arm(fd);
  return wait;
}

void EpollReactor::arm(int fd) {
  auto& slot = slots_[fd];
  std::uint32_t events = EPOLLONESHOT;
  if (slot.reader != nullptr) events |= EPOLLIN | EPOLLRDHUP;
  if (slot.writer != nullptr) events |= EPOLLOUT;
  const auto generation = ++slot.generation;
  epoll_event event{.events = events,
                    .data = {.u64 = (std::uint64_t{generation} << 32) | static_cast<std::uint32_t>(fd)}};
  const int first = slot.known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int failed = ::epoll_ctl(epoll_, first, fd, &event);
  // Closed and opened again since: it is not where it was believed to be.
  if (failed != 0 && (errno == ENOENT || errno == EEXIST))
    failed = ::epoll_ctl(epoll_, first == EPOLL_CTL_MOD ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
  slot.known = failed == 0;
  // A plain file (EPERM) is always ready; of a bad descriptor the task's own read or write tells the error.
  if (failed != 0) post([this, fd, generation] { ready(fd, generation, EPOLLIN | EPOLLOUT); });
}

void EpollReactor::forget(Wait& wait) noexcept {
  auto& slot = slots_[wait.fd];
  auto& place = wait.write ? slot.writer : slot.reader;
  if (place != &wait) return;  // it has run, or a newer one took its place
  place = nullptr;
  if (slot.reader != nullptr || slot.writer != nullptr) return arm(wait.fd);
  ++slot.generation;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, wait.fd, nullptr);
  slot.known = false;
}

void EpollReactor::ready(int fd, std::uint32_t generation, std::uint32_t events) {
  if (slots_[fd].generation != generation) return;
  constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
  Task read;
  Task write;
  if ((events & (EPOLLIN | EPOLLRDHUP | broken)) != 0 && slots_[fd].reader != nullptr)
    read = std::move(std::exchange(slots_[fd].reader, nullptr)->task);
  if ((events & (EPOLLOUT | broken)) != 0 && slots_[fd].writer != nullptr) {
    // Both at once: the write task goes by a second event, as the read task may destroy it.
    if (!read) write = std::move(std::exchange(slots_[fd].writer, nullptr)->task);
  }
  if (slots_[fd].reader != nullptr || slots_[fd].writer != nullptr) arm(fd);
  if (read) read();
  if (write) write();
}

void EpollReactor::run_posted() {
  {
    const std::scoped_lock lock(mutex_);
    running_.swap(posted_);
  }
  for (auto& task : running_) {
    auto once = std::move(task);
    once();
  }
  running_.clear();
}

void EpollReactor::run_due() {
  const auto until = now();
  while (!timers_.empty() && timers_.begin()->first.first <= until) {
    auto node = timers_.extract(timers_.begin());
    node.mapped()();
  }
}

void EpollReactor::sleep(Instant limit) {
  if (!timers_.empty()) limit = std::min(limit, timers_.begin()->first.first);
  auto left = limit - now();
  if (woken_.exchange(false)) left = Instant::duration::zero();
  left = std::clamp<Instant::duration>(left, Instant::duration::zero(), std::chrono::hours(1));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec wait{.tv_sec = seconds.count(), .tv_nsec = static_cast<long>((left - seconds).count())};
  std::array<epoll_event, 128> events;
  const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), &wait, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto fd = static_cast<int>(events[i].data.u64 & 0xffffffffU);
    if (fd == wake_) {
      std::uint64_t times = 0;
      [[maybe_unused]] const auto got = ::read(wake_, &times, sizeof times);
    } else {
      ready(fd, static_cast<std::uint32_t>(events[i].data.u64 >> 32), events[i].events);
    }
  }
}

void EpollReactor::turn(Instant limit) {
  sleep(limit);  // first: whoever turns may stop because of what a task did, without waiting once more
  run_posted();
  run_due();
}

}  // namespace tidegate::sim
