// SPDX-License-Identifier: Apache-2.0
// What stands behind Link: does what Life decides, and hands frames to where they belong.
#pragma once
#include <memory>
#include <optional>
#include <set>

#include "core/link/command.hpp"
#include "core/link/lanes.hpp"
#include "core/link/life.hpp"
#include "core/link/requests.hpp"
#include "core/link/sessions.hpp"

namespace tidegate::link {

class RtsLink final : public Link, public CommandEvents, public LaneEvents {
 public:
  RtsLink(sim::World&, Settings, Url relay, const store::Identity&, wire::Instance, LinkEvents&, std::uint64_t seed);
  ~RtsLink() override;
  RtsLink(const RtsLink&) = delete;
  RtsLink& operator=(const RtsLink&) = delete;

  Result<void> start() override;
  void stop() override;
  void resume(wire::Instance) override;
  bool ready() const override { return lanes_ != nullptr; }
  Result<std::uint64_t> request(wire::Control) override;
  Result<std::uint64_t> send(wire::Frame) override;
  std::uint64_t credit_available(SessionKey) const override;
  void consumed(SessionKey, std::uint64_t octets) override;
  Status status() const override;

 private:
  // The life of the session (rts_link.cpp).
  void command_offered(std::chrono::milliseconds) override;
  void command_sent() override;
  void command_heard() override;
  void command_frame(wire::Frame&&) override;
  void command_failed(const Refusal&) override;
  void lane_frame(wire::Frame&&) override;
  void lane_drained() override;
  void lane_repeats(const Fault&) override;
  void lane_refused(const Refusal&) override;
  void step(const Event&);
  void ask();
  void rest();
  void failed(const Refusal&);
  void arm();
  Fault silence_fault() const;

  // What frames mean (dispatch.cpp).
  void take(wire::Frame&&);
  void take_control(const wire::Frame&);
  void take_users(const wire::ActivateUsers&);
  void take_heartbeat(const wire::Heartbeat&);
  void take_device(wire::Frame&&);
  void take_numbered(wire::Frame&&);
  void take_credit(const wire::Frame&);
  void end_session(SessionKey, wire::Code, std::string text, bool tell_owner);
  void grant(SessionKey, const wire::Credit&);
  void report(wire::StartupReport);
  void control(const wire::Control&);
  void flush_soon();
  void room_again();
  void arm_requests();

  sim::World& world_;
  Settings settings_;
  Url relay_;
  store::Identity identity_;
  wire::Instance instance_;
  LinkEvents& events_;
  Life life_;
  Sessions sessions_;
  Requests requests_;
  Status status_;
  wire::Code lost_code_ = wire::Code::unavailable;
  mutable std::set<SessionKey> starved_;  ///< asked for room while the queue was full
  bool flush_posted_ = false;
  bool room_posted_ = false;
  std::unique_ptr<CommandChannel> command_;
  std::unique_ptr<Lanes> lanes_;  ///< while open
  std::unique_ptr<Timer> life_timer_;
  std::optional<sim::Instant> armed_;
  std::unique_ptr<Timer> request_timer_;
  std::shared_ptr<RtsLink*> self_;  ///< for what is posted: gone with the link
};

}  // namespace tidegate::link
