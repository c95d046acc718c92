// SPDX-License-Identifier: Apache-2.0
// The gateway's end of RTS (docs/wire.md §1, §2): registers, opens, keeps and reopens the one session with the relay;
// carries control messages and the frames of device sessions both ways. It can neither seal nor open a payload.
//
// Everything here runs on the reactor thread. Frames of one device session keep their order in both directions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/link/settings.hpp"
#include "core/sim/world.hpp"
#include "core/store/directory.hpp"
#include "core/wire/control.hpp"
#include "core/wire/frame.hpp"

namespace tidegate::link {

/// A device session as the relay numbers it. Void with the RTS session it lives on.
struct SessionKey {
  std::uint64_t id = 0;
  std::uint64_t generation = 0;
  auto operator<=>(const SessionKey&) const = default;
};
inline SessionKey key_of(const wire::Frame& frame) { return {frame.id, frame.generation}; }

/// What the link tells its owner; never within a call of the owner's into Link, but for the ones of stop().
/// Every callback may call back into the Link, none may destroy it.
class LinkEvents {
 public:
  /// The RTS session is open; `first` is whole. The answer goes to the relay: whom this gateway can serve, whom not
  /// and why. (Serve the intersection of `first` and one's own users, never more.)
  virtual wire::StartupReport opened(const wire::ActivateUsers& first) = 0;
  virtual void users(const wire::ActivateUsers& change) = 0;  ///< whole or a change, see there
  /// A frame of a device session: wake_up, handshake, sealed, close, in order, each once. A wake_up makes the session
  /// known to the link. After `close` the session is over, nothing needs to be sent. Say consumed() when the octets of
  /// a frame with a number no longer take room.
  virtual void frame(wire::Frame&&) = 0;
  /// To a request(): exactly one each, also when the session is lost or time is over (code unavailable: it may have
  /// been done, look before repeating).
  virtual void answer(const wire::Answer&) = 0;
  virtual void notice(const wire::Notice&) = 0;  ///< a sentence for the administrator
  /// The RTS session and with it every device session is void; the link reopens by itself.
  virtual void session_lost(wire::Code, std::string_view text) = 0;
  /// More may be sent in that session, or its receipts went on: every frame up to number `handed` has been given to
  /// the device's socket.
  virtual void credit(SessionKey, std::uint64_t available, std::uint64_t handed) = 0;
  /// Another instance of this gateway is active (409): the link stays down until Link::resume(). Stop writing to
  /// stores, raise the alarm.
  virtual void stopped(const Fault&) = 0;

 protected:
  ~LinkEvents() = default;
};

enum class LinkState : std::uint8_t {
  stopped,     ///< not started, or stop()
  waiting,     ///< until Status::retry_at
  connecting,  ///< GET /rts/connect under way
  opening,     ///< POST EventUrl sent, the first message has not come yet
  open,
  superseded,  ///< another instance of this gateway is active; only resume() goes on
};
std::string_view to_string(LinkState) noexcept;

/// For `tidegatectl status`. Octets are of HTTP bodies, since the start of the process.
struct Status {
  LinkState state = LinkState::stopped;
  std::string relay;
  std::string way_out;  ///< the proxy on the way: "http://host:port (proxy in [link])", or "none"
  bool interception_allowed = false;
  std::uint64_t session = 0;           ///< generation of the RTS session, 0: none
  std::optional<sim::WallTime> since;  ///< open since
  std::optional<sim::WallTime> heard;  ///< last octet on the command channel
  std::uint64_t heartbeat = 0;         ///< number of the last heartbeat
  std::uint32_t lanes = 0;             ///< data lanes
  std::uint32_t lanes_connected = 0;
  std::uint64_t sessions = 0;                    ///< device sessions
  std::uint64_t queued = 0;                      ///< octets that wait for a lane or for its answer
  std::uint64_t frames_up = 0, frames_down = 0;  ///< up: to the relay
  std::uint64_t octets_up = 0, octets_down = 0;
  std::uint64_t opened_times = 0, repeated_posts = 0;
  std::uint32_t seats = 0, seats_used = 0;
  std::optional<sim::WallTime> retry_at;  ///< while waiting
  std::optional<Fault> last_fault;        ///< why it is not open, or was not the last time
};

class Link {
 public:
  /// No side effects. The identity is copied; a license_id that is empty makes start() refuse. Fault invalid: the
  /// relay's address or the identity is unusable.
  static Result<std::unique_ptr<Link>> make(sim::World&, Settings, const store::Identity&, wire::Instance, LinkEvents&);
  virtual ~Link() = default;  ///< as stop(), but tells nobody

  /// Opens and keeps open. Fault denied: this gateway is not registered (`tidegatectl register`).
  virtual Result<void> start() = 0;
  virtual void stop() = 0;  ///< at once; if a session was open, session_lost(bye) is called within
  /// After stopped(): tries again, as this instance. Else: tries now instead of at retry_at.
  virtual void resume(wire::Instance) = 0;
  virtual bool ready() const = 0;  ///< open: send() and request() are of use

  /// UserAdd, UserDelete, UserReset, DeviceBind, DeviceRevoke, PairingOpen, BackupBegin, BackupPart: gives it its
  /// request number (returned) and sends it. StartupReport, Alert, Notice: sends it, returns 0. Faults: unavailable
  /// (not open), throttled (1,024 requests unanswered), invalid (another message).
  virtual Result<std::uint64_t> request(wire::Control) = 0;

  /// A frame of a device session (wake_up_ack, handshake, sealed, close; `id` and `generation` as in the wake_up). The
  /// link numbers it and returns the number (0 for close). close ends the session here. Faults: not_found (no such
  /// session: dropped), throttled (over credit_available(): nothing was sent), too_large.
  virtual Result<std::uint64_t> send(wire::Frame) = 0;
  /// Octets of body that send() takes for this session now; 0 if unknown. credit() says when it has grown.
  virtual std::uint64_t credit_available(SessionKey) const = 0;
  /// That many octets of numbered frames (wire::credit_cost) are off the owner's hands: the device may send more.
  virtual void consumed(SessionKey, std::uint64_t octets) = 0;

  virtual Status status() const = 0;
};

/// A one-shot call under way; destroying it cancels, the callback never runs after that.
class Registering {
 public:
  virtual ~Registering() = default;
};
/// POST /rts/register (docs/wire.md §1): binds the identity's key to a licence. `done` runs once, on the reactor
/// thread, never within the call. `label`: a name for the relay administrator's lists (host name). Faults: auth
/// (licence or password wrong), denied (certificate; licence suspended or without seats), conflict, unavailable,
/// throttled, invalid.
using RegisterDone = std::move_only_function<void(Result<wire::Registered>)>;
[[nodiscard]] std::unique_ptr<Registering> register_gateway(sim::World&, const Settings&, const store::Identity&,
                                                            std::string license, std::string password,
                                                            std::string label, RegisterDone done);

}  // namespace tidegate::link
