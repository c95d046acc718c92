// SPDX-License-Identifier: Apache-2.0
// A gateway's session: the command channel (the response that never ends), its heartbeats, and what its lanes bring.
//   opened ──HB every interval──▶ … ──two HBs without HeartbeatAck, stream dead, superseded, ended by decree──▶ over
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "relay/hub.hpp"
#include "relay/sender.hpp"

namespace tidegate::relay {

/// A gateway that has proved who it is. Only the door makes one.
class ProvenGateway {
 public:
  Bytes guid;
  std::string label;
  std::int64_t licence = 0;
  wire::Instance instance;
  std::string key_id, key;  ///< what its lanes must show
  wire::ActivateUsers users;

 private:
  friend class GatewayDoor;
  ProvenGateway() = default;
};

class GatewayChannel final : public GatewayPort, private sim::StreamEvents, private Flushable {
 public:
  GatewayChannel(class GatewayDoor&, Hub&, ProvenGateway&&, std::uint64_t generation, std::unique_ptr<sim::Stream>);
  ~GatewayChannel();
  /// Writes the head and the first ActivateUsers; from now on it is in the switchboard.
  void begin();

  const ProvenGateway& who() const noexcept { return who_; }
  std::uint64_t generation() const noexcept { return generation_; }
  bool over() const noexcept { return state_ != State::open; }
  std::uint64_t served() const noexcept { return served_; }
  std::uint64_t unserved() const noexcept { return unserved_; }

  /// A lane's POST begins: the connection it came on; answers the one that held this lane before (0: none).
  std::uint64_t take_lane(std::uint32_t lane, std::uint64_t connection);
  void leave_lane(std::uint32_t lane, std::uint64_t connection);
  void lane_frame(wire::Frame&&);
  Bytes lane_answer();  ///< the receipts and credit that wait

  /// A part of its backup waits for the disk; false: too many do already.
  bool take_backup_part() { return backup_parts_ < most_backup_parts && ++backup_parts_ > 0; }
  void backup_part_done() { --backup_parts_; }

  void tell(const wire::Control& message) { urgent(wire::to_frame(message)); }
  /// Users that came or changed; in parts where there are many.
  void activate(wire::ActivateUsers);
  void end(const wire::Refused&) override;
  /// The same instance came back: its devices' sessions end, but nobody is told that the gateway is away.
  void replaced();

 private:
  enum class State : std::uint8_t { open, ending, over };

  void queue(const wire::Frame&, Mark) override;
  void urgent(const wire::Frame&) override;
  void credits_wait() override;
  void readable() override;
  void writable() override { flush(); }
  void flush() override;
  void beat();
  void leave(std::string_view text);
  void cut(std::string_view why);

  class GatewayDoor& door_;
  Hub& hub_;
  ProvenGateway who_;
  std::uint64_t generation_;
  std::unique_ptr<sim::Stream> stream_;
  Sender sender_;
  std::unique_ptr<Timer> timer_;
  std::uint64_t beat_ = 0, answered_ = 0;
  std::uint64_t served_ = 0, unserved_ = 0;
  static constexpr unsigned most_backup_parts = 8;
  unsigned backup_parts_ = 0;
  std::array<std::uint64_t, 20> lanes_{};
  State state_ = State::open;
  bool left_ = false;        ///< the switchboard
  bool last_chunk_ = false;  ///< queued
};

}  // namespace tidegate::relay
