// SPDX-License-Identifier: Apache-2.0
#include "core/sim/virtual_clock.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace tidegate::sim {

void VirtualClock::clear() {
  // Tasks may own timers and streams, whose destructors come back here.
  while (!queue_.empty()) auto node = queue_.extract(queue_.begin());
}

VirtualClock::Key VirtualClock::add(Instant when, std::uint32_t host, Task task) {
  const Key key{std::max(when, now_), next_++};
  queue_.emplace(key, Event{host, std::move(task)});
  return key;
}

void VirtualClock::cancel(Key key) { auto node = queue_.extract(key); }

void VirtualClock::cancel_all(std::uint32_t host) {
  std::vector<Task> dying;
  for (auto at = queue_.begin(); at != queue_.end();) {
    if (at->second.host == host) {
      dying.push_back(std::move(at->second.task));
      at = queue_.erase(at);
    } else {
      ++at;
    }
  }
}

bool VirtualClock::step(Instant until) {
  if (queue_.empty() || queue_.begin()->first.first > until) {
    if (until != Instant::max()) now_ = std::max(now_, until);
    return false;
  }
  auto node = queue_.extract(queue_.begin());
  now_ = node.key().first;
  ++events_;
  note(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  note(node.mapped().host);
  node.mapped().task();
  return true;
}

std::chrono::nanoseconds VirtualClock::between(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
  if (most <= least) return least;
  return least + std::chrono::nanoseconds(below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

void VirtualClock::fill(std::span<std::byte> into) {
  while (!into.empty()) {
    const auto word = dice();
    const auto part = std::min(into.size(), sizeof word);
    std::memcpy(into.data(), &word, part);
    into = into.subspan(part);
  }
}

void VirtualClock::note(std::uint64_t what) { trace_ = (trace_ ^ what) * 0x100000001b3ULL; }  // FNV-1a, a word a step

}  // namespace tidegate::sim
