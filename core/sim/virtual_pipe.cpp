// SPDX-License-Identifier: Apache-2.0
#include "core/sim/virtual_pipe.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tidegate::sim {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} * 1024;
constexpr auto kUserTimeout = std::chrono::seconds(30);  // TCP_USER_TIMEOUT of the real streams

}  // namespace

std::size_t Pipe::room(int to) const {
  const auto used = sides[to].inbox.size() + sides[to].coming;
  return used >= kBuffer ? 0 : kBuffer - used;
}

void Pipe::send(int to, Parcel parcel) {
  auto& side = sides[to];
  side.last = std::max(side.last, net.clock().now() + net.delay());
  net.clock().add(side.last, 0, [self = shared_from_this(), to, parcel = std::move(parcel)]() mutable {
    self->arrive(to, std::move(parcel));
  });
}

void Pipe::arrive(int at, Parcel parcel) {
  auto& side = sides[at];
  const auto other = 1 - at;
  if (net.is_hole(side.host, sides[other].host)) {
    if (side.stuck.empty()) kill_later(other, kUserTimeout, "no answer from the other end for 30 s");
    side.stuck.push_back(std::move(parcel));
    return;
  }
  net.clock().note(parcel.octets.size());
  if (parcel.what == Parcel::What::octets) side.coming -= std::min(side.coming, parcel.octets.size());
  if (side.dead) return;
  if (parcel.what == Parcel::What::reset) return kill(at, "the other end reset the connection");
  if (side.stream == nullptr) {
    // Nobody is here any more: what TCP answers is a reset, but not to an end.
    if (parcel.what == Parcel::What::octets) send(other, {Parcel::What::reset, {}});
    return;
  }
  if (parcel.what == Parcel::What::octets && net.loses()) {
    kill_later(other, net.delay(), "connection lost on the way");
    return kill(at, "connection lost on the way");
  }
  if (parcel.what == Parcel::What::end) side.ended = true;
  side.inbox += parcel.octets;
  if (std::exchange(side.wants_read, false) && side.stream->events_ != nullptr) side.stream->events_->readable();
}

void Pipe::kill(int at, const std::string& why, FaultKind kind) {
  auto& side = sides[at];
  if (side.dead) return;
  side.dead = true;
  side.inbox.clear();
  side.stuck.clear();
  if (side.stream == nullptr) return;
  const auto peer = sides[1 - at].name;
  side.stream->fault_ = {kind, peer, "The connection to " + peer + " broke: " + why + ".", {}, {}};
  auto* events = side.stream->events_;
  const bool read = std::exchange(side.wants_read, false);
  const bool write = std::exchange(side.wants_write, false);
  if (events == nullptr) return;
  auto self = shared_from_this();  // the event may destroy the stream, and with it the last hold on this
  if (read) events->readable();
  if (write && side.stream != nullptr && side.stream->events_ != nullptr) side.stream->events_->writable();
}

void Pipe::kill_later(int at, std::chrono::nanoseconds delay, const std::string& why) {
  net.clock().add(net.clock().now() + delay, 0, [self = shared_from_this(), at, why] {
    // Healed in time: the octets were repeated and have arrived.
    const bool waited = why.starts_with("no answer");
    if (waited && self->sides[1 - at].stuck.empty()) return;
    self->kill(at, why);
  });
}

void Pipe::unstick() {
  for (int at : {0, 1}) {
    auto stuck = std::move(sides[at].stuck);
    sides[at].stuck.clear();
    for (auto& parcel : stuck) send(at, std::move(parcel));
  }
}

void Pipe::room_made(int reader) {
  const int writer = 1 - reader;
  if (!sides[writer].wants_write || room(reader) < kBuffer / 4) return;
  net.clock().add(net.clock().now() + net.delay(), 0, [self = shared_from_this(), writer] {
    auto& side = self->sides[writer];
    if (side.stream != nullptr && std::exchange(side.wants_write, false) && side.stream->events_ != nullptr)
      side.stream->events_->writable();
  });
}

VirtualStream::~VirtualStream() {
  auto& side = pipe_->sides[side_];
  side.stream = nullptr;
  if (side.dead) return;
  side.dead = true;
  // As TCP: closing over unread octets is a reset, else an orderly end.
  const auto what = side.inbox.empty() ? Parcel::What::end : Parcel::What::reset;
  if (!side.finished || what == Parcel::What::reset) pipe_->send(1 - side_, {what, {}});
  side.inbox.clear();
  side.dead = false;  // octets that still come are answered with a reset
}

Io VirtualStream::read(std::span<std::byte> into) {
  auto& side = pipe_->sides[side_];
  if (side.dead) return {0, IoState::failed};
  if (into.empty()) return {0, IoState::ok};
  if (side.inbox.empty() && side.ended) return {0, IoState::end};
  if (side.inbox.empty()) {
    side.wants_read = true;
    return {0, IoState::again};
  }
  const auto count = std::min(into.size(), side.inbox.size());
  std::memcpy(into.data(), side.inbox.data(), count);
  side.inbox.erase(0, count);
  pipe_->room_made(side_);
  return {count, IoState::ok};
}

Io VirtualStream::write(Octets octets) {
  auto& side = pipe_->sides[side_];
  if (side.dead || side.finished) return {0, IoState::failed};
  const auto count = std::min(octets.size(), pipe_->room(1 - side_));
  if (count == 0 && !octets.empty()) {
    side.wants_write = true;
    return {0, IoState::again};
  }
  if (count == 0) return {0, IoState::ok};
  pipe_->sides[1 - side_].coming += count;
  pipe_->send(1 - side_, {Parcel::What::octets, std::string(reinterpret_cast<const char*>(octets.data()), count)});
  return {count, IoState::ok};
}

void VirtualStream::finish() {
  auto& side = pipe_->sides[side_];
  if (side.dead || std::exchange(side.finished, true)) return;
  pipe_->send(1 - side_, {Parcel::What::end, {}});
}

}  // namespace tidegate::sim
