// SPDX-License-Identifier: Apache-2.0
// The gateway's end of one device session: WakeUp, handshake (pairing or KK), sealed stream (design: end to end). It
// lives on one RTS session and one device connection; nothing sealed is ever sent twice. Reactor thread.
//
//   waking ──WakeUp names an open code──► pairing ──message 3──► binding ──relay's answer──► over
//   waking ──WakeUp of an enrolled device──► shaking ──KK message 1──► opening ──sealed Hello──► streaming ──► over
//   waking ──WakeUp of an admitted device, vmes-1──► shaking ──its point──► agreeing ──ours──► opening or enrolling
//   waking ──WakeUp of an admitted device, none──► opening or enrolling ──PairingHello──► binding
//   any ──wrong number, not opened, refused, silence──► over (Closed is sent, keys are wiped)
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "core/e2e/suites.hpp"
#include "core/e2e/sync.hpp"
#include "core/push/agreements.hpp"
#include "core/push/feed.hpp"
#include "core/push/wiring.hpp"

namespace tidegate::push {

class DeviceSession;

/// What a session asks of the room that holds all of them.
class SessionOwner {
 public:
  /// The device has proved itself on this session: older ones of it end.
  virtual void proven(DeviceSession&) = 0;
  virtual void serves(DeviceSession&, store::ViewId) = 0;  ///< from now on its changes concern this session
  virtual void ended(std::uint64_t id) = 0;                ///< may destroy the session after returning
  virtual AttemptGuard& guard() = 0;
  virtual Agreements& agreements() = 0;  ///< where the settings allow vmes-1
  virtual void suite_refused() = 0;      ///< counted
  /// May this user be served now: known here and active at the relay.
  virtual std::optional<std::string> refuses(const std::string& user) const = 0;

 protected:
  ~SessionOwner() = default;
};

class DeviceSession : public std::enable_shared_from_this<DeviceSession> {
 public:
  DeviceSession(const Wiring&, SessionOwner&, std::uint64_t id, std::uint64_t generation);
  ~DeviceSession();

  void frame(wire::Frame);
  void credit();  ///< more may be sent
  void changed(store::ViewId, std::uint64_t head, bool folders);
  void sweep(sim::Instant now);
  void alarm(const std::string& text);
  void made(store::ViewId, Bytes sha256, std::uint64_t size);  ///< by this device, on this session
  void answer(const e2e::CommandResult&);                      ///< what became of a command of this device
  /// Ends it; tell: a Closed frame goes out.
  void end(wire::Code, std::string text, bool tell = true);

  std::uint64_t id() const noexcept { return id_; }
  std::uint64_t generation() const noexcept { return generation_; }
  const std::string& user() const noexcept { return user_; }
  const Bytes& device_id() const noexcept { return device_id_; }
  bool streaming() const noexcept { return state_ == State::streaming; }
  std::vector<store::ViewId> views() const;
  /// For status: what is acknowledged of what is there.
  bool current() const noexcept;

 private:
  enum class State { waking, pairing, binding, shaking, agreeing, enrolling, opening, streaming, over };

  void woken(const Bytes& octets);
  void wake_pairing(const wire::WakeUp&, const Bytes& octets);
  void wake_session(const wire::WakeUp&, const Bytes& octets);
  void begin_handshake(e2e::Pattern, const Bytes& wake_up, std::optional<e2e::Key32> remote,
                       std::optional<e2e::Secret> psk);
  void handshake_message(const Bytes& body);
  void reply_handshake();
  void pairing_finished(const Bytes& payload);
  void bind(const e2e::PairingHello&, const e2e::Key32& remote_static);
  void store_and_bind(store::DeviceRow);
  void bound(const wire::Answer&);
  void session_shaken();
  void wake_admitted(const wire::WakeUp&);
  void refuse_suite(wire::Code, std::string why);
  void other_suite();
  void point_came(const Bytes& point);
  void secured(e2e::Secured);
  void enrol(View message);
  bool admission_over();
  void sealed(const Bytes& body);
  void received(e2e::ToGateway message);
  void hello(e2e::Hello);
  void opened(const e2e::Hello&, std::vector<store::ViewRow>);
  void open_view(const e2e::Hello&, const store::ViewRow&, const store::Head&, std::vector<store::FolderRow>);
  void greet();
  bool check_history(const Bytes& previous);
  void acknowledged(const e2e::Ack&);
  void wants(const e2e::Settings&);
  void flush_positions();
  void fetch(const e2e::Fetch&);
  void command(e2e::Command);
  void command_part(const e2e::CommandPart&);
  std::move_only_function<void()> when_written(std::size_t octets);
  void consumed(std::uint64_t octets);
  bool overfull() const;
  void push(const e2e::ToDevice&);
  void send_alive();
  void pump();
  void send(wire::FrameType, Bytes body);
  Feed* feed(store::ViewId);

  const Wiring& wiring_;
  SessionOwner& owner_;
  std::uint64_t id_, generation_;
  State state_ = State::waking;
  std::string user_;
  Bytes device_id_;
  sim::Instant began_, last_heard_, last_alive_;
  sim::Instant last_data_{}, last_ack_{};  ///< what waits for an acknowledgement left then, one came then
  std::string handle_;                     // pairing
  std::unique_ptr<e2e::Handshake> handshake_;
  std::unique_ptr<e2e::Sealer> sealer_;
  std::unique_ptr<e2e::Opener> opener_;
  Bytes hash_;
  bool enrolling_ = false;           // admitted devices: this is the first session
  std::int64_t admitted_until_ = 0;  // unix seconds; 0: no end
  struct Open {                      // only while views are being opened
    e2e::HelloAck ack;
    bool listing = false;  ///< asked before the heads: what is listed later is beyond them
    std::size_t left = 0;
    std::vector<std::pair<std::shared_ptr<Feed>, store::Head>> feeds;
  };
  std::unique_ptr<Open> open_;
  bool cloned_ = false, pumping_ = false, pump_again_ = false;
  std::vector<std::shared_ptr<Feed>> feeds_;
  std::map<store::ViewId, e2e::Position> acked_;
  bool positions_dirty_ = false;
  std::size_t unwritten_ = 0;  ///< octets of commands handed on and not durable yet
  std::uint64_t owed_ = 0;     ///< credit held back meanwhile
  unsigned fetching_ = 0;
  e2e::Compression compression_ = e2e::Compression::none;
};

}  // namespace tidegate::push
