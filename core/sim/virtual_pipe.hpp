// SPDX-License-Identifier: Apache-2.0
// One connection of the virtual net: two directions, each with at most 64 KiB under way or unread.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/sim/virtual_network.hpp"

namespace tidegate::sim {

class VirtualStream;

/// What travels in one direction at once: octets, or the end, or a reset.
struct Parcel {
  enum class What : std::uint8_t { octets, end, reset } what = What::octets;
  std::string octets;
};

struct Pipe : std::enable_shared_from_this<Pipe> {
  struct Side {
    std::uint32_t host = 0;
    VirtualStream* stream = nullptr;  ///< null: destroyed
    std::string inbox;                ///< arrived, unread
    std::size_t coming = 0;           ///< octets under way to this side
    Instant last{};                   ///< when the latest parcel to this side arrives: order is kept
    std::vector<Parcel> stuck;        ///< parcels to this side in a black hole
    bool ended = false;               ///< the other side's orderly end has arrived
    bool finished = false;            ///< this side has sent its own
    bool dead = false;
    bool wants_read = false;
    bool wants_write = false;
    std::string name;  ///< "host:port" as the other side sees it
  };

  Pipe(VirtualNet& n, std::uint32_t dialler, std::uint32_t server) : net(n) {
    sides[0].host = dialler;
    sides[1].host = server;
  }

  void send(int to, Parcel);
  void arrive(int at, Parcel);
  void kill(int side, const std::string& why, FaultKind kind = FaultKind::unavailable);
  void kill_later(int side, std::chrono::nanoseconds delay, const std::string& why);
  void unstick();
  void room_made(int reader);  ///< tells the other side, if it waits for room
  std::size_t room(int to) const;

  VirtualNet& net;
  std::array<Side, 2> sides;
  Bytes binding;
  bool local = false;  ///< AF_UNIX
};

class VirtualStream final : public Stream {
 public:
  VirtualStream(std::shared_ptr<Pipe> pipe, int side) : pipe_(std::move(pipe)), side_(side) {
    pipe_->sides[side_].stream = this;
  }
  ~VirtualStream() override;
  VirtualStream(const VirtualStream&) = delete;
  VirtualStream& operator=(const VirtualStream&) = delete;

  void events(StreamEvents* events) override { events_ = events; }
  Io read(std::span<std::byte> into) override;
  Io write(Octets) override;
  void finish() override;
  const Fault& fault() const override { return fault_; }
  Bytes channel_binding() const override { return pipe_->binding; }
  std::string peer() const override { return pipe_->sides[1 - side_].name; }
  int peer_uid() const override { return pipe_->local ? 0 : -1; }

 private:
  friend struct Pipe;
  std::shared_ptr<Pipe> pipe_;
  int side_;
  StreamEvents* events_ = nullptr;
  Fault fault_;
};

}  // namespace tidegate::sim
