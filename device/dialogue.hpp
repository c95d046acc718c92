// SPDX-License-Identifier: Apache-2.0
// What a device says and hears on one connection to the relay: proving itself, waking the gateway, handshake, sealed
// messages (docs/wire.md; design: RTS, end to end). Pure but for the randomness handed in: frames in, actions out.
//
//   greeting ──Challenge──▶ proving ──Welcome, gateway there──▶ waking ──WakeUpAck──▶ shaking ──message 2──▶ open
//                              │                                  ▲                       │ pairing: message 2
//                              └──Welcome, gateway away──▶ away ──┘                       ▼
//   waking, shaking, open ──gateway away──▶ away                        storing ──stored()──▶ paired? ──PairingDone──▶
//   waking ──WakeUpAck, vmes-1──▶ shaking ──the gateway's point──▶ open, pairing: storing      none: at once
//   ended any ──Refused, Closed, bad frame──▶ ended
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/e2e/suites.hpp"
#include "core/e2e/sync.hpp"
#include "core/wire/control.hpp"
#include "core/wire/frame.hpp"
#include "device/identity.hpp"
#include "device/reasons.hpp"

namespace tidegate::device {

struct PairingIntent {
  e2e::PairingCode code;  ///< of an admitted device: only its handle (docs/wire.md §10)
  std::string password;   ///< of the account at the relay; sent once, over TLS
  std::string device_name;
};

// What the driver does next.
struct SendFrame {
  wire::Frame frame;
};
/// Have "pending" and the gateway's id durable, then call stored(): message 3 binds the code to this device's key.
struct StorePending {
  Bytes guid;
};
struct PairingComplete {
  Bytes guid, gateway_key;  ///< no key where the suite has none
  std::string user, gateway_name;
};
struct SessionOpen {
  Bytes hash;  ///< the handshake's, 32 octets: to be stored once the gateway has confirmed it (HelloAck). none: empty
};
struct Heard {
  e2e::ToDevice message;
};
struct GatewayAway {
  std::string text;
};
struct EndConnection {
  Fault why;
  bool hopeless = false;  ///< trying again by itself is of no use
};
using Action = std::variant<SendFrame, StorePending, PairingComplete, SessionOpen, Heard, GatewayAway, EndConnection>;
using Actions = std::vector<Action>;

class Dialogue {
 public:
  struct Config {
    const Identity* identity = nullptr;  ///< outlives the dialogue
    std::string relay_host, user;
    wire::Suite suite = wire::Suite::noise_1;  ///< the enrolment's
    Bytes guid, gateway_key;                   ///< of the paired gateway; empty while pairing
    std::optional<PairingIntent> pairing;      ///< else a session
    Bytes channel_binding;
    e2e::Random random;
    std::function<e2e::Hello()> hello;  ///< asked when a session opens
  };
  enum class State { greeting, proving, away, waking, shaking, storing, confirming, open, ended };

  explicit Dialogue(Config);

  Actions receive(wire::Frame);
  Actions stored();                    ///< after StorePending
  Actions say(const e2e::ToGateway&);  ///< sealed when there is credit; dropped unless open
  Actions leave();                     ///< an orderly end
  State state() const { return state_; }
  std::size_t queued() const { return sealer_ ? sealer_->queued() : 0; }  ///< octets that wait for credit
  /// How often the relay is heard of at least; 0: not known yet.
  std::chrono::milliseconds alive_within() const { return alive_within_; }

 private:
  void hear(const wire::Frame&);
  void hear_relay(const wire::Frame&);
  void prove(const wire::Challenge&);
  void wake();
  void begin_handshake(const wire::Frame&);
  void begin_readable();
  void go_on(const wire::Frame&);
  void agree(const wire::Frame&);
  void session_open();
  void secured(e2e::Secured);
  void hear_sealed(const wire::Frame&);
  void paired(const Bytes& message);
  void closed(const wire::Closed&);
  void gateway_gone(std::string text);
  void flush();
  void send(wire::FrameType, Bytes body);
  void end(Fault, bool hopeless);
  void broken(wire::Code, const char* what);
  void forget_session();

  Config config_;
  State state_ = State::greeting;
  Actions out_;
  Bytes wake_up_, wake_up_ack_, guid_;
  std::optional<e2e::Handshake> handshake_;
  std::optional<vmes1::Ephemeral> ephemeral_;
  std::optional<e2e::Sealer> sealer_;
  std::optional<e2e::Opener> opener_;
  Bytes gateway_key_;
  std::uint64_t generation_ = 0;  ///< of the device session: how many WakeUps this connection has sent
  std::uint64_t sent_ = 0, heard_ = 0;
  std::uint64_t credit_ = 0, spent_ = 0;
  std::chrono::milliseconds alive_within_{};
};

}  // namespace tidegate::device
